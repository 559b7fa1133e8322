#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# errors.sh: what is broken, foreign or in the way, and how imgport says so
#
# `check` answers for a container that is not good (exit 1, with a code), `convert` cannot
# (exit 3).  What could not be looked at is exit 3 for both, wrong usage exit 2; a complaint
# is one line, and nothing half-made stays.
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img python3 gzip bzip2 xz zstd tar setpriv unshare

disk=$(guest boot-only)
out=$work/new
mkdir "$out"

# one_line: stderr is one line that names the program.
one_line() {
    if [ "$(wc -l <"$work/err")" -ne 1 ] || ! grep -qE '^imgport: .+' "$work/err"; then
        echo 'expected one line on stderr, "imgport: ...":'
        cat "$work/err"
        return 1
    fi
}

nothing_left() { same 'left behind' '' "$(ls -A "$out")"; }

check_refuses() {
    local code=$1 file=$2
    shift 2
    expect 1 imgport check --json "$@" "$file" || return
    same answer "refused $code" "$(jq -r '"\(.verdict) \(.code)"' "$work/out")" || {
        jq -c '.error, .findings[]' "$work/out"
        return 1
    }
}

# refused CODE FILE [OPTION...]: check says CODE, convert fails and leaves nothing.
refused() {
    local file=$2
    check_refuses "$@" || return
    shift 2
    rm -f "$out"/*
    expect 3 imgport convert "$@" "$file" "$out/x.qcow2" && one_line && nothing_left
}

# failed FILE: neither can look.
failed() {
    rm -f "$out"/*
    expect 3 imgport check --json "$1" || return
    same answer 'undecided null true' \
        "$(jq -r '"\(.verdict) \(.code) \(.error.message != "")"' "$work/out")" || return
    expect 3 imgport check "$1" || return
    expect 3 imgport boot "$1" && one_line || return
    expect 3 imgport convert "$1" "$out/x.qcow2" && one_line && nothing_left || return
    expect 3 imgport convert --json "$1" "$out/x.qcow2" && one_line && nothing_left &&
        same 'the document' "imgport: $(jq -r .error.message "$work/out")" \
            "$(cat "$work/err")" &&
        same 'its files' "$1 $out/x.qcow2" "$(jq -r '"\(.source) \(.dest)"' "$work/out")"
}

# make NAME FORMAT [OPTION...]: the disk in a container, $work/NAME.
make() {
    local name=$1 format=$2
    shift 2
    qemu-img convert -f raw -O "$format" "$@" "$disk" "$work/$name"
}

# cut NAME BYTES: $work/cut, its first bytes; negative: all but so many.
cut_to() {
    cp "$work/$1" "$work/cut"
    truncate -s "$2" "$work/cut"
}

# poke NAME OFFSET HEX: $work/poked, with other bytes there; negative: from the end.
poke() {
    python3 - "$work/$1" "$work/poked" "$2" "$3" <<'EOF'
import sys
data = bytearray(open(sys.argv[1], "rb").read())
at, new = int(sys.argv[3], 0), bytes.fromhex(sys.argv[4])
at += len(data) if at < 0 else 0
data[at : at + len(new)] = new
open(sys.argv[2], "wb").write(data)
EOF
}

# ---- truncated

make good.qcow2 qcow2
make zlib.qcow2 qcow2 -c
make good.vhd vpc
make fixed.vhd vpc -o subformat=fixed
make good.vmdk vmdk
make stream.vmdk vmdk -o subformat=streamOptimized
for name in good.qcow2 zlib.qcow2 good.vhd good.vmdk stream.vmdk; do
    case_ "whole, $name converts" expect 0 imgport convert "$work/$name" "$work/whole.qcow2"
    rm -f "$work/whole.qcow2"
    size=$(stat -c %s "$work/$name")
    for percent in 99 60 5; do
        cut_to "$name" $((size * percent / 100))
        case_ "$name cut at $percent %" refused InvalidFormatSize "$work/cut"
    done
done
cp "$disk" "$work/raw.img"
cut_to raw.img $((100 << 20))
# Only its partition table tells: to convert, it is a disk like any other.
case_ 'a raw disk that ends in the middle of its partition' check_refuses InvalidFormatSize \
    "$work/cut"
cut_to good.qcow2 40
case_ 'a qcow2 that ends in its header' refused InvalidFormatSize "$work/cut"

# ---- corrupt

# name, offset, bytes, what it is
while read -r name at bytes what; do
    [ -n "$name" ] || continue
    poke "$name" "$at" "$bytes"
    case_ "$name: $what" refused InvalidFormatSize "$work/poked"
done <<'EOF'
good.qcow2     4  00000009          version 9
good.qcow2    20  0000001f          clusters of 2 GiB
good.qcow2    32  00000002          encrypted
good.qcow2    36  7fffffff          an L1 table of 2^31 entries
good.qcow2    40  00ffffffffff0000  an L1 table far past the end
good.qcow2    24  7fffffffffffffff  a disk of 8 EiB
good.qcow2    72  0000000000000002  the corrupt bit
good.qcow2    72  0000000000000004  an external data file
good.qcow2    72  0000000080000000  an unknown incompatible feature
good.vhd    -448  00000000          footer checksum
good.vhd    -452  00000004          differencing disk
good.vhd     540  7fffffff          dynamic header checksum
good.vmdk     12  ffffffffffffffff  a capacity of 2^64 sectors
good.vmdk     56  ffffffffffff0000  a grain directory far past the end
stream.vmdk   44  00000000          grain tables without entries
EOF

l1=$(python3 -c 'import struct, sys
f = open(sys.argv[1], "rb").read(48)
print(struct.unpack(">Q", f[40:48])[0])' "$work/good.qcow2")
poke good.qcow2 "$l1" 80fffffffff00000
case_ 'good.qcow2: an L2 table far past the end' refused InvalidFormatSize "$work/poked"

(cd "$work" && qemu-img create -q -f qcow2 -b good.qcow2 -F qcow2 over.qcow2)
case_ 'a qcow2 with a backing file' refused InvalidFormatSize "$work/over.qcow2"

qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtentSparse "$disk" "$work/split.vmdk"
mkdir "$work/alone"
cp "$work/split.vmdk" "$work/alone/"
case_ 'a VMDK descriptor without its extents' refused InvalidFormatSize "$work/alone/split.vmdk"
sed 's|"split-s001.vmdk"|"../split-s001.vmdk"|' "$work/split.vmdk" >"$work/alone/climbs.vmdk"
case_ 'a VMDK whose extent lies above its folder' refused InvalidFormatSize \
    "$work/alone/climbs.vmdk"
sed "s|\"split-s001.vmdk\"|\"$work/split-s001.vmdk\"|" "$work/split.vmdk" \
    >"$work/absolute.vmdk"
case_ 'a VMDK whose extent is an absolute path' refused InvalidFormatSize "$work/absolute.vmdk"
ln -s ../split-s001.vmdk "$work/alone/split-s001.vmdk"
case_ 'a VMDK whose extent is a link out of its folder' refused InvalidFormatSize \
    "$work/alone/split.vmdk"

# ---- foreign

for format in vhdx vdi qed qcow parallels; do
    make "a.$format" "$format"
    case_ "$format" refused InvalidFormatSize "$work/a.$format"
done
# qemu-img measures how fast it is for the key's sake, and gives up when that shows nothing.
for _ in 1 2 3 4 5; do
    ! qemu-img create -q --object secret,id=s,data=x -f luks -o key-secret=s,iter-time=200 \
        "$work/a.luks" 1M || break
done
case_ 'LUKS as the whole file' refused InvalidFormatSize "$work/a.luks"
gzip -1 <"$work/zlib.qcow2" >"$work/a.gz"
xz -0 <"$work/zlib.qcow2" >"$work/a.xz"
zstd -q <"$work/zlib.qcow2" >"$work/a.zst"
bzip2 -1 <"$work/zlib.qcow2" >"$work/a.bz2"
(cd "$work" && python3 -m zipfile -c a.zip zlib.qcow2 && tar -cf a.ova zlib.qcow2)
for name in a.bz2 a.zip a.ova; do
    case_ "$name" refused InvalidFormatSize "$work/$name"
done
# Of these only convert looks inside: streams.sh.
for name in a.gz a.xz a.zst; do
    case_ "$name" check_refuses InvalidFormatSize "$work/$name"
done
qemu-img convert -f raw -O qcow2 "$work/zlib.qcow2" "$work/nested.qcow2"
case_ 'a qcow2 in a qcow2' refused InvalidFormatSize "$work/nested.qcow2"
{
    cat "$work/zlib.qcow2"
    tail -c 512 "$work/fixed.vhd"
} >"$work/polyglot"
case_ 'a qcow2 that ends like a VHD' refused InvalidFormatSize "$work/polyglot"
case_ 'a qcow2 declared raw' refused InvalidFormatSize "$work/good.qcow2" -f raw
case_ 'a VHD declared vmdk' refused InvalidFormatSize "$work/good.vhd" -f vmdk
case_ 'a VHD declared vpc is a VHD' expect 1 imgport check -f vpc "$work/good.vhd"

printf '<!DOCTYPE html>\n<html><body>403 Forbidden</body></html>\n' >"$work/page.html"
printf '<?xml version="1.0"?>\n<Error><Code>NoSuchKey</Code></Error>\n' >"$work/error.xml"
printf '{"error": "expired"}\n' >"$work/error.json"
: >"$work/empty"
for name in page.html error.xml error.json empty; do
    case_ "$name" refused InvalidUrl "$work/$name"
done

# ---- cannot look

case_ 'no such file' failed "$work/nothing-here"
case_ 'a folder' failed "$work/alone"
case_ 'a path through a file' failed "$work/empty/x"

# Root reads everything: be somebody else.
copy_program "$work/bin"
as_nobody() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid 65534 --regid 65534 --clear-groups "$@"
    else
        "$@"
    fi
}
unreadable() {
    cp "$work/zlib.qcow2" "$work/secret"
    chmod 711 "$work"
    chmod 000 "$work/secret"
    expect 3 as_nobody "$work/bin/imgport" check "$work/secret" &&
        expect 3 as_nobody "$work/bin/imgport" convert "$work/secret" "$out/x.qcow2" &&
        one_line && matches "$work/err" 'ermission denied' && nothing_left
}
case_ 'a file that may not be read' unreadable
unwritable() {
    chmod 755 "$out"
    expect 3 as_nobody "$work/bin/imgport" convert "$work/zlib.qcow2" "$out/x.qcow2" &&
        one_line && nothing_left
}
[ "$(id -u)" -ne 0 ] || case_ 'a folder that may not be written' unwritable
case_ 'a folder that is not there' expect 3 imgport convert "$work/zlib.qcow2" "$work/no/x.qcow2"

# full_disk OPTION...: in a namespace of its own a small tmpfs is a full disk.
full_disk() {
    local user=()
    [ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
    # shellcheck disable=SC2016 # for the inner shell
    expect 3 unshare --mount "${user[@]}" -- sh -c '
        mount -t tmpfs -o size=4m none "$3" || exit 99
        status=0
        imgport=$1 source=$2 out=$3
        shift 3
        "$imgport" convert "$@" "$source" "$out/disk" || status=$?
        ls -A "$out"
        exit $status' sh "$IMGPORT" "$work/good.qcow2" "$out" "$@" || return
    one_line && matches "$work/err" 'No space left' &&
        same 'left on the full disk' '' "$(cat "$work/out")"
}
while read -r options; do
    # shellcheck disable=SC2086 # options are words
    case_ "a full disk: $options" full_disk $options
done <<'EOF'
-O qcow2
-c zlib
-c zstd --no-sync
-O raw
-O vhd
-O vhd --subformat fixed
-O vmdk
-O vmdk --subformat streamOptimized
EOF
too_big_a_file() {
    # shellcheck disable=SC2016
    expect 3 bash -c 'ulimit -f 4096; exec "$@"' - "$IMGPORT" convert "$work/good.qcow2" \
        "$out/x.qcow2" && one_line && nothing_left
}
case_ 'a limit on the size of files' too_big_a_file

no_devices() {
    local user=()
    [ "$(id -u)" -eq 0 ] || user=(--user --map-root-user)
    # shellcheck disable=SC2016
    expect 3 unshare --mount "${user[@]}" -- sh -c '
        mount -t tmpfs none /dev || exit 99
        exec "$1" check "$2"' sh "$IMGPORT" "$disk" && one_line &&
        matches "$work/err" 'open /dev/null: No such file'
}
case_ 'a place without devices' no_devices

# ---- wrong usage

wrong() {
    expect 2 imgport "$@" && same stdout '' "$(cat "$work/out")" && [ -s "$work/err" ]
}
case_ 'no command' wrong
case_ 'an unknown command' wrong chekc "$disk"
case_ 'an unknown option' wrong check --no-such-thing "$disk"
case_ 'check without a source' wrong check
case_ 'check of two sources' wrong check "$disk" "$disk"
case_ 'an unknown profile' wrong check --profile no-such-profile "$disk"
case_ 'an unknown format' wrong check -f floppy "$disk"
case_ 'an unknown language' wrong check --lang xx "$disk"
case_ 'convert without a destination' wrong convert "$disk"
case_ 'convert with -j that is no number' wrong convert -j many "$disk" "$out/x.qcow2"
case_ 'convert with -j 0' wrong convert -j 0 "$disk" "$out/x.qcow2"
case_ 'an unknown output format' wrong convert -O floppy "$disk" "$out/x.qcow2"

case_ 'an empty source' wrong check ''
case_ 'an empty destination' wrong convert "$disk" ''
wrong_letter() { wrong check -xf raw "$disk" && matches "$work/err" 'unknown option -x '; }
case_ 'an unknown letter among others' wrong_letter
to_nowhere() {
    (cd "$out" && expect 2 imgport convert "$work/zlib.qcow2" "$1") && one_line && nothing_left
}
case_ 'convert to standard output' to_nowhere -
case_ 'convert to a URL' to_nowhere http://localhost/disk.qcow2

existing() {
    echo precious >"$out/x.qcow2"
    wrong convert "$work/zlib.qcow2" "$out/x.qcow2" &&
        same 'the destination' precious "$(cat "$out/x.qcow2")" || return
    expect 0 imgport convert --overwrite "$work/zlib.qcow2" "$out/x.qcow2" &&
        qemu-img compare -f qcow2 -F raw "$out/x.qcow2" "$disk" || return
    # A failure leaves what was there.
    cut_to good.qcow2 1000000
    expect 3 imgport convert --overwrite "$work/cut" "$out/x.qcow2" &&
        qemu-img compare -f qcow2 -F raw "$out/x.qcow2" "$disk" &&
        same 'the folder' x.qcow2 "$(ls -A "$out")"
}
case_ 'a destination that exists is kept without --overwrite' existing
rm -f "$out/x.qcow2"
onto_itself() {
    cp "$work/zlib.qcow2" "$out/x.qcow2"
    imgport convert --overwrite "$out/x.qcow2" "$out/x.qcow2" >/dev/null 2>&1
    qemu-img compare -f qcow2 -F raw "$out/x.qcow2" "$disk"
}
case_ 'a source converted onto itself survives' onto_itself
rm -f "$out/x.qcow2"

nothing_comes() {
    expect 1 imgport check --json - </dev/null && same code InvalidUrl "$(jq -r .code "$work/out")"
}
case_ 'standard input without a byte' nothing_comes

finish
