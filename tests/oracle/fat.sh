#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fat.sh: a folder put into FAT12, FAT16 and FAT32 by mtools, and read back by us: names,
# sizes and checksums must be those of the folder.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.vfat mcopy mdel mdir python3 truncate

image=$work/image
lines=$(dirname "$0")/tree_lines.py

make_source() {
    local i dir=$work/source
    mkdir -p "$dir/EFI/BOOT" "$dir/EFI/Microsoft/Boot" "$dir/many" "$dir/deep/er/and/deeper"
    head -c "$1" /dev/urandom >"$dir/EFI/BOOT/BOOTX64.EFI"
    head -c 5000 /dev/urandom >"$dir/EFI/Microsoft/Boot/bootmgfw.efi"
    echo small >"$dir/small.txt"
    echo upper >"$dir/UPPER.TXT"
    echo mixed >"$dir/MiXed.Txt"
    : >"$dir/empty"
    printf '%512s' x >"$dir/one sector"
    echo long >"$dir/$(printf 'n%.0s' $(seq 250)).txt"
    echo thirteen >"$dir/thirteen-char"
    echo unicode >"$dir/日本語 und Ümläute.txt"
    echo dots >"$dir/many.dots.in.a.name"
    echo deep >"$dir/deep/er/and/deeper/file"
    for i in $(seq "$2"); do
        echo "$i" >"$dir/many/a file with a long name, number $i"
    done
}

# Only the columns that FAT has: type, size, checksum, name.
columns() { awk '{ printf "%s %s %s", $1, $4, $6; for (i = 7; i <= NF; i++) printf " %s", $i; print "" }'; }

make_fat() {
    local size=$1
    shift
    rm -f "$image"
    truncate -s "$size" "$image"
    mkfs.vfat "$@" "$image" >/dev/null
    # Files that go again leave holes, and what follows is in pieces.
    local i
    for i in $(seq 8); do
        head -c 6000 /dev/urandom >"$work/gap$i"
    done
    mcopy -i "$image" "$work"/gap? ::/ </dev/null
    mdel -i "$image" ::/gap2 ::/gap4 ::/gap6 ::/gap8
    mcopy -s -i "$image" "$work"/source/* ::/ </dev/null || return
    mdel -i "$image" ::/gap1 ::/gap3 ::/gap5 ::/gap7
}

same_tree() {
    python3 "$lines" "$work/source" | columns | LC_ALL=C sort >"$work/want"
    [ "$(wc -l <"$work/want")" -gt 20 ] &&
        "$FSCAT" "$@" tree "$image" | columns | LC_ALL=C sort | diff "$work/want" -
}


cat_without_case() { "$FSCAT" cat "$image" "$1" | cmp - "$work/source/$2"; }

short_name() {
    local name
    name=$(mdir -i "$image" ::/ | awk '$NF == "many.dots.in.a.name" { print $1 "." $2 }')
    [ -n "$name" ] && cat_without_case "/$name" many.dots.in.a.name
}

same_free() {
    same free "$(mdir -i "$image" ::/ | sed -n 's/ bytes free.*//p' | tr -d ' ')" \
        "$("$FSCAT" info "$image" | sed -n 's/^bytes .* free //p')"
}

# A row: size | bytes of the loader | files in a folder | sentence | options of mkfs.vfat
while IFS='|' read -r size loader many sentence options; do
    read -ra words <<<"$options"
    rm -rf "$work/source"
    make_source "${loader// /}" "${many// /}"
    case_ "make:$sentence" make_fat "${size// /}" "${words[@]}"
    case_ "the tree is the folder's:$sentence" same_tree
    case_ "and byte by byte:$sentence" same_tree -1
    case_ "another case finds it:$sentence" cat_without_case /efi/boot/bootx64.efi EFI/BOOT/BOOTX64.EFI
    case_ "so does the short name:$sentence" short_name
    case_ "free space is what mdir counts:$sentence" same_free
done <<'END'
1440K | 30000 | 40 | FAT12, a floppy | -F 12
4M | 100000 | 200 | FAT12, one table | -F 12 -f 1
16M | 3000000 | 300 | FAT16 | -F 16
80M | 3000000 | 300 | FAT32 | -F 32 -s 2
END
finish
