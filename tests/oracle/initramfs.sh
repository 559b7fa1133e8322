#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# initramfs.sh: archives made by cpio and packed by the tools themselves; the names that we see
# must be those that cpio lists.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires python3 cpio gzip xz zstd lz4 lzop bzip2 lzma awk

mkdir -p "$work/tree/usr/lib/modules/6.1/kernel/fs" "$work/tree/bin" "$work/tree/empty" \
    "$work/early/kernel/x86/microcode"
for i in $(seq 40); do
    head -c $((i * 97)) /dev/urandom >"$work/tree/usr/lib/modules/6.1/kernel/fs/noise-$i.ko"
    seq $((i * 31)) >"$work/tree/usr/lib/modules/6.1/kernel/text-$i.ko"
done
head -c 60000 /bin/bash >"$work/tree/bin/program"
ln "$work/tree/bin/program" "$work/tree/bin/second name"
ln -s usr/lib "$work/tree/lib"
: >"$work/tree/init"
mkfifo "$work/tree/fifo"
head -c 20000 /dev/urandom >"$work/early/kernel/x86/microcode/GenuineIntel.bin"

archive() { (cd "$work/$1" && find . | LC_ALL=C sort | cpio -o -H "$2" --quiet); }
archive tree newc >"$work/tree.newc"
archive tree crc >"$work/tree.crc"
archive early newc >"$work/early.newc"
cpio -t --quiet <"$work/tree.newc" | sed 's|^\./||' >"$work/tree.names"
cpio -t --quiet <"$work/early.newc" | sed 's|^\./||' >"$work/early.names"
(cd "$work/tree" && find . | LC_ALL=C sort | xargs -d '\n' stat -c '%f %F %s %n') |
    awk '{ mode = $1; sub(/^[^ ]+ /, ""); print mode, $0 }' >"$work/tree.stat"

names_of() { sed 's/^[^ ]* [^ ]* //'; }

# names FILE SEGMENT...: the names are those of the segments in a row, read in either way.
names() {
    local file=$1 s
    shift
    for s; do cat "$work/$s.names"; done >"$work/want"
    "$INITRAMFSCAT" "$file" >"$work/got" || return
    names_of <"$work/got" | diff "$work/want" - || return
    "$INITRAMFSCAT" -b "$file" | cmp - "$work/got"
}

info() {
    "$INITRAMFSCAT" -i "$1" >"$work/info" && matches "$work/info" "^format: $2\$" &&
        matches "$work/info" "^segments: $3\$"
}

padding() { head -c "$1" /dev/zero; }

# Modes and sizes: cpio gives each name of a hard link but the last one no body.
modes() {
    "$INITRAMFSCAT" "$1" | awk '{ print $1 }' >"$work/modes"
    while read -r hex _; do printf '%06o\n' "0x$hex"; done <"$work/tree.stat" |
        diff - "$work/modes"
}

case_ 'plain newc' names "$work/tree.newc" tree
case_ 'plain newc: modes' modes "$work/tree.newc"
case_ 'plain crc' names "$work/tree.crc" tree
case_ 'plain: what was seen' info "$work/tree.newc" none 1

# A row: name | command that packs standard input
while IFS='|' read -r name command; do
    read -ra pack <<<"$command"
    name=${name// /}
    format=${name%%-*}
    "${pack[@]}" <"$work/tree.newc" >"$work/$name"
    case_ "$command" names "$work/$name" tree
    case_ "$command: what was seen" info "$work/$name" "$format" 1
    cat "$work/early.newc" "$work/$name" >"$work/file"
    case_ "$command, microcode in front" names "$work/file" early tree
    case_ "$command, microcode in front: what was seen" info "$work/file" "$format" 2
    { cat "$work/early.newc"; padding 1536; cat "$work/$name"; padding 3; } >"$work/file"
    case_ "$command, padding" names "$work/file" early tree
    case_ "$command, in parts" "$INITRAMFSCAT" -t 1000 "$work/$name"
    # lz4 takes what follows for a block of its own, unless it is zeros.
    between=0
    [ "$format" = lz4 ] && between=4
    {
        cat "$work/$name"
        padding $between
        gzip -c <"$work/early.newc"
        xz --check=crc32 -c <"$work/tree.newc"
    } >"$work/file"
    case_ "$command, gzip and xz behind it" names "$work/file" tree early tree
    size=$(stat -c %s "$work/$name")
    { cat "$work/$name"; padding $(((4 - size % 4) % 4 + between)); cat "$work/early.newc"; } \
        >"$work/file"
    case_ "$command, cpio behind it" names "$work/file" tree early
done <<'END'
gzip       | gzip -c
gzip-1     | gzip -1 -c
gzip-9n    | gzip -9 -n -c
xz         | xz --check=crc32 -c
xz-x86     | xz --check=crc32 --x86 --lzma2=dict=1MiB -c
xz-e       | xz -9e -T0 -c
zstd       | zstd -q -c
zstd-19    | zstd -q -19 -T0 -c
zstd-nosum | zstd -q -1 --no-check -c
zstd-long  | zstd -q --long=27 -c
lz4        | lz4 -l -q -c
lz4-9      | lz4 -l -9 -q -c
lzo        | lzop -c
lzo-9      | lzop -9 -c
lzo-crc    | lzop --crc32 -c
lzo-nosum  | lzop -F -c
bzip2      | bzip2 -c
bzip2-1    | bzip2 -1 -c
lzma       | lzma -c
lzma-9     | lzma -9 -c
END
case_ 'plain, in parts' "$INITRAMFSCAT" -t 1000 "$work/tree.newc"

# More than one block of lz4, more than one window.
seq 3000000 >"$work/tree/long"
archive tree newc >"$work/long.newc"
cpio -t --quiet <"$work/long.newc" | sed 's|^\./||' >"$work/long.names"
for pack in 'lz4 -l -q -c' 'zstd -q -c' 'gzip -1 -c' 'lzop -c'; do
    read -ra words <<<"$pack"
    "${words[@]}" <"$work/long.newc" >"$work/file"
    case_ "$pack, 20 MB" names "$work/file" long
done

# Within a kernel image: a setup header and a packed file, in which an archive lies between
# code that has the packers' magics in it.  A row: what packs the kernel | what packs the
# archive.
bzimage() {
    python3 - "$@" <<'END_OF_PYTHON'
import struct, subprocess, sys
outer, inner, archive, to = sys.argv[1:]
run = lambda c, data: subprocess.run(c.split(), input=data, stdout=subprocess.PIPE, check=True).stdout
magics = b''.join(m.ljust(8, b'\x90') for m in (
    b'\x28\xb5\x2f\xfd', b'\x1f\x8b\x08\0', b'\xfd7zXZ\0', b'070701', b']\0\0\0', b'BZh9'))
code = b'\x7fELF' + open('/bin/bash', 'rb').read()[4:400000].ljust(400000, b'\x90') + magics
data = run(inner, open(archive, 'rb').read())
kernel = code + data + bytes(-len(data) % 4) + code
payload = run(outer, kernel)
if outer.split()[0] != 'gzip':
    payload += struct.pack('<I', len(kernel))
head = bytearray(2048)
head[0x1f1] = 1
head[0x202:0x206] = b'HdrS'
struct.pack_into('<H', head, 0x206, 0x20f)
struct.pack_into('<II', head, 0x248, 1024, len(payload))
open(to, 'wb').write(head + payload + bytes(300))
END_OF_PYTHON
}
within() {
    "$INITRAMFSCAT" -k "$1" >"$work/got" && names_of <"$work/got" | diff "$work/tree.names" - &&
        "$INITRAMFSCAT" -b -k "$1" | cmp - "$work/got"
}
while IFS='|' read -r outer inner; do
    bzimage "$outer" "$inner" "$work/tree.newc" "$work/kernel"
    case_ "in a kernel packed by $outer, an archive packed by $inner" within "$work/kernel"
done <<'END'
gzip -c|cat
gzip -c|gzip -n -c
xz --check=crc32 --x86 --lzma2=dict=1MiB -c|cat
xz --check=crc32 -c|xz --check=crc32 -c
zstd -q -19 -c|zstd -q -19 -c
zstd -q --long=27 -c|lz4 -l -q -c
lz4 -l -q -c|zstd -q -c
lzop -c|lzma -c
bzip2 -c|bzip2 -c
lzma -c|lzop -c
END
head -c $(($(stat -c %s "$work/kernel") / 2)) "$work/kernel" >"$work/half"

refused() {
    expect 1 "$INITRAMFSCAT" "$1" && matches "$work/err" "$2"
}
archive tree odc >"$work/odc"
case_ 'cpio -H odc is unsupported' refused "$work/odc" '^unsupported: .*old portable'
lz4 -q -c <"$work/tree.newc" >"$work/frame"
case_ 'the modern frame of lz4 is unsupported' refused "$work/frame" '^unsupported: '
{ cat "$work/lz4"; cat "$work/early.newc"; } >"$work/file"
case_ 'cpio behind lz4 without padding is corrupt' refused "$work/file" '^corrupt: .*lz4'
{ cat "$work/gzip"; echo junk; } >"$work/file"
case_ 'junk behind gzip is corrupt' refused "$work/file" '^corrupt: junk'
xz --lzma2=preset=0,dict=512MiB -c <"$work/early.newc" >"$work/huge"
case_ 'a dictionary of 512 MiB is over a limit' refused "$work/huge" '^limit: '
: >"$work/empty"
half() { expect 1 "$INITRAMFSCAT" -k "$work/half" && matches "$work/err" '^corrupt: the packed kernel'; }
case_ 'half a kernel is corrupt' half
case_ 'an empty file is corrupt' refused "$work/empty" '^corrupt: no archive'
finish
