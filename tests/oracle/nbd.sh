#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# nbd.sh: the NBD server that `imgport boot` gives QEMU, read by QEMU's own client
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires qemu-img qemu-io jq

disk=$work/disk.raw
truncate -s $((37 * 1048576 + 512)) "$disk"
qemu-io -f raw -c 'write -P 0xeb 0 64k' -c 'write -P 0xa1 5m 3m' -c 'write -P 0x17 37m 512' \
    "$disk" >"$work/io" || exit 1
qemu-img convert -f raw -O qcow2 -c "$disk" "$work/disk.qcow2"
qemu-img convert -f raw -O vmdk -o subformat=streamOptimized "$disk" "$work/disk.vmdk"

socket=$work/nbd
url="nbd+unix:///?socket=$socket"
serve() {
    "$NBDSERVE" "$1" "$socket" >"$work/ready" 2>"$work/serve.err" &
    server=$!
    for _ in $(seq 300); do
        [ -s "$work/ready" ] && return
        sleep 0.1
    done
    return 1
}
leave() {
    kill "$server" 2>/dev/null
    wait "$server" 2>/dev/null
    rm -f "$socket" "$work/ready"
}
cleanup_fn leave

# answers COMMAND EXPRESSION: what qemu-io says of it.
answers() {
    qemu-io -f raw -r -c "$1" "$url" >"$work/io" 2>&1
    matches "$work/io" "$2"
}
has_size() { same size 38797824 "$(qemu-img info --output=json "$url" | jq '."virtual-size"')"; }
stays_read_only() {
    expect 1 qemu-io -f raw -c 'write 0 512' "$url" && matches "$work/err" 'read-only|Permission denied'
}
# Under an overlay, as a guest has it.
has_overlay() {
    qemu-img create -q -f qcow2 -b "$url" -F raw "$work/overlay.qcow2" &&
        qemu-io -f qcow2 -c 'write -P 0x99 5m 64k' -c 'read -P 0xa1 5308416 64k' \
            -c 'read -P 0x99 5m 64k' "$work/overlay.qcow2" >"$work/io" 2>&1 &&
        ! grep -iE 'failed|error' "$work/io" && answers 'read -P 0xa1 5m 3m' 'read 3145728/3145728'
}

for image in disk.raw disk.qcow2 disk.vmdk; do
    serve "$work/$image" || exit 1
    case_ "$image: QEMU sees the size" has_size
    case_ "$image: QEMU reads the same bytes" qemu-img compare -f raw -F raw "$url" "$disk"
    case_ "$image: the last sector" answers 'read -P 0x17 37m 512' 'read 512/512'
    case_ "$image: nothing past the end" answers 'read 37m 1k' 'Input/output error|past'
    case_ "$image: not to be written to" stays_read_only
    case_ "$image: an overlay over it" has_overlay
    leave
done
finish
