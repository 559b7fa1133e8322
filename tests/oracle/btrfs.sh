#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs.sh: a folder with everything odd in it, put into btrfs of every kind by mkfs.btrfs, and
# images that the kernel wrote (btrfs/make.sh says how), read back by us.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.btrfs btrfs btrfs-map-logical python3 truncate zstd

image=$work/image
here=$(cd "$(dirname "$0")" && pwd)
lines=$here/tree_lines.py
python3 "$lines" --make "$work/source"
python3 "$lines" --make "$work/source/again"
python3 "$lines" "$work/source" | LC_ALL=C sort >"$work/want"
case_ 'the folder has more than 2000 entries' test "$(wc -l <"$work/want")" -gt 2000

# mkfs.btrfs gives every file the owner and times it has, and makes the image larger if need be.
make_btrfs() {
    rm -f "$image"
    truncate -s 640M "$image"
    mkfs.btrfs -q --rootdir "$work/source" "$@" "$image"
}

tree_of() { "$FSCAT" "$@" | LC_ALL=C sort; }

same_tree() { tree_of tree "$image" >"$work/got" && diff "$work/want" "$work/got"; }

same_tree_bytewise() { tree_of -1 tree "$image" | diff "$work/want" -; }

# The last column of a line without escapes is its path.
lookups() {
    awk '!/\\x/ { sub(/^[^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ [^ ]+ /, ""); print }' "$work/want" \
        >"$work/paths"
    [ "$(wc -l <"$work/paths")" -gt 2000 ] || return
    {
        sed 's/^/1 /' "$work/paths"
        sed 's/^/0 /; s/$/-/' "$work/paths"
    } >"$work/want.find"
    { cat "$work/paths"; sed 's/$/-/' "$work/paths"; } | "$FSCAT" find "$image" |
        cmp - "$work/want.find"
}

# dump KEY: one value of dump-super.
dump() { awk -v key="$1" '$1 == key { print $2 }' "$work/dump"; }

same_info() {
    btrfs inspect-internal dump-super "$image" >"$work/dump"
    cat >"$work/want.info" <<END
block_size $(dump sectorsize)
bytes $(dump total_bytes) free $(($(dump total_bytes) - $(dump bytes_used)))
inodes 0 free 0
clean 1 needs_recovery 0 stale_possible 0
features $(awk '/^incompat_flags|^compat_ro_flags/ { on = 1; next } /^[a-z]/ { on = 0 }
        on { gsub(/[()|,]/, ""); printf "%s ", $0 }' "$work/dump" |
        tr -s '\t ' ' ' | sed 's/^ //; s/ $//')
END
    "$FSCAT" info "$image" | sed 's/ *$//' | grep -v ^checked |
        python3 -c '
import sys
for line in sys.stdin:
    w = line.split()
    print(" ".join(w[:1] + sorted(w[1:]) if w[0] == "features" else w))' >"$work/got.info"
    python3 -c '
import sys
for line in sys.stdin:
    w = line.split()
    print(" ".join(w[:1] + sorted(w[1:]) if w[0] == "features" else w))' <"$work/want.info" |
        diff - "$work/got.info"
}

# btrfs restore writes what it reads: another reader of the same image.
restored() {
    mkdir "$work/restored"
    btrfs restore -mS "$image" "$work/restored" >"$work/restore" 2>&1 || return
    (cd "$work/source" && find . -type f ! -name '*[^ -~]*' -exec md5sum {} + | sort -k 2) \
        >"$work/sums"
    (cd "$work/restored" && md5sum -c --quiet) <"$work/sums"
}

variants=0
# A row: sentence | arguments of mkfs.btrfs
while IFS='|' read -r sentence arguments; do
    read -ra words <<<"$arguments"
    case_ "make: $sentence" make_btrfs "${words[@]}"
    case_ "same tree: $sentence" same_tree
    case_ "same names: $sentence" lookups
    case_ "same numbers: $sentence" same_info
    variants=$((variants + 1))
done <<'END'
as it comes |
xxhash64, nodes of 4 KiB | --csum xxhash -n 4096
sha256, nodes of 64 KiB | --csum sha256 -n 65536
blake2, nodes of 32 KiB | --csum blake2 -n 32768
mixed groups | -M
mixed groups, DUP, nodes of 4 KiB | -M -m dup -d dup -n 4096
single metadata, DUP data, shrunk | -m single -d dup --shrink
features off | -O ^no-holes,^skinny-metadata,^extref -R ^free-space-tree
END
case_ 'all variants were tried' test $variants -eq 8
case_ 'make: as it comes' make_btrfs
case_ 'btrfs restore reads the same as is in the folder' restored

# ---- damage

poke() { printf "%b" "$2" | dd of="$image" bs=1 seek="$1" conv=notrunc status=none; }
poke_super() { python3 "$here/btrfs/poke.py" "$image" "$1" "$2"; }
fails() { expect 3 "$FSCAT" "$1" "$image" "$2" && matches "$work/err" "$3"; }
state() { "$FSCAT" info "$image" >"$work/info" && matches "$work/info" "$1"; }

# copies ADDRESS: where they are on the device
copies() { btrfs-map-logical -l "$1" "$image" | sed -n 's/.* physical \([0-9]*\) .*/\1/p'; }
root=$(btrfs inspect-internal dump-tree -t root "$image" | sed -n 's/^\(leaf\|node\) \([0-9]*\) .*/\2/p' | head -1)
mapfile -t places < <(copies "$root")
case_ 'metadata is there twice' test ${#places[@]} -eq 2
case_ 'poke: the first copy of a node' poke $((places[0] + 200)) '\xff'
case_ 'the other copy is read' same_tree
case_ 'poke: the second' poke $((places[1] + 200)) '\xff'
case_ 'a node without a whole copy is corrupt' fails tree / \
    "corrupt: btrfs: tree 1: node $root: checksum mismatch"

case_ 'make: as it comes' make_btrfs
case_ 'poke: incompatible bit 30' poke_super $((188 + 3)) 40
case_ 'an unknown feature is refused by name' fails info / 'unsupported: .*FEATURE_I30'
case_ 'poke: zoned' poke_super 188 4113000000000000
case_ 'a zoned one is refused by name' fails info / 'unsupported: .*ZONED'
case_ 'poke: nodes of 3 bytes' poke_super 148 03000000
case_ 'the features come first' fails info / 'unsupported: .*ZONED'
case_ 'poke: no features' poke_super 188 4103000000000000
case_ 'an odd node size is corrupt' fails info / 'corrupt: .*node size 3'
case_ 'poke: the first superblock' poke $((65536 + 299)) 'X'
case_ 'the copy is used, and said so' state 'clean 0 .*the first superblock is damaged'
case_ 'with the whole tree' same_tree
case_ 'poke: the copy' poke $(((64 << 20) + 299)) 'X'
case_ 'no whole superblock is corrupt' fails info / 'corrupt: .*superblock: checksum'
case_ 'make: as it comes' make_btrfs
case_ 'poke: checksums of kind 9' poke_super 196 0900
case_ 'an unknown checksum is refused' fails info / 'unsupported: .*checksum of kind 9'
case_ 'make: as it comes' make_btrfs
truncate -s 200M "$image"
case_ 'one that is larger than its device is corrupt' fails info / 'corrupt: .*but the device has'

# ---- several devices

several() {
    rm -f "$image" "$work/other"
    truncate -s 200M "$image" "$work/other"
    mkfs.btrfs -q -f "$@" "$image" "$work/other"
}
while IFS='|' read -r name arguments; do
    read -ra words <<<"$arguments"
    case_ "make: $name" several "${words[@]}"
    name=${name% }
    case_ "$name is refused by name" fails info / "unsupported: .*: $name over 2 devices"
done <<'END'
RAID0 | -m raid1 -d raid0
RAID5 | -m raid5 -d raid5
END

# ---- images that the kernel wrote

unpack() { zstd -qdf "$here/btrfs/$1.img.zst" -o "$image"; }
same_as_kernel() { zstd -qdc "$here/btrfs/$1.want.zst" | diff - <(tree_of "${@:2}" tree "$image"); }
without_times() { awk '{ $5 = ""; print }' | LC_ALL=C sort; }

for name in packed plain logged mirror; do
    case_ "$name: unpack" unpack $name
    case_ "$name: as the kernel shows it" same_as_kernel $name
done
case_ 'half of a mirror is told' state 'clean 0 needs_recovery 0 stale_possible 1 it lies on several devices'
case_ 'packed: unpack' unpack packed
case_ 'packed: byte by byte' same_as_kernel packed -1

case_ 'plain: unpack' unpack plain
while read -r name want; do
    case_ "attribute $name" expect 0 "$FSCAT" xattr "$image" /attributes "$name"
    case_ "attribute $name: $want" matches "$work/out" "^$want\$"
done <<'END'
user.color 1
security.selinux 1
security.capability 0
END

case_ 'logged: unpack' unpack logged
case_ 'a log tree is told' state 'clean 0 needs_recovery 1 stale_possible 1 the log tree'

# Linux gives an empty directory in place of a subvolume the time of the look.
subvolumes() {
    zstd -qdc "$here/btrfs/subvolumes.$1.zst" | without_times |
        diff - <(tree_of "${@:2}" tree "$image" | without_times)
}
same_list() {
    { echo '5 ' && zstd -qdc "$here/btrfs/subvolumes.list.zst"; } |
        diff - <("$FSCAT" subvolumes "$image" | sed 's/ default$//')
}
case_ 'subvolumes: unpack' unpack subvolumes
case_ 'the default subvolume' subvolumes want
case_ 'the top level, and every other from there' subvolumes top -s 5
case_ 'the list of subvolumes' same_list
case_ 'the default in it' matches <("$FSCAT" subvolumes "$image") 'snapshots/1/snapshot default'
case_ 'a subvolume that is not there' expect 3 "$FSCAT" -s 999 tree "$image"
case_ 'and that is told' matches "$work/err" 'notfound: there is no subvolume 999'
finish
