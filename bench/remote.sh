#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# remote.sh [-n PAIRS] [-p IMGPORT] [CASE...]: what it costs to read an image from a URL
#
# nginx serves the guest `good` in several containers; slow_proxy.py stands before it: a line of
# 800 Mbit a second, shared by all connections, 10 ms long in each direction.  PAIRS pairs (-n, 5)
# of this build's release and of another one of imgport (-p, to compare with what was before), or
# else of what people do without imgport: curl to a file, then qemu-img convert.  The order
# changes from pair to pair.  Prints a table for RESULTS.md: wall seconds of both, medians, the
# median ratio with the least and the most, and how much the server sent in how many answers.
#
# Both write qcow2: another imgport syncs it and so does this one, qemu-img does not and this one
# does not (--no-sync).  The output is compared with the source once a case.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin

pairs=5
peer=
while getopts n:p: option; do
    case $option in
    n) pairs=$OPTARG ;;
    p) peer=$OPTARG ;;
    *)
        echo 'usage: bench/remote.sh [-n PAIRS] [-p IMGPORT] [CASE...]' >&2
        exit 2
        ;;
    esac
done
shift $((OPTIND - 1))
[ $# -gt 0 ] || set -- check qcow2-v3 qcow2-zlib vmdk-sparse vmdk-stream vhd-dynamic

tools/install-deps.sh check >&2
[ -f build-release/build.ninja ] || meson setup build-release --buildtype release \
    -Db_ndebug=false >/dev/null
ninja -C build-release imgport imgport-worker >/dev/null
imgport=$PWD/build-release/imgport
profile=$PWD/profiles/tencent-2022.profile # for a peer of another time as well

work=$(mktemp -d "${TMPDIR:-/var/tmp}/imgport-bench.XXXXXX")
pids=()
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/www"

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
user=
[ "$(id -u)" -ne 0 ] || user='user root;'
cat >"$work/nginx.conf" <<END
daemon off;
$user
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events { worker_connections 64; }
http {
    log_format bytes '\$body_bytes_sent';
    access_log $work/access.log bytes;
    client_body_temp_path $work/t1; proxy_temp_path $work/t2; fastcgi_temp_path $work/t3;
    uwsgi_temp_path $work/t4; scgi_temp_path $work/t5;
    server { listen 127.0.0.1:$port; root $work/www; }
}
END
nginx -p "$work" -c "$work/nginx.conf" -e "$work/nginx.log" &
pids+=($!)
python3 bench/slow_proxy.py "$port" 10 800 "$work/port" &
pids+=($!)
for _ in $(seq 100); do
    [ -s "$work/port" ] && [ -s "$work/nginx.pid" ] && break
    sleep 0.1
done
url=http://127.0.0.1:$(cat "$work/port")

# run WHO CASE FORMAT: seconds of wall time.
run() {
    local begin end
    rm -f "$work/out" "$work/download"
    sync -f "$work"
    begin=$(date +%s%N)
    case $1-$2 in
    imgport-check) "$imgport" check --profile "$profile" "$url/qcow2-v3" >/dev/null ;;
    peer-check) "${peer:-$imgport}" check --profile "$profile" "$url/qcow2-v3" >/dev/null ;;
    imgport-*)
        if [ -n "$peer" ]; then
            "$imgport" convert "$url/$2" "$work/out" >/dev/null 2>&1
        else
            "$imgport" convert --no-sync "$url/$2" "$work/out" >/dev/null 2>&1
        fi
        ;;
    peer-*)
        if [ -n "$peer" ]; then
            "$peer" convert "$url/$2" "$work/out" >/dev/null 2>&1
        else
            curl -sf -o "$work/download" "$url/$2"
            qemu-img convert -f "$3" -O qcow2 "$work/download" "$work/out"
        fi
        ;;
    esac
    end=$(date +%s%N)
    echo $(((end - begin) / 1000000))
}

printf '%s, %s, %s processors, load %s\n\n' "$(date -u +%Y-%m-%d)" \
    "$("$imgport" --version | head -1)" "$(nproc)" "$(cut -d' ' -f1 /proc/loadavg)"
echo '| case | pairs | imgport | other | ratio: median (least to most) | sent | answers |'
echo '|---|---|---|---|---|---|---|'
for case; do
    kind=$case
    [ "$case" != check ] || kind=qcow2-v3
    ln -sf "$(tests/guests/build.sh --file "container-$kind")" "$work/www/$kind"
    format=${kind%%-*}
    [ "$format" != vhd ] || format=vpc
    : >"$work/access.log"
    run imgport "$case" "$format" >/dev/null
    sync -f "$work"
    sent=$(awk '{ n += $1 } END { printf "%.1f MB | %d", n / 1e6, NR }' "$work/access.log")
    [ "$case" = check ] || qemu-img compare -f qcow2 -F "$format" "$work/out" "$work/www/$kind" >&2
    for i in $(seq "$pairs"); do
        if [ $((i % 2)) -eq 0 ]; then
            a=$(run imgport "$case" "$format")
            b=$(run peer "$case" "$format")
        else
            b=$(run peer "$case" "$format")
            a=$(run imgport "$case" "$format")
        fi
        echo "$a $b"
    done | python3 -c '
import statistics
import sys

pairs = [tuple(map(int, line.split())) for line in sys.stdin]
ratios = sorted(a / b for a, b in pairs)
middle = statistics.median
print("| %s | %d | %.2f s | %.2f s | %.2f (%.2f to %.2f) | %s |" % (
    sys.argv[1], len(pairs), middle(a for a, _ in pairs) / 1000, middle(b for _, b in pairs) / 1000,
    middle(ratios), ratios[0], ratios[-1], sys.argv[2]))' "$case" "$sent"
done
