#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# inspect.sh: a small guest with everything in it that an inspection reads, and then every
# access to its disk and every allocation fails once; the same for two disks of Windows.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mke2fs mkfs.btrfs sfdisk cpio gzip zstd qemu-img python3 mkntfs \
    hivexregedit mkfs.vfat mcopy

version=6.1.0-1-amd64
modules=lib/modules/$version
drivers=(virtio_blk virtio_net virtio_pci virtio_scsi)

# put FILE: standard input becomes a file of the guest.
put() {
    mkdir -p "$(dirname "$work/root/$1")"
    cat >"$work/root/$1"
}

guest() {
    mkdir -p "$work/root"/{bin,etc,sbin,boot/grub,var/log,home,root}
    printf 'ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n' | put etc/os-release
    # ELF, 64 bits, e_machine 62
    printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\076\0\0\0\0\0' | put usr/lib/systemd/systemd
    ln -s ../usr/lib/systemd/systemd "$work/root/sbin/init"
    printf 'LABEL=root / ext4 defaults 0 1\n/swap none swap sw 0 0\n' | put etc/fstab
    printf 'root:*:1:0:99999:7:::\n' | put etc/shadow
    printf 'auto eth0\niface eth0 inet dhcp\n' | put etc/network/interfaces
    printf '#!/usr/bin/python3\n' | put usr/bin/cloud-init
    printf 'datasource_list: [ ConfigDrive ]\n' | put etc/cloud/cloud.cfg
    printf '[Unit]\n' | put usr/lib/systemd/system/cloud-init.service
    mkdir -p "$work/root/etc/systemd/system/multi-user.target.wants"
    ln -s /usr/lib/systemd/system/cloud-init.service \
        "$work/root/etc/systemd/system/multi-user.target.wants/"
    printf 'Package: cloud-init\nStatus: install ok installed\nVersion: 22.4.2-1\n\n' |
        put var/lib/dpkg/status
    printf 'x\n' | put var/log/syslog
}

kernel() {
    local driver
    printf 'kernel\n' | put "boot/vmlinuz-$version"
    printf 'CONFIG_EXT4_FS=y\n' | put "boot/config-$version"
    printf 'kernel/fs/ext4/ext4.ko\n' | put "$modules/modules.builtin"
    for driver in "${drivers[@]}"; do
        printf 'CONFIG_%s=m\n' "${driver^^}" >>"$work/root/boot/config-$version"
        printf 'module\n' | put "$modules/kernel/drivers/$driver.ko"
        printf 'kernel/drivers/%s.ko:\n' "$driver" >>"$work/root/$modules/modules.dep"
    done
    # An early segment, then the archive, as Debian has them.
    mkdir -p "$work/early/kernel/x86/microcode"
    : >"$work/early/kernel/x86/microcode/x.bin"
    {
        (cd "$work/early" && find . | cpio -o -H newc --quiet)
        (cd "$work/root" && find "$modules" | cpio -o -H newc --quiet) | zstd -q
    } | put "boot/initrd.img-$version"
    put boot/grub/grub.cfg <<END
set default=0
menuentry 'Debian' {
    search --no-floppy --label root --set=root
    linux /boot/vmlinuz-$version root=LABEL=root ro
    initrd /boot/initrd.img-$version
}
END
}

# Copied at the end: mke2fs leaves unwritten extents, which a filesystem calls data or holes
# by what of them is in memory, and the size of the data is one of the facts compared.
disk() {
    truncate -s 24M "$work/made"
    printf 'start=2048, type=83, bootable\n' | sfdisk -q "$work/made"
    mke2fs -q -t ext4 -L root -E offset=1048576 -d "$work/root" "$work/made" 22M
    cp --sparse=always "$work/made" "$work/disk"
    sync "$work/disk"
}

# The root on btrfs: metadata twice.
btrfs_disk() {
    truncate -s 129M "$work/btrfs"
    printf 'start=2048, type=83, bootable\n' | sfdisk -q "$work/btrfs"
    truncate -s 128M "$work/made"
    mkfs.btrfs -q -f -L root --rootdir "$work/root" "$work/made" &&
        dd if="$work/made" of="$work/btrfs" bs=1M seek=1 conv=notrunc,sparse status=none
}

# The root on LVM, in stripes over two partitions.
lvm_disk() {
    truncate -s 64M "$work/lvm"
    printf 'start=2048, size=61440, type=8e\nstart=63488, type=8e\n' | sfdisk -q "$work/lvm"
    truncate -s 24M "$work/volume"
    mke2fs -q -t ext4 -L root -d "$work/root" "$work/volume" &&
        python3 "$tests/guests/lvm.py" "$work/lvm" vg '[[2048, 61440], [63488, 67584]]' \
            "{\"root\": {\"file\": \"$work/volume\", \"segments\": [[6, [[0, 1], [1, 0]]]]}}" &&
        sync "$work/lvm"
}

case_ 'make a guest' guest
case_ 'give it a kernel' kernel
case_ 'make its disk' disk
case_ 'make it a qcow2' qemu-img convert -c -O qcow2 "$work/disk" "$work/qcow2"
case_ 'every access and every allocation' "$FAULT_INSPECT" "$work/disk"
case_ 'the same through a compressed qcow2' "$FAULT_INSPECT" "$work/qcow2"
case_ 'make one on btrfs' btrfs_disk
case_ 'the same on btrfs' "$FAULT_INSPECT" "$work/btrfs"
case_ 'make one on LVM' lvm_disk
case_ 'the same on LVM' "$FAULT_INSPECT" "$work/lvm"
case_ 'a Windows' "$tests/guests/windows.sh" "$work/windows" version=2012-R2
case_ 'every access to it and every allocation' "$FAULT_INSPECT" "$work/windows"
case_ 'a Windows on a GPT' "$tests/guests/windows.sh" "$work/windows" version=2019 layout=gpt
case_ 'the same for it' "$FAULT_INSPECT" "$work/windows"

finish
