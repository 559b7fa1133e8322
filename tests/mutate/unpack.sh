#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# unpack.sh FOLDER: every image that is mutated, those of the oracle tests among them
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
oracle=$here/../oracle
mkdir -p "$1"

unpack() { zstd -qdf --sparse --long=27 "$1" -o "$2"; }

for file in "$here"/images/*.zst; do
    unpack "$file" "$1/$(basename "$file" .zst)"
done
for name in packed plain subvolumes logged; do
    unpack "$oracle/btrfs/$name.img.zst" "$1/btrfs-$name.img"
done
for name in kernel dirty; do
    unpack "$oracle/xfs/$name.img.zst" "$1/xfs-$name.img"
done
for name in ext3-data ext4 ext4-sum1 ext4-fast; do
    unpack "$oracle/dirty/$name.img.zst" "$1/${name%%-*}-dirty-${name#*-}.img"
done
unpack "$oracle/lvm2/a.img.zst" "$1/lvm-tools.img"
