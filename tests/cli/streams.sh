#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# streams.sh: conversion while the source arrives, held against that of the same thing as a file
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img python3 sha256sum cmp

# A disk with nothing, noise and text in turns, that ends within a cluster.
python3 - "$work/disk.raw" <<'END'
import random
import sys

noise = random.Random(1)
with open(sys.argv[1], "wb") as f:
    f.write(b"\xeb\x63\x90" + noise.randbytes(507) + b"\x55\xaa")
    for mib, data in [(5, noise.randbytes(3 << 20)), (14, b"port of entry " * 200000), (21, noise.randbytes(777))]:
        f.seek(mib << 20)
        f.write(data)
    f.truncate((23 << 20) + 512)
END

# feed FILE: its bytes in short pieces, some of them after a pause.
feed() {
    python3 - "$1" <<'END'
import random
import sys
import time

sizes = random.Random(2)
with open(sys.argv[1], "rb") as f:
    while data := f.read(sizes.choice([1, 511, 4096, 65536, 70001, 1 << 20, 1 << 20])):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        if sizes.random() < 0.1:
            time.sleep(0.01)
END
}

# same_output FILE [OPTION...]: the stream makes the same bytes as the file, at any number of
# threads, and its sum is told.
same_output() {
    local file=$1 n
    shift
    rm -rf "$work/a" "$work/b"
    mkdir "$work/a" "$work/b"
    expect 0 imgport convert "$@" "$file" "$work/a/disk" || return
    for n in 1 3; do
        rm -f "$work/b/disk"
        feed "$file" | expect 0 imgport convert --json -j "$n" --verify "$@" - "$work/b/disk" || return
        cmp "$work/a/disk" "$work/b/disk" || return
        same sum "$(sha256sum <"$file" | cut -d' ' -f1)" "$(jq -r .source_sha256 "$work/out")" || return
    done
}

while IFS='|' read -r name options; do
    # shellcheck disable=SC2086 # options are words
    case_ "raw to $name" same_output "$work/disk.raw" $options
done <<'END'
qcow2|-O qcow2
qcow2, zlib|-c zlib
qcow2, zstd, clusters of 2 MiB|-c zstd --cluster-size 2M
qcow2, clusters of 4 KiB|--cluster-size 4k
raw|-O raw
vhd, dynamic|-O vhd
vhd, fixed|-O vhd --subformat fixed
vmdk, monolithicSparse|-O vmdk
vmdk, streamOptimized|-O vmdk --subformat streamOptimized
END

qemu-img convert -O vpc -o subformat=fixed "$work/disk.raw" "$work/fixed.vhd"
case_ 'a fixed VHD to qcow2' same_output "$work/fixed.vhd"
case_ 'a fixed VHD to a dynamic one' same_output "$work/fixed.vhd" -O vhd
qemu-img convert -O vpc -o subformat=fixed,force_size=on "$work/disk.raw" "$work/force.vhd"
case_ 'a fixed VHD whose size is no geometry, declared' same_output "$work/force.vhd" -f vpc
qemu-img convert -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
case_ 'what is no stream is kept in a file first' same_output "$work/disk.qcow2"

finish
