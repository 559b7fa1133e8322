#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fs.sh: every access to the device of a filesystem fails once.  A filesystem is a row below.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mke2fs mkfs.xfs mkfs.vfat mcopy zstd python3 truncate

mkdir "$work/source" "$work/source/dir" "$work/source/big"
for i in $(seq 40); do
    echo "file $i" >"$work/source/dir/file-$i"
done
for i in $(seq 300); do
    : >"$work/source/big/a name that fills blocks of a directory $i"
done
head -c 700000 /dev/urandom >"$work/source/noise"
truncate -s 900000 "$work/source/noise"
printf end >>"$work/source/noise"
ln -s "/$(printf 'x%.0s' $(seq 100))" "$work/source/long"

# A row: sentence | command that makes the image, its last argument
while IFS='|' read -r sentence command; do
    rm -f "$work/image"
    truncate -s 8M "$work/image"
    read -ra words <<<"$command"
    case_ "make: $sentence" "${words[@]/@/$work/source}" "$work/image"
    case_ "$sentence" "$FAULT_FS" "$work/image"
done <<'END'
ext2, 1 KiB blocks | mke2fs -q -F -t ext2 -b 1024 -d @
ext4 | mke2fs -q -F -t ext4 -b 1024 -d @
ext4, inline_data, no journal | mke2fs -q -F -t ext4 -b 4096 -O inline_data,^has_journal -I 256 -d @
END
for dirty in ext3 ext4-sum1 ext4-data; do
    zstd -qdf "$(dirname "$0")/../oracle/dirty/$dirty.img.zst" -o "$work/image"
    case_ "$dirty with a journal to replay" "$FAULT_FS" "$work/image"
done
# No symlinks in FAT, and no long list of files: mcopy takes its time.
for kind in 12 32; do
    rm -f "$work/image"
    truncate -s 40M "$work/image"
    case_ "make: FAT$kind" mkfs.vfat -F $kind -s $((kind == 12 ? 32 : 1)) "$work/image"
    case_ "fill: FAT$kind" mcopy -s -i "$work/image" "$work/source/dir" "$work/source/noise" ::/
    case_ "FAT$kind" "$FAULT_FS" "$work/image"
done
for name in packed plain mirror; do
    zstd -qdf "$(dirname "$0")/../oracle/btrfs/$name.img.zst" -o "$work/image"
    case_ "btrfs, $name" "$FAULT_FS" "$work/image"
done
for name in packed folders pieces; do
    seeds=$(dirname "$0")/../fuzz
    case_ "make: NTFS, $name" python3 "$seeds/sparse.py" "$seeds/corpora/ntfs/$name" "$work/image" 2097152
    case_ "NTFS, $name" "$FAULT_FS" "$work/image"
done
rm -f "$work/image"
truncate -s 32M "$work/image"
printf -- '-\n0 0\nd--755 0 0\nbig d--755 0 0\n' >"$work/proto"
for i in $(seq 150); do
    echo "a-name-that-fills-blocks-of-a-directory-$i ---644 0 0 $work/source/dir/file-1"
done >>"$work/proto"
printf '$\nnoise ---644 0 0 %s\nlink l--777 0 0 target\n$\n' "$work/source/noise" >>"$work/proto"
case_ "make: XFS" mkfs.xfs -q --unsupported -l size=2000b -d agcount=2 -p "$work/proto" "$work/image"
case_ "XFS" "$FAULT_FS" "$work/image"
python3 - "$(dirname "$0")/../fuzz/corpora/xfs/dirty-v5" "$work/image" <<'END'
import struct, sys
data = open(sys.argv[1], 'rb').read()
with open(sys.argv[2], 'wb') as f:
    f.truncate(20 << 20)
    for at in range(1, len(data) - 513, 514):
        f.seek(512 * struct.unpack_from('<H', data, at)[0])
        f.write(data[at + 2:at + 514])
END
case_ "XFS with a log to replay" "$FAULT_FS" "$work/image"
finish
