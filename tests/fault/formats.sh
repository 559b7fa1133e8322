#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# formats.sh: every access to the file of an image fails once, and every allocation.  A format
# is a row below.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io

qemu-img create -q -f raw "$work/source" 3M
qemu-io -f raw -c 'write -P 0xe1 0 100k' -c 'write -P 0xe2 1M 70k' -c 'write -P 0xe3 3071k 1k' \
    "$work/source" >/dev/null

# A row: sentence | arguments of qemu-img convert
while IFS='|' read -r sentence arguments; do
    rm -rf "$work/image"
    mkdir "$work/image"
    read -ra words <<<"$arguments"
    case_ "make: $sentence" qemu-img convert -f raw "${words[@]}" "$work/source" \
        "$work/image/disk"
    case_ "$sentence" "$FAULT_FORMATS" "$work/image/disk"
done <<'END'
raw | -O raw
qcow2 version 2 | -O qcow2 -o compat=0.10
qcow2 version 3 | -O qcow2
qcow2 with small clusters | -O qcow2 -o cluster_size=4k
qcow2 with subclusters | -O qcow2 -o extended_l2=on
qcow2, zlib | -O qcow2 -c
qcow2, zstd | -O qcow2 -c -o compression_type=zstd
qcow2, preallocated | -O qcow2 -o preallocation=metadata
VHD, dynamic | -O vpc
VHD, fixed | -O vpc -o subformat=fixed
VMDK, sparse | -O vmdk
VMDK, stream | -O vmdk -o subformat=streamOptimized
VMDK, flat | -O vmdk -o subformat=monolithicFlat
VMDK, split and sparse | -O vmdk -o subformat=twoGbMaxExtentSparse
VMDK, split and flat | -O vmdk -o subformat=twoGbMaxExtentFlat
END

# Internal snapshots have a table of their own.
case_ 'make: qcow2 with snapshots' qemu-img convert -f raw -O qcow2 "$work/source" "$work/snap"
for name in one two three; do
    case_ "snapshot $name" qemu-img snapshot -c $name "$work/snap"
done
case_ 'qcow2 with snapshots' "$FAULT_FORMATS" "$work/snap"

finish
