#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# xfs.sh: a tree put into XFS of many kinds by mkfs.xfs, which takes a description of it,
# and read back by us: names, owners, sizes and checksums must be those of the tree.
# xfs/make.sh made the images of what only a kernel makes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.xfs xfs_db python3 truncate zstd

image=$work/image
source=$work/source
here=$(dirname "$0")
lines=$here/tree_lines.py

# No target that needs a block of its own in version 5: mkfs.xfs 6.1 forgets its header.
make_source() {
    local i
    mkdir -p "$source/many" "$source/more" "$source/deep/er/and/deeper" "$source/none"
    head -c 3000000 /dev/urandom >"$source/noise"
    : >"$source/empty"
    printf '%4096s' x >"$source/block"
    printf '%4097s' x >"$source/more-than-a-block"
    echo deep >"$source/deep/er/and/deeper/file"
    echo long >"$source/$(printf 'n%.0s' $(seq 255))"
    echo odd >"$source/日本語-Ümläute"
    ln -s deep "$source/short"
    ln -s "/$(printf 'y%.0s' $(seq 300))" "$source/middle"
    for i in $(seq 40); do echo "$i" >"$source/more/file-$i"; done
    for i in $(seq 2500); do echo "$i" >"$source/many/a-file-with-a-name-of-length-$i"; done
}

# As mkfs.xfs reads it: name, type and mode, owner, group, then the file to copy or what a
# directory holds, up to a dollar sign.
protofile() {
    python3 - "$source" <<'END'
import os, sys
def entries(path):
    for name in sorted(os.listdir(path)):
        full = os.path.join(path, name)
        st = os.lstat(full)
        mode = '%03o %d %d' % (st.st_mode & 0o777, st.st_uid, st.st_gid)
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

# Not the times: a protofile has none.
columns() { awk '{ $5 = "-"; print }' | LC_ALL=C sort; }

make_xfs() {
    rm -f "$image"
    truncate -s 400M "$image"
    mkfs.xfs -q "$@" -p "$work/proto" "$image"
}

same_tree() {
    python3 "$lines" "$source" | columns >"$work/want"
    [ "$(wc -l <"$work/want")" -gt 2500 ] && "$FSCAT" "$@" tree "$image" | columns | diff "$work/want" -
}

is_clean() { "$FSCAT" info "$image" | grep -q '^clean 1 needs_recovery 0 stale_possible 0'; }

same_free() {
    same free $(($(xfs_db -r -c 'sb 0' -c 'p fdblocks' "$image" | sed 's/.*= //') * \
        $(xfs_db -r -c 'sb 0' -c 'p blocksize' "$image" | sed 's/.*= //'))) \
        "$("$FSCAT" info "$image" | sed -n 's/^bytes .* free //p')"
}

make_source
protofile >"$work/proto"
while IFS='|' read -r sentence options; do
    read -ra words <<<"$options"
    case_ "make: $sentence" make_xfs "${words[@]}"
    case_ "the tree is what was put in: $sentence" same_tree
    case_ "a log that mkfs.xfs made is clean: $sentence" is_clean
    case_ "free space is what xfs_db says: $sentence" same_free
done <<'END'
as mkfs.xfs makes it |
64-bit counts of extents | -i nrext64=1
version 4 | -m crc=0
version 4, no types in directories | -m crc=0 -n ftype=0
version 4, blocks of 512 bytes | -m crc=0 -b size=512
version 4, inodes of 256 bytes | -m crc=0 -i size=256
reverse mappings | -m rmapbt=1,reflink=1
every feature off | -m finobt=0,rmapbt=0,reflink=0,inobtcount=0,bigtime=0 -i sparse=0
case does not matter | -n version=ci
directory blocks of 64 KiB | -n size=65536
blocks of 1 KiB | -b size=1024
inodes of 2 KiB | -i size=2048
two groups | -d agcount=2
sectors of 4 KiB | -s size=4096
END

make_ci() { make_xfs -n version=ci; }
replayed() { "$FSCAT" info "$image" | grep -q '^clean 0 needs_recovery 1 stale_possible 0'; }
unclean() {
    "$FSCAT" info "$image" |
        grep -q '^clean 0 needs_recovery 1 stale_possible 1 the log was not cleanly unmounted, and a record of it is damaged'
}
refused() { ! "$FSCAT" info "$image" >"$work/out" 2>&1 && grep -q "$1" "$work/out"; }
same_cat() { "$FSCAT" cat "$image" "$1" | cmp - "$source/$2"; }
put() { printf %s "$2" | dd of="$image" bs=1 seek="$1" conv=notrunc status=none; }
set_bit() { xfs_db -x -c 'sb 0' -c "write -d $1" "$image" >/dev/null; }

# What the kernel writes at a time may be torn; this is in front of that.
spoil_log() { put $((16801792 + 100 * 512 + 77)) spoilt; }
kernel_tree() { "$FSCAT" "$@" tree "$image" | LC_ALL=C sort | diff <(zstd -qdc "$here/xfs/kernel.tree.zst") -; }
has() { same xattr "$1" "$("$FSCAT" xattr "$image" "$2" "$3")"; }

all_hole() {
    make_xfs && xfs_db -x -c 'path /empty' -c 'write -d core.size 1000000' "$image" >/dev/null &&
        timeout 10 "$FSCAT" cat "$image" /empty | cmp - <(head -c 1000000 /dev/zero)
}

case_ "a file that is nothing but a hole" all_hole
case_ "make one where case does not matter" make_ci
case_ "another case finds it" same_cat /MORE/FILE-7 more/file-7
case_ "set an incompatible feature nobody knows" set_bit 'features_incompat 0x8000'
case_ "it is refused by its bit" refused 'unsupported: xfs: incompatible features 0x8000'
make_xfs
case_ "change a byte of the superblock" put 140 X
case_ "its checksum tells" refused 'corrupt: xfs: superblock: checksum'
case_ "unpack what a kernel made" zstd -qdf "$here/xfs/kernel.img.zst" -o "$image"
case_ "B+tree of extents, node directory, long symlink: as the kernel shows it" kernel_tree
case_ "and byte by byte" kernel_tree -1
case_ "it was unmounted" is_clean
case_ "an attribute in the inode" has 1 /labelled security.selinux
case_ "an attribute in blocks" has 1 /pieces security.selinux
case_ "no attribute" has 0 /unwritten security.selinux
case_ "unpack a copy of it while mounted" zstd -qdf "$here/xfs/dirty.img.zst" -o "$image"
case_ "the log is replayed: as the kernel showed it" kernel_tree
case_ "and byte by byte, what was replayed" kernel_tree -1
case_ "it was not unmounted, and nothing is older" replayed
case_ "spoil a record in the middle of the log" spoil_log
case_ "the log says that the state may be older" unclean
finish
