# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh: what the shell tests share
#
#   . "$(dirname "$0")/../lib.sh"
#   requires qemu-img jq
#   case_ 'a truncated qcow2 is refused' expect 1 imgport check "$work/cut.qcow2"
#   finish
#
# A case is a sentence and a command; a case that fails is told with what it printed, and the
# script goes on.  $work is a folder of its own, removed at the end.  The environment names
# the build: IMGPORT (the program) and IMGPORT_WORKER; by default those of build/.
set -uo pipefail
export LC_ALL=C.UTF-8 LANGUAGE='' PATH=$PATH:/usr/sbin:/sbin

tests=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
top=$(cd "$tests/.." && pwd)
IMGPORT=${IMGPORT:-$top/build/imgport}

work=$(mktemp -d "${TMPDIR:-/var/tmp}/imgport-test.XXXXXX")
cleanups=()
cleanup() {
    local i
    for ((i = ${#cleanups[@]} - 1; i >= 0; i--)); do
        eval "${cleanups[i]}"
    done
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# cleanup_fn COMMAND: runs when the script ends, however it ends; the last one first.
cleanup_fn() { cleanups+=("$(printf '%q ' "$@")"); }

# A missing tool fails the test: one that did not run has not passed.
requires() {
    local tool
    for tool; do
        command -v "$tool" >/dev/null || {
            echo "needs $tool; tools/install-deps.sh check installs it"
            exit 1
        }
    done
}

cases_passed=0
cases_failed=0

# case_ SENTENCE COMMAND...
case_() {
    local sentence=$1
    shift
    if "$@" >"$work/.case" 2>&1; then
        cases_passed=$((cases_passed + 1))
    else
        cases_failed=$((cases_failed + 1))
        printf 'FAILED: %s\n' "$sentence"
        sed 's/^/    /' "$work/.case"
    fi
}

finish() {
    printf '%d cases passed, %d failed\n' $cases_passed $cases_failed
    [ $cases_failed -eq 0 ] && [ $cases_passed -gt 0 ]
    exit
}

# imgport ARGUMENT...: the program under test.
imgport() { "$IMGPORT" "$@"; }

# expect STATUS COMMAND...: its exit status is this one; what it prints stays in $work/out
# and $work/err.
expect() {
    local want=$1 got=0
    shift
    "$@" >"$work/out" 2>"$work/err" || got=$?
    if [ "$got" -ne "$want" ]; then
        printf 'exit status %s, expected %s: %s\n' "$got" "$want" "$*"
        head -c 2000 "$work/out"
        head -c 2000 "$work/err"
        return 1
    fi
}

# same WHAT WANT GOT
same() {
    [ "$2" = "$3" ] || {
        printf '%s: %s, expected %s\n' "$1" "$3" "$2"
        return 1
    }
}

# matches FILE EXPRESSION: some line of the file matches.
matches() {
    grep -qE -e "$2" "$1" || {
        printf 'nothing like /%s/ in:\n' "$2"
        head -c 2000 "$1"
        return 1
    }
}

# guest NAME: the file of a test guest, built if need be.
guest() { "$tests/guests/build.sh" --file "$1"; }

# same_disk A-FORMAT A B-FORMAT B: qemu-img reads the same bytes and the same size in both.
same_disk() {
    qemu-img compare -f "$1" -F "$3" "$2" "$4" &&
        same size "$(qemu-img info -f "$1" --output=json "$2" | jq '."virtual-size"')" \
            "$(qemu-img info -f "$3" --output=json "$4" | jq '."virtual-size"')"
}

# copy_program DIR: the program with all that lies beside it, for tests that need it where
# others can run it, or a name of its own.
copy_program() {
    local from
    from=$(dirname "$IMGPORT")
    mkdir -p "$1/profiles"
    cp "$from/imgport" "$from/imgport-worker" "$1/"
    cp "$top"/profiles/*.profile "$1/profiles/"
    [ ! -d "$from/po" ] || cp -r "$from/po" "$1/"
}
