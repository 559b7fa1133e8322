#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ext_large.sh: more than 20,000 files in ext of the kinds that store them differently; names,
# sizes and checksums are those of the folder and those that debugfs reads.
#
# The first kind only; all of them with --all (suite slow).
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mke2fs e2fsck debugfs python3 truncate

image=$work/image
lines=$(dirname "$0")/tree_lines.py
head -c 4096 /dev/zero | tr '\0' v >"$work/value"

make_ext() {
    rm -f "$image"
    truncate -s 420M "$image"
    mke2fs -q -F -N 30000 -d "$work/source" "$@" "$image"
}

tree_of() { "$FSCAT" tree "$image" | grep -v ' /lost+found$' | LC_ALL=C sort; }

enough() { [ "$(grep -c ^f "$work/want")" -gt 20000 ]; }

same_tree() { tree_of | diff "$work/want" - | head -20 && tree_of | cmp "$work/want" -; }

# With inline_data, mke2fs 1.47 cuts off zeros at the end of a file with holes, and debugfs dumps
# sixty bytes of a file that has one.
nearly_same_tree() {
    local same all
    same=$(tree_of | LC_ALL=C comm -12 - "$work/want" | grep -c ^f)
    all=$(grep -c ^f "$work/want")
    echo "$same of $all files"
    [ "$same" -gt $((all - 200)) ]
}

# Kind, size, checksum and name: it sets no times of symlinks.
columns() { awk '{ $2 = $3 = $5 = "-"; print }'; }

same_as_debugfs() {
    rm -rf "$work/dumped"
    mkdir "$work/dumped"
    debugfs -R "rdump / $work/dumped" "$image" >"$work/debug" 2>&1
    python3 "$lines" "$work/dumped" | grep -v ' /lost+found$' | columns | LC_ALL=C sort |
        diff <(tree_of | columns | LC_ALL=C sort) - | head -20
    return "${PIPESTATUS[4]}"
}

# 0: nothing to do, 1: done.
index_directories() {
    e2fsck -fyD "$image" >"$work/fsck" 2>&1
    [ $? -le 1 ] && debugfs -R 'stat /many' "$image" 2>/dev/null | grep -qE 'Flags: 0x[89]?1000'
}

# debugfs says what it does not do, and exits 0.
levels() {
    debugfs -R 'dump_extents -n /holes/comb' "$image" 2>/dev/null | grep -q '0/ 3'
}

large_attribute() {
    debugfs -w -R "ea_set -f $work/value /sizes/7 security.large" "$image" >"$work/debug" 2>&1
    debugfs -R 'ea_list /sizes/7' "$image" 2>/dev/null | grep -q 'security.large (4096)' &&
        same attribute 1 "$("$FSCAT" xattr "$image" /sizes/7 security.large)" &&
        same another 0 "$("$FSCAT" xattr "$image" /sizes/7 security.larger)"
}

first='ext4, 1 KiB blocks, extents in three levels '
case_ 'make the folder' python3 "$(dirname "$0")/large_tree.py" "$work/source"
python3 "$lines" "$work/source" | LC_ALL=C sort >"$work/want"
case_ 'it has more than 20,000 files' enough

# A row: sentence | arguments of mke2fs
while IFS='|' read -r sentence arguments; do
    [ "$sentence" = "$first" ] || [ "${1-}" = --all ] || continue
    read -ra words <<<"$arguments"
    case_ "make: $sentence" make_ext "${words[@]}"
    case $sentence in
    *'three levels'*) case_ "$sentence: has them" levels ;;
    *ea_inode*) case_ 'an attribute in an inode of its own' large_attribute ;;
    esac
    case $sentence in
    *inline_data*) case_ "$sentence: the tree is the folder's" nearly_same_tree ;;
    *) case_ "$sentence: the tree is the folder's" same_tree ;;
    esac
    case $sentence in
    *casefold* | *inline_data*) ;;
    *)
        case_ "$sentence: e2fsck makes indexes" index_directories
        case_ "$sentence: the same with indexes" same_tree
        ;;
    esac
    case $sentence in
    *inline_data*) ;;
    *) case_ "$sentence: as debugfs reads it" same_as_debugfs ;;
    esac
done <<'END'
ext4, 1 KiB blocks, extents in three levels | -t ext4 -b 1024
ext3, 1 KiB blocks, all by maps of blocks | -t ext3 -b 1024
ext4, inline_data and ea_inode | -t ext4 -b 4096 -I 256 -O inline_data,ea_inode
ext4, casefold | -t ext4 -b 4096 -O casefold -E encoding=utf8
END
finish
