#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# vmdk.sh: VMDKs of every kind that qemu-img can make, and streams of another writer, read by
# us and by qemu-img.  The bytes must be the same, and what is no data must be zeros.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io jq awk cmp diff truncate python3

folder=$work/vm
image=$folder/disk.vmdk

# A disk of so many bytes with writes that begin and end everywhere.
source_of() {
    rm -f "$work/source.raw"
    truncate -s "$1" "$work/source.raw"
    qemu-io -f raw -c 'write -P 0xe1 0 512' -c 'write -P 0xe2 65024 1024' \
        -c 'write -P 0xe3 1M 1M' -c 'write -P 0xe4 2621440 70000' \
        -c "write -P 0xe5 $(($1 / 512 * 512 - 1536)) 1536" "$work/source.raw" >/dev/null
}

convert() {
    rm -rf "$folder"
    mkdir "$folder"
    qemu-img convert -f raw -O vmdk -o "$1" "$work/source.raw" "$image"
}

same_bytes() {
    qemu-img convert -f vmdk -O raw "$image" "$work/want.raw" &&
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
    qemu-img map -f vmdk --output=json "$image" |
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

# cut_is_seen FILE: without its last N bytes the image is refused, or nothing of the guest's
# was in them.
cut_is_seen() {
    local n size
    size=$(stat -c %s "$1")
    "$BLOCKCAT" "$image" >"$work/want.raw" || return 1
    cp "$1" "$work/whole"
    for n in 1 13 511 512 513 1536 4096 65536 $((size / 2)) $((size - 600)); do
        ((n > 0 && n < size)) || continue
        truncate -s "-$n" "$1"
        if "$BLOCKCAT" "$image" >"$work/cut.raw" 2>"$work/cut.err"; then
            cmp "$work/cut.raw" "$work/want.raw" || return 1
        elif ! grep -q '^fault: truncated' "$work/cut.err"; then
            echo "cut by $n:"
            cat "$work/cut.err"
            return 1
        fi
        cp "$work/whole" "$1"
    done
}

check() {
    case_ "$1: same bytes" same_bytes
    case_ "$1: same extents" same_extents
}

# The file that holds the guest's last bytes.
last_file() {
    # shellcheck disable=SC2012 # names are ours
    ls "$folder" | sort | sed -n '/-/p' | tail -n 1 | grep . || basename "$image"
}

split='twoGbMaxExtentSparse twoGbMaxExtentFlat'
for size in 3M $((5 * 1024 * 1024 + 1536)) 100M 2100M; do
    bytes=$(numfmt --from=iec "$size")
    kinds="$split monolithicSparse monolithicFlat streamOptimized"
    [ "$size" = 2100M ] && kinds=$split # the only ones that change there
    case_ "a disk of $size" source_of "$bytes"
    for kind in $kinds; do
        case_ "make $kind, $size" convert "subformat=$kind"
        check "$kind, $size"
        # Flat files have no tables to tell by, but a size.
        [ "$size" = 2100M ] ||
            case_ "$kind, $size: a cut is seen" cut_is_seen "$folder/$(last_file)"
    done
done

case_ 'a disk for options' source_of $((5 * 1024 * 1024))
for o in adapter_type=ide adapter_type=buslogic adapter_type=lsilogic adapter_type=legacyESX \
    hwversion=7 compat6=on zeroed_grain=on toolsversion=2147483647; do
    case_ "make $o" convert "$o"
    check "$o"
done

edit() {
    local commands=()
    while read -r line; do
        [ -n "$line" ] && commands+=(-c "$line")
    done
    qemu-io -f vmdk "${commands[@]}" "$image" >"$work/io" 2>&1 || {
        cat "$work/io"
        return 1
    }
    ! grep -iE 'error|failed|invalid' "$work/io"
}
for kind in monolithicSparse twoGbMaxExtentSparse; do
    case_ "make $kind with zero grains" convert "subformat=$kind,zeroed_grain=on"
    case_ "write zeros into $kind" edit <<'END'
write -z 1M 512k
write -z 3M 256k
write -P 0xd1 1200k 100k
write -P 0xd2 4M 4k
END
    check "$kind with zero grains"
    zero_is_told() { "$BLOCKCAT" -e "$image" | grep -q '^zero 3145728 262144$'; }
    case_ "$kind tells zero grains" zero_is_told
done

# A writer that puts the directory behind the grains, with footer and markers.
foreign_stream() {
    rm -rf "$folder"
    mkdir "$folder"
    /usr/bin/python3 -m VMDKstream "$work/source.raw" "$image"
}
foreign_same() { "$BLOCKCAT" "$image" | cmp - "$work/source.raw"; }
for bytes in $((5 * 1024 * 1024)) $((100 * 1024 * 1024)); do
    case_ "a disk of $bytes bytes for VMDKstream" source_of "$bytes"
    case_ "make a stream of $bytes bytes with VMDKstream" foreign_stream
    check "VMDKstream, $bytes bytes"
    case_ "VMDKstream, $bytes bytes: the bytes of the source" foreign_same
    case_ "VMDKstream, $bytes bytes: a cut is seen" cut_is_seen "$image"
done

case_ 'a disk read one byte at a time' source_of $((2700 * 1024 + 512))
for kind in monolithicSparse streamOptimized twoGbMaxExtentSparse; do
    case_ "make $kind for one byte at a time" convert "subformat=$kind"
    bytewise() { "$BLOCKCAT" -b "$image" | cmp - "$work/source.raw"; }
    case_ "$kind, one byte at a time" bytewise
done

empty_is_instant() {
    rm -rf "$folder"
    mkdir "$folder"
    qemu-img create -q -f vmdk "$image" 500G
    timeout 2 "$BLOCKCAT" -e "$image" >"$work/extents" || return 1
    same 'data extents' 0 "$(grep -c '^data' "$work/extents")"
}
case_ 'an empty disk of 500 GiB costs nothing' empty_is_instant

case_ 'a disk in two files' convert subformat=monolithicFlat
mv "$folder/disk-flat.vmdk" "$work/flat"
case_ 'a missing extent is refused' refused missing-extent '"disk-flat.vmdk" is not there'
sed -i 's/disk-flat/..\/flat/' "$image"
case_ 'an extent elsewhere is refused' refused foreign-extent '"../flat.vmdk" is no plain name'
case_ 'a base' convert subformat=monolithicSparse
mv "$image" "$folder/base.vmdk"
case_ 'a disk on a base' qemu-img create -q -f vmdk -F vmdk -b "$folder/base.vmdk" "$image"
case_ 'a disk on a base is refused' refused delta 'so another disk lies below'

finish
