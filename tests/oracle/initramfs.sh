#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# initramfs.sh: archives made by cpio and packed by the tools themselves; the names that we see
# must be those that cpio lists.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires cpio gzip xz zstd lz4 lzop bzip2 lzma awk

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
case_ 'an empty file is corrupt' refused "$work/empty" '^corrupt: no archive'
finish
