#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make.sh: small images with a whole guest in them, for mutations
#
# Run once, and what it made is kept in images/: a mutant is an image and a seed, so the
# image must stay what it is.  Needs /dev/fuse (ntfs-3g) and the tools of every format.
set -euo pipefail
cd "$(dirname "$0")"
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
guests=$PWD/../guests
images=$PWD/images
work=$(mktemp -d)
root=$work/root
windows=$work/windows
trap 'umount "$work/mount" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir -p "$images" "$root" "$windows" "$work/mount"

version=6.1.0-1-amd64
modules=lib/modules/$version
id=6a8e1c52-94d3-4d5e-9b1e-0d7f3c2b5a0

# put FILE: standard input becomes a file.
put() {
    mkdir -p "$(dirname "$1")"
    cat >"$1"
}

keep() { zstd -q -19 --long=27 -f "$work/disk" -o "$images/$1.img.zst"; }

# ---- trees

# A tree that needs more than one block of everything.
odd_files() {
    local i
    mkdir -p "$1/many" "$1/deep/er/and/deeper"
    for i in $(seq 90); do echo "$i" >"$1/many/a-name-that-is-long-enough-to-fill-blocks-$i"; done
    echo deep >"$1/deep/er/and/deeper/file"
    seq 12000 >"$1/numbers"
    for i in $(seq 0 39); do
        printf 'piece %d' "$i" | dd of="$1/pieces" bs=1 seek=$((i * 9000)) conv=notrunc status=none
    done
    truncate -s 1M "$1/hole"
}

system() {
    mkdir -p "$root"/{bin,etc,sbin,boot/grub,var/log,home,root,usr/bin}
    printf 'ID=debian\nVERSION_ID="12"\nNAME="Debian GNU/Linux"\n' | put "$root/etc/os-release"
    # ELF, 64 bits, e_machine 62
    printf '\177ELF\2\1\1\0\0\0\0\0\0\0\0\0\2\0\076\0\0\0\0\0' | put "$root/usr/lib/systemd/systemd"
    ln -s ../usr/lib/systemd/systemd "$root/sbin/init"
    printf 'LABEL=root / auto defaults 0 1\nUUID=%s1 /boot auto nofail 0 2\n/swap none swap sw 0 0\n' \
        "$id" | put "$root/etc/fstab"
    printf 'root:*:1:0:99999:7:::\n' | put "$root/etc/shadow"
    printf 'auto eth0\niface eth0 inet dhcp\n' | put "$root/etc/network/interfaces"
    printf '#!/usr/bin/python3\n' | put "$root/usr/bin/cloud-init"
    printf 'datasource_list: [ ConfigDrive ]\n' | put "$root/etc/cloud/cloud.cfg"
    printf '[Unit]\n' | put "$root/usr/lib/systemd/system/cloud-init.service"
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s /usr/lib/systemd/system/cloud-init.service \
        "$root/etc/systemd/system/multi-user.target.wants/"
    printf 'Package: cloud-init\nStatus: install ok installed\nVersion: 22.4.2-1\n\n' |
        put "$root/var/lib/dpkg/status"
    odd_files "$root/home"
    ln -s "/$(printf 'x%.0s' $(seq 200))" "$root/home/link"
}

kernel() {
    local driver
    printf 'kernel\n' | put "$root/boot/vmlinuz-$version"
    printf 'CONFIG_EXT4_FS=y\n' | put "$root/boot/config-$version"
    printf 'kernel/fs/ext4/ext4.ko\n' | put "$root/$modules/modules.builtin"
    for driver in virtio_blk virtio_net virtio_pci virtio_scsi; do
        printf 'CONFIG_%s=m\n' "${driver^^}" >>"$root/boot/config-$version"
        printf 'module\n' | put "$root/$modules/kernel/drivers/$driver.ko"
        printf 'kernel/drivers/%s.ko:\n' "$driver" >>"$root/$modules/modules.dep"
    done
    mkdir -p "$work/early/kernel/x86/microcode"
    head -c 3000 /dev/zero >"$work/early/kernel/x86/microcode/x.bin"
    (cd "$work/early" && find . | LC_ALL=C sort | cpio -o -H newc --quiet) >"$work/early.cpio"
    (cd "$root" && find "$modules" home/deep sbin | LC_ALL=C sort | cpio -o -H newc --quiet) \
        >"$work/main.cpio"
    { cat "$work/early.cpio"; zstd -q <"$work/main.cpio"; } | put "$root/boot/initrd.img-$version"
    put "$root/boot/grub/grub.cfg" <<END
set default=0
menuentry 'Debian' {
    search --no-floppy --label root --set=root
    linux /boot/vmlinuz-$version root=LABEL=root ro rootflags=subvol=@
    initrd /boot/initrd.img-$version
}
END
}

# hive FILE: standard input, as hivexregedit has it, becomes a hive.
hive() {
    mkdir -p "$(dirname "$1")"
    python3 "$guests/empty_hive.py" "$1"
    { printf 'Windows Registry Editor Version 5.00\n\n'; cat; } >"$work/reg"
    hivexregedit --merge --encoding UTF-8 "$1" "$work/reg"
}

hives() {
    local i config=$windows/Windows/System32/config
    {
        printf '[\\Select]\n"Current"=dword:00000001\n"Default"=dword:00000001\n\n'
        printf '[\\MountedDevices]\n"\\\\DosDevices\\\\C:"=hex:01,02,03,04,00,00,10,00,00,00,00,00\n\n'
        printf '[\\ControlSet001]\n\n[\\ControlSet001\\Control]\n\n[\\ControlSet001\\Services]\n\n'
        for i in viostor vioscsi netkvm disk partmgr; do
            printf '[\\ControlSet001\\Services\\%s]\n"Start"=dword:00000000\n' "$i"
            printf '"ImagePath"=str(2):"system32\\\\drivers\\\\%s.sys"\n\n' "$i"
        done
        for i in $(seq 150); do
            printf '[\\ControlSet001\\Services\\service%s]\n"Start"=dword:%08x\n\n' "$i" $((i % 5))
        done
    } | hive "$config/SYSTEM"
    {
        printf '[\\Microsoft]\n\n[\\Microsoft\\Windows NT]\n\n[\\Microsoft\\Windows NT\\CurrentVersion]\n'
        printf '"ProductName"="Windows Server 2016 Standard"\n"CurrentBuild"="14393"\n'
        printf '"EditionID"="ServerStandard"\n"InstallationType"="Server"\n'
        printf '"CurrentMajorVersionNumber"=dword:0000000a\n"Long"="%s"\n' "$(printf 'x%.0s' $(seq 3000))"
    } | hive "$config/SOFTWARE"
}

windows() {
    local i
    hives
    for i in viostor vioscsi netkvm; do
        printf 'MZ' | put "$windows/Windows/System32/drivers/$i.sys"
    done
    printf 'MZ' | put "$windows/Windows/System32/ntoskrnl.exe"
    printf 'boot' | put "$windows/bootmgr"
    printf 'wide' | put "$windows/日本語 😀"
    odd_files "$windows/Users"
}

# ---- disks

mbr() {
    rm -f "$work/disk"
    truncate -s "$1" "$work/disk"
    printf 'label: dos\nlabel-id: 0x1a2b3c4d\nstart=2048, type=%s, bootable\n' "$2" | sfdisk -q "$work/disk"
}

# into FILE OFFSET: FILE's bytes become a part of the disk.
into() { dd if="$1" of="$work/disk" bs=1M oflag=seek_bytes seek="$2" conv=notrunc,sparse status=none; }

ext() {
    mbr 13M 83
    mke2fs -q -F -L root -U "${id}1" -E "hash_seed=${id}1,offset=1048576" -N 512 -d "$root" "${@:2}" \
        "$work/disk" 12M
    keep "$1"
}

# As mkfs.xfs reads it.
protofile() {
    python3 - "$1" <<'END'
import os, sys
def entries(path):
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        mode = '%03o 0 0' % (os.lstat(full).st_mode & 0o777)
        if os.path.islink(full):
            print(name, 'l--' + mode, os.readlink(full))
        elif os.path.isdir(full):
            print(name, 'd--' + mode)
            entries(full)
            print('$')
        else:
            print(name, '---' + mode, full)
print('-\n0 0\nd--755 0 0')
entries(sys.argv[1])
print('$')
END
}

xfs() {
    protofile "$root" >"$work/proto"
    rm -f "$work/part"
    truncate -s 40M "$work/part"
    mkfs.xfs -q --unsupported -L root -d agcount=2 -l size=10m "${@:2}" -p "$work/proto" "$work/part"
    mbr 41M 83
    into "$work/part" 1048576
    keep "$1"
}

btrfs() {
    rm -f "$work/part"
    truncate -s 128M "$work/part"
    mkfs.btrfs -q -L root --rootdir "$root" "${@:2}" "$work/part" >/dev/null
    mbr 129M 83
    into "$work/part" 1048576
    keep "$1"
}

ntfs() {
    rm -f "$work/part"
    truncate -s 12M "$work/part"
    mkntfs -F -Q -q -c "$2" -p 2048 -s 512 "$work/part" >/dev/null
    ntfs-3g -o compression "$work/part" "$work/mount" </dev/null
    mkdir "$work/mount/packed"
    setfattr -h -v 0x00000800 -n system.ntfs_attrib_be "$work/mount/packed"
    seq 9000 >"$work/mount/packed/numbers"
    cp -r --no-preserve=mode,ownership "$windows"/. "$work/mount/"
    umount "$work/mount"
    mbr 13M 7
    into "$work/part" 1048576
    keep "$1"
}

fat() {
    rm -f "$work/part"
    truncate -s "$2" "$work/part"
    mkfs.vfat -i 5E5F0001 -n ESP "${@:3}" "$work/part" >/dev/null
    mmd -i "$work/part" ::EFI ::EFI/BOOT ::EFI/debian
    mcopy -s -i "$work/part" "$root/boot/grub" "$root/home/many" ::/
    mcopy -i "$work/part" "$root/home/numbers" ::EFI/BOOT/BOOTX64.EFI
    mbr "$(($(stat -c %s "$work/part") + 1048576))" ef
    into "$work/part" 1048576
    keep "$1"
}

# An EFI system partition, and a root.
gpt() {
    rm -f "$work/part" "$work/disk"
    truncate -s 2M "$work/part"
    mkfs.vfat -i 5E5F0001 -n ESP "$work/part" >/dev/null
    mmd -i "$work/part" ::EFI ::EFI/BOOT
    mcopy -i "$work/part" "$root/boot/grub/grub.cfg" ::EFI/BOOT/BOOTX64.EFI
    truncate -s 16M "$work/disk"
    sfdisk -q "$work/disk" <<END
label: gpt
label-id: 5d0b6f51-3d0e-4a53-8d7e-0c2f4a1e9b11
start=2048, size=4096, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, uuid=${id}2
start=6144, size=24576, type=0FC63DAF-8483-4772-8E79-3D69D8477DE4, uuid=${id}3
END
    into "$work/part" 1048576
    mke2fs -q -F -t ext4 -L root -U "${id}1" -E "hash_seed=${id}1,offset=$((6144 * 512))" -d "$root" \
        "$work/disk" 12M
    keep "$1"
}

# lvm NAME PVS VOLUME: the root in extents of 4 MiB on partitions.
lvm() {
    rm -f "$work/part"
    truncate -s 12M "$work/part"
    mke2fs -q -F -t ext4 -b 1024 -L root -U "${id}1" -E "hash_seed=${id}1" -d "$root" "$work/part"
    rm -f "$work/disk"
    truncate -s 44M "$work/disk"
    printf 'label: dos\nstart=2048, size=40960, type=8e\nstart=43008, type=8e\n' | sfdisk -q "$work/disk"
    python3 "$guests/lvm.py" "$work/disk" debian-vg "$2" "{\"root\": {\"file\": \"$work/part\", \"segments\": $3},
        \"swap_1\": {\"segments\": [[1, [[0, 3]]]]}}"
    keep "$1"
}

container() {
    rm -f "$work/container"
    qemu-img convert "${@:2}" "$work/good" "$work/container"
    mv "$work/container" "$work/disk"
    keep "$1"
}

system
kernel
windows
ext ext2-1k -t ext2 -b 1024
ext ext3-4k -t ext3 -b 4096 -J size=4
ext ext4-csum -t ext4 -b 1024 -J size=1
ext ext4-plain -t ext4 -b 1024 -J size=1 -O ^metadata_csum,^64bit
ext ext4-inline -t ext4 -b 4096 -I 512 -O inline_data,ea_inode,^has_journal
cp "$work/disk" "$work/good"
gpt gpt-ext4
xfs xfs-v4 -m crc=0
xfs xfs-v5 -m rmapbt=1,reflink=1 -i nrext64=1 -b size=1024
btrfs btrfs-guest -n 4096 -s 4096
btrfs btrfs-sha256 --csum sha256
ntfs ntfs-512 512
ntfs ntfs-4k 4096
fat fat-12 2M
fat fat-16 12M -F 16 -s 1
fat fat-32 36M -F 32 -s 1
lvm lvm-linear '[[2048, 40960], [43008, 45056]]' '[[2, [[0, 1]]], [1, [[1, 0]]]]'
lvm lvm-striped '[[2048, 40960], [43008, 45056]]' '[[1, [[0, 0]]], [2, [[0, 1], [1, 0]]]]'
container qcow2-v3 -O qcow2 -o cluster_size=4096
container qcow2-extended -O qcow2 -o extended_l2=on,cluster_size=16384
container qcow2-zlib -c -O qcow2
container qcow2-zstd -c -O qcow2 -o compression_type=zstd,cluster_size=32768
container vhd-dynamic -O vpc
container vhd-fixed -O vpc -o subformat=fixed
container vmdk-sparse -O vmdk
container vmdk-stream -O vmdk -o subformat=streamOptimized
for name in SYSTEM SOFTWARE; do
    cp "$windows/Windows/System32/config/$name" "$work/disk"
    keep "hive-${name,,}"
done
while IFS='|' read -r name command; do
    read -ra pack <<<"$command"
    { cat "$work/early.cpio"; "${pack[@]}" <"$work/main.cpio"; } >"$work/disk"
    keep "cpio-${name// /}"
done <<'END'
none  | cat
gzip  | gzip -9 -n -c
xz    | xz --check=crc32 -c
zstd  | zstd -q -c
lz4   | lz4 -l -q -c
lzo   | lzop -c
bzip2 | bzip2 -c
lzma  | lzma -c
END
ls -l "$images"
