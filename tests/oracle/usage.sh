#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# usage.sh: what is free in a filesystem, as we read it and as its own tools do
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.ext4 debugfs dumpe2fs mkfs.xfs xfs_db mkfs.btrfs btrfs mkntfs ntfsinfo ntfscat \
    mkfs.vfat mcopy mdel fsck.fat python3 truncate zstd

image=$work/image
here=$(dirname "$0")

same_areas() { "$FSCAT" usage "$image" | python3 "$here/usage.py" "$1" "$image"; }

# Files between which there will be holes.
mkdir "$work/source"
for i in $(seq 60); do
    head -c $((i * 3001)) /dev/urandom >"$work/source/file$i"
done

# ---- ext

make_ext() {
    local i
    rm -f "$image"
    truncate -s 300M "$image"
    mkfs.ext4 -q -F -d "$work/source" "$@" "$image" || return
    for i in $(seq 2 7 60); do
        echo "rm file$i"
    done | debugfs -w -f - "$image" >"$work/said" 2>&1
}

while IFS='|' read -r sentence options; do
    read -ra words <<<"$options"
    case_ "make ext: $sentence" make_ext "${words[@]}"
    case_ "ext: $sentence" same_areas ext
done <<'END'
as usual|-b 4096
blocks of 1 KiB, which begin at block 1|-b 1024
ext2|-t ext2 -b 2048
descriptors in every group|-O meta_bg,^resize_inode -b 1024
groups without checksums, all bitmaps written|-O ^metadata_csum,^uninit_bg -b 1024
descriptors with the old checksum|-O ^metadata_csum,uninit_bg -b 1024
two copies of the superblock|-O sparse_super2,^resize_inode -b 1024
bigalloc|-O bigalloc -b 4096 -C 16384
bigalloc with small blocks|-O bigalloc -b 1024 -C 16384
END
cp "$image" "$work/kept"
truncate -s 64M "$image"
mkfs.ext4 -q -F -b 1024 "$image" 50001
case_ 'ext: the last group is short' same_areas ext
for name in ext4 ext3 ext4-data; do
    zstd -qdf "$here/dirty/$name.img.zst" -o "$image"
    cp "$image" "$work/mended"
    e2fsck -fy -E journal_only "$work/mended" >"$work/said" 2>&1
    journaled() {
        "$FSCAT" usage "$image" >"$work/ours" && "$FSCAT" usage "$work/mended" | diff - "$work/ours" &&
            "$FSCAT" usage "$work/mended" | python3 "$here/usage.py" ext "$work/mended"
    }
    case_ "ext: with the journal of $name replayed" journaled
done
torn() {
    local block
    block=$(dumpe2fs "$image" 2>"$work/said" | sed -n 's/.*Block bitmap at \([0-9]*\).*/\1/p' | tail -1)
    printf '\x55\x55' | dd of="$image" bs=1024 seek="$block" conv=notrunc status=none
    ! "$FSCAT" usage "$image" >"$work/ours" 2>"$work/said" && matches "$work/said" 'checksum of its bitmap'
}
rm -f "$image"
truncate -s 40M "$image"
mkfs.ext4 -q -F -b 1024 -O ^flex_bg "$image"
case_ 'ext: a bitmap with a wrong checksum is not believed' torn
known() { [ "$(wc -l <"$work/ours")" -gt 3 ]; }
case_ 'but the groups before it are' known

# ---- XFS

while IFS='|' read -r sentence options; do
    read -ra words <<<"$options"
    rm -f "$image"
    truncate -s 400M "$image"
    printf '%s\n0 0\nd--755 0 0\n' - >"$work/proto"
    for i in $(seq 60); do
        echo "file$i ---644 0 0 $work/source/file$i"
    done >>"$work/proto"
    echo '$' >>"$work/proto"
    case_ "make XFS: $sentence" mkfs.xfs -q "${words[@]}" -p "$work/proto" "$image"
    case_ "XFS: $sentence" same_areas xfs
done <<'END'
as usual|-d agcount=5
version 4, small blocks|-m crc=0 -b size=512
large blocks|-b size=16384
END
# Free space in pieces, so that its tree has three leaves.
rm -f "$image"
truncate -s 20M "$image"
mkfs.xfs -q --unsupported -d agcount=1 -l size=9m -m crc=0 -b size=512 "$image" >"$work/said" 2>&1
python3 "$here/../fuzz/make_xfs_free.py" "$image"
case_ 'XFS: a tree of two levels' same_areas xfs
zstd -qdf "$here/xfs/kernel.img.zst" -o "$image"
case_ 'XFS: as the kernel left it' same_areas xfs

# No tool replays a log without mounting: the areas against what the groups count, which the
# log has as well, but for the blocks that are kept for the trees.
replayed() {
    local kept=0 group size
    size=$(xfs_db -r -c 'sb 0' -c 'p blocksize' "$image" | sed 's/.*= //')
    for group in 0 1; do
        kept=$((kept + $(xfs_db -r -c "agf $group" -c 'p flcount' "$image" | sed 's/.*= //')))
    done
    "$FSCAT" usage "$image" >"$work/ours" || return
    same free "$("$FSCAT" info "$image" | sed -n 's/^bytes .* free //p')" \
        $(($(awk '$1 == "free" { n += $3 } END { print n }' "$work/ours") + kept * size))
}
zstd -qdf "$here/xfs/dirty.img.zst" -o "$image"
case_ 'XFS: with a log to replay' replayed

# ---- btrfs

for options in '-m single -d single' '-m dup -d single' '-n 4096 --mixed'; do
    read -ra words <<<"$options"
    rm -f "$image"
    truncate -s 300M "$image"
    case_ "make btrfs: $options" mkfs.btrfs -q --rootdir "$work/source" "${words[@]}" "$image"
    case_ "btrfs: $options" same_areas btrfs
done
for name in plain subvolumes packed; do
    zstd -qdf "$here/btrfs/$name.img.zst" -o "$image"
    case_ "btrfs: $name, as the kernel left it" same_areas btrfs
done

# ---- NTFS, FAT

for size in 512 4096; do
    rm -f "$image"
    truncate -s 200M "$image"
    case_ "make NTFS: $size" mkntfs -F -Q -q -c $size "$image"
    ASAN_OPTIONS=detect_leaks=0 "$NTFSFILL" "$image" fill "$work/source"
    case_ "NTFS: clusters of $size" same_areas ntfs
done
for kind in '12 8M' '16 60M' '32 260M'; do
    rm -f "$image"
    truncate -s "${kind#* }" "$image"
    mkfs.vfat -F "${kind% *}" "$image" >"$work/said"
    mcopy -i "$image" "$work"/source/* ::/
    mdel -i "$image" ::/file7 ::/file20 ::/file21 ::/file44
    case_ "FAT${kind% *}" same_areas fat
done

finish
