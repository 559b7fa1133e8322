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
cat >"$work/script" <<END_OF_SCRIPT
one() {
    mkfs.btrfs -q --csum \$2 -n \$4 \$1
    mkdir -p /mnt/\$2
    mount -t btrfs -o compress-force=\$3 \$1 /mnt/\$2
    btrfs -q subvolume create /mnt/\$2/subvolume
    python3 $here/many.py /mnt/\$2/top $((count / 6)) 1\$4 kernel
    python3 $here/many.py /mnt/\$2/subvolume/in $((count / 12)) 2\$4
    btrfs -q subvolume snapshot /mnt/\$2/subvolume /mnt/\$2/snapshot
    for i in 1 2 3 4 5; do
        echo changed >/mnt/\$2/subvolume/in/changed-\$i
    done
    umount /mnt/\$2
    mount -t btrfs -o ro \$1 /mnt/\$2
    python3 $here/tree_lines.py /mnt/\$2 >$work/kernel.\$2
    umount /mnt/\$2
}
END_OF_SCRIPT
disks=()
while read -r sum compression node; do
    disks+=("$work/disk.$sum")
    truncate -s 1G "$work/disk.$sum"
    letter=$(cut -c ${#disks[@]} <<<abcd)
    echo "one /dev/ubd$letter $sum $compression $node" >>"$work/script"
done <<<"$rows"
case_ 'a kernel writes four filesystems' "$top/tests/guests/uml.sh" "$work" "$(cat "$work/script")" "${disks[@]}"

same_as_kernel() {
    LC_ALL=C sort "$work/kernel.$1" | diff - <("$FSCAT" tree "$work/disk.$1" | LC_ALL=C sort)
}
files=0
while read -r sum compression _; do
    case_ "$sum and $compression: as the kernel reads it" same_as_kernel "$sum"
    files=$((files + $(grep -c '^f' "$work/kernel.$sum")))
done <<<"$rows"
case_ "they have more than $count files" test $files -gt "$count"
finish
