#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# machine.sh MACHINE GUEST HELPER: a real machine, emulated, through its life (machine.c)
#
# Its guest is one program in an initramfs, with kernel and modules of the guest "good".  About
# 15 seconds on a quiet machine.
. "$(dirname "$0")/../lib.sh"
requires qemu-system-x86_64 qemu-img debugfs cpio

program=$1
guest_program=$2
helper=$3
offset='?offset=1048576'

disk=$(guest good)
take() { debugfs -R "dump $1 $2" "$disk$offset" 2>/dev/null && [ -s "$2" ]; }
list() { debugfs -R "ls -p $1" "$disk$offset" 2>/dev/null | cut -d/ -f6; }

version=$(list /lib/modules | grep cloud)
kernel=$work/vmlinuz
root=$work/root
mkdir -p "$root/modules" "$work/m"
take "/boot/vmlinuz-$version" "$kernel" || exit 1
take "/lib/modules/$version/modules.dep" "$work/modules.dep" || exit 1

# with NAME: the module behind those that it needs.
with() {
    local line path need needs
    line=$(grep -E "(^|/)$1\.ko[^ ]*:" "$work/modules.dep") || return 0 # built in
    path=${line%%:*}
    # The list has the nearest first.
    read -ra needs <<<"${line#*:}"
    for need in $(printf '%s\n' "${needs[@]}" | tac) "$path"; do
        local to=/modules/${need##*/}
        grep -qx "$to" "$root/modules/order" 2>/dev/null && continue
        take "/lib/modules/$version/$need" "$root$to" || exit 1
        echo "$to" >>"$root/modules/order"
    done
}
for module in virtio_pci virtio_net virtio_blk button evdev; do with "$module"; done
cp "$guest_program" "$root/init"
(cd "$root" && find . | cpio -o -H newc --quiet) >"$work/initramfs" || exit 1

{ printf 'from the base\0' && head -c 1M /dev/zero; } >"$work/base.raw"
truncate -s 64M "$work/base.raw"
qemu-img convert -f raw -O qcow2 -c "$work/base.raw" "$work/base.qcow2" || exit 1
sum=$(sha256sum <"$work/base.qcow2")
# The name of what it stands on is not followed.
qemu-img create -q -u -f qcow2 -F qcow2 -b /none/such "$work/disk.qcow2" 64M || exit 1
truncate -s 1M "$work/drive.iso"

case_ 'a machine lives, is adopted, held off, killed, and switched off' \
    "$program" "$helper" "$kernel" "$work/initramfs" "$work/machine" \
    "$work/disk.qcow2" "$work/base.qcow2" "$work/drive.iso"
case_ 'nothing was written to what its disk stands on' \
    same sum "$sum" "$(sha256sum <"$work/base.qcow2")"
qemu-img rebase -u -f qcow2 -F qcow2 -b "$work/base.qcow2" "$work/disk.qcow2"
case_ 'what the guest wrote is there' \
    grep -aq 'written by the guest' <(qemu-img dd -f qcow2 -O raw bs=4096 count=1 \
        if="$work/disk.qcow2" of="$work/block" && cat "$work/block")
case_ 'and its disk is whole' qemu-img check -q "$work/disk.qcow2"
finish
