#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# qcow2.sh: images of every kind that qemu-img and qemu-io can make, read by us and by them.
# The bytes must be the same, and so must be what counts as data.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io jq awk cmp diff truncate fallocate

image=$work/image.qcow2

# Runs qemu-io commands on the image, one a line.  Patterns are no text, since a disk that
# begins with text is refused.
edit() {
    local commands=()
    while read -r line; do
        [ -n "$line" ] && commands+=(-c "$line")
    done
    qemu-io -f qcow2 "${commands[@]}" "$image" >"$work/io" 2>&1 || {
        cat "$work/io"
        return 1
    }
    ! grep -iE 'error|failed|invalid' "$work/io"
}

create() {
    rm -f "$image"
    qemu-img create -q -f qcow2 -o "$1" "$image" "$2"
}

# Neighbouring lines "offset length" become one.
merge() {
    awk '{ if (NR > 1 && $1 == end) len += $2
           else { if (NR > 1) print start, len; start = $1; len = $2 }
           end = $1 + $2 }
         END { if (NR) print start, len }'
}

same_bytes() {
    qemu-img convert -f qcow2 -O raw "$image" "$work/want.raw" &&
        "$BLOCKCAT" "$image" | cmp - "$work/want.raw" &&
        "$BLOCKCAT" -r 99991 "$image" | cmp - "$work/want.raw"
}

same_extents() {
    qemu-img map -f qcow2 --output=json "$image" |
        jq -r '.[] | select(.data and (.zero | not)) | "\(.start) \(.length)"' |
        merge >"$work/want.map"
    "$BLOCKCAT" -e "$image" | awk '$1 == "data" { print $2, $3 }' | merge >"$work/got.map"
    diff "$work/want.map" "$work/got.map"
}

bytewise() {
    qemu-img convert -f qcow2 -O raw "$image" "$work/want.raw" &&
        "$BLOCKCAT" -b "$image" | cmp - "$work/want.raw"
}

# A file without its last N bytes is refused, or nothing of the guest's was in them.
cut_is_seen() {
    local n size
    size=$(stat -c %s "$image")
    "$BLOCKCAT" "$image" >"$work/want.raw" || return 1
    for n in 1 13 511 512 4096 65536 $((size / 2)); do
        [ "$n" -lt "$size" ] || continue
        cp "$image" "$work/cut.qcow2"
        truncate -s "-$n" "$work/cut.qcow2" || return 1
        if "$BLOCKCAT" "$work/cut.qcow2" >"$work/cut.raw" 2>"$work/cut.err"; then
            cmp "$work/cut.raw" "$work/want.raw" || return 1
        elif ! grep -q '^fault: truncated' "$work/cut.err"; then
            echo "cut by $n:"
            cat "$work/cut.err"
            return 1
        fi
    done
}

# check SENTENCE: the image as it is now.
check() {
    case_ "$1: qemu-img finds it good" qemu-img check -q "$image"
    case_ "$1: same bytes" same_bytes
    case_ "$1: same extents" same_extents
    case_ "$1: a cut is seen" cut_is_seen
}

# Writes that begin and end everywhere, zeros, discards; for disks of 5 MiB and more.
scribble() {
    edit <<'END'
write -P 0xe1 0 512
write -P 0xe2 65024 1024
write -P 0xe3 100k 300k
write -z 512k 64k
write -z 600k 100k
write -P 0xe4 640k 4k
write -P 0xe5 1M 1M
discard 1280k 256k
write -z -u 1600k 128k
write -P 0xe6 2097664 1536
write -P 0xe7 4M 1M
write -z 4608k 3k
write -P 0xe8 5242880 1024
END
}

size=$((5 * 1024 * 1024 + 1536)) # no multiple of any cluster size over 512

for compat in 0.10 1.1; do
    for cluster in 512 1k 4k 32k 64k 256k 2M; do
        o=compat=$compat,cluster_size=$cluster
        case_ "create $o" create "$o" $size
        check "empty, $o"
        case_ "write $o" scribble
        check "written, $o"
    done
    for how in metadata falloc full; do
        o=compat=$compat,preallocation=$how
        case_ "create $o" create "$o" $size
        check "preallocated, $o"
        case_ "write $o" scribble
        check "preallocated and written, $o"
    done
done

for cluster in 16k 64k 128k 2M; do
    for how in off metadata; do
        o=extended_l2=on,cluster_size=$cluster,preallocation=$how
        case_ "create $o" create "$o" $size
        check "empty, $o"
        case_ "write $o" scribble
        check "written, $o"
    done
done

for bits in 1 64; do
    create refcount_bits=$bits $size
    case_ "write refcount_bits=$bits" scribble
    check "refcounts of $bits bits"
done

# Compressed clusters among others; qemu-io -c compresses too.
case_ 'a disk to compress' create cluster_size=64k $size
case_ 'write the disk to compress' scribble
mv "$image" "$work/source.qcow2"
for o in compat=0.10,cluster_size=512 compat=0.10 cluster_size=512 cluster_size=4k \
    cluster_size=64k cluster_size=2M compression_type=zstd,cluster_size=512 \
    compression_type=zstd compression_type=zstd,cluster_size=2M \
    extended_l2=on,cluster_size=16k extended_l2=on,compression_type=zstd; do
    case_ "compress $o" \
        qemu-img convert -c -f qcow2 -O qcow2 -o "$o" "$work/source.qcow2" "$image"
    check "compressed, $o"
    case_ "write into $o" edit <<'END'
write -P 0xd1 70000 5000
write -z 1M 100k
write -P 0xd2 4300800 200
END
    check "compressed and written, $o"
done

# Data that does not compress: streams as long as the cluster, where qemu-img gives up.
head -c $size /dev/urandom >"$work/random.raw"
printf '\377\376' | dd of="$work/random.raw" conv=notrunc status=none
for o in cluster_size=64k compression_type=zstd; do
    case_ "compress noise, $o" \
        qemu-img convert -c -f raw -O qcow2 -o "$o" "$work/random.raw" "$image"
    check "noise, $o"
done

case_ 'create with lazy refcounts' create lazy_refcounts=on $size
case_ 'write with lazy refcounts' scribble
check 'lazy refcounts'

# An editor that dies leaves the dirty bit; qemu mends refcounts when it opens the image,
# so ours comes first.
leave_dirty() {
    qemu-io -f qcow2 -c 'write -P 0xc1 3M 100k' -c flush -c 'sigraise 9' "$image"
    "$BLOCKCAT" -i "$image" >"$work/info"
    matches "$work/info" '^dirty: 1' && "$BLOCKCAT" "$image" >"$work/dirty.raw"
}
dirty_same() {
    qemu-img convert -f qcow2 -O raw "$image" "$work/want.raw" &&
        cmp "$work/dirty.raw" "$work/want.raw"
}
case_ 'a dirty image opens, and says so' leave_dirty
case_ 'a dirty image gives the same bytes' dirty_same

case_ 'create for snapshots' create cluster_size=4k $size
case_ 'write before the snapshots' scribble
case_ 'first snapshot' qemu-img snapshot -c one "$image"
case_ 'write between the snapshots' edit <<'END'
write -P 0xb1 0 1M
write -z 2M 1M
END
case_ 'second snapshot' qemu-img snapshot -c 'two with a longer name' "$image"
case_ 'write after the snapshots' edit <<'END'
write -P 0xb2 512k 256k
END
check 'two snapshots'
two_snapshots() {
    "$BLOCKCAT" -i "$image" >"$work/info" && matches "$work/info" '^snapshots: 2$'
}
case_ 'two snapshots are counted' two_snapshots

case_ 'a bitmap is ignored' qemu-img bitmap --add "$image" changes
check 'with a bitmap'

case_ 'create to grow' create cluster_size=64k $size
case_ 'write before it grows' scribble
case_ 'grow' qemu-img resize -q "$image" 700M
case_ 'write into the new part' edit <<'END'
write -P 0xa1 600M 70000
END
check 'grown'
case_ 'shrink' qemu-img resize -q --shrink "$image" 3M
check 'shrunk'

# A hole in the file where the guest has data.  qemu-img looks for them only in images that
# it takes for preallocated.
punch() {
    fallocate --punch-hole --offset $((0x60000)) --length 65536 "$image"
}
punched_is_zero() {
    qemu-img convert -f qcow2 -O raw "$image" "$work/want.raw"
    "$BLOCKCAT" -e "$image" >"$work/extents"
    matches "$work/extents" '^zero 65536 65536$' || return 1
    while read -r kind off len; do
        [ "$kind" = data ] || cmp -n "$len" -i "$off:0" "$work/want.raw" /dev/zero || return 1
    done <"$work/extents"
}
case_ 'create to punch' create cluster_size=64k $size
case_ 'write to punch' scribble
case_ 'punch a hole' punch
case_ 'a hole in the file: same bytes' same_bytes
case_ 'a hole in the file is zeros' punched_is_zero

case_ 'create for one byte at a time' create cluster_size=512 300k
case_ 'write for one byte at a time' edit <<'END'
write -P 0x91 0 70000
write -z 80000 4096
END
case_ 'one byte at a time' bytewise
case_ 'compress for one byte at a time' qemu-img convert -c -f qcow2 -O qcow2 \
    -o compression_type=zstd "$work/source.qcow2" "$image"
case_ 'one byte at a time, compressed' bytewise

# Half a terabyte of nothing must cost nothing.
huge_is_instant() {
    create cluster_size=64k 500G
    same 'extents' 'hole 0 536870912000' "$(timeout 2 "$BLOCKCAT" -e "$image")"
}
case_ 'an empty disk of 500 GiB is one extent' huge_is_instant

refused() {
    if "$BLOCKCAT" "$image" >/dev/null 2>"$work/err"; then
        echo 'was opened'
        return 1
    fi
    matches "$work/err" "^fault: $1\$" && matches "$work/err" "$2"
}
case_ 'create with a backing file' qemu-img create -q -f qcow2 -F qcow2 \
    -b "$work/source.qcow2" "$image"
case_ 'a backing file is refused' refused backing-file 'needs the backing file ".*source.qcow2"'
case_ 'create with a data file' create "data_file=$work/data.raw" 1M
case_ 'a data file is refused' refused data-file 'the external file ".*data.raw"'
# qemu-img times its key derivation first, and on a busy machine finds no accurate time.
luks_image() {
    for _ in $(seq 30); do
        qemu-img create -q -f qcow2 --object secret,id=s,data=x \
            -o encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=200 "$image" 1M \
            2>"$image.err" && return
    done
    cat "$image.err"
    return 1
}
case_ 'create with LUKS' luks_image
case_ 'LUKS is refused' refused encrypted 'method 2 .LUKS.'
case_ 'create with AES' qemu-img create -q -f qcow2 --object secret,id=s,data=x \
    -o encrypt.format=aes,encrypt.key-secret=s "$image" 1M
case_ 'AES is refused' refused encrypted 'method 1 .AES.'

finish
