#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# check.sh: everything that must hold before a change lands (`make check`)
#
#   build        gcc, warnings are errors     every suite but slow, oracle and again
#   build-clang  clang, warnings are errors   unit, hostile, fault, fuzz
#   build-asan   ASan and UBSan               those, oracle, store, service, golden, mutate
#
# The comparisons with other tools (oracle) run once, where a wrong byte and a bad access both
# show; of the service (again) each file runs in the plain build over PostgreSQL and with
# sanitizers over SQLite.  --all adds both, and what takes long: the suite slow, the
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
    # One more at a time than there are processors, since much is waited for; the longest begin
    # first (their priority).
    # The exit status adds nothing to the record, and the record must be there.
    meson test -C "$dir" --no-rebuild --print-errorlogs \
        --num-processes $(($(nproc) + 1)) "$@"
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

# What a run takes: the guests, three builds, and what tests write.
GUESTS_GB=19
BESIDE_GB=6
cache=${IMGPORT_CACHE:-cache}
mkdir -p "$cache"
have_gb=$(($(du -s --block-size=1MB "$cache" | cut -f 1) / 1000))
need_gb=$((BESIDE_GB + (have_gb < GUESTS_GB ? GUESTS_GB - have_gb : 0)))
free_gb=$(($(df --output=avail --block-size=1MB "$cache" | tail -n 1) / 1000))
[ "$free_gb" -ge "$need_gb" ] || {
    echo "check.sh: $free_gb GB are free on the disk of $cache, and about $need_gb are needed" >&2
    fail 'room on the disk'
    finish
}

# Guests are waited for: downloads and disks.  Compilers run meanwhile.
say 'test guests begin'
guests_log=$(mktemp)
setsid tests/guests/build.sh >"$guests_log" 2>&1 &
guests=$!
trap '[ -z "$guests" ] || kill -TERM -- "-$guests"; rm -f "$guests_log"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

guests_made() {
    local status=0
    wait "$guests" || status=$?
    cat "$guests_log"
    guests=
    return "$status"
}

declare -A is_built
# built DIR WHAT OPTION...: builds it, or counts a failure.
built() {
    say "build with $2"
    if build "$1" "${@:3}"; then
        is_built[$1]=1
    else
        fail "build with $2"
    fi
}
CC=gcc built build gcc
CC=clang built build-clang clang
CC=gcc built build-asan 'ASan and UBSan' -Db_sanitize=address,undefined
step 'test guests' guests_made

if [ -n "${is_built[build]-}" ]; then
    say 'tests with gcc'
    if [ -n "$all" ]; then
        suites build -t 2
    else
        suites build -t 2 --no-suite slow --no-suite oracle --no-suite again
    fi
fi

# The others leave out what looks at the sources (once is enough) and at real guests.
quick=(--no-suite lint --no-suite cli --no-suite slow)

if [ -n "${is_built[build-clang]-}" ]; then
    say 'tests with clang'
    suites build-clang -t 2 "${quick[@]}" --no-suite oracle --no-suite golden --no-suite service
fi

if [ -n "${is_built[build-asan]-}" ]; then
    say 'tests with ASan and UBSan'
    suites build-asan -t 5 "${quick[@]}"
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
