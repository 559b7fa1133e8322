#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# streams.sh: conversion while the source arrives, held against that of the same thing as a file
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img python3 sha256sum cmp gzip xz zstd

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
qemu-img convert -O vmdk -o subformat=streamOptimized "$work/disk.raw" "$work/qemu.vmdk"
imgport convert -O vmdk --subformat streamOptimized "$work/disk.raw" "$work/ours.vmdk" >/dev/null
for name in qemu ours; do
    while read -r options; do
        # shellcheck disable=SC2086 # options are words
        case_ "a streamOptimized VMDK ($name) to ${options:-qcow2}" same_output "$work/$name.vmdk" $options
    done <<END

-O vhd
-c zlib --cluster-size 2M
--cluster-size 4k
END
done

qemu-img convert -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
case_ 'what is no stream is kept in a file first' same_output "$work/disk.qcow2"

# same_packed FILE PLAIN: what is packed converts to the same bytes, as a stream and as a file.
same_packed() {
    local sum
    sum=$(sha256sum <"$1" | cut -d' ' -f1)
    rm -rf "$work/a" "$work/b"
    mkdir "$work/a" "$work/b"
    expect 0 imgport convert "$2" "$work/a/disk" || return
    feed "$1" | expect 0 imgport convert --json --verify - "$work/b/disk" || return
    cmp "$work/a/disk" "$work/b/disk" && same sum "$sum" "$(jq -r .source_sha256 "$work/out")" &&
        same packing "$3" "$(jq -r .source_packing "$work/out")" || return
    expect 0 imgport convert --overwrite --verify "$1" "$work/b/disk" && cmp "$work/a/disk" "$work/b/disk"
}

# halves COMMAND...: both halves of the disk, packed one after the other.
halves() {
    head -c 10000000 "$work/disk.raw" | "$@"
    tail -c +10000001 "$work/disk.raw" | "$@"
}

gzip -c "$work/disk.raw" >"$work/disk.gz"
xz -c "$work/disk.raw" >"$work/disk.xz"
zstd -qc "$work/disk.raw" >"$work/disk.zst"
for kind in gzip xz zstd; do
    halves "$kind" -qc >"$work/halves.$kind"
    case "$kind" in
    gzip) packed=$work/disk.gz ;;
    xz) packed=$work/disk.xz ;;
    zstd) packed=$work/disk.zst ;;
    esac
    case_ "raw packed with $kind" same_packed "$packed" "$work/disk.raw" $kind
    case_ "raw packed with $kind in two pieces" same_packed "$work/halves.$kind" "$work/disk.raw" $kind
    $kind -qc "$work/fixed.vhd" >"$work/other"
    case_ "a fixed VHD packed with $kind" same_packed "$work/other" "$work/fixed.vhd" $kind
    $kind -qc "$work/qemu.vmdk" >"$work/other"
    case_ "a streamOptimized VMDK packed with $kind" same_packed "$work/other" "$work/qemu.vmdk" $kind
    $kind -qc "$work/disk.qcow2" >"$work/other"
    case_ "a qcow2 packed with $kind" same_packed "$work/other" "$work/disk.qcow2" $kind
done

finish
