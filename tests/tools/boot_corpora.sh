#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# boot_corpora.sh DIR: the seeds of the fuzz targets initramfs, cpio, grubcfg and modules, as
# they lie in tests/fuzz/corpora.  Small on purpose; what fuzzing found lies beside them.
set -euo pipefail
out=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out"/{initramfs,cpio,grubcfg,modules} "$work/a/etc/modprobe.d" "$work/a/lib" "$work/b"

echo 'blacklist virtio_blk' >"$work/a/etc/modprobe.d/c.conf"
seq 200 >"$work/a/lib/virtio_blk.ko"
ln -s lib "$work/a/usr"
ln "$work/a/lib/virtio_blk.ko" "$work/a/lib/hard link"
: >"$work/b/microcode"
find "$work" -exec touch -h -d @0 {} +
archive() { (cd "$work/$1" && find . | LC_ALL=C sort | cpio -o -H "$2" --quiet --reproducible); }
archive a newc >"$work/a.newc"
archive b newc >"$work/b.newc"

archive a newc >"$out/initramfs/newc"
archive a crc >"$out/initramfs/crc"
archive a odc >"$out/initramfs/odc"
gzip -9n <"$work/a.newc" >"$out/initramfs/gzip"
bzip2 <"$work/a.newc" >"$out/initramfs/bzip2"
xz --check=crc32 --x86 --lzma2=dict=64KiB <"$work/a.newc" >"$out/initramfs/xz"
lzma -1 <"$work/a.newc" >"$out/initramfs/lzma"
zstd -q <"$work/a.newc" >"$out/initramfs/zstd"
zstd -q --no-check -19 <"$work/a.newc" >"$out/initramfs/zstd-19"
lz4 -l -q <"$work/a.newc" >"$out/initramfs/lz4"
lzop -F <"$work/a.newc" >"$out/initramfs/lzo"
cat "$work/b.newc" "$out/initramfs/zstd" >"$out/initramfs/early"
cat "$out/initramfs/gzip" "$out/initramfs/xz" "$out/initramfs/lzo" >"$out/initramfs/row"
{ cat "$out/initramfs/lz4"; head -c 8 /dev/zero; cat "$out/initramfs/bzip2"; } \
    >"$out/initramfs/padded"
{ cat "$work/b.newc"; printf 'a = 1\n\0\0\010\0\0\0sum!#BOOTCONFIG\n'; } >"$out/initramfs/bootconfig"

for n in 1 2 110; do
    { printf %b "\\x$(printf %02x "$n")"; cat "$work/a.newc"; } >"$out/cpio/newc-$n"
done
{ printf '\0'; cat "$work/b.newc" "$work/b.newc"; } >"$out/cpio/two"

# seed NAME BYTE: standard input behind the byte that chooses the loader
seed() { { printf %b "\\x$2"; cat; } >"$out/grubcfg/$1"; }
seed grub 00 <<'END'
if [ -s $prefix/grubenv ]; then load_env; fi
if [ "${next_entry}" ] ; then set default="${next_entry}"; else set default="1>d"; fi
if [ x"${feature_menuentry_id}" = xy ]; then menuentry_id_option="--id"; fi
function video { if [ x$grub_platform = xpc -o ! -f /a ]; then insmod vga; fi; }
menuentry 'a' --class b $menuentry_id_option 'c' { video; linux /vmlinuz "x y" $1; initrd /initrd; }
submenu "more \"b\"" { menuentry d {
search --no-floppy --fs-uuid --set=root --hint-bios=hd0,msdos1 11111111-2222-3333-4444-555555555555
linux16 ($root)/vmlinuz root=UUID=11111111-2222-3333-4444-555555555555 \
  console=ttyS0
} }
END
seed loops 00 <<'END'
for i in a b c; do if test $i = b; then break; fi; done
while [ ${#n} -lt 3 ]; do n="${n}x"; if [ "$n" = xxx ]; then return; fi; done
until true; do true; done
menuentry "$@" { configfile /x; }
END
seed legacy 01 <<'END'
default=1
title a
	root (hd0,0)
	kernel --no-mem /vmlinuz ro
title b
	uuid 11111111-2222-3333-4444-555555555555
	kernel (hd0,0)/vmlinuz root=/dev/sda1
	initrd /initrd
END
seed extlinux 02 <<'END'
DEFAULT menu.c32
INCLUDE extlinux.conf
LABEL a
  MENU DEFAULT
  LINUX ../../vmlinuz one
  APPEND root=/dev/vda1 initrd=/initrd,/initrd
ONTIMEOUT a
END
seed loader 03 <<<'default 0123-*'
seed bls 04 <<'END'
title a
version 5.4
linux /vmlinuz
initrd /initrd $tuned_initrd
options $kernelopts root=/dev/vda1
END
printf '# GRUB Environment Block\nsaved_entry=c>d\nkernelopts=root=LABEL=root ro\n####' |
    seed env 05
seed map 06 <<<'(hd0) /dev/sda'

{
    printf 'kernel/virtio.ko:\nkernel/virtio_ring.ko: kernel/virtio.ko\n'
    printf 'kernel/virtio_blk.ko: kernel/virtio_ring.ko kernel/virtio.ko\n'
    printf '\xffkernel/fs/ext4/ext4.ko\n'
    printf '\xffCONFIG_VIRTIO_BLK=m\nCONFIG_EXT4_FS=y\n# CONFIG_XEN is not set\n'
    printf '\xffblacklist virtio-blk\ninstall ena /bin/true\n\xff'
    cat "$work/b.newc"
} >"$out/modules/all"
printf 'a.ko: b.ko\nb.ko: a.ko c.ko.xz\n\nc.ko.xz\n\xff\xff\xff\xff' >"$out/modules/ring"
