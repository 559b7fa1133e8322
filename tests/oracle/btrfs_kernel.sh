#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs_kernel.sh [COUNT]: btrfs as a kernel (User Mode Linux) writes it: compressed, allocated
# ahead, written over, with subvolumes; what we read of COUNT files (by default 2000) is what
# that kernel reads.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.btrfs btrfs python3 truncate linux.uml

here=$(cd "$(dirname "$0")" && pwd)
count=${1:-2000}
# Four filesystems: a kind of checksum, of compression and a size of nodes each; a third of the
# files in a subvolume, and a snapshot of that from before it was changed.
rows='crc32c zstd 16384
xxhash zlib 65536
sha256 lzo 4096
blake2 none 32768'
# Python takes seconds to start there, so it is started once to write and once to read.
disks=() make='' trees='' change=''
while read -r sum compression node; do
    device=/dev/ubd$(cut -c $((${#disks[@]} + 1)) <<<abcd) at=/mnt/all/$sum
    disks+=("$work/disk.$sum")
    truncate -s 1G "$work/disk.$sum"
    make+="
        mkfs.btrfs -q --csum $sum -n $node $device
        mkdir -p $at
        mount -t btrfs -o compress-force=$compression $device $at
        btrfs -q subvolume create $at/subvolume"
    trees+=" -- $at/top $((count / 6)) 1$node kernel -- $at/subvolume/in $((count / 12)) 2$node"
    change+="
        btrfs -q subvolume snapshot $at/subvolume $at/snapshot
        for i in 1 2 3 4 5; do
            echo changed >$at/subvolume/in/changed-\$i
        done
        umount $at
        mount -t btrfs -o ro $device $at"
done <<<"$rows"
script="$make
    python3 -IS $here/many.py${trees# --}
    $change
    python3 -IS $here/tree_lines.py /mnt/all >$work/kernel"
case_ 'a kernel writes four filesystems' "$top/tests/guests/uml.sh" "$work" "$script" "${disks[@]}"

same_as_kernel() {
    # Six columns, then the path.
    sed -nE "s|^(([^ ]+ ){6})/$1/|\\1/|p" "$work/kernel" | LC_ALL=C sort >"$work/kernel.$1"
    diff "$work/kernel.$1" <("$FSCAT" tree "$work/disk.$1" | LC_ALL=C sort)
}
files=0
while read -r sum compression _; do
    case_ "$sum and $compression: as the kernel reads it" same_as_kernel "$sum"
    files=$((files + $(grep -c '^f' "$work/kernel.$sum")))
done <<<"$rows"
case_ "they have more than $count files" test $files -gt "$count"
finish
