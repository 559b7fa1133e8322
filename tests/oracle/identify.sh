#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# identify.sh: what mkfs programs make, told apart by us and by blkid.  Type, UUID and label
# must be the same, since fstab and grub.cfg are written from what blkid says.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires blkid mke2fs mkfs.xfs mkfs.btrfs mkfs.vfat mkntfs ntfslabel mkswap tune2fs \
    cryptsetup mkfs.exfat mkfs.f2fs mksquashfs mkudffs mkreiserfs mkfs.jfs xorriso \
    debugfs python3

image=$work/image
inputs=$(dirname "$0")/identify_inputs.py

# blkid_says KEY: empty when it does not say.
blkid_says() { blkid -p -o value -s "$1" "$image" 2>/dev/null || true; }

agree() {
    local type
    type=$(blkid_says TYPE)
    [ -n "$type" ] || {
        echo 'blkid does not know it'
        return 1
    }
    printf '%s\n%s\n%s\n' "$type" "$(blkid_says UUID)" "$(blkid_says LABEL)" >"$work/want"
    "$FSCAT" ident "$image" >"$work/got" && diff "$work/want" "$work/got" &&
        "$FSCAT" -1 ident "$image" | diff "$work/want" -
}

# is TYPE: and it is the kind that the row wanted.
is() { same type "$1" "$(head -1 "$work/got")"; }

make_iso() {
    mkdir -p "$work/iso" && echo hello >"$work/iso/file" &&
        xorriso -as mkisofs -quiet -V 'Installer 12' -o "$image" "$work/iso"
}

make_squashfs() {
    mkdir -p "$work/iso" && echo hello >"$work/iso/file" && rm -f "$image" &&
        mksquashfs "$work/iso" "$image" -quiet -no-progress
}

# Only the kind: blkid gives these a UUID by rules of its own.
same_type() {
    "$FSCAT" ident "$image" >"$work/got" && same type "$(blkid_says TYPE)" "$(head -1 "$work/got")"
}

# A row: type | size | sentence | command that gets the image as its last argument
while IFS='|' read -r type size sentence command; do
    type=${type// /}
    rm -f "$image"
    truncate -s "${size// /}" "$image"
    command=${command//@/$image}
    case_ "make:$sentence" bash -c "${command//\$inputs/$inputs}"
    case_ "blkid agrees:$sentence" agree
    case_ "it is what was made:$sentence" is "$type"
done <<'END'
ext2 | 8M | ext2 | mke2fs -q -t ext2 -L boot @
ext2 | 8M | ext2, 1 KiB blocks, revision 0 | mke2fs -q -t ext2 -r 0 @
ext3 | 16M | ext3 | mke2fs -q -t ext3 -L 'sixteen letters!' @
ext4 | 16M | ext4 | mke2fs -q -t ext4 -L root @
ext4 | 16M | ext4 without a journal | mke2fs -q -t ext4 -O ^has_journal @
ext4 | 16M | ext4 with a label that is not UTF-8 | mke2fs -q -t ext4 @ && tune2fs -L 'wörld' @
ext4 | 16M | ext3 with extents is ext4 | mke2fs -q -t ext3 -O extents @
ext3 | 16M | ext3 that was not unmounted | mke2fs -q -t ext3 @ && debugfs -w -R 'feature +needs_recovery' @
xfs | 320M | XFS | mkfs.xfs -q -L data @
xfs | 320M | XFS version 4 | mkfs.xfs -q -m crc=0 @
btrfs | 128M | btrfs | mkfs.btrfs -q -L 'a long label for btrfs' @
vfat | 2M | FAT12 with a label | mkfs.vfat -F 12 -n ESP @
vfat | 16M | FAT16 | mkfs.vfat -F 16 -n 'EFI SYSTEM' @
vfat | 64M | FAT32 | mkfs.vfat -F 32 -n SYSTEM @
vfat | 64M | FAT32 without a label | mkfs.vfat -F 32 @
vfat | 64M | FAT32, big clusters, chosen serial | mkfs.vfat -F 32 -s 1 -i 00c0ffee @
ntfs | 16M | NTFS | mkntfs -q -F -f -L 'System Reserved' @
ntfs | 16M | NTFS with a label in Chinese | mkntfs -q -F -f @ && ntfslabel @ 系统
ntfs | 64M | NTFS with 64 KiB clusters | mkntfs -q -F -f -c 65536 @
ntfs | 16M | NTFS without a label | mkntfs -q -F -f @
exfat | 16M | exFAT | mkfs.exfat -L 'stick 1' @
swap | 4M | swap | mkswap -q -L swap @
swap | 4M | swap of a machine with 64 KiB pages | mkswap -q -p 65536 @
crypto_LUKS | 32M | LUKS 1 | echo secret | cryptsetup -q luksFormat --type luks1 --pbkdf-force-iterations 1000 @ -
crypto_LUKS | 32M | LUKS 2 with a label | echo secret | cryptsetup -q luksFormat --type luks2 --label vault --pbkdf pbkdf2 --pbkdf-force-iterations 1000 @ -
f2fs | 64M | F2FS | mkfs.f2fs -q -l phone @
reiserfs | 64M | ReiserFS | mkreiserfs -q -f -l old @
jfs | 32M | JFS | mkfs.jfs -q -L jfs @
LVM2_member | 8M | LVM physical volume | $inputs lvm2 @
linux_raid_member | 8M | RAID 1.0 | $inputs md-1.0 @
linux_raid_member | 8M | RAID 1.1 | $inputs md-1.1 @
linux_raid_member | 8M | RAID 1.2 | $inputs md-1.2 @
linux_raid_member | 8M | RAID 0.90 | $inputs md-0.90 @
ufs | 8M | UFS1 | $inputs ufs1 @
ufs | 8M | UFS2 | $inputs ufs2 @
BitLocker | 8M | BitLocker | $inputs bitlocker @
ReFS | 8M | ReFS | $inputs refs @
END

for kind in udf zfs hfsplus apfs vmfs; do
    rm -f "$image"
    truncate -s 128M "$image"
    if [ $kind = udf ]; then
        mkudffs -b 2048 "$image" >/dev/null
    else
        "$inputs" "$kind" "$image"
    fi
    case_ "blkid calls it $kind, too" same_type
done
rm -f "$image"
case_ 'make: ISO 9660' make_iso
case_ 'blkid agrees: ISO 9660' agree
case_ 'make: squashfs' make_squashfs
case_ 'blkid agrees: squashfs' agree
finish
