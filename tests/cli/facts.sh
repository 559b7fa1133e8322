#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# facts.sh: what imgport sees in the good guest is what other tools see in it
. "$(dirname "$0")/../lib.sh"
requires jq sfdisk blkid dumpe2fs debugfs qemu-img

good=$(guest good)
at="$good?offset=1048576"
inside() { debugfs -R "cat $1" "$at" 2>/dev/null; }

case_ 'info prints the facts' expect 0 imgport info --json "$good"
cp "$work/out" "$work/facts"
fact() { jq -r "$1" "$work/facts"; }
# shellcheck disable=SC2016 # for the inner shell

case_ 'check carries the same facts' bash -c \
    '"$0" check --json "$1" | jq -S .facts | diff - <(jq -S . "$2")' "$IMGPORT" "$good" "$work/facts"

case_ 'format' same '' raw "$(fact .image.format)"
case_ 'virtual size, as qemu-img has it' same '' \
    "$(qemu-img info -f raw --output=json "$good" | jq '."virtual-size"')" \
    "$(fact .image.virtual_size)"
case_ 'file size' same '' "$(stat -c %s "$good")" "$(fact .image.file_size)"

case_ 'partition table' same '' mbr "$(fact .partition_table)"
case_ 'partitions, as sfdisk has them' same '' \
    "$(sfdisk --json "$good" | jq -c \
        '[.partitiontable.partitions[] | [.start * 512, .size * 512, .type, .bootable]]')" \
    "$(fact '[.partitions[] | [.start, .size, .type, .active]] | tostring')"
case_ 'filesystem and UUID, as blkid has them' same '' \
    "$(blkid -p -O 1048576 -s TYPE -s UUID -o value "$good" | sort | xargs)" \
    "$(fact '.partitions[0] | .filesystem, .uuid' | sort | xargs)"
case_ 'the root is partition 1' same '' 'partition 1 ext4' \
    "$(fact '"\(.root.device) \(.root.filesystem)"')"
case_ 'firmware' same '' '["bios"]' "$(fact '.firmware | tostring')"

case_ 'system' same '' 'linux debian 12 x86_64' \
    "$(fact '.os | "\(.type) \(.id) \(.version) \(.arch)"')"
case_ 'its name, as os-release has it' same '' \
    "$(inside /usr/lib/os-release | sed -n 's/^PRETTY_NAME="\(.*\)"/\1/p')" "$(fact .os.name)"

kernel=$(debugfs -R 'ls -p /boot' "$at" 2>/dev/null | sed -n 's|.*/vmlinuz-\([^/]*\)/.*|\1|p')
case_ 'the kernel that lies in /boot is the default one' same '' "$kernel true" \
    "$(fact '.kernels[] | "\(.version) \(.default)"')"
case_ 'its initramfs' same '' "/boot/initrd.img-$kernel" "$(fact '.kernels[0].initramfs')"
case_ 'virtio is in the initramfs' same '' 'initramfs initramfs initramfs' \
    "$(fact '.kernels[0].drivers | "\(.virtio_blk) \(.virtio_net) \(.virtio_pci)"')"

no_virtio=$(guest no-virtio)
case_ 'and of the guest without it, only on the disk' same '' 'module module module' \
    "$(imgport info --json "$no_virtio" |
        jq -r '.kernels[0].drivers | "\(.virtio_blk) \(.virtio_net) \(.virtio_pci)"')"

case_ 'cloud-init is installed and enabled' same '' 'true true' \
    "$(fact '.cloud_init | "\(.installed) \(.enabled)"')"
version=$(inside /var/lib/dpkg/status | awk '/^Package: cloud-init$/ { here = 1 }
    here && /^Version:/ { sub(/-[^-]*$/, "", $2); print $2; exit }')
# shellcheck disable=SC2016
case_ 'its version, as dpkg has it' bash -c '[ -n "$1" ] && case $2 in "$1"*) ;; *)
    echo "$2, expected $1"; exit 1 ;; esac' - "$version" "$(fact .cloud_init.version)"

# What is in the journal only counts; nothing else of the two guests differs.
dirty_facts() {
    expect 0 imgport info --json "$(guest dirty)" || return
    jq -S 'del(.image, .partitions[].fs)' "$work/facts" >"$work/want"
    jq -S 'del(.image, .partitions[].fs)' "$work/out" >"$work/got"
    diff "$work/want" "$work/got"
}
case_ 'the dirty guest is the good one' dirty_facts

# ---- the same system on other ground: what is seen of it does not change

# The driver of the root's filesystem is another one; GRUB takes two slashes for one.
cat >"$work/system.jq" <<'END'
[.os, .cloud_init, .linux.growpart, .linux.root_last,
 [.kernels[] | del(.drivers.dm, .drivers.root_fs, .initramfs_size)],
 (.boot | del(.cmdline, .root))] | walk(if type == "string" then gsub("//"; "/") else . end)
END
jq -f "$work/system.jq" "$work/facts" >"$work/system"

# on_other_ground GUEST ROOT CMDLINE
on_other_ground() {
    expect 0 imgport info --json "$(guest "$1")" || return
    jq -f "$work/system.jq" "$work/out" | diff "$work/system" - || return
    same 'driver of the root' true "$(jq '.kernels[0].drivers.root_fs |
        . == "builtin" or . == "initramfs"' "$work/out")" || return
    same root "$2" "$(jq -r '.root | [.filesystem, .device, .subvolume] | join(" ")' "$work/out")" &&
        same 'what could not be read' '[]' "$(jq -c .problems "$work/out")" &&
        same 'mounts that lead nowhere' '[]' \
            "$(jq -c '[.linux.fstab[] | select(.resolves | not)]' "$work/out")" || return
    jq -r .boot.cmdline "$work/out" >"$work/cmdline"
    matches "$work/cmdline" "^$3 ro "
}
root_uuid=root=UUID=$(fact .root.uuid)
while IFS='|' read -r name root cmdline; do
    case_ "$name: the system of the good one" on_other_ground "$name" "$root" "$cmdline"
done <<END
btrfs|btrfs partition 2 |$root_uuid
btrfs-subvolumes|btrfs partition 1 @|$root_uuid
btrfs-snapshot|btrfs partition 1 @/.snapshots/1/snapshot|$root_uuid
btrfs-dirty|btrfs partition 1 @|$root_uuid
btrfs-gpt|btrfs partition 2 |$root_uuid
xfs|xfs partition 2 |$root_uuid
xfs-nrext64|xfs partition 2 |$root_uuid
xfs-dirty|xfs partition 2 |$root_uuid
xfs-gpt|xfs partition 2 |$root_uuid
lvm|ext4 debian-vg/root |root=/dev/mapper/debian--vg-root
lvm-striped|ext4 debian-vg/root |root=/dev/mapper/debian--vg-root
lvm-gpt|ext4 debian-vg/root |root=/dev/mapper/debian--vg-root
END

# A log tree is not replayed, and that is said, to people as well.
btrfs_dirty() {
    expect 0 imgport check "$(guest btrfs-dirty)" && tr -s ' \n' ' ' <"$work/out" >"$work/flat" &&
        matches "$work/flat" 'P19 .*what was read may be older than what was written \(the log tree'
}
case_ 'a btrfs that was not unmounted may be older' btrfs_dirty

# The log is replayed: cloud-init is in it only.  On the disk itself it is away.
xfs_dirty() {
    expect 0 imgport info --json "$(guest xfs-dirty)" &&
        same 'state of the root' 'false true false' "$(jq -r '.partitions[1].fs |
            [.clean, .needs_recovery, .stale_possible] | join(" ")' "$work/out")" &&
        same 'cloud-init' 'true true' "$(jq -r '.cloud_init | "\(.installed) \(.enabled)"' "$work/out")"
}
case_ 'an XFS that was not unmounted is as it was written' xfs_dirty
has_nrext64() {
    expect 0 imgport info --json "$(guest xfs-nrext64)" &&
        same feature true "$(jq '.partitions[1].fs.features | test("nrext64")' "$work/out")"
}
case_ 'an XFS with 64-bit counts of extents' has_nrext64

volumes() {
    expect 0 imgport info --json "$(guest "$1")" &&
        same 'logical volumes' "$2" "$(jq -r \
            '[.logical_volumes[] | "\(.name) \(.size / 4194304) \(.filesystem)"] | join(", ")' "$work/out")" &&
        same 'what is missing' "$3" "$(jq -r '.volume_problems | join(", ")' "$work/out")"
}
case_ 'volumes of two segments' volumes lvm 'debian-vg/root 600 ext4, debian-vg/swap_1 16 swap' ''
case_ 'volumes in stripes' volumes lvm-striped 'debian-vg/root 600 ext4, debian-vg/swap_1 16 swap' ''
case_ 'volumes on GPT' volumes lvm-gpt 'debian-vg/root 600 ext4, debian-vg/swap_1 16 swap' ''
case_ 'a volume of which a part is elsewhere' volumes lvm-incomplete 'debian-vg/root 30 ' \
    'debian-vg: physical volume pv1 is not on this disk, debian-vg/root: physical volume pv1 is not on this disk'

finish
