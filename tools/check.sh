#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh: everything that must hold before a change lands (`make check`)
#
#   build        gcc, warnings are errors     every suite but slow and oracle
#   build-clang  clang, warnings are errors   unit, hostile, fault, fuzz
#   build-asan   ASan and UBSan               those, oracle, store, service, golden, mutate
#
# The comparisons with other tools (oracle) run once, where a wrong byte and a bad access both
# show.  --all adds what takes long: the suite slow, oracle in the build that people run, the
# thread sanitizer (build-tsan) over what has threads, the analyzers, a minute of fuzzing a
# target, a thousand mutants of each image.
# The last line is "N passed, M failed" over all of it; a configuration that does not build,
# or a step that fails, counts as one failure, and a skipped test as well: a test that cannot
# run has not passed.  Exit status 1 when anything failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit
export LC_ALL=C.UTF-8

all=
case ${1-} in
'') ;;
--all) all=1 ;;
*)
    echo 'usage: tools/check.sh [--all]' >&2
    exit 2
    ;;
esac

passed=0
failed=0
failures=()
started=$SECONDS

say() { printf '\n== %s (%d s)\n' "$*" $((SECONDS - started)); }

fail() {
    failed=$((failed + 1))
    failures+=("$1")
}

finish() {
    if [ ${#failures[@]} -gt 0 ]; then
        printf '\nFailed:\n'
        printf '  %s\n' "${failures[@]}"
    fi
    printf '\n%d passed, %d failed\n' $passed $failed
    [ $failed -eq 0 ]
    exit
}

# step NAME COMMAND...: one thing that passes or fails.
step() {
    local name=$1
    shift
    say "$name"
    if "$@"; then
        passed=$((passed + 1))
    else
        fail "$name"
        return 1
    fi
}

# build DIR OPTION...: configure, or configure again with what this script wants now.
build() {
    local dir=$1
    shift
    if [ -f "$dir/build.ninja" ]; then
        meson setup --reconfigure "$dir" -Dwerror=true "$@" >"$dir/setup.log" 2>&1 ||
            rm -rf "$dir"
    fi
    if [ ! -f "$dir/build.ninja" ]; then
        rm -rf "$dir"
        mkdir -p "$dir"
        meson setup "$dir" -Dwerror=true "$@" >"$dir/setup.log" 2>&1 || {
            tail -15 "$dir/setup.log"
            return 1
        }
    fi
    ninja -C "$dir" >"$dir/ninja.log" 2>&1 || {
        grep -v '^\[' "$dir/ninja.log" | head -60
        return 1
    }
}

# suites DIR OPTION...: runs tests and counts them from meson's own record.
suites() {
    local dir=$1 log=$1/meson-logs/testlog.json counts
    shift
    rm -f "$log"
    # The exit status adds nothing to the record, and the record must be there.
    meson test -C "$dir" --no-rebuild --print-errorlogs "$@"
    counts=$(jq -rs --arg dir "$dir" '
        (map(select(.result == "OK" or .result == "EXPECTEDFAIL")) | length),
        (.[] | select(.result != "OK" and .result != "EXPECTEDFAIL")
             | "\($dir): \(.name): \(.result)")' "$log" 2>/dev/null)
    if [ -z "$counts" ] || [ "${counts%%$'\n'*}" = 0 ]; then
        fail "$dir: no test ran"
        return
    fi
    passed=$((passed + ${counts%%$'\n'*}))
    while read -r line; do
        fail "$line"
    done < <(tail -n +2 <<<"$counts")
}

say 'packages'
if [ -n "$all" ]; then
    tools/install-deps.sh all
else
    tools/install-deps.sh check
fi || {
    fail 'packages'
    finish
}

say 'build with gcc'
if CC=gcc build build; then
    step 'test guests' tests/guests/build.sh
    say 'tests with gcc'
    if [ -n "$all" ]; then
        suites build
    else
        suites build --no-suite slow --no-suite oracle
    fi
else
    fail 'build with gcc'
fi

# The others leave out what looks at the sources (once is enough) and at real guests.
quick=(--no-suite lint --no-suite cli --no-suite slow)

say 'build with clang'
if CC=clang build build-clang; then
    say 'tests with clang'
    suites build-clang "${quick[@]}" --no-suite oracle --no-suite golden --no-suite service
else
    fail 'build with clang'
fi

say 'build with ASan and UBSan'
if CC=gcc build build-asan -Db_sanitize=address,undefined; then
    say 'tests with ASan and UBSan'
    suites build-asan -t 4 "${quick[@]}"
else
    fail 'build with ASan and UBSan'
fi

if [ -n "$all" ]; then
    say 'build with TSan'
    if CC=gcc build build-tsan -Db_sanitize=thread; then
        say 'tests with TSan'
        suites build-tsan -t 4 convert clone direct fault_convert object \
            store_account store_crash store_race store_task
        step 'a URL with TSan' env IMGPORT="$PWD/build-tsan/imgport" \
            TSAN_OPTIONS=halt_on_error=1 tests/cli/remote.sh 3
    else
        fail 'build with TSan'
    fi
    step 'static analysis' tools/analyze.sh
    step 'fuzzing' tools/fuzz.sh 60
    step 'mutations' tools/mutate.sh 1000
fi

finish
