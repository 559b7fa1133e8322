#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# matrix.sh [NAME...]: how each kind of Debian starts, and whether a cloud takes it
#
# Without names: those that `make check` builds.  `matrix.sh matrix` looks at the full matrix.
. "$(dirname "$0")/../lib.sh"
requires jq

# What generic-kvm says; loader, the settings it was read from; system, architecture, init;
# initramfs: compressor, tool, where virtio_blk is; where the root lies.
table='
trixie           ok   grub2 /boot/grub/grub.cfg 13 x86_64 systemd zstd initramfs-tools initramfs partition_1
dracut           ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd gzip dracut initramfs partition_1
usr              ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
systemd-boot     ok   systemd-boot /boot/efi/loader/loader.conf 12 x86_64 systemd zstd initramfs-tools initramfs partition_2
matrix-bullseye  ok   grub2 /boot/grub/grub.cfg 11 x86_64 systemd gzip initramfs-tools initramfs partition_1
matrix-bookworm-i386 ok grub2 /boot/grub/grub.cfg 12 i386 systemd zstd initramfs-tools initramfs partition_1
matrix-bookworm-arm64 ok grub2 /boot/grub/grub.cfg 12 arm64 systemd zstd initramfs-tools initramfs partition_2
matrix-trixie-arm64 ok grub2 /boot/grub/grub.cfg 13 arm64 systemd zstd initramfs-tools initramfs partition_2
matrix-trixie-uefi ok grub2 /boot/grub/grub.cfg 13 x86_64 systemd zstd initramfs-tools initramfs partition_2
matrix-gzip      ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd gzip initramfs-tools initramfs partition_1
matrix-xz        ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd xz initramfs-tools initramfs partition_1
matrix-lz4       ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd lz4 initramfs-tools initramfs partition_1
matrix-lzo       ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd lzo initramfs-tools initramfs partition_1
matrix-bzip2     ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd bzip2 initramfs-tools initramfs partition_1
matrix-lzma      ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd lzma initramfs-tools initramfs partition_1
matrix-dep       ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
matrix-dep-ide   Virt grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools module partition_1
matrix-list      ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
matrix-dracut-hostonly ok grub2 /boot/grub/grub.cfg 12 x86_64 systemd gzip dracut initramfs partition_1
matrix-dracut-ide Virt grub2 /boot/grub/grub.cfg 12 x86_64 systemd gzip dracut module partition_1
matrix-dracut-trixie ok grub2 /boot/grub/grub.cfg 13 x86_64 systemd zstd dracut initramfs partition_1
matrix-tiny      ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd gzip tiny-initramfs initramfs partition_1
matrix-sysvinit  ok   grub2 /boot/grub/grub.cfg 12 x86_64 sysvinit zstd initramfs-tools initramfs partition_1
matrix-kernels   ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
matrix-boot      ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_2
matrix-var       ok   grub2 /boot/grub/grub.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
matrix-usr-bullseye ok grub2 /boot/grub/grub.cfg 11 x86_64 systemd gzip initramfs-tools initramfs partition_1
matrix-grub-legacy ok grub-legacy /boot/grub/menu.lst 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
matrix-extlinux  Part extlinux /boot/extlinux/extlinux.conf 12 x86_64 systemd zstd initramfs-tools initramfs partition_1
matrix-syslinux  ok   syslinux /boot/syslinux/syslinux.cfg 12 x86_64 systemd zstd initramfs-tools initramfs partition_2
'

verdict() {
    case $1 in
    ok) expect 0 imgport check --json --profile generic-kvm "$2" ;;
    Virt)
        expect 1 imgport check --json --profile generic-kvm "$2" &&
            same code VirtioNotInstall "$(jq -r .code "$work/out")"
        ;;
    Part)
        expect 1 imgport check --json --profile generic-kvm "$2" &&
            same code PartitionNotPresent "$(jq -r .code "$work/out")"
        ;;
    esac || {
        jq -c '.findings[] | select(.level == "error")' "$work/out"
        return 1
    }
}

# Whatever the loader: its entry leads to files that are there, and to this root; one kernel is
# the default, that one; and everything could be looked at.
starts() {
    jq -e '.facts | (.boot | .kernel_exists and .initramfs_exists and .root_resolves
                             and .root_by_id and .problem == "" and (.boot_missing | not))
        and ([.kernels[] | select(.default) | .image] == [.boot.kernel])
        and .kernels[0].initramfs == .boot.initramfs and .kernels[0].initramfs_size > 0
        and .kernels[0].distribution
        and .problems == []' "$work/out" >/dev/null || {
        jq -c '.facts | .boot, .kernels[0], .problems' "$work/out"
        return 1
    }
}

row() {
    jq -r '.facts | [.boot.loader, .boot.config, .os.version, .os.arch, .os.init,
        (.kernels[0] | .initramfs_format, .initramfs_tool, .drivers.virtio_blk),
        (.root.device | sub(" "; "_"))] | join(" ")' "$work/out"
}

# The default is not the newest kernel, and both are told.
older_kernel() {
    same 'newer than the default' true "$(jq '.facts | [.kernels[] | .version |
        split("-")[1] | tonumber] | .[0] < .[1]' "$work/out")" &&
        same 'its initramfs' true "$(jq '.facts.kernels | length == 2
            and all(.initramfs == "/boot/initrd.img-" + .version)' "$work/out")"
}

looked_at=0
while read -r name want wants; do
    [ -n "$name" ] || continue
    case $name in
    matrix-*) [ "${1-}" = matrix ] || continue ;;
    *) [ "${1-}" = '' ] || continue ;;
    esac
    looked_at=$((looked_at + 1))
    file=$(guest "$name")
    case_ "$name by generic-kvm: $want" verdict "$want" "$file"
    case_ "$name: the default entry leads to files and a root that are there" starts
    case_ "$name: how it starts" same '' "$wants" "$(row)"
    [ "$name" != matrix-kernels ] || case_ 'an older kernel is the default' older_kernel
done <<<"$table"

all_here() {
    same 'guests of the matrix' "$("$tests/guests/build.sh" --list matrix | wc -l)" "$looked_at"
}
[ "${1-}" != matrix ] || case_ 'the table has every guest of the matrix' all_here

finish
