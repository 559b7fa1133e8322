#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vhd.sh: VHDs of every kind that qemu-img can make, read by us and by it.  The bytes must be
# the same, and what is no data must be zeros.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io jq awk cmp diff truncate python3

image=$work/image.vhd

# A disk of so many bytes with writes that begin and end everywhere.
source_of() {
    rm -f "$work/source.raw"
    truncate -s "$1" "$work/source.raw"
    qemu-io -f raw -c 'write -P 0xe1 0 512' -c 'write -P 0xe2 65024 1024' \
        -c 'write -P 0xe3 1M 1M' -c 'write -P 0xe4 2096640 1024' \
        -c "write -P 0xe5 $(($1 / 512 * 512 - 1536)) 1536" "$work/source.raw" >/dev/null
}

convert() { qemu-img convert -f raw -O vpc -o "$1" "$work/source.raw" "$image"; }

same_bytes() {
    qemu-img convert -f vpc -O raw "$image" "$work/want.raw" &&
        same size "$(stat -c %s "$work/want.raw")" \
            "$("$BLOCKCAT" -i "$image" | sed -n 's/^virtual_size: //p')" &&
        "$BLOCKCAT" "$image" | cmp - "$work/want.raw" &&
        "$BLOCKCAT" -r 99991 "$image" | cmp - "$work/want.raw"
}

# Neighbouring lines "offset length" become one.
merge() {
    awk '{ if (NR > 1 && $1 == end) len += $2
           else { if (NR > 1) print start, len; start = $1; len = $2 }
           end = $1 + $2 }
         END { if (NR) print start, len }'
}

same_extents() {
    qemu-img map -f vpc --output=json "$image" |
        jq -r '.[] | select(.data and (.zero | not)) | "\(.start) \(.length)"' |
        merge >"$work/want.map"
    "$BLOCKCAT" -e "$image" | awk '$1 == "data" { print $2, $3 }' | merge >"$work/got.map"
    diff "$work/want.map" "$work/got.map"
}

# refused FAULT EXPRESSION: the image is, with this fault and a sentence like that.
refused() {
    if "$BLOCKCAT" "$image" >/dev/null 2>"$work/err"; then
        echo 'was opened'
        return 1
    fi
    matches "$work/err" "^fault: $1\$" && matches "$work/err" "$2"
}

# One byte less is what Virtual PC wrote before 2004, so that is read.
cut_is_seen() {
    local n size
    size=$(stat -c %s "$image")
    for n in 2 13 511 512 513 4096 65536 2097152 $((size - 512)); do
        [ "$n" -lt "$size" ] || continue
        cp "$image" "$work/whole.vhd"
        truncate -s "-$n" "$image"
        refused truncated '^blockcat: vhd: ' || return 1
        mv "$work/whole.vhd" "$image"
    done
}

for size in 3M $((5 * 1024 * 1024 + 1536)) 40M; do
    bytes=$(numfmt --from=iec "$size")
    case_ "a disk of $size" source_of "$bytes"
    for o in subformat=dynamic subformat=dynamic,force_size=on subformat=fixed \
        subformat=fixed,force_size=on; do
        case_ "make $o, $size" convert "$o"
        case_ "$o, $size: same bytes" same_bytes
        case_ "$o, $size: same extents" same_extents
        case "$o" in *dynamic*) case_ "$o, $size: a cut is seen" cut_is_seen ;; esac
    done
done

# Which field is the size.  qemu-img before 10.0 reads those it does not know by geometry, so
# only the ones it knows are compared.
set_creator() {
    python3 - "$image" "$1" <<'END'
import struct
import sys

path, creator = sys.argv[1], sys.argv[2].encode().ljust(4, b"\0")
with open(path, "r+b") as f:
    image = bytearray(f.read())
    for at in (0, len(image) - 512):
        if image[at:at + 8] == b"conectix":
            image[at + 28:at + 32] = creator
            image[at + 64:at + 68] = bytes(4)
            total = ~sum(image[at:at + 512]) & 0xffffffff
            image[at + 64:at + 68] = struct.pack(">I", total)
    f.seek(0)
    f.write(image)
END
}
case_ 'a disk for creators' source_of $((40 * 1024 * 1024 + 512))
for o in subformat=dynamic,force_size=on subformat=fixed,force_size=on; do
    case_ "make $o for creators" convert "$o"
    for creator in 'vpc ' qemu qem2 'win ' 'd2v ' tap CTXS; do
        case_ "creator '$creator', $o" set_creator "$creator"
        case_ "creator '$creator', $o: same bytes" same_bytes
    done
done

case_ 'a disk read one byte at a time' source_of 3145728
case_ 'make it' convert subformat=dynamic,force_size=on
bytewise() { "$BLOCKCAT" -b "$image" | cmp - "$work/source.raw"; }
case_ 'one byte at a time' bytewise

empty_is_instant() {
    rm -f "$image"
    qemu-img create -q -f vpc -o force_size=on "$image" 127G
    same extents 'hole 0 136365211648' "$(timeout 2 "$BLOCKCAT" -e "$image")"
}
case_ 'an empty disk of 127 GiB is one extent' empty_is_instant

nested() {
    qemu-img create -q -f qcow2 "$work/inner.qcow2" 64M
    truncate -s 16M "$work/inner.qcow2"
    qemu-img convert -f raw -O vpc -o "$1,force_size=on" "$work/inner.qcow2" "$image"
}
case_ 'make a qcow2 in a dynamic VHD' nested subformat=dynamic
case_ 'a qcow2 in a dynamic VHD is refused' refused nested 'inside the vhd is itself qcow2'
case_ 'make a qcow2 in a fixed VHD' nested subformat=fixed
case_ 'a qcow2 in a fixed VHD is refused' refused polyglot 'qcow2 and vhd at once'

finish
