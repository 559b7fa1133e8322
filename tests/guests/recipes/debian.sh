# shellcheck shell=bash disable=SC2154,SC2016 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# debian.sh: a Debian 12 on a disk, and what is changed of it

disk_good() {
    rootfs_unpack bookworm "$tmp/root"
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
}

# Purged, as the administrator would have: configuration and units are gone as well.
disk_no_cloud_init() {
    rootfs_unpack bookworm "$tmp/root"
    rootfs_run "$tmp/root" dpkg --purge cloud-init
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
}

# For the hypervisor to ask its agent, and for its settings a service that a test places.
disk_run_agent() {
    local DISK_SIZE=$((2 << 30))

    rootfs_unpack bookworm "$tmp/root"
    rootfs_add "$tmp/root" qemu-guest-agent
    rootfs_run "$tmp/root" dpkg --purge cloud-init
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
}

# The initramfs of a machine that came from IDE disks.
disk_no_virtio() {
    rootfs_unpack bookworm "$tmp/root"
    sed -i 's/^MODULES=.*/MODULES=list/' "$tmp/root/etc/initramfs-tools/initramfs.conf"
    printf 'ata_piix\nata_generic\nsd_mod\n' >>"$tmp/root/etc/initramfs-tools/modules"
    rootfs_run "$tmp/root" update-initramfs -u -k all
    linux_mbr "$1" "$tmp/root"
    rm -rf "$tmp/root"
}

# BIOS boot partition and root: starts on a BIOS, has no EFI system partition.
disk_gpt() {
    local boot=$FIRST root=$((FIRST + 2048))

    rootfs_unpack bookworm "$tmp/root"
    rootfs_grub "$tmp/root" hd0,gpt2
    truncate -s "$DISK_SIZE" "$1"
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
    rootfs_unpack bookworm "$tmp/root"
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
    truncate -s "$DISK_SIZE" "$1"
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
    rootfs_unpack bookworm "$tmp/root"
    rootfs_grub "$tmp/root" hd0
    truncate -s "$DISK_SIZE" "$1"
    ext_write "$1" 0 "$DISK_SIZE" "$tmp/root"
    rm -rf "$tmp/root"
}

# The disk of a system whose / was on another one.
disk_boot_only() {
    local size=$((256 << 20))

    rootfs_unpack bookworm "$tmp/root"
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

# The good guest copied while it ran, when cloud-init had just been installed: that and the
# host name are in the journal and not yet in their place.  Nothing that GRUB reads is, since
# GRUB recovers no journal and the system would not start.
#
# Made from the end: `after` is the state that a recovery gives.  `before` is what lies in
# place.  Every block of metadata that differs goes into the journal of `before`, as one
# transaction like the kernel's (ordered mode: a file's data is in place before that).
disk_dirty() {
    local good after=$tmp/after check=$tmp/check at="?offset=$((FIRST * SECTOR))" blocks

    guest_need good
    good=$(guest_file good)
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
