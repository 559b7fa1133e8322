#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# convert.sh: the conversion alone, judged by qemu-img
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img python3 cmp

here=$(dirname "$0")
python3 "$here/convert_inputs.py" "$work" || exit 1

# identical RAW QCOW2: the same disk, and no fault in the tables
identical() {
    qemu-img compare -f raw -F qcow2 "$1" "$2" && qemu-img check -f qcow2 "$2"
}

# threads_agree RAW COMPRESSION: any number of threads writes the same bytes
threads_agree() {
    "$CONVERTCAT" -j 1 -c "$2" "$1" "$1.first" >"$1.says" || return 1
    for n in 2 3 8; do
        "$CONVERTCAT" -j "$n" -c "$2" "$1" "$1.again" >/dev/null || return 1
        cmp "$1.first" "$1.again" || return 1
    done
}

# says_the_size RAW: what the result says is what is there
says_the_size() {
    read -r virtual data size _ <"$1.says"
    echo "virtual $virtual, data $data, file $size"
    [ "$size" -eq "$(stat -c %s "$1.first")" ] &&
        [ "$virtual" -eq $((($(stat -c %s "$1") + 511) / 512 * 512)) ]
}

for raw in "$work"/*.raw; do
    name=$(basename "$raw" .raw)
    for compression in none zlib zstd; do
        case_ "$name, $compression: the same bytes at 1, 2, 3 and 8 threads" \
            threads_agree "$raw" $compression
        case_ "$name, $compression: qemu-img sees the same disk and no fault" \
            identical "$raw" "$raw.first"
        case_ "$name, $compression: the sizes told are the true ones" says_the_size "$raw"
    done
    rm -f "$raw.first" "$raw.again" "$raw.says"
done

window() {
    "$CONVERTCAT" -c zlib "$work/mixed.raw" "$work/w.qcow2" >/dev/null &&
        [ "$(python3 "$here/qcow2_window.py" "$work/w.qcow2")" -gt 50 ]
}
case_ 'every deflate stream needs a window of 4 KiB at most' window

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
