#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# sparse.sh: a conversion costs what the disk holds, not what it could hold
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img python3

# within SECONDS COMMAND...: of CPU time, of all processes.  It takes a tenth of the bound; to
# read all holes would take a hundred times the bound.
within() {
    local most=$1 TIMEFORMAT='%U %S' took
    shift
    took=$({ time "$@" >/dev/null 2>&1; } 2>&1) || return
    echo "CPU seconds, user and system: $took"
    awk -v most="$most" '{ exit !($1 + $2 < most) }' <<<"$took"
}

# holds FILE DATA READ: bytes, as a conversion of the file tells them.
holds() {
    expect 0 imgport convert --json --progress=json --overwrite "$1" "$work/disk" || return
    same 'bytes of data' "$2" "$(jq .data_bytes "$work/out")" &&
        same 'bytes to read' "$3" "$(jq -s 'map(select(.phase == "convert") | .total) | max' "$work/err")"
}

qemu-img create -q -f vpc -o force_size=on "$work/empty.vhd" 127G
case_ 'an empty VHD of 127 GiB in less than a second of CPU' \
    within 1 "$IMGPORT" convert "$work/empty.vhd" "$work/disk"
case_ 'and it is the same disk' same_disk vpc "$work/empty.vhd" qcow2 "$work/disk"

# A MiB in every 7.8 GiB.
python3 - "$work/500g.raw" <<'PYTHON'
import sys
with open(sys.argv[1], "wb") as f:
    for i in range(64):
        f.seek(i * 7_812_500_000 // 65536 * 65536)
        f.write(b"\xeb\x7f%06d" % i * (1 << 17))
    f.truncate(500_000_000_000)
PYTHON
case_ 'of 500 GB with 64 MiB of data, 64 MiB are read' \
    holds "$work/500g.raw" $((64 << 20)) $((64 << 20))
case_ 'in less than a second of CPU' \
    within 1 "$IMGPORT" convert --overwrite "$work/500g.raw" "$work/disk"
mv "$work/disk" "$work/500g.qcow2"
case_ 'and the same of that as a qcow2' \
    holds "$work/500g.qcow2" $((64 << 20)) $((64 << 20))

finish
