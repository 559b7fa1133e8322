# shellcheck shell=bash disable=SC2034,SC2154,SC2016 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# disks.sh: what recipes share: partitions, filesystems, boot records
#
# Sourced by build.sh.

# More than 2 GiB, so that the split kinds of VMDK are really split.
DISK_SIZE=$((3 << 30))
SECTOR=512
FIRST=2048 # sectors before the first partition

# ext_write FILE OFFSET BYTES ROOT: ROOT as an ext4 filesystem in a part of FILE, as Debian's
# installer makes it.  metadata_csum_seed is left out because GRUB 2.06 refuses it.
ext_write() {
    mke2fs -q -F -t ext4 -O ^metadata_csum_seed,^orphan_file -m 1 -U "$ROOT_UUID" \
        -E "hash_seed=$ROOT_UUID,offset=$2,nodiscard,lazy_itable_init=1,lazy_journal_init=1" -d "$4" "$1" \
        $(($3 / 1024))k
}

# mbr_disk FILE SIZE: one bootable Linux partition; prints nothing.
mbr_disk() {
    truncate -s "$2" "$1"
    printf 'label: dos\nlabel-id: 0x1a2b3c4d\nstart=%d, type=83, bootable\n' $FIRST |
        sfdisk -q "$1"
}

# poke FILE OFFSET WIDTH VALUE: a little-endian number.
poke() {
    local i hex=
    for ((i = 0; i < $3; i++)); do
        hex+=$(printf '\\x%02x' $((($4 >> (8 * i)) & 255)))
    done
    # shellcheck disable=SC2059 # the format is the bytes
    printf "$hex" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# grub_write DISK ROOT SECTOR: boot.img into the boot record (not over the table), core.img
# from SECTOR on.  Each names the sector of what it loads: boot.img that of core.img's first,
# and that one's list of blocks, at its end, the rest of core.img.
grub_write() {
    local images=$2/boot/grub/i386-pc boot=$tmp/boot.img core=$tmp/core.img

    cp "$images/boot.img" "$boot"
    cp "$images/core.img" "$core"
    poke "$boot" $((0x5c)) 8 "$3"
    poke "$core" $((SECTOR - 12)) 8 $(($3 + 1))
    dd if="$boot" of="$1" bs=440 count=1 conv=notrunc status=none
    dd if="$core" of="$1" bs=$SECTOR seek="$3" conv=notrunc status=none
}

# linux_mbr FILE ROOT: a whole system on a disk with MBR.
linux_mbr() {
    rootfs_grub "$2" hd0,msdos1
    mbr_disk "$1" $DISK_SIZE
    ext_write "$1" $((FIRST * SECTOR)) $((DISK_SIZE - FIRST * SECTOR)) "$2"
    grub_write "$1" "$2" 1
}

# boot_and_root FILE ROOT FILESYSTEM: MBR with an ext4 /boot and room for the root; the place
# of the root, in bytes, is $root_at, its size $root_size.
boot_and_root() {
    local boot_size=$((384 << 20)) start

    start=$((FIRST + boot_size / SECTOR))
    root_at=$((start * SECTOR)) root_size=$((DISK_SIZE - start * SECTOR))
    sed -i "s|^UUID=.*|UUID=$ROOT_UUID / $3 defaults 0 1\nUUID=$BOOT_UUID /boot ext4 defaults 0 2|" \
        "$2/etc/fstab"
    rootfs_grub "$2" hd0,msdos1 "$3" "$BOOT_UUID"
    truncate -s $DISK_SIZE "$1"
    sfdisk -q "$1" <<EOF
label: dos
label-id: 0x1a2b3c4d
start=$FIRST, size=$((boot_size / SECTOR)), type=83, bootable
start=$start, type=83
EOF
    ROOT_UUID=$BOOT_UUID ext_write "$1" $((FIRST * SECTOR)) $boot_size "$2/boot"
    grub_write "$1" "$2" 1
    rm -rf "${2:?}/boot"
    mkdir "$2/boot"
}

# debugfs says what went wrong and exits 0.
debugfs_do() {
    debugfs -w -f - "$1" >"$tmp/run.log" 2>&1
    if grep -v -e '^debugfs' -e '^Allocated inode' -e '^Setting csum' "$tmp/run.log" |
        grep -q .; then
        cat "$tmp/run.log" >&2
        die "debugfs complains"
    fi
}
