#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# fuzz.sh [-j N] SECONDS [TARGET...]: libFuzzer on every parser, with ASan and UBSan
#
# Starts from the committed corpora and writes new inputs to build-fuzz/corpora/ only.  Prints
# a line a target: executions, inputs that reach something new, and how it ended.  An input
# that crashes, leaks or hangs stays in build-fuzz/findings/ and makes the exit status 1;
# minimised (-minimize_crash=1) and committed to tests/fuzz/corpora/, it is replayed for ever.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

jobs=$(nproc)
if [ "${1-}" = -j ]; then
    jobs=$2
    shift 2
fi
case ${1-} in
'' | *[!0-9]*)
    echo 'usage: tools/fuzz.sh [-j N] SECONDS [TARGET...]' >&2
    exit 2
    ;;
esac
seconds=$1
shift

mkdir -p build-fuzz
if [ ! -f build-fuzz/build.ninja ]; then
    CC=clang meson setup build-fuzz -Dwerror=true -Dfuzz=true -Db_lundef=false \
        -Db_sanitize=address,undefined >build-fuzz/setup.log 2>&1 || {
        tail -15 build-fuzz/setup.log
        exit 1
    }
fi
ninja -C build-fuzz >build-fuzz/ninja.log 2>&1 || {
    grep -v '^\[' build-fuzz/ninja.log | head -60
    exit 1
}

[ $# -gt 0 ] || {
    mapfile -t targets < <(find build-fuzz/tests/fuzz -maxdepth 1 -name 'libfuzzer_*' -type f |
        sed 's/.*libfuzzer_//' | sort)
    set -- "${targets[@]}"
}
[ $# -gt 0 ] || {
    echo 'fuzz: no targets'
    exit 1
}

one() {
    local name=$1 log=build-fuzz/$1.log status=0 runs
    mkdir -p "build-fuzz/corpora/$name" build-fuzz/findings
    "build-fuzz/tests/fuzz/libfuzzer_$name" -max_total_time="$2" -timeout=20 -rss_limit_mb=2048 \
        -max_len=1048576 -print_final_stats=1 -artifact_prefix="build-fuzz/findings/$name-" \
        "build-fuzz/corpora/$name" "tests/fuzz/corpora/$name" >"$log" 2>&1 || status=$?
    runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    if [ $status -ne 0 ]; then
        printf '%-14s FOUND SOMETHING after %s executions: %s\n' "$name" "${runs:-?}" \
            "$(grep -m1 -E 'ERROR: |SUMMARY: |runtime error' "$log")"
        return 1
    fi
    printf '%-14s %12s executions, %6s new inputs, %s s, nothing found\n' "$name" "$runs" \
        "$(sed -n 's/^stat::new_units_added: *//p' "$log")" "$2"
}
export -f one

export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
# shellcheck disable=SC2016 # for the inner shell
printf '%s\0' "$@" | xargs -0 -P "$jobs" -I{} bash -c 'one "$1" "$2"' - {} "$seconds"
