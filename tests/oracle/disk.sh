#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# disk.sh: disks that stand on an image, made by us and read by qemu-img, and the other way
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io jq cmp truncate

base=$work/base.qcow2 disk=$work/disk.qcow2
MiB=1048576

# A disk with an MBR's signature, some data, zeros and holes.
qemu-img create -q -f qcow2 "$base" 700M
qemu-io -f qcow2 -c 'write -P 0x55 510 1' -c 'write -P 0xaa 511 1' -c 'write -P 17 1M 3M' \
    -c 'write -z 600M 1M' -c 'write -P 18 650M 64k' "$base" >/dev/null

diskcat() { IMGPORT_ROOT=$(dirname "$IMGPORT") "$DISKCAT" "$@"; }

is_sound() {
    qemu-img check -q -f qcow2 "$disk" &&
        same size "$1" "$(qemu-img info --output=json "$disk" | jq '."virtual-size"')" &&
        same backing "$2 $3" "$(qemu-img info --output=json "$disk" |
            jq -r '"\(."backing-filename") \(."backing-filename-format")"')"
}

plain() {
    rm -f "$disk"
    same answer "$((700 * MiB)) nothing 0" "$(diskcat make "$base" 0 base.qcow2 qcow2 "$disk")" &&
        is_sound $((700 * MiB)) base.qcow2 qcow2 && qemu-img compare -q "$disk" "$base"
}

larger() {
    rm -f "$disk"
    diskcat make "$base" $((50000 * MiB)) "$base" qcow2 "$disk" &&
        is_sound $((50000 * MiB)) "$base" qcow2 && qemu-img compare -q "$disk" "$base"
}

unseen() {
    rm -f "$disk"
    same answer "$((800 * MiB)) nothing 0" \
        "$(diskcat make - $((800 * MiB)) nbd:unix:sock raw "$disk")" &&
        qemu-img info --output=json "$disk" | jq -e '."backing-filename-format" == "raw"'
}

refused() {
    rm -f "$disk"
    expect 2 diskcat make "$base" "$MiB" base.qcow2 qcow2 "$disk" && matches "$work/err" 'but the image has' &&
        ! [ -e "$disk" ] && expect 2 diskcat make - 0 base.qcow2 qcow2 "$disk" &&
        expect 2 diskcat make "$base" 0 base.qcow2 vmdk "$disk" && ! [ -e "$disk" ]
}

# Our reader over the base, against theirs.
same_pair() {
    rm -f "$work/flat.qcow2" && same answer "0 nothing 0" "$(diskcat convert "$disk" "$base" "$work/flat.qcow2")" &&
        qemu-img check -q "$work/flat.qcow2" && same_disk qcow2 "$work/flat.qcow2" qcow2 "$disk"
}

written() {
    plain && qemu-io -f qcow2 -c 'write -P 33 2M 100k' -c 'write -z 3M 64k' -c 'discard 650M 64k' \
        -c 'write -P 34 699M 1M' "$disk" >/dev/null && same_pair
}

smaller_base() {
    larger && qemu-io -f qcow2 -c 'write -P 35 699M 2M' -c 'write -P 36 40000M 64k' "$disk" >/dev/null && same_pair
}

larger_base() {
    rm -f "$disk" && qemu-img create -q -f qcow2 -b "$base" -F qcow2 "$disk" 2M &&
        qemu-io -f qcow2 -c 'write -P 37 64k 1k' "$disk" >/dev/null && same_pair
}

# Their overlays: other clusters, subclusters, compressed ones, version 2.
their_overlay() {
    rm -f "$disk"
    qemu-img create -q -f qcow2 -b "$base" -F qcow2 -o "$1" "$disk" 710M &&
        qemu-io -f qcow2 -c 'write -P 38 1050k 3k' -c 'write -P 39 3M 512k' \
            -c 'write -P 40 705M 70k' "$disk" >/dev/null &&
        { [ -z "${2:-}" ] || qemu-io -f qcow2 -c "$2" "$disk" >/dev/null; } && same_pair
}

# The name in the header is not followed, and what stands on nothing is not put on something.
alone() {
    plain && expect 3 imgport convert "$disk" "$work/none.qcow2" && matches "$work/err" 'backing file' &&
        expect 2 diskcat convert "$base" "$base" "$work/none.qcow2" &&
        matches "$work/err" 'stands on no other image' && ! [ -e "$work/none.qcow2" ]
}

checked() {
    plain && expect 1 diskcat check "$disk" "$base" &&
        jq -e '.facts.image.virtual_size == 734003200 and .facts.image.fault == "none"' "$work/out"
}

case_ 'a disk without edits is its image' plain
case_ 'a disk may be larger' larger
case_ 'an image that nobody looks at needs a size only' unseen
case_ 'a disk that is smaller than its image is refused, and nothing is left' refused
case_ 'what QEMU wrote to our overlay is read over the base' written
case_ 'a disk goes on behind its base' smaller_base
case_ 'a disk ends before its base' larger_base
case_ 'overlays of QEMU with clusters of 512 bytes' their_overlay cluster_size=512
case_ 'overlays of QEMU with clusters of 2 MiB' their_overlay cluster_size=2M
case_ 'overlays of QEMU with subclusters' their_overlay extended_l2=on 'write -z 1100k 10k'
case_ 'overlays of QEMU with compressed clusters' their_overlay compat=1.1 'write -c -P 41 8M 64k'
case_ 'overlays of QEMU of version 2' their_overlay compat=0.10
case_ 'the name of a base is never followed' alone
case_ 'a disk over its base is checked' checked
finish
