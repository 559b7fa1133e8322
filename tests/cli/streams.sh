#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# streams.sh: conversion while the source arrives, held against that of the same thing as a file
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img python3 sha256sum cmp gzip xz zstd unshare

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

# ---- what is refused

# wrong SENTENCE [OPTION...]: standard input is not converted; one line says why, and nothing
# is left.
wrong() {
    local want=$1
    shift
    rm -rf "$work/b"
    mkdir "$work/b"
    expect 3 timeout 60 "$IMGPORT" convert "$@" - "$work/b/disk" &&
        same 'lines of error' 1 "$(wc -l <"$work/err")" && matches "$work/err" "$want" &&
        same 'left behind' '' "$(ls -A "$work/b")"
}
# wrong_file FILE SENTENCE [OPTION...]
wrong_file() {
    local file=$1
    shift
    wrong "$@" <"$work/fifo" &
    cat "$file" >"$work/fifo"
    wait $!
}
# wrong_endless FILE SENTENCE [OPTION...]: it is said although no end comes.
wrong_endless() {
    local file=$1
    shift
    wrong "$@" <"$work/fifo" &
    # The reader goes away.
    (cat "$file" /dev/zero >"$work/fifo") 2>/dev/null
    wait $!
}
mkfifo "$work/fifo"

printf '<!DOCTYPE html>\n<html>\n%600s' moved >"$work/page"
printf 'vhdxfile%600s' . >"$work/vhdx"
case_ 'a web page, at once' wrong_endless "$work/page" 'the file is text \(HTML\)'
case_ 'VHDX, at once' wrong_endless "$work/vhdx" 'the file is VHDX'
case_ 'raw declared qcow2, at once' wrong_endless "$work/disk.raw" 'declared qcow2' -f qcow2
case_ 'a fixed VHD declared raw' wrong_file "$work/fixed.vhd" 'declared raw, but the file is vhd' -f raw
gzip -c "$work/disk.gz" >"$work/other"
case_ 'gzip within gzip' wrong_file "$work/other" 'packed with gzip: the file is packed with gzip'
case_ 'nothing' wrong 'the file has no bytes' < <(:)
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$work/disk.qcow2" "$work/nested.vmdk"
case_ 'a qcow2 in a streamOptimized VMDK' wrong_file "$work/nested.vmdk" 'the disk inside the vmdk is itself qcow2'
{
    cat "$work/disk.raw"
    printf 'koly\0\0\0\4\0\0\2\0'
    head -c 500 /dev/zero
} >"$work/other"
case_ 'a DMG, which only its end tells' wrong_file "$work/other" 'the file is DMG'
sed 's/streamOptimized/vmfsRawDeviceMap/' "$work/ours.vmdk" >"$work/other"
case_ 'a VMDK of another kind' wrong_file "$work/other" 'vmfsRawDeviceMap'

for name in disk.gz disk.xz disk.zst ours.vmdk qemu.vmdk; do
    size=$(stat -c %s "$work/$name")
    for cut in 70000 $((size / 2)) $((size - 600)); do
        [ "$name" != qemu.vmdk ] || [ "$cut" -lt $((size - 70000)) ] || cut=$((size - 70000))
        head -c "$cut" "$work/$name" >"$work/cut"
        case_ "$name, cut after $cut bytes" wrong_file "$work/cut" 'cut off|ends at byte|no footer|do not|does not'
    done
    {
        cat "$work/$name"
        echo more
    } >"$work/other"
    case_ "$name, with more behind it" wrong_file "$work/other" 'something follows|cut off'
done
# A grain table that maps its first grain elsewhere, as a file is refused when it is read.
python3 - "$work/ours.vmdk" "$work/other" <<'END'
import struct
import sys

data = bytearray(open(sys.argv[1], "rb").read())
at = next(i for i in range(0x10000, len(data), 512)
          if struct.unpack_from("<QII", data, i) == (4, 0, 1)) + 512
data[at:at + 4] = struct.pack("<I", struct.unpack_from("<I", data, at)[0] + 1)
open(sys.argv[2], "wb").write(data)
END
case_ 'a table that does not say what came' wrong_file "$work/other" 'does not say which grains came'

# Not text, and not zeros.
head -c 100000000 < <(printf '\353\0' && yes) | zstd -qc >"$work/bomb"
case_ 'a bomb' wrong_file "$work/bomb" 'more than 1000 times as many.* bomb'
empty() {
    truncate -s 1G "$work/empty.raw"
    zstd -qc "$work/empty.raw" >"$work/other"
    rm -f "$work/b/disk"
    imgport convert - "$work/b/disk" <"$work/other" && same_disk qcow2 "$work/b/disk" raw "$work/empty.raw"
}
case_ 'an empty disk is none' empty
case_ 'more than may be kept in a file' wrong_file "$work/disk.qcow2" 'more than the 1048576 bytes' --stage-max 1M
TMPDIR=$work/none case_ 'no place to keep it' wrong_file "$work/disk.qcow2" "a temporary file in $work/none: No such"
# In a namespace of its own a small tmpfs is a full disk.
full_disk() {
    local user=()
    [ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
    mkdir "$work/full"
    # shellcheck disable=SC2016 # for the inner shell
    expect 3 unshare --mount "${user[@]}" -- sh -c '
        mount -t tmpfs -o size=4m none "$3" || exit 99
        cat "$2" | TMPDIR=$3 "$1" convert - "$4"' sh "$IMGPORT" "$work/disk.qcow2" "$work/full" "$work/no" &&
        same 'lines of error' 1 "$(wc -l <"$work/err")" &&
        matches "$work/err" "keep the source in a temporary file in $work/full: No space left" && [ ! -e "$work/no" ]
}
case_ 'a full disk where it is kept' full_disk

# ---- one GET

python3 "$(dirname "$0")/flaky_server.py" "$work/disk.gz" "$work/port" &
cleanup_fn kill $!
for _ in $(seq 100); do
    [ -s "$work/port" ] && break
    sleep 0.1
done
url=http://127.0.0.1:$(cat "$work/port")
imgport convert --overwrite "$work/disk.raw" "$work/a/disk" >/dev/null

# from_url URL [OPTION...]: the same bytes as from the file, and the sum where it came by one GET.
from_url() {
    local from=$1
    shift
    rm -f "$work/b/disk"
    expect 0 imgport convert --json --progress=json "$@" "$from" "$work/b/disk" && cmp "$work/a/disk" "$work/b/disk" &&
        jq -es 'all(.done <= .total or .total == 0)' "$work/err"
}
summed() {
    from_url "$@" && same sum "$(sha256sum <"$work/disk.gz" | cut -d' ' -f1)" "$(jq -r .source_sha256 "$work/out")"
}
case_ 'a URL in ranges' from_url "$url/ok"
case_ 'a URL in ranges, summed by a second pass' summed "$url/ok" --checksum
case_ 'a URL without ranges' summed "$url/whole"
case_ 'a link that is good for one access' summed "$url/once/1" --one-get
url_fails() {
    local want=$1
    shift
    rm -f "$work/b/disk"
    expect 3 imgport convert "$@" "$work/b/disk" && same 'lines of error' 1 "$(wc -l <"$work/err")" &&
        matches "$work/err" "$want" && same 'left behind' '' "$(ls -A "$work/b")"
}
case_ 'the same without saying so' url_fails '403' "$url/once/2"
case_ 'a body that ends early' url_fails 'the connection broke after [0-9]+ of [0-9]+ bytes' "$url/short"
case_ 'a body shorter than it says' url_fails 'the connection broke after [0-9]+ of [0-9]+ bytes' --one-get "$url/long"
case_ 'a web page' url_fails 'text \(HTML\)' "$url/html"

# ---- what it costs

# Noise in, zstd out, by eight threads; the largest of broker and worker, in KiB.
little_memory() {
    local most
    most=$(python3 - "$IMGPORT" "$work/b/disk" <<'END'
import random
import resource
import subprocess
import sys
import zlib

rng = random.Random(3)
pack = zlib.compressobj(1, zlib.DEFLATED, 31)
p = subprocess.Popen([sys.argv[1], "convert", "-c", "zstd", "-j", "8", "-", sys.argv[2]], stdin=subprocess.PIPE,
                     stdout=subprocess.DEVNULL)
for _ in range(12):
    p.stdin.write(pack.compress(rng.randbytes(4 << 20) + bytes(4 << 20)))
p.stdin.write(pack.flush())
p.stdin.close()
if p.wait() == 0:
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
END
    )
    echo "$most KiB"
    [ "$most" -gt 0 ] && [ "$most" -le 65536 ]
}
rm -f "$work/b/disk"
case_ 'memory is bounded' little_memory

finish
