#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# boot.sh NAME...: starts guests in QEMU until they ask for a login (a slow test)
#
# Emulated (no /dev/kvm, which is there and does not work in many containers) and without
# network; nothing is written to the guest.  A minute each on a quiet machine.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
limit=${IMGPORT_BOOT_SECONDS:-600}

work=$(mktemp -d)
pid=
trap '[ -z "$pid" ] || kill "$pid" 2>/dev/null || true; rm -rf "$work"' EXIT

for name; do
    disk=$("$here/build.sh" --file "$name")
    firmware=()
    case $name in
    gpt-esp | systemd-boot | *-uefi) firmware=(-bios /usr/share/ovmf/OVMF.fd) ;;
    esac
    log=$work/$name.log
    started=$SECONDS
    qemu-system-x86_64 -machine pc -accel tcg,tb-size=256 -cpu qemu64,-cx16 -m 512 -smp 1 \
        -display none -nodefaults -no-reboot -serial "file:$log" "${firmware[@]}" \
        -drive "file=$disk,format=raw,if=virtio,snapshot=on,cache=unsafe" \
        -device virtio-rng-pci -device virtio-net-pci,netdev=n,romfile= \
        -netdev user,id=n,restrict=on &
    pid=$!
    until grep -aq 'login:' "$log" 2>/dev/null; do
        if ! kill -0 "$pid" 2>/dev/null || [ $((SECONDS - started)) -gt "$limit" ] ||
            grep -aqE 'Gave up waiting|Kernel panic' "$log" 2>/dev/null; then
            printf 'FAILED: %s does not start; the end of its console:\n' "$name"
            tail -c 3000 "$log"
            exit 1
        fi
        sleep 1
    done
    kill "$pid"
    wait "$pid" || true
    pid=
    printf '%s: starts, %s after %d s\n' "$name" \
        "$(tr -d '\r' <"$log" | grep -aoE '[a-z]+ login:' | head -1)" $((SECONDS - started))
done
