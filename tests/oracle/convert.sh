#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# convert.sh: the conversion alone, judged by qemu-img
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3 cmp 7zz

here=$(dirname "$0")
python3 "$here/convert_inputs.py" "$work" || exit 1

# identical RAW FORMAT FILE: the same disk, and no fault in the tables where qemu looks
identical() {
    qemu-img compare -f raw -F "$2" "$1" "$3" || return 1
    case $2 in
    qcow2 | vmdk) qemu-img check -f "$2" "$3" ;;
    esac
}

# threads_agree RAW OPTION...: any number of threads writes the same bytes
threads_agree() {
    local raw=$1
    shift
    "$CONVERTCAT" -j 1 "$@" "$raw" "$raw.first" >"$raw.says" || return 1
    for n in 2 3 8; do
        "$CONVERTCAT" -j "$n" "$@" "$raw" "$raw.again" >/dev/null || return 1
        cmp "$raw.first" "$raw.again" || return 1
    done
}

# says_the_size RAW UNIT: what the result says is what is there
says_the_size() {
    read -r virtual data size _ <"$1.says"
    echo "virtual $virtual, data $data, file $size"
    [ "$size" -eq "$(stat -c %s "$1.first")" ] || return 1
    # A VHD has no disk without sectors.
    [ "$2" -eq 512 ] || [ "$virtual" -gt 0 ] || return 1
    [ "$2" -ne 512 ] && [ "$(stat -c %s "$1")" -eq 0 ] && return
    [ "$virtual" -eq $((($(stat -c %s "$1") + $2 - 1) / $2 * $2)) ]
}

# What is written: options, the name that qemu has for the format, the unit of its size.
kinds='-c none|qcow2|512
-c zlib|qcow2|512
-c zstd|qcow2|512
-b 512 -c zlib|qcow2|512
-b 4096|qcow2|512
-b 2097152 -c zstd|qcow2|512
-O raw|raw|512
-O vhd|vpc|1048576
-O vhd:fixed|vpc|1048576
-O vmdk|vmdk|512
-O vmdk:streamOptimized|vmdk|512'

for raw in "$work"/*.raw; do
    name=$(basename "$raw" .raw)
    bytes=$(stat -c %s "$raw")
    while IFS='|' read -r options format unit; do
        # Small clusters map 128 GiB at most, a VHD 2040 GiB; and cmp reads every hole.
        case $options in
        *raw* | *fixed*) [ "$bytes" -le $((1 << 30)) ] || continue ;;
        *vmdk* | *-b*) [ "$bytes" -le $((16 << 30)) ] || continue ;;
        *vhd*) [ "$bytes" -le $((2040 << 30)) ] || continue ;;
        esac
        [ "$bytes" -gt 0 ] || [ "$format" != vmdk ] || continue # qemu opens none without sectors
        # shellcheck disable=SC2086 # options are words
        case_ "$name, $options: the same bytes at 1, 2, 3 and 8 threads" \
            threads_agree "$raw" $options
        case_ "$name, $options: qemu-img sees the same disk and no fault" \
            identical "$raw" "$format" "$raw.first"
        case_ "$name, $options: the sizes told are the true ones" says_the_size "$raw" "$unit"
        rm -f "$raw.first" "$raw.again" "$raw.says"
    done <<<"$kinds"
done

# A qcow2 does not say how far back the matches of its deflate streams reach; QEMU asks for
# 4 KiB and gets by with more.  Another reader gets by too.
seven() {
    "$CONVERTCAT" -c zlib "$work/mixed.raw" "$work/w.qcow2" >/dev/null &&
        7zz x -so "$work/w.qcow2" | cmp - "$work/mixed.raw"
}
case_ '7-Zip reads the same disk out of compressed clusters' seven

# A file of n clusters in the place of 2 GiB borders: 120000 are about 6 GiB.
for seed in 1 2 3 4; do
    stress() {
        "$SINKSTRESS" "$seed" $((40000 * seed)) "$work/stress.qcow2" &&
            qemu-img check -f qcow2 "$work/stress.qcow2"
    }
    case_ "refcounts over 2 GiB borders, seed $seed" stress
done
rm -f "$work/stress.qcow2"

# too_small KIB: a file size limit in the middle of things is one sentence
too_small() {
    (ulimit -f "$1" && "$CONVERTCAT" -j 3 "$work/full.raw" "$work/cut.qcow2") 2>"$work/said"
    [ $? -eq 1 ] && [ "$(wc -l <"$work/said")" -eq 1 ] && grep -q 'File too large' "$work/said"
}
for kib in 1 63 64 128 3000 12352 12416 12480 12540; do
    case_ "an output that may have $kib KiB fails with one sentence" too_small $kib
done

full() {
    "$CONVERTCAT" -j 3 "$work/$1.raw" /dev/full 2>"$work/said"
    [ $? -eq 1 ] && [ "$(wc -l <"$work/said")" -eq 1 ] &&
        grep -q 'No space left on device' "$work/said"
}
case_ 'a full disk fails with one sentence' full mixed

# Sanitizers have memory of their own, which says nothing about ours.
if [ "$SANITIZED" = 0 ]; then
    # cramped KIB: whatever does not fit is told in one sentence, or it all fits
    cramped() {
        local status=0
        (ulimit -v "$1" && "$CONVERTCAT" -j 16 -c zstd "$work/mixed.raw" "$work/cut.qcow2") \
            >/dev/null 2>"$work/said" || status=$?
        cat "$work/said"
        [ "$status" -eq 0 ] && return
        [ "$status" -eq 1 ] && [ "$(wc -l <"$work/said")" -eq 1 ]
    }
    for kib in 8000 16000 24000 28000 32000 36000 40000 44000 48000 52000 56000 60000; do
        case_ "an address space of $kib KiB is enough or is told" cramped $kib
    done
    lean() {
        "$CONVERTCAT" -j 16 -c "$2" "$work/$1.raw" "$work/lean.qcow2" >"$work/says" || return 1
        read -r _ _ _ peak <"$work/says"
        echo "peak: $peak KiB"
        [ "$peak" -lt $((40 * 1024)) ]
    }
    # confined COMPRESSION: the sandbox allows what the conversion needs
    confined() {
        "$CONVERTCAT" -c "$1" "$work/mixed.raw" "$work/free.qcow2" >/dev/null &&
            "$CONVERTCAT" -s -j 16 -c "$1" "$work/mixed.raw" "$work/confined.qcow2" &&
            cmp "$work/free.qcow2" "$work/confined.qcow2"
    }
    for compression in none zlib zstd; do
        case_ "$compression, by 16 threads within the sandbox" confined $compression
        case_ "5 TiB by 16 threads, $compression, in less than 40 MiB" lean sparse-5t $compression
        case_ "40 MiB by 16 threads, $compression, in less than 40 MiB" lean mixed $compression
    done
fi
finish
