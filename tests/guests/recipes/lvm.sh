# shellcheck shell=bash disable=SC2153,SC2154 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# lvm.sh: guests whose root is a logical volume, as Debian's installer makes them: /boot on
# a partition of its own, the group named after the host

LVM_GROUP=debian-vg
LVM_ROOT=/dev/mapper/debian--vg-root # device mapper doubles the hyphen
BOOT_SECTORS=$((192 * 2048))
LVM_FIRST=$((FIRST + BOOT_SECTORS))
LVM_DISK=$((3 << 30))
LVM_TABLE=msdos # or gpt

# lvm_grub ROOT: rootfs_grub() for this layout.
lvm_grub() {
    local root=$1 images=$1/boot/grub/i386-pc name

    rm -rf "$images" "$root/boot/grub/grub.cfg"
    mkdir -p "$images"
    cp "$root"/usr/lib/grub/i386-pc/*.mod "$root"/usr/lib/grub/i386-pc/*.lst \
        "$root/usr/lib/grub/i386-pc/boot.img" "$images"
    for name in sbin/grub-probe bin/grub-mkrelpath; do
        mv "$root/usr/$name" "$tmp/${name#*/}"
    done
    cat >"$root/usr/sbin/grub-probe" <<EOF
#!/bin/sh
about=root
while [ \$# -gt 0 ]; do
    case \$1 in
    -t) target=\$2; shift ;;
    --target=*) target=\${1#*=} ;;
    /boot* | /dev/vda1) about=boot ;;
    esac
    shift
done
case \$target-\$about in
device-root) echo $LVM_ROOT ;;
device-boot) echo /dev/vda1 ;;
fs_uuid-root) echo $ROOT_UUID ;;
fs_uuid-boot) echo $BOOT_UUID ;;
fs-*) echo ext2 ;;
partmap-*) echo $LVM_TABLE ;;
abstraction-root) echo lvm ;;
abstraction-boot) ;;
drive-*) echo "(hd0,${LVM_TABLE}1)" ;;
compatibility_hint-*) echo hd0,${LVM_TABLE}1 ;;
hints_string-*) echo "--hint-bios=hd0,${LVM_TABLE}1" ;;
*) exit 1 ;;
esac
EOF
    # /boot is a mount point there.
    cat >"$root/usr/bin/grub-mkrelpath" <<'EOF'
#!/bin/sh
for path; do :; done
path=${path#/boot}
echo "$path"
EOF
    chmod 755 "$root/usr/sbin/grub-probe" "$root/usr/bin/grub-mkrelpath"
    rootfs_run "$root" sh -ec "
        grub-editenv /boot/grub/grubenv create
        grub-mkimage -O i386-pc -p '(hd0,${LVM_TABLE}1)/grub' -o /boot/grub/i386-pc/core.img \
            biosdisk part_$LVM_TABLE ext2
        grub-mkconfig -o /boot/grub/grub.cfg"
    for name in sbin/grub-probe bin/grub-mkrelpath; do
        mv "$tmp/${name#*/}" "$root/usr/$name"
    done
    grep -q "root=$LVM_ROOT " "$root/boot/grub/grub.cfg" ||
        die "grub-mkconfig did not write the root's volume"
}

# lvm_root: $tmp/root, the system.  Its initramfs has LVM's tools, as lvm2 is installed.
lvm_root() {
    rootfs_unpack bookworm "$tmp/root"
    cat >"$tmp/root/etc/fstab" <<EOF
# <file system> <mount point> <type> <options> <dump> <pass>
$LVM_ROOT / ext4 errors=remount-ro 0 1
UUID=$BOOT_UUID /boot ext4 defaults 0 2
/dev/mapper/debian--vg-swap_1 none swap sw 0 0
EOF
}

# lvm_table: the head of a table, for sfdisk.  On GPT the loader has a partition in front.
lvm_table() {
    case $LVM_TABLE in
    msdos)
        printf 'label: dos\nlabel-id: 0x1a2b3c4e\n1: start=%d, size=%d, type=83, bootable\n' \
            "$FIRST" "$BOOT_SECTORS"
        ;;
    gpt)
        printf 'label: gpt\nlabel-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b13\nfirst-lba: 34\n'
        printf '14: start=34, size=%d, type=21686148-6449-6E6F-744E-656564454649\n' \
            $((FIRST - 34))
        printf '1: start=%d, size=%d, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4\n' \
            "$FIRST" "$BOOT_SECTORS"
        ;;
    esac
}

# lvm_disk FILE SECTORS...: a disk with /boot on its first partition and a physical volume of
# so many sectors on each further one.
lvm_disk() {
    local file=$1 start=$LVM_FIRST n=2 type=8e sectors
    shift
    [ "$LVM_TABLE" = msdos ] || type=E6D6D379-F507-44C2-A23C-238F2A3DF928
    truncate -s "$LVM_DISK" "$file"
    {
        lvm_table
        for sectors; do
            printf '%d: start=%d, size=%d, type=%s\n' $n "$start" "$sectors" $type
            start=$((start + sectors)) n=$((n + 1))
        done
    } | sfdisk -q "$file"
}

# lvm_boot FILE: the boot loader, and /boot of $tmp/root on the first partition.
lvm_boot() {
    lvm_grub "$tmp/root"
    mke2fs -q -F -t ext4 -O ^metadata_csum_seed,^orphan_file -U "$BOOT_UUID" \
        -E "hash_seed=$BOOT_UUID,offset=$((FIRST * SECTOR)),nodiscard" \
        -d "$tmp/root/boot" "$1" $((BOOT_SECTORS / 2))k
    grub_write "$1" "$tmp/root" "$([ "$LVM_TABLE" = gpt ] && echo 34 || echo 1)"
}

# lvm_system FILE PVS ROOT-SEGMENTS SWAP-SEGMENTS EXTENTS: $tmp/root onto a disk that
# lvm_disk() laid out; EXTENTS of 4 MiB is the size of the root.
lvm_system() {
    lvm_boot "$1"
    rm -rf "$tmp/root/boot"
    mkdir "$tmp/root/boot"
    truncate -s $(($5 * 4))M "$tmp/volume"
    ext_write "$tmp/volume" 0 $(($5 << 22)) "$tmp/root"
    truncate -s 64M "$tmp/swap"
    mkswap -q -U 6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a03 "$tmp/swap"
    python3 "$here/lvm.py" "$1" $LVM_GROUP "$2" "{
        \"root\": {\"file\": \"$tmp/volume\", \"segments\": $3},
        \"swap_1\": {\"file\": \"$tmp/swap\", \"segments\": $4}}"
    rm -rf "$tmp/root" "$tmp/volume" "$tmp/swap"
}

# The root was extended past the swap that lies behind it: two segments.  The last MiB is left
# to the backup of a GPT.
lvm_linear() {
    local sectors=$((LVM_DISK / SECTOR - LVM_FIRST - 2048))

    lvm_disk "$1" $sectors
    lvm_system "$1" "[[$LVM_FIRST, $sectors]]" '[[100, [[0, 0]]], [500, [[0, 116]]]]' \
        '[[16, [[0, 100]]]]' 600
}

# The root in stripes over two partitions.
lvm_striped() {
    local sectors=$(((LVM_DISK / SECTOR - LVM_FIRST) / 2 / 2048 * 2048))

    lvm_disk "$1" $sectors $sectors
    lvm_system "$1" "[[$LVM_FIRST, $sectors], [$((LVM_FIRST + sectors)), $sectors]]" \
        '[[600, [[0, 0], [1, 0]]]]' '[[16, [[0, 300]]]]' 600
}

disk_lvm() {
    lvm_root
    lvm_linear "$1"
}

disk_lvm_striped() {
    lvm_root
    lvm_striped "$1"
}

disk_lvm_no_cloud_init() {
    lvm_root
    rootfs_run "$tmp/root" dpkg --purge cloud-init
    lvm_striped "$1"
}

disk_lvm_no_virtio() {
    lvm_root
    sed -i 's/^MODULES=.*/MODULES=list/' "$tmp/root/etc/initramfs-tools/initramfs.conf"
    printf 'ata_piix\nata_generic\nsd_mod\next4\n' >>"$tmp/root/etc/initramfs-tools/modules"
    rootfs_run "$tmp/root" update-initramfs -u -k all
    lvm_linear "$1"
}

disk_lvm_gpt() {
    local LVM_TABLE=gpt

    lvm_root
    lvm_linear "$1"
}

# /boot and one of two physical volumes: the root lies on both.
disk_lvm_incomplete() {
    local sectors=$((64 * 2048))

    lvm_root
    LVM_DISK=$(((LVM_FIRST + sectors) * SECTOR)) lvm_disk "$1" $sectors
    lvm_boot "$1"
    python3 "$here/lvm.py" "$1" $LVM_GROUP \
        "[[$LVM_FIRST, $sectors], [$((1 << 40)), $sectors]]" \
        '{"root": {"segments": [[15, [[0, 0]]], [15, [[1, 0]]]]}}'
    rm -rf "$tmp/root"
}
