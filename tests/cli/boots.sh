#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# boots.sh: imgport boot, with one guest that starts and one that does not
#
# Emulated; a minute each on a quiet machine.  Whatever is started dies with this test.
. "$(dirname "$0")/../lib.sh"
requires jq qemu-system-x86_64 python3 sha256sum unshare

here=$(dirname "$0")
SCHEMAS=${SCHEMAS:-$top/build/docs/schema}
image=$(guest container-qcow2-zstd)
bad=$(guest no-virtio)
# Where its folders are, so that they can be counted; a socket's name has to be short.
export TMPDIR=$work/t
mkdir "$TMPDIR"
truncate -s 64M "$work/zeros.raw"
echo '<html>not found</html>' >"$work/page"
python3 "$here/flaky_server.py" "$image" "$work/port" &
cleanup_fn kill $!

fits() { python3 "$here/schema.py" "$SCHEMAS/boot.schema.json" "$work/out"; }
# says EXPRESSION WANT: of the report that was printed last.
says() { same "$1" "$2" "$(jq -r "$1" "$work/out")"; }
leaves_nothing() { same 'what is left' '' "$(ls -A "$TMPDIR")"; }
# boots STATUS ARGUMENT...: its report fits the schema, and it leaves nothing behind.
boots() {
    local status=$1
    shift
    expect "$status" imgport boot --json --timeout 900 "$@" && fits && leaves_nothing
}

wrong_accelerator() {
    expect 2 imgport boot --accel magic "$work/zeros.raw" &&
        matches "$work/err" 'unknown accelerator "magic"; known are tcg, kvm, probe'
}
case_ 'an accelerator that is none is wrong usage' wrong_accelerator
case_ 'so is a time limit that is none' expect 2 imgport boot --timeout soon "$work/zeros.raw"
case_ 'and memory that is none' expect 2 imgport boot --memory 0 "$work/zeros.raw"
case_ 'and more of it than there is anywhere' expect 2 imgport boot --memory 9 "$work/zeros.raw"
case_ 'and a profile that is not there' expect 2 imgport boot --profile none "$work/zeros.raw"

not_there() {
    boots 3 "$work/nothing" && says .verdict undecided && says .reached nothing &&
        says .error.layer source && says .check.agrees null
}
case_ 'what is not there is not started' not_there
a_page() {
    boots 1 "$work/page" && says .reached nothing && says .finding.id C02 && says .finding.by_check true
}
case_ 'a web page is refused as by a check' a_page
a_windows() {
    "$tests/guests/windows.sh" "$work/windows.raw" version=2019 &&
        boots 3 "$work/windows.raw" && says .verdict undecided && says .error.code unsupported &&
        says .accelerator null
}
case_ 'a Windows cannot be followed' a_windows

no_kernel() {
    boots 3 --quick "$work/zeros.raw" && says .reached nothing && says .error.layer boot
}
case_ 'without a kernel there is no quick start' no_kernel
zeros() {
    boots 1 "$work/zeros.raw" && says .stopped no-boot && says .reached firmware &&
        says .firmware bios && says .finding.by_check true && says .check.agrees true &&
        says '.evidence[-1].line' 'No bootable device.'
}
case_ 'of zeros the firmware starts nothing' zeros
as_text() {
    expect 1 imgport boot --lang zh "$work/zeros.raw" && matches "$work/out" '固件找不到可启动的内容' &&
        matches "$work/out" 'No bootable device'
}
case_ 'it says so in Chinese' as_text

has_spoken() { find "$TMPDIR" -name serial.log -size +0 | grep -q .; }
# killed SIGNAL: a start that is stopped so; the machine is gone a moment later.
killed() {
    local pid i machine=
    "$IMGPORT" boot --quick "$bad" >"$work/out" 2>"$work/err" &
    pid=$!
    for ((i = 0; i < 600; i++)); do
        machine=$(pgrep -P "$pid" -f guest=boot) && has_spoken && break
        sleep 0.1
    done
    [ -z "$machine" ] || whose=$(awk '/^Uid:/ { print $2 }' "/proc/$machine/status")
    kill "-$1" "$pid"
    wait "$pid"
    [ -n "$machine" ] || {
        echo 'it never started'
        return 1
    }
    for ((i = 0; i < 100; i++)); do
        [ -d "/proc/$machine" ] || return 0
        sleep 0.1
    done
    echo 'the machine still runs'
    kill -KILL "$machine"
    return 1
}
stopped() { killed TERM && leaves_nothing; }
case_ 'stopped, it takes the machine with it and leaves nothing' stopped
not_root() {
    local us
    us=$(id -u)
    same 'who it was' "$([ "$us" -eq 0 ] && id -u nobody || echo "$us")" "$whose"
}
case_ 'the machine was not run by root' not_root
# With one user in its namespace root is all that it can be.
alone() {
    expect 1 unshare --user --map-root-user "$IMGPORT" boot --json "$work/zeros.raw" &&
        says .stopped no-boot && leaves_nothing
}
case_ 'a root that cannot become another one starts it as it is' alone
unknown_user() {
    expect 3 imgport boot --json --user no-such-user "$work/zeros.raw" && says .error.code notfound
}
[ "$(id -u)" -ne 0 ] || case_ 'a user that is not there starts nothing' unknown_user
killed_hard() {
    killed KILL && same 'what is left' imgport-boot-6 \
        "$(find "$TMPDIR" -mindepth 1 -maxdepth 1 -printf '%f' | sed 's/......$/6/')" &&
        ! find "$TMPDIR" -type f -size +1M | grep .
}
case_ 'killed, it takes the machine with it as well' killed_hard

case_ 'the next start removes what that left' boots 1 "$work/zeros.raw"

# What happens to QEMU is no word about the image.
lost() {
    local pid i machine='' status
    "$IMGPORT" boot --quick --json "$bad" >"$work/out" 2>"$work/err" &
    pid=$!
    for ((i = 0; i < 600; i++)); do
        machine=$(pgrep -P "$pid" -f guest=boot) && has_spoken && break
        sleep 0.1
    done
    [ -z "$machine" ] || kill "-$1" "$machine"
    wait "$pid"
    status=$?
    same status 3 "$status" && says .verdict undecided && says .error.code io && says .error.layer boot &&
        says .stopped null && says .finding null && says .check.agrees null && fits && leaves_nothing
}
case_ 'a QEMU that is killed says nothing of the image' lost KILL
case_ 'nor does one that is asked to end' lost TERM
refused_options() {
    boots 3 --memory 1048576 "$work/zeros.raw" && says .reached nothing && says .error.layer boot &&
        says .error.code io && says .verdict undecided
}
case_ 'nor does one that refuses its options' refused_options

no_virtio() {
    boots 1 --quick "$bad" && says .verdict refused && says .stopped initramfs-no-root &&
        says .reached initramfs && says .finding.id L07 && says .finding.by_check true &&
        says .finding.code VirtioNotInstall && says .check.agrees true && says .firmware null &&
        jq -e '[.evidence[].line | select(test("ALERT!.*does not exist"))] | length == 1' "$work/out"
}
case_ 'an initramfs without virtio finds no root, as the check had said' no_virtio

good() {
    local sum
    sum=$(sha256sum <"$image")
    boots 0 "http://127.0.0.1:$(cat "$work/port")/ok" && says .verdict accepted &&
        says .reached settings && says .stopped null && says .finding null && says .check.agrees true &&
        jq -e '[.evidence[].line | select(test("^imgport took its settings, [0-9a-f]{16}$"))] | length == 1' \
            "$work/out" &&
        same 'the image' "$sum" "$(sha256sum <"$image")"
}
case_ 'a good one, packed and at a URL, takes its settings' good
finish
