# shellcheck shell=bash disable=SC2034,SC2154 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# xfs.sh: roots on XFS, filled by the kernel of User Mode Linux

# xfs_fill FILE PARTITION SCRIPT [OPTION...]: makes XFS there, and $tmp/root into it; then the
# script, which finds it on /mnt/root.
xfs_fill() {
    local script=$3 device=/dev/ubda$2

    "$here/uml.sh" "$tmp" "
        mkfs.xfs -q -m uuid=$ROOT_UUID ${*:4} $device
        mkdir /mnt/root
        mount -t xfs $device /mnt/root
        cp -a $tmp/root/. /mnt/root
        $script" "$1"
    rm -rf "$tmp/root"
}

# xfs_root FILE SCRIPT [OPTION...]: $tmp/root on XFS, with an ext4 /boot.
xfs_root() {
    local root_at root_size

    boot_and_root "$1" "$tmp/root" xfs
    xfs_fill "$1" 2 "${@:2}"
}

disk_xfs() {
    rootfs_unpack bookworm "$tmp/root"
    xfs_root "$1" 'umount /mnt/root'
}

# As mkfs.xfs of today makes it.
disk_xfs_nrext64() {
    rootfs_unpack bookworm "$tmp/root"
    xfs_root "$1" 'umount /mnt/root' -i nrext64=1
}

disk_xfs_no_cloud_init() {
    rootfs_unpack bookworm "$tmp/root"
    rootfs_run "$tmp/root" dpkg --purge cloud-init
    xfs_root "$1" 'umount /mnt/root'
}

disk_xfs_no_virtio() {
    local settings=$tmp/root/etc/initramfs-tools

    rootfs_unpack bookworm "$tmp/root"
    sed -i 's/^MODULES=.*/MODULES=list/' "$settings/initramfs.conf"
    printf 'ata_piix\nata_generic\nsd_mod\nxfs\n' >>"$settings/modules"
    rootfs_run "$tmp/root" update-initramfs -u -k all
    xfs_root "$1" 'umount /mnt/root'
}

# Here /boot is on XFS as well.
disk_xfs_gpt() {
    local root=$((FIRST + 2048))

    rootfs_unpack bookworm "$tmp/root"
    sed -i 's/ ext4 .*/ xfs defaults 0 1/' "$tmp/root/etc/fstab"
    rootfs_grub "$tmp/root" hd0,gpt2 xfs
    rootfs_run "$tmp/root" grub-mkimage -O i386-pc -p '(hd0,gpt2)/boot/grub' \
        -o /boot/grub/i386-pc/core.img biosdisk part_gpt xfs
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b13
start=$FIRST, size=2048, type=21686148-6449-6E6F-744E-656564454649
start=$root, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
EOF
    grub_write "$1" "$tmp/root" "$FIRST"
    xfs_fill "$1" 2 'umount /mnt/root'
}

# Copied while it ran: that cloud-init is there is in the log only.
disk_xfs_dirty() {
    rootfs_unpack bookworm "$tmp/root"
    xfs_root "$1" '
        mv /mnt/root/usr/bin/cloud-init /mnt/root/etc/cloud /mnt/root/root
        umount /mnt/root
        mount -t xfs /dev/ubda2 /mnt/root
        mv /mnt/root/root/cloud /mnt/root/etc
        mv /mnt/root/root/cloud-init /mnt/root/usr/bin
        echo recovered >/mnt/root/etc/hostname
        sync /mnt/root/etc/hostname'
}
