#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# signals.sh: a conversion that is stopped leaves nothing behind
#
# SIGINT and SIGTERM: nothing at all.  SIGKILL: at most a hidden temporary file, never the
# destination.  The worker never outlives the broker.
. "$(dirname "$0")/../lib.sh"
requires qemu-img setsid

# Slow to read, compressed grains, and slower to write: many seconds on any machine.
file=$(guest container-vmdk-stream)
out=$work/new
pid=
# A copy of its own, so that the processes of this test can be told from others.
copy_program "$work/bin"

# Processes that run one of them.
alive() {
    local exe
    for exe in /proc/[0-9]*/exe; do
        case $(readlink "$exe") in
        "$work"/bin/*) echo "$exe" ;;
        esac
    done 2>/dev/null
}

all_gone() {
    local i
    for ((i = 0; i < 100; i++)); do
        [ -n "$(alive)" ] || return 0
        sleep 0.1
    done
    echo 'still running:'
    for exe in $(alive); do tr '\0' ' ' <"${exe%/exe}/cmdline"; done
    return 1
}

# Starts a conversion into an empty folder, in the background: $pid.  A shell starts what
# runs there with SIGINT ignored, which is not what is to be tested.
start() {
    rm -rf "$out"
    mkdir "$out"
    env --default-signal setsid "$work/bin/imgport" convert -j 1 -c zlib "$file" \
        "$out/x.qcow2" \
        >"$work/out" 2>"$work/err" &
    pid=$!
}

# stop SIGNAL DELAY [group]: starts a conversion, sends it after DELAY seconds, or to the
# whole group as a terminal does.
stop() {
    local target status=0
    start
    sleep "$2"
    target=$pid
    [ "${3-}" != group ] || target=-$pid
    kill -s "$1" -- "$target" || {
        echo 'it was done before the signal came'
        return 1
    }
    wait "$pid" || status=$?
    [ "$status" -ne 0 ] || {
        echo 'it says that all went well'
        return 1
    }
    all_gone
}

leaves_nothing() {
    stop "$@" && same 'left behind' '' "$(ls -A "$out")"
}

leaves_no_destination() {
    stop "$@" && same 'left behind' '' "$(find "$out" -mindepth 1 ! -name '.*')"
}

for delay in 0.05 0.3 1; do
    case_ "SIGINT after $delay s" leaves_nothing INT $delay
    case_ "SIGTERM after $delay s" leaves_nothing TERM $delay
    case_ "Ctrl-C after $delay s: SIGINT to the whole group" leaves_nothing INT $delay group
    case_ "SIGKILL after $delay s" leaves_no_destination KILL $delay
done
case_ 'SIGHUP, when the terminal goes away' leaves_nothing HUP 0.5 group

# A conversion is killed at 50 points of its time, the last of them behind its end.  What has the
# name of the destination then is always the whole image.
anywhere() {
    local disk i began took after whole=0 target
    disk=$(guest boot-only)
    rm -rf "$out"
    mkdir "$out"
    began=${EPOCHREALTIME/./}
    "$work/bin/imgport" convert "$disk" "$work/whole.qcow2" || return
    took=$((${EPOCHREALTIME/./} - began)) # microseconds
    for ((i = 0; i < 50; i++)); do
        setsid "$work/bin/imgport" convert "$disk" "$out/x.qcow2" >/dev/null 2>&1 &
        pid=$!
        after=$((took * RANDOM / 30000))
        sleep "$(printf '%d.%06d' $((after / 1000000)) $((after % 1000000)))"
        target=$pid
        [ $((i % 2)) -eq 0 ] || target=-$pid # the worker as well
        kill -KILL -- "$target" 2>/dev/null
        wait "$pid" 2>/dev/null
        if [ -e "$out/x.qcow2" ]; then
            cmp "$out/x.qcow2" "$work/whole.qcow2" || return
            whole=$((whole + 1)) took=$((took * 4 / 5)) # the first run was a slow one
        fi
        rm -f "$out/x.qcow2" "$out"/.x.qcow2.*
    done
    echo "$whole were done before they were killed; one takes $took microseconds"
    [ "$whole" -lt 40 ] && all_gone
}
case_ 'SIGKILL at 50 points: the whole image or none' anywhere

worker_dies() {
    local worker status=0
    start
    for _ in $(seq 100); do
        worker=$(pgrep -P "$pid") && break
        sleep 0.05
    done
    sleep 0.3
    kill -KILL "$worker"
    wait "$pid" || status=$?
    same 'exit status' 3 "$status" && matches "$work/err" '^imgport: .+' &&
        same 'left behind' '' "$(ls -A "$out")" && all_gone
}
case_ 'a worker that dies is an error and leaves nothing' worker_dies

goes_on() {
    rm -rf "$out"
    mkdir "$out"
    expect 0 "$work/bin/imgport" convert "$file" "$out/x.qcow2" &&
        same 'the folder' x.qcow2 "$(ls -A "$out")" &&
        qemu-img compare -f qcow2 -F raw "$out/x.qcow2" "$(guest good)"
}
case_ 'and after all that a conversion still works' goes_on

finish
