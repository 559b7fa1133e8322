# shellcheck shell=bash disable=SC2034,SC2154,SC2016 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# matrix.sh: what a Debian may start by: releases and architectures, tools that make an
# initramfs, boot loaders, layouts
#
# A row is a name, the tree, the layout of the disk, and what is done to the tree before.

SMALL_DISK=$((2 << 30))
SPLIT_UUID=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a04
ESP_ID=5E5F0001

table_boot() {
    cat <<'EOF'
trixie                    tree_trixie        layout_mbr
dracut                    tree_bookworm      layout_mbr          change_dracut
usr                       tree_bookworm      layout_usr
systemd-boot              tree_bookworm      layout_systemd_boot change_bls
matrix-bullseye           tree_bullseye      layout_mbr
matrix-bookworm-i386      tree_bookworm_i386 layout_mbr
matrix-bookworm-arm64     tree_bookworm_arm64 layout_arm64
matrix-trixie-arm64       tree_trixie_arm64  layout_arm64
matrix-trixie-uefi        tree_trixie        layout_uefi
matrix-gzip               tree_bookworm      layout_mbr          change_gzip
matrix-xz                 tree_bookworm      layout_mbr          change_xz
matrix-lz4                tree_bookworm      layout_mbr          change_lz4
matrix-lzo                tree_bookworm      layout_mbr          change_lzop
matrix-bzip2              tree_bookworm      layout_mbr          change_bzip2
matrix-lzma               tree_bookworm      layout_mbr          change_lzma
matrix-dep                tree_bookworm      layout_mbr          change_dep
matrix-dep-ide            tree_bookworm      layout_mbr          change_dep_ide
matrix-list               tree_bookworm      layout_mbr          change_list
matrix-dracut-hostonly    tree_bookworm      layout_mbr          change_dracut_hostonly
matrix-dracut-ide         tree_bookworm      layout_mbr          change_dracut_ide
matrix-dracut-trixie      tree_trixie        layout_mbr          change_dracut
matrix-tiny               tree_bookworm      layout_mbr          change_tiny
matrix-sysvinit           tree_bookworm      layout_mbr          change_sysvinit
matrix-kernels            tree_bookworm      layout_mbr          change_kernels
matrix-boot               tree_bookworm      layout_boot
matrix-var                tree_bookworm      layout_var
matrix-usr-bullseye       tree_bullseye      layout_usr
matrix-grub-legacy        tree_bookworm      layout_grub_legacy  change_grub_legacy
matrix-extlinux           tree_bookworm      layout_extlinux     change_extlinux
matrix-syslinux           tree_bookworm      layout_syslinux
EOF
}

row_boot() {
    local out=$1 tree=${3#tree_} layout=$4 change DISK_SIZE=$SMALL_DISK
    shift 4

    rootfs_unpack "${tree//_/-}" "$tmp/root"
    for change; do
        "$change" "$tmp/root"
    done
    "$layout" "$out" "$tmp/root"
    rm -rf "$tmp/root"
}

# ---- initramfs

initramfs_update() {
    rootfs_run "$1" update-initramfs -u -k all
}

initramfs_compress() {
    sed -i "s/^COMPRESS=.*/COMPRESS=$2/" "$1/etc/initramfs-tools/initramfs.conf"
    [ -x "$1/usr/bin/$2" ] || rootfs_add "$1" "$3"
    initramfs_update "$1"
}

change_gzip() { initramfs_compress "$1" gzip gzip; }
change_xz() { initramfs_compress "$1" xz xz-utils; }
change_lz4() { initramfs_compress "$1" lz4 lz4; }
change_lzop() { initramfs_compress "$1" lzop lzop; }
change_bzip2() { initramfs_compress "$1" bzip2 bzip2; }
change_lzma() { initramfs_compress "$1" lzma xz-utils; }

change_list() {
    sed -i 's/^MODULES=.*/MODULES=list/' "$1/etc/initramfs-tools/initramfs.conf"
    printf 'virtio_pci\nvirtio_blk\next4\n' >>"$1/etc/initramfs-tools/modules"
    initramfs_update "$1"
}

# sysfs_disk ROOT virtio|ide: what tools that look at the running machine find in /sys.
sysfs_disk() {
    local at=$1/sys/devices/pci0000:00/0000:00

    mkdir -p "$at:01.1/ata1" "$at:03.0/virtio0" "$at:04.0/virtio1"
    case $2 in
    virtio)
        echo pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00 >"$at:03.0/modalias"
        echo virtio:d00000001v00001AF4 >"$at:03.0/virtio0/modalias"
        echo pci:v00001AF4d00001001sv00001AF4sd00000002bc01sc00i00 >"$at:04.0/modalias"
        echo virtio:d00000002v00001AF4 >"$at:04.0/virtio1/modalias"
        ;;
    ide)
        echo pci:v00008086d00007010sv00001AF4sd00001100bc01sc01i80 >"$at:01.1/modalias"
        echo scsi:t-0x00 >"$at:01.1/ata1/modalias"
        ;;
    esac
}

# initramfs_dep ROOT virtio|ide: MODULES=dep.  Block devices cannot be made here: which one
# holds the root is told to mkinitramfs, and how it is driven is read from /sys.
initramfs_dep() {
    local functions=$1/usr/share/initramfs-tools/hook-functions

    sysfs_disk "$1" "$2"
    sed -i 's/^MODULES=.*/MODULES=dep/' "$1/etc/initramfs-tools/initramfs.conf"
    cp "$functions" "$tmp/hook-functions"
    cat >>"$functions" <<'EOF'
dep_add_modules_mount() {
    local at
    [ "$1" = / ] || return 0
    manual_add_modules ext4
    for at in /sys/devices/pci0000:00/0000:00:*/*; do
        sys_walk_mod_add "$at"
    done
}
EOF
    initramfs_update "$1"
    cp "$tmp/hook-functions" "$functions"
    rm -rf "${1:?}/sys/devices"
}

change_dep() { initramfs_dep "$1" virtio; }
change_dep_ide() { initramfs_dep "$1" ide; }

# The package makes one when it is installed, for any machine.
change_dracut() { rootfs_add "$1" dracut; }

# With the drivers of this machine only: what /sys shows is what dracut looks at.
change_dracut_hostonly() {
    mkdir -p "$1/etc/dracut.conf.d"
    printf 'hostonly="yes"\nhostonly_cmdline="no"\nfilesystems+=" ext4 "\n' \
        >"$1/etc/dracut.conf.d/hostonly.conf"
    sysfs_disk "$1" virtio
    rootfs_add "$1" dracut
    rm -rf "${1:?}/sys/devices"
}

# Here dracut finds itself in a virtual machine more often than not, and takes its drivers
# whatever /sys says: they are left out by name.
change_dracut_ide() {
    mkdir -p "$1/etc/dracut.conf.d"
    echo 'omit_drivers+=" virtio_blk virtio_pci virtio_scsi virtio_net "' \
        >"$1/etc/dracut.conf.d/ide.conf"
    rootfs_add "$1" dracut
}

# It loads the modules it is told to, and mounts what the command line names.
change_tiny() {
    mkdir -p "$1/etc/tiny-initramfs"
    printf 'AUTO_MODULES=no\nMICROCODE=no\nINCLUDE_MODULES=virtio_pci,virtio_blk,ext4\n' \
        >"$1/etc/tiny-initramfs/tiny-initramfs.conf"
    rootfs_add "$1" tiny-initramfs
}

# ---- init, kernels

change_sysvinit() {
    rootfs_add "$1" sysvinit-core systemd-sysv- libpam-systemd-
    echo 'T0:23:respawn:/sbin/getty -L ttyS0 115200 vt100' >>"$1/etc/inittab"
    # Without systemd nothing tells cloud-init which cloud it is on: it would ask around.
    echo 'datasource_list: [ConfigDrive, NoCloud, None]' >"$1/etc/cloud/cloud.cfg.d/90_sources.cfg"
}

# An older kernel beside the newest one, and it is the one that starts.
change_kernels() {
    local older

    older=$(rootfs_known "$1" 'linux-image-6\.1\.0-[0-9]+-cloud-amd64' | grep -v -- \
        "-$(kernel_version "$1")\$" | sort -V | tail -n 1)
    rootfs_add "$1" "$older"
    older=${older#linux-image-}
    echo "GRUB_DEFAULT=\"gnulinux-advanced-$ROOT_UUID>gnulinux-$older-advanced-$ROOT_UUID\"" \
        >>"$1/etc/default/grub"
}

# ---- layouts of the disk

layout_mbr() { linux_mbr "$1" "$2"; }

layout_boot() {
    local root_at root_size

    boot_and_root "$1" "$2" ext4
    ext_write "$1" "$root_at" "$root_size" "$2"
}

# split_disk FILE ROOT DIR MIB: MBR with the root on the first partition, of so many MiB, and
# DIR on the second one.
split_disk() {
    local size=$(($4 << 20)) start

    start=$((FIRST + size / SECTOR))
    echo "UUID=$SPLIT_UUID $3 ext4 defaults 0 2" >>"$2/etc/fstab"
    rootfs_grub "$2" hd0,msdos1
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: dos
label-id: 0x1a2b3c4d
start=$FIRST, size=$((size / SECTOR)), type=83, bootable
start=$start, type=83
EOF
    ROOT_UUID=$SPLIT_UUID ext_write "$1" $((start * SECTOR)) $((DISK_SIZE - start * SECTOR)) "$2$3"
    grub_write "$1" "$2" 1
    rm -rf "${2:?}$3"
    mkdir "$2$3"
    ext_write "$1" $((FIRST * SECTOR)) $size "$2"
}

layout_usr() { split_disk "$1" "$2" /usr 640; }
layout_var() { split_disk "$1" "$2" /var 1280; }

# esp_disk FILE MIB: GPT with an EFI system partition of so many MiB, and a root behind it at
# $root_at.  $tmp/esp is a FAT filesystem for it.
esp_disk() {
    root_at=$(((FIRST + $2 * 2048) * SECTOR))
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b12
start=$FIRST, size=$2MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B
start=$((root_at / SECTOR)), type=0FC63DAF-8483-4772-8E79-3D69D8477DE4
EOF
    truncate -s "$2M" "$tmp/esp"
    mkfs.vfat -F 32 -s 1 -i $ESP_ID -n ESP "$tmp/esp" >/dev/null
}

# esp_write FILE FOLDER ROOT: what is in the folder, and the root, onto the disk.
esp_write() {
    mcopy -s -i "$tmp/esp" "$2"/* ::
    dd if="$tmp/esp" of="$1" bs=1M seek=$((FIRST / 2048)) conv=notrunc,sparse status=none
    ext_write "$1" "$root_at" $((DISK_SIZE - root_at - (1 << 20))) "$3"
    rm -rf "$tmp/esp" "$2"
}

esp_fstab() {
    echo "UUID=${ESP_ID:0:4}-${ESP_ID:4} $2 vfat umask=0077 0 1" >>"$1/etc/fstab"
}

# efi_grub ROOT FORMAT LOADER: $tmp/efi with an image that finds the root by its UUID, then
# its grub.cfg, as Debian's signed one does.
efi_grub() {
    mkdir -p "$tmp/efi/EFI/BOOT" "$tmp/efi/EFI/debian"
    printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
        "$ROOT_UUID" >"$tmp/efi/EFI/debian/grub.cfg"
    cp "$tmp/efi/EFI/debian/grub.cfg" "$1/early.cfg"
    rootfs_run "$1" grub-mkimage -O "$2" -p /EFI/debian -c /early.cfg -o /grub.efi part_gpt \
        ext2 fat normal linux configfile search search_fs_uuid serial terminal echo test gzio \
        all_video loadenv
    mv "$1/grub.efi" "$tmp/efi/EFI/debian/grubx64.efi"
    cp "$tmp/efi/EFI/debian/grubx64.efi" "$tmp/efi/EFI/BOOT/$3"
    rm "$1/early.cfg"
}

layout_uefi() {
    local root_at

    rootfs_grub "$2" hd0,gpt2
    rm -rf "$2/boot/grub/i386-pc"
    efi_grub "$2" x86_64-efi BOOTX64.EFI
    mkdir "$2/boot/efi"
    esp_fstab "$2" /boot/efi
    esp_disk "$1" 64
    esp_write "$1" "$tmp/efi" "$2"
}

# Nothing of it runs here: the loader is the image that the package brings, and grub.cfg is
# laid out as update-grub writes it.
layout_arm64() {
    local root_at version

    version=$(kernel_version "$2")
    mkdir -p "$2/boot/grub" "$2/boot/efi" "$tmp/efi/EFI/BOOT" "$tmp/efi/EFI/debian"
    cat >"$2/boot/grub/grub.cfg" <<EOF
set default="0"
if [ x"\${feature_menuentry_id}" = xy ]; then
  menuentry_id_option="--id"
else
  menuentry_id_option=""
fi
menuentry 'Debian GNU/Linux' --class debian \$menuentry_id_option 'gnulinux-simple-$ROOT_UUID' {
	insmod gzio
	insmod part_gpt
	insmod ext2
	search --no-floppy --fs-uuid --set=root $ROOT_UUID
	linux	/boot/vmlinuz-$version root=UUID=$ROOT_UUID ro net.ifnames=0 console=ttyAMA0
	initrd	/boot/initrd.img-$version
}
EOF
    printf 'search.fs_uuid %s root\nset prefix=($root)/boot/grub\nconfigfile $prefix/grub.cfg\n' \
        "$ROOT_UUID" >"$tmp/efi/EFI/debian/grub.cfg"
    cp "$2/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi" "$tmp/efi/EFI/debian/"
    cp "$2/usr/lib/grub/arm64-efi/monolithic/grubaa64.efi" "$tmp/efi/EFI/BOOT/BOOTAA64.EFI"
    esp_fstab "$2" /boot/efi
    esp_disk "$1" 64
    esp_write "$1" "$tmp/efi" "$2"
}

# ---- systemd-boot

# kernel-install puts kernels and entries into the folder where the EFI system partition
# will be mounted.
change_bls() {
    local version

    version=$(kernel_version "$1")
    rootfs_add "$1" systemd-boot grub-pc- grub-efi-amd64-bin-
    rm -rf "$1/boot/grub"
    mkdir -p "$1/boot/efi/EFI/systemd" "$1/boot/efi/EFI/BOOT" "$1/boot/efi/loader/entries" \
        "$1/etc/kernel"
    cp "$1/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$1/boot/efi/EFI/systemd/"
    cp "$1/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$1/boot/efi/EFI/BOOT/BOOTX64.EFI"
    printf 'timeout 1\n#console-mode keep\n' >"$1/boot/efi/loader/loader.conf"
    echo "root=UUID=$ROOT_UUID net.ifnames=0 console=tty0 console=ttyS0,115200" \
        >"$1/etc/kernel/cmdline"
    printf 'layout=bls\nBOOT_ROOT=/boot/efi\n' >"$1/etc/kernel/install.conf"
    echo debian >"$1/etc/kernel/entry-token"
    rootfs_run "$1" kernel-install add "$version" "/boot/vmlinuz-$version" \
        "/boot/initrd.img-$version"
    # Paths are those of the partition, which is not mounted here.
    sed -i 's| /boot/efi/| /|' "$1"/boot/efi/loader/entries/*.conf
}

layout_systemd_boot() {
    local root_at

    esp_fstab "$2" /boot/efi
    esp_disk "$1" 128
    mv "$2/boot/efi" "$tmp/efi"
    mkdir "$2/boot/efi"
    esp_write "$1" "$tmp/efi" "$2"
}

# ---- GRUB 0.97, syslinux

change_grub_legacy() {
    rootfs_add "$1" grub-legacy grub-pc- grub-pc-bin- grub-efi-amd64-bin-
    rm -rf "$1/boot/grub" "$1/etc/default/grub"
    mkdir "$1/boot/grub"
    cp "$1"/usr/lib/grub/x86_64-pc/* "$1/boot/grub/"
    printf '(hd0)\t/dev/sda\n' >"$1/boot/grub/device.map"
    mv "$1/usr/sbin/grub-probe" "$tmp/grub-probe"
    cat >"$1/usr/sbin/grub-probe" <<EOF
#!/bin/sh
case "\$* " in
*'device --device'* | *'abstraction'*) ;;
*'fs_uuid '*) echo $ROOT_UUID ;;
*'-t device '*) echo /dev/sda1 ;;
*'-t drive '*) echo '(hd0,0)' ;;
*) exit 1 ;;
esac
EOF
    chmod 755 "$1/usr/sbin/grub-probe"
    # It asks about its menu, and what it asks for is written.
    rootfs_run "$1" update-grub -y
    sed -i "s|^# kopt=.*|# kopt=root=UUID=$ROOT_UUID ro net.ifnames=0 console=ttyS0,115200|;
        s|^timeout.*|timeout 1|" "$1/boot/grub/menu.lst"
    rootfs_run "$1" update-grub -y
    mv "$tmp/grub-probe" "$1/usr/sbin/grub-probe"
    grep -q "^kernel.*root=UUID=$ROOT_UUID" "$1/boot/grub/menu.lst" ||
        die "update-grub wrote no entry"
}

# GRUB's own shell installs it into the disk, as a file.  It reads ext3 with small inodes.
layout_grub_legacy() {
    mbr_disk "$1" "$DISK_SIZE"
    mke2fs -q -F -t ext3 -I 128 -U "$ROOT_UUID" -d "$2" \
        -E "hash_seed=$ROOT_UUID,offset=$((FIRST * SECTOR)),nodiscard,lazy_itable_init=1" \
        "$1" $(((DISK_SIZE - FIRST * SECTOR) / 1024))k
    ln "$1" "$2/disk"
    printf 'device (hd0) /disk\nroot (hd0,0)\nsetup (hd0)\nquit\n' >"$2/commands"
    rootfs_run "$2" sh -c 'grub --batch --no-floppy --device-map=/map </commands'
    grep -q 'succeeded' "$tmp/run.log" || {
        cat "$tmp/run.log" >&2
        die "GRUB's setup failed"
    }
}

syslinux_mbr() {
    dd if="$2/usr/lib/syslinux/mbr/mbr.bin" of="$1" bs=440 count=1 conv=notrunc status=none
}

# Debian has no program that writes this; it is as the manual shows it.
change_extlinux() {
    local version

    version=$(kernel_version "$1")
    rootfs_add "$1" extlinux syslinux-common grub-pc- grub-pc-bin- grub-efi-amd64-bin-
    rm -rf "$1/boot/grub"
    mkdir -p "$1/boot/extlinux"
    cp "$1"/usr/lib/syslinux/modules/bios/*.c32 "$1/boot/extlinux/"
    cat >"$1/boot/extlinux/extlinux.conf" <<EOF
## /boot/extlinux/extlinux.conf
default l0
prompt 0
timeout 10

label l0
	menu label Debian GNU/Linux, kernel $version
	linux ../vmlinuz-$version
	initrd ../initrd.img-$version
	append root=UUID=$ROOT_UUID ro net.ifnames=0 console=ttyS0,115200

label l0r
	menu label Debian GNU/Linux, kernel $version (recovery mode)
	linux ../vmlinuz-$version
	initrd ../initrd.img-$version
	append root=UUID=$ROOT_UUID ro single
EOF
}

# extlinux installs into what is mounted only: the boot record is there, its second stage is
# not, and the disk does not start.
layout_extlinux() {
    mbr_disk "$1" "$DISK_SIZE"
    ext_write "$1" $((FIRST * SECTOR)) $((DISK_SIZE - FIRST * SECTOR)) "$2"
    syslinux_mbr "$1" "$2"
}

# /boot on FAT, with the short names that syslinux was made for.
layout_syslinux() {
    local version size=$((128 << 20)) start

    version=$(kernel_version "$2")
    rootfs_add "$2" syslinux-common grub-pc- grub-pc-bin- grub-efi-amd64-bin-
    rm -rf "$2/boot/grub"
    esp_fstab "$2" /boot
    mkdir "$tmp/boot" "$tmp/boot/syslinux"
    cp "$2/boot/vmlinuz-$version" "$tmp/boot/vmlinuz"
    cp "$2/boot/initrd.img-$version" "$tmp/boot/initrd.img"
    cp "$2/boot/config-$version" "$tmp/boot/"
    cat >"$tmp/boot/syslinux/syslinux.cfg" <<EOF
DEFAULT linux
PROMPT 0
TIMEOUT 10
LABEL linux
  SAY Debian
  KERNEL /vmlinuz
  APPEND initrd=/initrd.img root=UUID=$ROOT_UUID ro net.ifnames=0 console=ttyS0,115200
EOF
    rm -rf "${2:?}"/boot/* "$2"/vmlinuz* "$2"/initrd.img*
    start=$((FIRST + size / SECTOR))
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: dos
label-id: 0x1a2b3c4d
start=$FIRST, size=$((size / SECTOR)), type=c, bootable
start=$start, type=83
EOF
    truncate -s $size "$tmp/fat"
    mkfs.vfat -F 32 -s 1 -i $ESP_ID -n BOOT -h "$FIRST" "$tmp/fat" >/dev/null
    mcopy -s -i "$tmp/fat" "$tmp"/boot/* ::
    syslinux --install --directory /syslinux "$tmp/fat"
    dd if="$tmp/fat" of="$1" bs=1M seek=$((FIRST / 2048)) conv=notrunc,sparse status=none
    rm -rf "$tmp/fat" "${tmp:?}/boot"
    ext_write "$1" $((start * SECTOR)) $((DISK_SIZE - start * SECTOR)) "$2"
    syslinux_mbr "$1" "$2"
}
