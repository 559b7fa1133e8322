# shellcheck shell=bash disable=SC2154,SC2016 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs.sh: roots on btrfs
#
# What mkfs.btrfs cannot make (subvolumes, compression, a log tree) uml.sh makes.

# btrfs_grub ROOT PARTITION FOLDER: what grub-install and update-grub would leave when / of the
# system is this folder of the filesystem: "/@", or nothing.
btrfs_grub() {
    mv "$1/usr/bin/grub-mkrelpath" "$tmp/mkrelpath"
    printf '#!/bin/sh\nfor p; do :; done\np=%s${p%%/}\necho "${p:-/}"\n' "$3" \
        >"$1/usr/bin/grub-mkrelpath"
    chmod 755 "$1/usr/bin/grub-mkrelpath"
    rootfs_grub "$1" "$2" btrfs
    rootfs_run "$1" grub-mkimage -O i386-pc -p "($2)$3/boot/grub" \
        -o /boot/grub/i386-pc/core.img biosdisk part_msdos part_gpt btrfs
    mv "$tmp/mkrelpath" "$1/usr/bin/grub-mkrelpath"
}

# btrfs_plain FILE OFFSET BYTES ROOT: ROOT as a btrfs without subvolumes in a part of FILE.
btrfs_plain() {
    truncate -s "$3" "$tmp/btrfs"
    mkfs.btrfs -q -U "$ROOT_UUID" --rootdir "$4" "$tmp/btrfs" >"$tmp/run.log" 2>&1 || {
        cat "$tmp/run.log" >&2
        die "mkfs.btrfs failed"
    }
    dd if="$tmp/btrfs" of="$1" bs=1M oflag=seek_bytes seek="$2" conv=notrunc,sparse status=none
    rm "$tmp/btrfs"
}

disk_btrfs() {
    local root_at root_size

    rootfs_unpack bookworm "$tmp/root"
    boot_and_root "$1" "$tmp/root" btrfs
    btrfs_plain "$1" "$root_at" "$root_size" "$tmp/root"
    rm -rf "$tmp/root"
}

# In this one and those below /boot is on btrfs as well.
disk_btrfs_no_virtio() {
    local settings=$tmp/root/etc/initramfs-tools

    rootfs_unpack bookworm "$tmp/root"
    sed -i 's/ ext4 .*/ btrfs defaults 0 1/' "$tmp/root/etc/fstab"
    sed -i 's/^MODULES=.*/MODULES=list/' "$settings/initramfs.conf"
    printf 'ata_piix\nata_generic\nsd_mod\nbtrfs\n' >>"$settings/modules"
    rootfs_run "$tmp/root" update-initramfs -u -k all
    btrfs_grub "$tmp/root" hd0,msdos1 ''
    mbr_disk "$1" "$DISK_SIZE"
    btrfs_plain "$1" $((FIRST * SECTOR)) $((DISK_SIZE - FIRST * SECTOR)) "$tmp/root"
    grub_write "$1" "$tmp/root" 1
    rm -rf "$tmp/root"
}

disk_btrfs_gpt() {
    local root=$((FIRST + 2048))

    rootfs_unpack bookworm "$tmp/root"
    sed -i 's/ ext4 .*/ btrfs defaults 0 1/' "$tmp/root/etc/fstab"
    btrfs_grub "$tmp/root" hd0,gpt2 ''
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b12
start=$FIRST, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=$root, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
EOF
    btrfs_plain "$1" $((root * SECTOR)) $((DISK_SIZE - root * SECTOR - (1 << 20))) "$tmp/root"
    grub_write "$1" "$tmp/root" "$FIRST"
    rm -rf "$tmp/root"
}

# btrfs_system FILE SCRIPT: $tmp/root on one partition, compressed by zstd.  The script begins
# at the top level, makes subvolumes and fills them.
btrfs_system() {
    mbr_disk "$1" "$DISK_SIZE"
    "$here/uml.sh" "$tmp" "
        mkfs.btrfs -q -U $ROOT_UUID /dev/ubda1
        mkdir /mnt/top
        mount -t btrfs -o compress=zstd /dev/ubda1 /mnt/top
        cd /mnt/top
        $2
        cd /
        umount /mnt/top" "$1"
    grub_write "$1" "$tmp/root" 1
    rm -rf "$tmp/root"
}

# Subvolumes as Ubuntu has them.
disk_btrfs_subvolumes() {
    rootfs_unpack bookworm "$tmp/root"
    cat >"$tmp/root/etc/fstab" <<EOF
UUID=$ROOT_UUID / btrfs defaults,subvol=@,compress=zstd 0 1
UUID=$ROOT_UUID /home btrfs defaults,subvol=@home,compress=zstd 0 2
EOF
    btrfs_grub "$tmp/root" hd0,msdos1 /@
    btrfs_system "$1" "
        btrfs -q subvolume create @
        btrfs -q subvolume create @home
        cp -a $tmp/root/. @
        mkdir @home/user"
}

# As SUSE has it: the root is the default subvolume, of which snapshots are taken, and what
# changes often lies in subvolumes of its own.
disk_btrfs_snapshot() {
    rootfs_unpack bookworm "$tmp/root"
    cat >"$tmp/root/etc/fstab" <<EOF
UUID=$ROOT_UUID / btrfs defaults 0 0
UUID=$ROOT_UUID /.snapshots btrfs subvol=/@/.snapshots 0 0
UUID=$ROOT_UUID /var btrfs subvol=/@/var 0 0
EOF
    btrfs_grub "$tmp/root" hd0,msdos1 /@/.snapshots/1/snapshot
    sed -i 's|rootflags=[^ ]* ||' "$tmp/root/boot/grub/grub.cfg"
    btrfs_system "$1" "
        root=@/.snapshots/1/snapshot
        btrfs -q subvolume create @
        btrfs -q subvolume create @/.snapshots
        btrfs -q subvolume create @/var
        mkdir @/.snapshots/1
        btrfs -q subvolume create \$root
        cp -a $tmp/root/. \$root
        mv \$root/var/* @/var
        mkdir \$root/.snapshots
        btrfs subvolume set-default \$root
        mkdir @/.snapshots/2
        btrfs -q subvolume snapshot -r \$root @/.snapshots/2/snapshot"
}

# btrfs_changed FILE SCRIPT: the guest with subvolumes, mounted on /mnt/root and changed.
btrfs_changed() {
    guest_need btrfs-subvolumes
    cp --sparse=always "$(guest_file btrfs-subvolumes)" "$1"
    "$here/uml.sh" "$tmp" "
        mkdir /mnt/root
        mount -t btrfs -o subvol=@,compress=zstd /dev/ubda1 /mnt/root
        $2" "$1"
}

disk_btrfs_no_cloud_init() {
    btrfs_changed "$1" '
        mount --bind /dev /mnt/root/dev
        chroot /mnt/root dpkg --purge cloud-init
        umount /mnt/root/dev /mnt/root'
}

# Copied while it ran, after a file was synced and before that was committed.
disk_btrfs_dirty() {
    btrfs_changed "$1" '
        echo recovered >/mnt/root/etc/hostname
        sync /mnt/root/etc/hostname'
}
