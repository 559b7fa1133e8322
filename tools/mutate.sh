#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# mutate.sh [-j N] [-s SEED] COUNT [IMAGE...]: so many spoilt copies of each image, looked at
#
# With ASan and UBSan.  IMAGE is a name or its beginning (xfs, ext4-csum); all by default.
# SEED is the first one (1).  Prints a row an image and the sum of each format.  A mutant that
# crashes, hangs, leaks or takes too much memory is named by its image and seed, and shown by
#
#     build-asan/tests/mutate/mutate [-o FILE] build-asan/mutants/IMAGE.img SEED
#
# and makes the exit status 1.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C

jobs=$(nproc)
first=1
while getopts j:s: option; do
    case $option in
    j) jobs=$OPTARG ;;
    s) first=$OPTARG ;;
    *) exit 2 ;;
    esac
done
shift $((OPTIND - 1))
case ${1-} in
'' | *[!0-9]*)
    echo 'usage: tools/mutate.sh [-j N] [-s SEED] COUNT [IMAGE...]' >&2
    exit 2
    ;;
esac
count=$1
shift

mkdir -p build-asan
if [ ! -f build-asan/build.ninja ]; then
    meson setup build-asan -Dwerror=true -Db_sanitize=address,undefined \
        >build-asan/setup.log 2>&1 || {
        tail -15 build-asan/setup.log
        exit 1
    }
fi
ninja -C build-asan tests/mutate/mutate >build-asan/ninja.log 2>&1 || {
    grep -v '^\[' build-asan/ninja.log | head -60
    exit 1
}
folder=build-asan/mutants
tests/mutate/unpack.sh "$folder"

[ $# -gt 0 ] || set -- ''
images=()
for name; do
    for file in "$folder/$name"*.img; do
        [ ! -f "$file" ] || images+=("$file")
    done
done
[ ${#images[@]} -gt 0 ] || {
    echo "mutate: no image is called '$*'"
    exit 1
}

log=build-asan/mutate.log
status=0
printf '%s\0' "${images[@]}" |
    xargs -0 -n 1 -P "$jobs" build-asan/tests/mutate/mutate -n "$count" -s "$first" 2>"$log.err" |
    tee "$log" || status=1
awk '/ mutants, / {
         split($1, name, "[-0-9.]"); split($0, took, /entries, */); split(took[2], s, " ")
         n[name[1]] += $2; found[name[1]] += $(NF - 1); cpu[name[1]] += s[1]
     }
     END {
         for (f in n) {
             printf "| %s | %d | %.0f | %d |\n", f, n[f], cpu[f], found[f]
             all += n[f]; time += cpu[f]; bad += found[f]
         }
         printf "| all | %d | %.0f | %d |\n", all, time, bad
     }' "$log" | sort
[ $status -eq 0 ] || grep -E 'ERROR|runtime error|Assertion|more than|leaks' "$log.err" | sort | uniq -c
exit $status
