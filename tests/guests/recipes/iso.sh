# shellcheck shell=bash disable=SC2154,SC2016 # build.sh sets tmp and here
# SPDX-License-Identifier: GPL-2.0-or-later
# iso.sh: installer media

# The tree of an installer medium, as Debian lays it out.
iso_tree() {
    rootfs_unpack bookworm "$tmp/root" ./boot ./usr/lib/grub/i386-pc
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
