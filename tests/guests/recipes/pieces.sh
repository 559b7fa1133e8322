# shellcheck shell=bash disable=SC2034,SC2154 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# pieces.sh: systems whose root is put together when they start, and a unified kernel image
#
# Images of their makers cannot be had here.  Programs, modules, kernels and archives are
# Debian's, filesystems are the tools' own; where things lie, what they are called and the
# settings of the loader are laid out as Container Linux and Fedora CoreOS document them.

# pieces_identity ROOT ID VERSION NAME: os-release, and the program that Ignition is.
pieces_identity() {
    printf 'NAME="%s"\nID=%s\nVERSION=%s\nVERSION_ID=%s\nPRETTY_NAME="%s %s"\n' "$4" "$2" "$3" "$3" \
        "$4" "$3" >"$1/usr/lib/os-release"
    cp "$1/usr/bin/true" "$1/usr/bin/ignition"
}

pieces_grub_cfg() {
    cat <<'END'
set prefix=($root)/flatcar/grub
set default="flatcar"
set timeout=1
set linux_root="root=LABEL=ROOT"
set linux_console="console=ttyS0,115200n8 console=tty0"
set first_boot=""
set oem_id=""
search --no-floppy --set oem --part-label OEM --hint "$root"
if [ -n "$oem" -a -f "($oem)/grub.cfg" ]; then
    source "($oem)/grub.cfg"
fi
if [ -f "($root)/flatcar/first_boot" ]; then
    set first_boot="flatcar.first_boot=detected"
fi
if [ -n "$oem_id" ]; then
    set oem_id="flatcar.oem.id=$oem_id"
fi
set linux_cmdline="rootflags=rw mount.usrflags=ro $linux_root $linux_console $first_boot $oem_id"
function gptprio {
    gptprio.next -d usr_device -u usr_uuid
    set gptprio_cmdline="mount.usr=/dev/mapper/usr verity.usr=PARTUUID=$usr_uuid"
    if [ "$usr_uuid" = "7130c94a-213a-4e5a-8e26-6cce9662f132" ]; then
        set gptprio_kernel="/flatcar/vmlinuz-a"
    else
        set gptprio_kernel="/flatcar/vmlinuz-b"
    fi
}
menuentry "Flatcar default" --id=flatcar --unrestricted {
    gptprio
    linux $gptprio_kernel $gptprio_cmdline $linux_cmdline
}
END
}

# Flatcar before its first start: USR-A an ext2 that nobody may write to, ROOT empty, the
# kernel with its initramfs within on the EFI system partition.
disk_coreos() {
    local root=$tmp/root version usr_at=$((FIRST + 67 * 2048)) usr_size=$((1 << 30)) at

    rootfs_unpack bookworm "$root"
    version=$(kernel_version "$root")
    pieces_identity "$root" flatcar 4230.2.1 'Flatcar Container Linux by Kinvolk'
    mkdir -p "$root/usr/share/flatcar" "$root/usr/boot" "$root/usr/lib/modules/$version/build" \
        "$tmp/efi/flatcar/grub" "$tmp/efi/EFI/boot" "$tmp/oem" "$tmp/empty"
    echo 'FLATCAR_RELEASE_VERSION=4230.2.1' >"$root/usr/share/flatcar/release"
    mv "$root/boot/config-$version" "$root/usr/lib/modules/$version/build/.config"
    ln -s "../lib/modules/$version/build/.config" "$root/usr/boot/config-$version"
    printf '[Network]\nDHCP=yes\n' >"$root/usr/lib/systemd/network/zz-default.network"
    rm -f "$root"/usr/bin/cloud-init*
    pieces_grub_cfg >"$tmp/grub.cfg"
    tar -C "$tmp" --format=ustar --owner=0 --group=0 --mtime=@1700000000 -cf \
        "$tmp/efi/flatcar/grub/grub.cfg.tar" grub.cfg
    "$here/embed.py" "$root/boot/vmlinuz-$version" "$root/boot/initrd.img-$version" \
        >"$tmp/efi/flatcar/vmlinuz-a"
    : >"$tmp/efi/flatcar/first_boot"
    cp "$root/usr/lib/grub/i386-pc/boot.img" "$tmp/efi/EFI/boot/bootx64.efi"
    # shellcheck disable=SC2016 # GRUB's
    echo 'set oem_id="openstack"' >"$tmp/oem/grub.cfg"
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 00000000-0000-0000-0000-000000000001
start=$FIRST, size=65MiB, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, name=EFI-SYSTEM
size=2MiB, type=21686148-6449-6E6F-744E-656564454649, name=BIOS-BOOT
start=$usr_at, size=1GiB, type=5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6, name=USR-A, uuid=7130c94a-213a-4e5a-8e26-6cce9662f132, attrs="GUID:48,56"
size=256MiB, type=5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6, name=USR-B, uuid=e03dd35c-7c2d-4a47-b3fe-27f15780a57c
size=128MiB, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=OEM
type=3884DD41-8582-4404-B9A8-E9B84F2DF50E, name=ROOT
EOF
    dd if="$root/usr/lib/grub/i386-pc/boot.img" of="$1" bs=440 count=1 conv=notrunc status=none
    truncate -s 65M "$tmp/esp"
    mkfs.vfat -F 32 -s 1 -i "$ESP_ID" -n EFI-SYSTEM "$tmp/esp" >/dev/null
    mcopy -s -i "$tmp/esp" "$tmp"/efi/* ::
    dd if="$tmp/esp" of="$1" bs=1M seek=$((FIRST / 2048)) conv=notrunc,sparse status=none
    at=$((usr_at * SECTOR))
    mke2fs -q -F -t ext2 -b 4096 -m 0 -L USR-A -U "$BOOT_UUID" -E "offset=$at,nodiscard" \
        -d "$root/usr" "$1" $(((usr_size >> 10) - 16384))k
    poke "$1" $((at + 1024 + 0x67)) 1 255 # bits of features that no writer knows
    at=$((at + usr_size + (256 << 20)))
    ROOT_UUID=0d1c2b3a-4958-4677-8695-a4b3c2d1e0f1 ext_write "$1" $at $((128 << 20)) "$tmp/oem"
    tune_label "$1" $at OEM
    at=$((at + (128 << 20)))
    ext_write "$1" $at $((DISK_SIZE - at - (1 << 20))) "$tmp/empty"
    tune_label "$1" $at ROOT
    rm -rf "$root" "$tmp/efi" "$tmp/esp" "$tmp/oem" "$tmp/empty" "$tmp/grub.cfg"
}

# tune_label FILE OFFSET LABEL: of an ext filesystem without checksums over its superblock, or
# with them, whose tool sees to it.
tune_label() {
    debugfs -w -R "set_super_value volume_name $3" "$1?offset=$2" >/dev/null 2>&1
}

# Fedora CoreOS before its first start: /boot on ext4, XFS with one deployment, entries of BLS.
disk_ostree() {
    local root=$tmp/root top=$tmp/top version sum boot=$tmp/boot deployed
    local boot_size=$((384 << 20)) start=$((FIRST + 2 * 2048))

    rootfs_unpack bookworm "$root"
    version=$(kernel_version "$root")
    sum=$(printf 'ostree %s' "$version" | sha256sum | cut -d' ' -f1)
    pieces_identity "$root" fedora 40 'Fedora Linux'
    rm -f "$root"/usr/bin/cloud-init* "$root/etc/fstab"
    deployed=$top/ostree/deploy/fedora-coreos/deploy/$sum.0
    mkdir -p "$boot/ostree/fedora-coreos-$sum" "$boot/loader.1/entries" "$boot/grub2" \
        "$(dirname "$deployed")" "$top/ostree/boot.1.1/fedora-coreos/$sum" "$top/ostree/repo"
    mv "$root/boot/vmlinuz-$version" "$root/boot/initrd.img-$version" "$boot/ostree/fedora-coreos-$sum/"
    mv "$root/boot/config-$version" "$root/usr/lib/modules/$version/config"
    rm -rf "${root:?}/boot"
    mv "$root/var" "$top/ostree/deploy/fedora-coreos/var"
    mkdir "$root/boot" "$root/var" "$root/sysroot"
    mv "$root" "$deployed"
    ln -s "../../../deploy/fedora-coreos/deploy/$sum.0" "$top/ostree/boot.1.1/fedora-coreos/$sum/0"
    ln -s boot.1.1 "$top/ostree/boot.1"
    ln -s loader.1 "$boot/loader"
    : >"$boot/ignition.firstboot"
    cat >"$boot/loader.1/entries/ostree-1-fedora-coreos.conf" <<EOF
title Fedora Linux (ostree:0)
version 1
options \$ignition_firstboot ostree=/ostree/boot.1/fedora-coreos/$sum/0 ignition.platform.id=openstack console=ttyS0
linux /ostree/fedora-coreos-$sum/vmlinuz-$version
initrd /ostree/fedora-coreos-$sum/initrd.img-$version
EOF
    cat >"$boot/grub2/grub.cfg" <<'EOF'
search --label boot --set boot --no-floppy
set root=$boot
if [ -f ${config_directory}/grubenv ]; then
  load_env -f ${config_directory}/grubenv
fi
set timeout=1
set ignition_firstboot=""
if [ -f "/ignition.firstboot" ]; then
    set ignition_firstboot="ignition.firstboot"
fi
blscfg
EOF
    truncate -s "$DISK_SIZE" "$1"
    sfdisk -q "$1" <<EOF
label: gpt
label-id: 00000000-0000-4000-a000-000000000001
start=$FIRST, size=2MiB, type=21686148-6449-6E6F-744E-656564454649, name=BIOS-BOOT
start=$start, size=$((boot_size / SECTOR)), type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=boot
type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, name=root
EOF
    dd if="$deployed/usr/lib/grub/i386-pc/boot.img" of="$1" bs=440 count=1 conv=notrunc status=none
    ROOT_UUID=$BOOT_UUID ext_write "$1" $((start * SECTOR)) $boot_size "$boot"
    tune_label "$1" $((start * SECTOR)) boot
    mv "$top" "$tmp/root"
    xfs_fill "$1" 3 'umount /mnt/root' -L root
    rm -rf "$boot"
}

# systemd-boot with a unified image, as ukify makes it of systemd's stub, and no other entry.
disk_uki() {
    local root=$tmp/root version at=65536 root_at name file sections=()

    rootfs_unpack bookworm "$root"
    change_bls "$root"
    version=$(kernel_version "$root")
    mkdir -p "$root/boot/efi/EFI/Linux"
    echo "root=UUID=$ROOT_UUID net.ifnames=0 console=tty0 console=ttyS0,115200" >"$tmp/cmdline"
    echo "$version" >"$tmp/uname"
    cp "$root/usr/lib/os-release" "$tmp/osrel"
    mv "$root/boot/vmlinuz-$version" "$tmp/linux"
    mv "$root/boot/initrd.img-$version" "$tmp/initrd"
    # Behind what the stub itself takes of memory, each on a page.
    at=$((0x1000000))
    for name in osrel cmdline uname linux initrd; do
        file=$tmp/$name
        sections+=(--add-section ".$name=$file" --change-section-vma ".$name=$at")
        at=$(((at + $(stat -c %s "$file") + 4095) / 4096 * 4096))
    done
    objcopy "${sections[@]}" "$root/usr/lib/systemd/boot/efi/linuxx64.efi.stub" \
        "$root/boot/efi/EFI/Linux/debian-$version.efi"
    rm -rf "$root/boot/efi/loader/entries" "$root/boot/efi/debian"
    layout_systemd_boot "$1" "$root"
}
