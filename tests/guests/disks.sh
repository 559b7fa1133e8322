# shellcheck shell=bash disable=SC2154,SC2016 # build.sh sets dir, tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# disks.sh: one function a guest; each writes the file it is given
#
# Sourced by build.sh, which renames the file when the function is done.

# More than 2 GiB, so that the split kinds of VMDK are really split.
DISK_SIZE=$((3 << 30))
SECTOR=512
FIRST=2048 # sectors before the first partition

disk_make() {
    local file part=$tmp/disk

    file=$(guest_file "$1")
    rm -f "$part"
    "disk_${1//-/_}" "$part"
    mv "$part" "$file"
}

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

disk_good() {
    rootfs_unpack "$tmp/root"
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
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

disk_btrfs() {
    local root_at root_size

    rootfs_unpack "$tmp/root"
    boot_and_root "$1" "$tmp/root" btrfs
    truncate -s "$root_size" "$tmp/btrfs"
    mkfs.btrfs -q -U "$ROOT_UUID" --rootdir "$tmp/root" "$tmp/btrfs" >"$tmp/run.log" 2>&1 || {
        cat "$tmp/run.log" >&2
        die "mkfs.btrfs failed"
    }
    dd if="$tmp/btrfs" of="$1" bs=1M oflag=seek_bytes seek="$root_at" conv=notrunc,sparse \
        status=none
    rm -rf "$tmp/root" "$tmp/btrfs"
}

# Purged, as the administrator would have: configuration and units are gone as well.
disk_no_cloud_init() {
    rootfs_unpack "$tmp/root"
    rootfs_run "$tmp/root" dpkg --purge cloud-init
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
}

# The initramfs of a machine that came from IDE disks.
disk_no_virtio() {
    rootfs_unpack "$tmp/root"
    sed -i 's/^MODULES=.*/MODULES=list/' "$tmp/root/etc/initramfs-tools/initramfs.conf"
    printf 'ata_piix\nata_generic\nsd_mod\n' >>"$tmp/root/etc/initramfs-tools/modules"
    rootfs_run "$tmp/root" update-initramfs -u -k all
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
}

# BIOS boot partition and root: starts on a BIOS, has no EFI system partition.
disk_gpt() {
    local boot=$FIRST root=$((FIRST + 2048))

    rootfs_unpack "$tmp/root"
    rootfs_grub "$tmp/root" hd0,gpt2
    truncate -s $DISK_SIZE "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b10
start=$boot, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=$root, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
EOF
    # The last MiB is the backup table's.
    ext_write "$1" $((root * SECTOR)) $((DISK_SIZE - root * SECTOR - (1 << 20))) "$tmp/root"
    grub_write "$1" "$tmp/root" "$boot"
    rm -rf "$tmp/root"
}

# EFI system partition and root: starts with UEFI only.
disk_gpt_esp() {
    local esp=$FIRST mib=64 root

    root=$((FIRST + mib * 2048))
    rootfs_unpack "$tmp/root"
    rootfs_grub "$tmp/root" hd0,gpt2
    rm -rf "$tmp/root/boot/grub/i386-pc"
    # Like Debian's signed image: finds the root by its UUID, then its grub.cfg.
    printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
        "$ROOT_UUID" >"$tmp/root/early.cfg"
    rootfs_run "$tmp/root" grub-mkimage -O x86_64-efi -p /EFI/debian -c /early.cfg -o /grub.efi \
        part_gpt ext2 fat normal linux configfile search search_fs_uuid serial terminal echo \
        test gzio all_video loadenv
    mv "$tmp/root/grub.efi" "$tmp/grub.efi"
    rm "$tmp/root/early.cfg"
    mkdir "$tmp/root/boot/efi"
    echo 'UUID=5E5F-0001 /boot/efi vfat umask=0077 0 1' >>"$tmp/root/etc/fstab"
    truncate -s $DISK_SIZE "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b11
start=$esp, size=${mib}MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=$root, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
EOF
    truncate -s ${mib}M "$tmp/esp"
    mkfs.vfat -F 32 -s 1 -i 5E5F0001 -n ESP "$tmp/esp" >/dev/null
    mmd -i "$tmp/esp" ::EFI ::EFI/BOOT ::EFI/debian
    mcopy -i "$tmp/esp" "$tmp/grub.efi" ::EFI/BOOT/BOOTX64.EFI
    mcopy -i "$tmp/esp" "$tmp/grub.efi" ::EFI/debian/grubx64.efi
    dd if="$tmp/esp" of="$1" bs=1M seek=$((esp / 2048)) conv=notrunc,sparse status=none
    ext_write "$1" $((root * SECTOR)) $((DISK_SIZE - root * SECTOR - (1 << 20))) "$tmp/root"
    rm -rf "$tmp/root" "$tmp/esp" "$tmp/grub.efi"
}

# The whole system, but the filesystem is the disk: no boot record.
disk_no_table() {
    rootfs_unpack "$tmp/root"
    rootfs_grub "$tmp/root" hd0
    truncate -s $DISK_SIZE "$1"
    ext_write "$1" 0 $DISK_SIZE "$tmp/root"
    rm -rf "$tmp/root"
}

# The disk of a system whose / was on another one.
disk_boot_only() {
    local size=$((256 << 20))

    rootfs_unpack "$tmp/root"
    rootfs_grub "$tmp/root" hd0,msdos1
    mbr_disk "$1" $size
    ext_write "$1" $((FIRST * SECTOR)) $((size - FIRST * SECTOR)) "$tmp/root/boot"
    grub_write "$1" "$tmp/root" 1
    rm -rf "$tmp/root"
}

# Somebody's files and no system.
disk_data_only() {
    local size=$((256 << 20)) i

    mkdir -p "$tmp/data/backups/2023" "$tmp/data/photos" "$tmp/data/lost+found"
    for i in $(seq 40); do
        seq "$i" 60000 >"$tmp/data/backups/2023/report-$i.csv"
    done
    printf 'nothing to boot here\n' >"$tmp/data/README.txt"
    mbr_disk "$1" $size
    ext_write "$1" $((FIRST * SECTOR)) $((size - FIRST * SECTOR)) "$tmp/data"
    rm -rf "$tmp/data"
}

disk_zeros() {
    truncate -s 1G "$1"
}

# The tree of an installer medium, as Debian lays it out.
iso_tree() {
    rootfs_unpack "$tmp/root" ./boot ./usr/lib/grub/i386-pc
    mkdir -p "$1/.disk" "$1/install.amd" "$1/dists/bookworm/main" "$1/pool/main"
    echo 'Debian GNU/Linux 12.8.0 "Bookworm" - Official amd64 NETINST with firmware' \
        >"$1/.disk/info"
    echo main >"$1/.disk/base_components"
    cp "$tmp"/root/boot/vmlinuz-* "$1/install.amd/vmlinuz"
    cp "$tmp"/root/boot/initrd.img-* "$1/install.amd/initrd.gz"
    mkdir -p "$1/boot/grub/i386-pc"
    cat "$tmp"/root/usr/lib/grub/i386-pc/{cdboot,kernel}.img >"$1/boot/grub/i386-pc/eltorito.img"
    cp "$tmp/root/usr/lib/grub/i386-pc/boot_hybrid.img" "$tmp/boot_hybrid.img"
    printf 'Suite: stable\nCodename: bookworm\n' >"$1/dists/bookworm/Release"
    rm -rf "$tmp/root"
}

iso_write() {
    xorriso -as mkisofs -quiet -r -J -V 'Debian 12.8.0 amd64 n' \
        -b boot/grub/i386-pc/eltorito.img -no-emul-boot -boot-load-size 4 -boot-info-table \
        --grub2-boot-info "$@" >"$tmp/run.log" 2>&1 || {
        cat "$tmp/run.log" >&2
        die "xorriso failed"
    }
}

disk_iso() {
    iso_tree "$tmp/iso"
    iso_write -o "$1" "$tmp/iso"
    rm -rf "$tmp/iso"
}

# As one writes it to a stick: the same with a partition table in front.
disk_iso_hybrid() {
    iso_tree "$tmp/iso"
    iso_write --grub2-mbr "$tmp/boot_hybrid.img" -partition_offset 16 -o "$1" "$tmp/iso"
    rm -rf "$tmp/iso"
}

# The good guest copied while it ran, when cloud-init had just been installed: that and the
# host name are in the journal and not yet in their place.  Nothing that GRUB reads is, since
# GRUB recovers no journal and the system would not start.
#
# Made from the end: `after` is the state that a recovery gives.  `before` is what lies in
# place.  Every block of metadata that differs goes into the journal of `before`, as one
# transaction like the kernel's (ordered mode: a file's data is in place before that).
disk_dirty() {
    local good after=$tmp/after check=$tmp/check at="?offset=$((FIRST * SECTOR))" blocks

    good=$(guest_file good)
    [ -e "$good" ] || disk_make good
    echo recovered >"$tmp/hostname"
    cp "$good" "$after"
    debugfs_do "$after$at" <<EOF
rm /etc/hostname
write $tmp/hostname /etc/hostname
EOF
    cp "$good" "$1"
    debugfs_do "$1$at" <<EOF
unlink /usr/bin/cloud-init
unlink /etc/cloud
EOF
    blocks=$(python3 "$here/blocks.py" "$1" "$after" $((FIRST * SECTOR)) "$tmp/blocks")
    rm "$after"
    debugfs_do "$1$at" <<EOF
jo -c
jw -b $blocks $tmp/blocks
jc
EOF
    # e2fsck is the judge: it must recover to what we meant.
    dumpe2fs -h "$1$at" 2>/dev/null | grep -q needs_recovery ||
        die "dirty: the journal does not ask for a recovery"
    [ "$(debugfs -R 'cat /etc/hostname' "$1$at" 2>/dev/null)" = debian ] ||
        die "dirty: the new host name is in place already"
    cp "$1" "$check"
    # It recovers, then forgets the offset when it opens the disk again, and fails.
    e2fsck -y -E journal_only "$check$at" >/dev/null 2>&1 || true
    [ "$(debugfs -R 'cat /etc/hostname' "$check$at" 2>/dev/null)" = recovered ] ||
        die "dirty: recovery does not give the new host name"
    e2fsck -fn "$check$at" >"$tmp/run.log" 2>&1 || {
        cat "$tmp/run.log" >&2
        die "dirty: the recovered filesystem is not clean"
    }
    rm "$check" "$tmp/blocks"
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
