#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# uploads.sh [-b BUILD] [-d FOLDER] [-n RUNS] [-u UPLOADS]: what uploads to the object endpoint cost
#
# RUNS (-n, 5) uploads of 1 GiB by curl, one after the other: MB/s, and CPU-seconds of the daemon
# with its MD5, beside `openssl md5` and `cp` of the same file, which is the least it can cost.
# Then UPLOADS (-u, 50) of 128 MiB at once, each at 4 MB/s: the daemon's peak memory.
#
# Works in FOLDER (-d, /dev/shm): what is measured is the daemon, not a disk, so it needs 8 GiB of
# memory.  Aims: 500 MB/s, 2.0 CPU-seconds, 150 MiB.  Prints lines for RESULTS.md.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8
build=build-release folder=/dev/shm runs=5 uploads=50
while getopts b:d:n:u: option; do
    case $option in
    b) build=$OPTARG ;;
    d) folder=$OPTARG ;;
    n) runs=$OPTARG ;;
    u) uploads=$OPTARG ;;
    *)
        echo 'usage: bench/uploads.sh [-b BUILD] [-d FOLDER] [-n RUNS] [-u UPLOADS]' >&2
        exit 2
        ;;
    esac
done
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype release >/dev/null
ninja -C "$build" imgportd imgport imgport-worker >/dev/null

dir=$(mktemp -d "$folder/imgport-bench.XXXXXX")
daemon=
cleanup() {
    [ -z "$daemon" ] || kill "$daemon" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$dir"
}
trap cleanup EXIT
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY

export IMGPORTD_CONF=$dir/conf
cat >"$IMGPORTD_CONF" <<X
[service]
listen = 127.0.0.1:0
data = $dir/data
log = $dir/log
[server]
rate = 0
X
"$build/imgportd" &
daemon=$!
port=
for _ in $(seq 100); do
    port=$(sed -n 's/.*"event":"start".*port \([0-9]*\).*/\1/p' "$dir/log" 2>/dev/null || true)
    [ -z "$port" ] || break
    sleep 0.1
done
[ -n "$port" ] || {
    echo "uploads.sh: imgportd does not start" >&2
    exit 1
}
account=$("$build/imgport" account create bench --json)
field() { printf '%s' "$account" | sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p"; }
app=$(field AppId) id=$(field SecretId) key=$(field SecretKey)

# The bucket is open to all, so that what curl sends need not be signed.
bucket=bench-$app
now=$(date +%s)
times="$((now - 1));$((now + 600))"
hmac() { printf '%s' "$2" | openssl dgst -sha1 -hmac "$1" -r | cut -d ' ' -f 1; }
sign_key=$(hmac "$key" "$times")
string=$(printf 'put\n/\n\nx-cos-acl=public-read-write\n' | openssl dgst -sha1 -r | cut -d ' ' -f 1)
signature=$(printf 'sha1\n%s\n%s\n' "$times" "$string" | openssl dgst -sha1 -hmac "$sign_key" -r | cut -d ' ' -f 1)
curl -sS -f -X PUT -H 'x-cos-acl: public-read-write' \
    -H "Authorization: q-sign-algorithm=sha1&q-ak=$id&q-sign-time=$times&q-key-time=$times&q-header-list=x-cos-acl&q-url-param-list=&q-signature=$signature" \
    "http://127.0.0.1:$port/$bucket/"

cpu() { awk '{ print ($14 + $15) / '"$(getconf CLK_TCK)"' }' "/proc/$daemon/stat"; }
median() { sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
head -c 1073741824 /dev/urandom >"$dir/big"
for _ in $(seq "$runs"); do
    before=$(cpu)
    speed=$(curl -sS -f -o /dev/null -w '%{speed_upload}' -T "$dir/big" "http://127.0.0.1:$port/$bucket/big")
    awk -v a="$before" -v b="$(cpu)" -v s="$speed" 'BEGIN { printf "%.0f %.2f\n", s / 1e6, b - a }' >>"$dir/runs"
    # The least: the sum, and one copy into the page cache.
    TIMEFORMAT='%U %S'
    { time { openssl md5 "$dir/big" && cp "$dir/big" "$dir/copy"; } >/dev/null; } 2>>"$dir/least"
    rm -f "$dir/copy"
done
echo "upload of 1 GiB: $(cut -d ' ' -f 1 "$dir/runs" | median) MB/s," \
    "$(cut -d ' ' -f 2 "$dir/runs" | median) CPU-seconds;" \
    "openssl md5 and cp: $(awk '{ print $1 + $2 }' "$dir/least" | median) CPU-seconds"
rm -f "$dir/big"

head -c 134217728 /dev/urandom >"$dir/part"
pids=()
for i in $(seq "$uploads"); do
    curl -sS -f -o /dev/null --limit-rate 4M -T "$dir/part" "http://127.0.0.1:$port/$bucket/part$i" &
    pids+=($!)
done
for pid in "${pids[@]}"; do wait "$pid"; done
echo "$uploads uploads of 128 MiB at once: peak memory $(awk '/VmHWM/ { printf "%.0f MiB", $2 / 1024 }' "/proc/$daemon/status")"
