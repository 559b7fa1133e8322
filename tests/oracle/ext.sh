#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# ext.sh: a folder with everything odd in it, put into ext2, ext3 and ext4 of every kind by
# mke2fs -d, and read back by us: names, attributes and checksums must be those of the folder.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mke2fs debugfs dumpe2fs e2fsck python3 truncate

image=$work/image
lines=$(dirname "$0")/tree_lines.py
python3 "$lines" --make "$work/source"
python3 "$lines" "$work/source" >"$work/want"

make_ext() {
    rm -f "$image"
    truncate -s 64M "$image"
    mke2fs -q -F -N 4000 -d "$work/source" "$@" "$image"
}

# mke2fs makes lost+found.
tree_of() { "$FSCAT" "$@" | grep -v ' /lost+found$' | LC_ALL=C sort; }

same_tree() {
    tree_of tree "$image" >"$work/got" && LC_ALL=C sort "$work/want" | diff - "$work/got"
}

same_tree_bytewise() {
    tree_of -1 tree "$image" | diff "$work/got" -
}

# The last column of a line without escapes is its path.
lookups() {
    awk '!/\\x/ { sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ /, ""); print }' "$work/want" \
        >"$work/paths"
    [ "$(wc -l <"$work/paths")" -gt 1200 ] || return
    {
        sed 's/^/1 /' "$work/paths"
        sed 's/^/0 /; s/$/-/' "$work/paths"
    } >"$work/want.find"
    { cat "$work/paths"; sed 's/$/-/' "$work/paths"; } | "$FSCAT" find "$image" |
        cmp - "$work/want.find"
}

# dump KEY: one value of dumpe2fs.
dump() { sed -n "s/^$1: *//p" "$work/dump"; }

same_info() {
    local size
    dumpe2fs -h "$image" >"$work/dump" 2>/dev/null
    size=$(dump 'Block size')
    cat >"$work/want.info" <<END
block_size $size
bytes $(($(dump 'Block count') * size)) free $(($(dump 'Free blocks') * size))
inodes $(dump 'Inode count') free $(dump 'Free inodes')
clean 1 needs_recovery 0 stale_possible 0
features $(dump 'Filesystem features')
END
    "$FSCAT" info "$image" | sed 's/ *$//' | grep -v ^checked | diff "$work/want.info" -
}

variants=0
# A row: sentence | arguments of mke2fs
while IFS='|' read -r sentence arguments; do
    read -ra words <<<"$arguments"
    case_ "make: $sentence" make_ext "${words[@]}"
    case_ "e2fsck finds it whole: $sentence" e2fsck -fn "$image"
    case_ "same tree: $sentence" same_tree
    case_ "same names: $sentence" lookups
    case_ "same numbers: $sentence" same_info
    case $sentence in
    ext2,\ 4* | *inline_data\ )
        case_ "same byte by byte: $sentence" same_tree_bytewise
        ;;
    esac
    variants=$((variants + 1))
done <<'END'
ext2, 1 KiB blocks | -t ext2 -b 1024
ext2, 4 KiB blocks, inodes of 128 bytes | -t ext2 -b 4096 -I 128
ext3 | -t ext3 -b 1024
ext4 | -t ext4 -b 4096
ext4, 1 KiB blocks | -t ext4 -b 1024
ext4, 2 KiB blocks, no csum, no 64bit | -t ext4 -b 2048 -O ^metadata_csum,^64bit
ext4, uninit_bg | -t ext4 -O ^metadata_csum,uninit_bg
ext4, no extents | -t ext4 -O ^extents,^64bit
ext4, bigalloc | -t ext4 -b 4096 -O bigalloc -C 16384
ext4, inline_data | -t ext4 -b 4096 -I 256 -O inline_data
ext4, inline_data in inodes of 1024 bytes | -t ext4 -b 1024 -I 1024 -O inline_data
ext4, meta_bg | -t ext4 -b 1024 -O meta_bg,^resize_inode
ext4, no filetype | -t ext4 -b 1024 -O ^filetype
ext4, no dir_index | -t ext4 -b 1024 -O ^dir_index
ext4, all the new ones | -t ext4 -O large_dir,ea_inode,metadata_csum_seed,orphan_file,fast_commit,casefold,encrypt,verity,stable_inodes
ext4, sparse_super2, no flex_bg | -t ext4 -b 1024 -O sparse_super2,^flex_bg,^resize_inode
ext4, small groups | -t ext4 -b 1024 -g 1024
END
case_ 'all variants were tried' test $variants -eq 17

# What needs debugfs.
debug() { debugfs -w -R "$1" "$image" 2>"$work/debug" && ! grep -v ^debugfs "$work/debug"; }

preallocated() {
    debug 'fallocate /size-1 1 20' && debug 'set_inode_field /size-1 size 40000' || return
    "$FSCAT" cat "$image" /size-1 >"$work/got"
    { head -c 1 "$work/source/size-1" && head -c 39999 /dev/zero; } | cmp - "$work/got"
}

fails() {
    expect 3 "$FSCAT" "$1" "$image" "$2" && matches "$work/err" "$3"
}

case_ 'make: ext4 for debugfs' make_ext -t ext4 -b 1024
case_ 'blocks that were preallocated read as zeros' preallocated
case_ 'debugfs: immutable' debug 'set_inode_field /size-59 flags 0x80010'
case_ 'debugfs: encrypted' debug 'set_inode_field /size-100 flags 0x80800'
case_ 'an encrypted file is not read' fails cat /size-100 'unsupported: .*encrypted'
case_ 'debugfs: an attribute' debug 'ea_set /size-60 security.selinux label'
case_ 'the attribute is there' expect 0 "$FSCAT" xattr "$image" /size-60 security.selinux
case_ 'the attribute is told' matches "$work/out" '^1$'
case_ 'another is not' expect 0 "$FSCAT" xattr "$image" /size-60 security.capability
case_ 'and that is told' matches "$work/out" '^0$'
case_ 'debugfs: a name that leads to a free inode' debug 'link <3500> /ghost'
case_ 'a free inode is corrupt' fails cat /ghost 'corrupt: .*not in use'

poke() { printf "%b" "$2" | dd of="$image" bs=1 seek="$1" conv=notrunc status=none; }

case_ 'make: ext4 for pokes' make_ext -t ext4 -b 1024
case_ 'poke: incompatible bit 20' poke $((1024 + 98)) '\x10'
case_ 'an unknown feature is refused by name' fails info / 'unsupported: .*FEATURE_I20'
case_ 'make: ext4 for pokes' make_ext -t ext4 -b 1024
case_ 'poke: label' poke $((1024 + 120)) 'X'
case_ 'the checksum of the superblock is looked at' fails info / 'corrupt: .*checksum'
case_ 'make: ext4 for pokes' make_ext -t ext4 -b 1024
inode_table=$(dumpe2fs "$image" 2>/dev/null | sed -n 's/.*Inode table at \([0-9]*\)-.*/\1/p' | head -1)
case_ 'poke: the root inode' poke $((inode_table * 1024 + 256 + 4)) 'X'
case_ 'the checksum of an inode is looked at' fails tree / 'corrupt: .*inode 2: .*checksum'
case_ 'make: ext4 without checksums' make_ext -t ext4 -b 1024 -O ^metadata_csum
case_ 'a directory without end: make' python3 "$(dirname "$0")/ext_endless.py" "$image"
case_ 'a directory without end ends' fails tree /none 'limit: .*more than [0-9]* blocks'
case_ 'make: ext4 for a cut' make_ext -t ext4 -b 1024
truncate -s 63M "$image"
case_ 'a filesystem larger than its device is corrupt' fails info / 'corrupt: .*but the device has'
finish
