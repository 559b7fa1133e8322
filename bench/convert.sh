#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# convert.sh [-n PAIRS] [-d FOLDER] [-w WORDS] [CASE...]: what a conversion costs, beside qemu-img
#
# The sources are the guest bench-server (8 GiB, about 2 GiB used: tests/guests/recipes/bench.sh) in
# every container, and 2 GiB that cannot be compressed.  For each case PAIRS (-n, 6) pairs of
# runs of the release build and of `qemu-img convert` with its defaults; pairs.py says what is
# fair about them.  Prints a table for RESULTS.md: the medians of the ratios, with the least and
# the most, the largest peak memory of imgport, the sizes written, and whether the aim is
# met.  qemu-img against itself shows what a ratio is worth.  Each kind of output is
# compared with the source by `qemu-img compare` and looked through by `qemu-img check`.
#
# imgport waits for the disk, and qemu-img leaves what it wrote to the page cache: imgport's time
# has more in it.  In the cases whose name ends in -cached imgport leaves it there as well
# (--no-sync), and in those that end in -synced qemu-img is followed by `sync`.
#
# WORDS (-w) go before each command that is measured: on a machine with other work -w 'chrt -r 1'
# keeps that away, as far as it is not the disk's.
#
# Works in FOLDER (-d, build-bench): the filesystem under it is measured as well.  One
# source at a time is there: 8 GB at most.  Exit status 1 when an output is wrong.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin

pairs=6
folder=build-bench
words=()
while getopts n:d:w: option; do
    case $option in
    n) pairs=$OPTARG ;;
    d) folder=$OPTARG ;;
    w) read -ra words <<<"$OPTARG" ;;
    *)
        echo 'usage: bench/convert.sh [-n PAIRS] [-d FOLDER] [-w WORDS] [CASE...]' >&2
        exit 2
        ;;
    esac
done
shift $((OPTIND - 1))

tools/install-deps.sh check >&2
[ -f build-release/build.ninja ] || meson setup build-release --buildtype release \
    -Db_ndebug=false >/dev/null
ninja -C build-release imgport imgport-worker >/dev/null
imgport=$PWD/build-release/imgport
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
trap 'rm -rf "$folder"/source* "$folder"/out' EXIT

# case | source: format of qemu-img, options, extension | imgport's options | qemu-img's
# options | aims: wall, CPU (- for none) | what the output is to qemu-img
cases() {
    local plain='1.0 0.8|qcow2'
    cat <<END
itself|raw|raw|-|-O qcow2|- -|qcow2
raw|raw|raw||-O qcow2|$plain
incompressible|noise|raw||-O qcow2|$plain
raw-zlib|raw|raw|-c zlib|-c -O qcow2|0.10 0.20|qcow2
raw-zstd|raw|raw|-c zstd|-c -O qcow2 -o compression_type=zstd|0.25 0.50|qcow2
raw-raw|raw|raw|-O raw|-O raw|- -|raw
raw-vhd|raw|raw|-O vhd|-O vpc -o force_size=on|- -|vpc
raw-vmdk|raw|raw|-O vmdk|-O vmdk|- -|vmdk
raw-stream|raw|raw|-O vmdk --subformat streamOptimized|-O vmdk -o subformat=streamOptimized|- -|vmdk
raw-synced|raw|raw||-O qcow2|- -|qcow2
raw-cached|raw|raw||-O qcow2|- -|qcow2
qcow2-v3|qcow2|qcow2||-O qcow2|$plain
qcow2-v2|qcow2 -o compat=0.10|qcow2||-O qcow2|$plain
qcow2-zlib|qcow2 -c|qcow2||-O qcow2|0.25 0.40|qcow2
qcow2-zlib-synced|qcow2 -c|qcow2||-O qcow2|- -|qcow2
qcow2-zstd|qcow2 -c -o compression_type=zstd|qcow2||-O qcow2|0.33 0.55|qcow2
vhd-dynamic|vpc -o force_size=on|vhd||-O qcow2|$plain
vhd-fixed|vpc -o subformat=fixed,force_size=on|vhd||-O qcow2|$plain
vmdk-flat|vmdk -o subformat=monolithicFlat|vmdk||-O qcow2|$plain
vmdk-sparse|vmdk|vmdk||-O qcow2|0.18 0.30|qcow2
vmdk-stream|vmdk -o subformat=streamOptimized|vmdk||-O qcow2|0.16 0.32|qcow2
vmdk-stream-cached|vmdk -o subformat=streamOptimized|vmdk||-O qcow2|- -|qcow2
END
}

# source_make SPEC EXTENSION: $source, from the guest; left as it is when it is the same again.
made=
source_make() {
    local format=${1%% *} options=()
    source=$folder/source.$2
    [ "$made" != "$1" ] || return 0
    rm -rf "$folder"/source*
    case $format in
    noise) head -c 2G /dev/zero | openssl enc -aes-128-ctr -nosalt -pass pass:imgport -pbkdf2 >"$source" ;;
    raw) cp --sparse=always "$guest" "$source" ;;
    *)
        read -ra options <<<"$1"
        qemu-img convert -W -m 16 -f raw -O "$format" "${options[@]:1}" "$guest" "$source"
        ;;
    esac
    made=$1
    sync -f "$folder"
    cat "$folder"/source* >/dev/null
}

# judge RUN...: the output of one run, read by qemu-img.  Its size stays in $size.
judge() {
    rm -f "$out"
    "$@" >/dev/null
    size=$(du -B1 "$out" | cut -f1)
    qemu-img compare -q -f "$read_as" -F "$to" "$source" "$out" >&2 || wrong "$name: not the same disk"
    case $to in
    qcow2 | vmdk) qemu-img check -q -f "$to" "$out" >&2 || wrong "$name: qemu-img check complains" ;;
    esac
    rm -f "$out"
}

status=0
wrong() {
    echo "bench: $*" >&2
    status=1
}

guest=$(tests/guests/build.sh --file bench-server)
out=$folder/out
# shellcheck disable=SC2016 # for the inner shell
synced=(sh -c '"$@" && sync "$0"' "$out")

processor=$(sed -n 's/^model name\t*: //p' /proc/cpuinfo | head -1)
printf '%s, %s, %s, %s processors (%s), load %s, %s\n\n' "$(date -u +%Y-%m-%d)" \
    "$("$imgport" --version | head -1)" "$(qemu-img --version | sed -n '1s/ (.*//p')" "$(nproc)" \
    "$processor" "$(cut -d' ' -f1 /proc/loadavg)" "$(stat -f -c %T "$folder")"
echo '| case | pairs | wall: qemu-img, ratio (least to most) [of the best runs] | CPU: qemu-img, ratio (least to most) [of the best runs] | aim | peak | size of qemu-img'"'"'s |'
echo '|---|---|---|---|---|---|---|'
while IFS='|' read -r name spec extension ours theirs aim to; do
    [ $# -eq 0 ] || [[ " $* " == *" $name "* ]] || continue
    source_make "$spec" "$extension"
    case ${spec%% *} in noise) read_as=raw ;; *) read_as=${spec%% *} ;; esac
    # shellcheck disable=SC2206 # lists of words
    second=(qemu-img convert -f "$read_as" $theirs "$source" "$out")
    # shellcheck disable=SC2206
    first=("$imgport" convert $ours "$source" "$out")
    case $name in
    itself) first=("${second[@]}") ;;
    *-cached) first+=(--no-sync) ;;
    *-synced) second=("${synced[@]}" "${second[@]}") ;;
    esac
    judge "${second[@]}"
    theirs_size=$size
    judge "${first[@]}"
    python3 bench/pairs.py "$pairs" "$out" "${words[@]}" "${first[@]}" -- "${words[@]}" "${second[@]}" |
        jq -r --arg name "$name" --arg aim "$aim" --argjson size "$size" --argjson theirs "$theirs_size" '
        def round3: . * 1000 | round / 1000;
        def ratio: "\(.median | round3) (\(.least | round3) to \(.most | round3))";
        ($aim | split(" ")) as [$w, $c] |
        (if $w == "-" then "" else
            "\($w) / \($c): " + (if .wall.median <= ($w | tonumber) and .cpu.median <= ($c | tonumber)
                                 then "met" else "missed" end) end) as $judged |
        def best: " [\(.best | round3)]";
        "| \($name) | \(.pairs) | \(.second.wall | round3) s, \(.wall | ratio + best) | \(.second.cpu | round3) s, \(.cpu | ratio + best) | \($judged) | \(.first.peak | round) MiB | \($size / $theirs * 1000 | round / 1000) |"'
done < <(cases)
exit $status
