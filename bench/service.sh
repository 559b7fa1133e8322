#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# service.sh [-s SECONDS] [-c CONNECTIONS] [-p PAIRS] [-w WORDS] [-n]: what requests and bytes cost
# imgportd, beside Glance
#
#   imgportd   signed DescribeImages of 20 among 100 images, TC3-HMAC-SHA256 made anew for each
#              request, keep-alive, SQLite (tests/service/load.c)
#   Glance     GET /v2/images?limit=20 among 100, anonymous and unsigned, SQLite, two workers,
#              Connection: close, which it serves best (wrk)
#
# Prints a table for RESULTS.md: requests a second, latency, the server's CPU time a request, the
# client's beside it, and the server's memory afterwards (its processes summed); and a second
# one of uploads and imports, which service_bytes.py measures in PAIRS (-p, 3) with their peers.
# WORDS (-w) go before each server and client: on a machine with other work -w 'chrt -r 1'.  -n
# leaves Glance out, which is installed otherwise.  $BUILD: another build folder.
# Exit status 1 when an aim is missed: 10,000 requests a second on two idle cores, which is judged by
# CPU time (server and client of one request in less than 200 microseconds), 30 MiB; and those
# of service_bytes.py.
set -euo pipefail
cd "$(dirname "$0")/.."
export LC_ALL=C.UTF-8 PATH=$PATH:/usr/sbin:/sbin
unset http_proxy https_proxy

seconds=10
connections=16
glance=1
pairs=3
words=
while getopts s:c:p:w:n option; do
    case $option in
    s) seconds=$OPTARG ;;
    c) connections=$OPTARG ;;
    p) pairs=$OPTARG ;;
    w) words=$OPTARG ;;
    n) glance= ;;
    *)
        echo 'usage: bench/service.sh [-s SECONDS] [-c CONNECTIONS] [-p PAIRS] [-w WORDS] [-n]' >&2
        exit 2
        ;;
    esac
done

tools/install-deps.sh check >&2
if [ -n "$glance" ] && ! command -v glance-api >/dev/null; then
    echo 'bench: installing Glance and wrk' >&2
    as_root=
    [ "$(id -u)" -eq 0 ] || as_root=sudo
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=600 install -y \
        --no-install-recommends glance-api python3-glance glance-common wrk >/dev/null
fi

build=${BUILD:-build-release}
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype release -Db_ndebug=false >/dev/null
mapfile -t data < <(ninja -C "$build" -t targets all | sed -n 's,^\(\(profiles\|po\)/[^:]*\):.*,\1,p')
ninja -C "$build" imgportd imgport imgport-worker tests/service/load tests/service/seed "${data[@]}" >/dev/null

work=$(mktemp -d)
pids=()
cleanup() {
    [ ${#pids[@]} -eq 0 ] || kill "${pids[@]}" 2>/dev/null || true
    wait
    rm -rf "$work"
}
trap cleanup EXIT

# All processes of a server: itself and its children.
family() {
    echo "$1"
    pgrep -P "$1" || true
}
ticks() {
    local pid
    for pid in $(family "$1"); do cut -d ' ' -f 14,15 "/proc/$pid/stat"; done |
        awk '{ n += $1 + $2 } END { print n }'
}
memory() {
    local pid
    for pid in $(family "$1"); do cat "/proc/$pid/status"; done |
        awk '/^VmRSS:/ { n += $2 } END { printf "%.0f\n", n / 1024 }'
}
await() {
    for _ in $(seq 100); do
        if curl -fs -o /dev/null "$1"; then return; fi
        sleep 0.1
    done
    echo "bench: $1 does not answer" >&2
    return 1
}
# row NAME REQUESTS PER_SECOND P50 P99 TICKS CLIENT_SECONDS MIB
row() {
    awk -v name="$1" -v n="$2" -v per="$3" -v p50="$4" -v p99="$5" -v ticks="$6" -v client="$7" \
        -v mib="$8" -v hz="$(getconf CLK_TCK)" 'BEGIN {
        printf "| %s | %.0f | %s ms | %s ms | %.0f µs | %s | %s MiB |\n", name, per, p50, p99,
            ticks / hz / n * 1e6, client == "" ? "" : sprintf("%.0f µs", client / n * 1e6), mib }'
}

verdict=0
glance_port=19292

measure_imgportd() {
    local conf=$work/imgportd.conf log=$work/log port account uin id key before after mib
    printf '[service]\nlisten = 127.0.0.1:0\ndata = %s/data\nlog = %s\n[server]\nrate = 0\n' \
        "$work" "$log" >"$conf"
    # shellcheck disable=SC2086 # words
    IMGPORTD_CONF=$conf $words "$build/imgportd" &
    local pid=$!
    pids+=("$pid")
    for _ in $(seq 100); do
        port=$(sed -n 's/.*listens on .*, port \([0-9]*\)".*/\1/p' "$log" 2>/dev/null || true)
        [ -z "$port" ] || break
        sleep 0.1
    done
    account=$("$build/imgport" account create bench --config "$conf" --json)
    uin=$(jq -r .Uin <<<"$account")
    id=$(jq -r .SecretId <<<"$account")
    key=$(jq -r .SecretKey <<<"$account")
    printf '{"owner":"%s","name":"bench","count":100,"tags":{"stage":"test"}}\n' "$uin" |
        "$build/tests/service/seed" "sqlite:$work/data/catalog.db" >/dev/null
    "$build/tests/service/load" "$port" "$id" "$key" "$connections" 1 >/dev/null
    before=$(ticks $pid)
    # shellcheck disable=SC2086
    $words "$build/tests/service/load" "$port" "$id" "$key" "$connections" "$seconds" >"$work/load"
    after=$(ticks $pid)
    mib=$(memory $pid)
    value() { sed -n "s/^$1 //p" "$work/load"; }
    row 'imgportd, signed' "$(value requests)" "$(value per_second)" "$(value p50_ms)" \
        "$(value p99_ms)" $((after - before)) "$(value client_cpu)" "$mib"
    awk -v n="$(value requests)" -v ticks=$((after - before)) -v client="$(value client_cpu)" \
        -v hz="$(getconf CLK_TCK)" -v mib="$mib" \
        'BEGIN { exit !((ticks / hz + client) / n < 200e-6 && mib <= 30) }' || verdict=1
    kill $pid
    wait $pid || verdict=1
    pids=()
}

# The least that starts it: no Keystone, policy files or middleware (its documentation has them).
start_glance() {
    local d=$work/glance
    mkdir -p "$d"/{images,staging,tasks,lock,policy}
    cat >"$d/paste.ini" <<'INI'
[pipeline:glance-api]
pipeline = unauthenticated-context rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v2: apiv2app
[app:apiversions]
paste.app_factory = glance.api.versions:create_resource
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[filter:unauthenticated-context]
paste.filter_factory = glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
INI
    cat >"$d/glance.conf" <<CONF
[DEFAULT]
bind_host = 127.0.0.1
bind_port = $1
workers = 2
enabled_backends = f:file
[database]
connection = sqlite:///$d/glance.db
[paste_deploy]
config_file = $d/paste.ini
flavor =
[oslo_policy]
enforce_scope = false
enforce_new_defaults = false
policy_dirs = $d/policy
[oslo_concurrency]
lock_path = $d/lock
[glance_store]
default_backend = f
[f]
filesystem_store_datadir = $d/images
[os_glance_staging_store]
filesystem_store_datadir = $d/staging
[os_glance_tasks_store]
filesystem_store_datadir = $d/tasks
CONF
    glance-manage --config-file "$d/glance.conf" db_sync >"$d/db.log" 2>&1
    # shellcheck disable=SC2086
    $words glance-api --config-file "$d/glance.conf" >"$d/api.log" 2>&1 &
    pids+=($!)
    await "http://127.0.0.1:$1/v2/images"
}

measure_glance() {
    local port=$glance_port pid before after
    start_glance "$port"
    pid=${pids[-1]}
    for i in $(seq 100); do
        curl -fs -o /dev/null -H 'Content-Type: application/json' "http://127.0.0.1:$port/v2/images" -d \
            "{\"name\":\"bench-$i\",\"disk_format\":\"raw\",\"container_format\":\"bare\",\"tags\":[\"test\"]}"
    done
    before=$(ticks "$pid")
    # shellcheck disable=SC2086
    $words wrk -t1 -c"$connections" -d"${seconds}s" --latency -H 'Connection: close' \
        "http://127.0.0.1:$port/v2/images?limit=20" >"$work/wrk"
    after=$(ticks "$pid")
    milliseconds() { awk -v want="$1" '$1 == want { v = $2; if (v ~ /ms$/) { sub("ms", "", v); print v }
        else if (v ~ /us$/) { sub("us", "", v); print v / 1000 } else { sub("s", "", v); print v * 1000 } }' "$work/wrk"; }
    row 'Glance, unsigned' "$(awk '/requests in/ { print $1 }' "$work/wrk")" \
        "$(awk '/^Requests\/sec/ { print $2 }' "$work/wrk")" "$(milliseconds 50%)" "$(milliseconds 99%)" \
        $((after - before)) '' "$(memory "$pid")"
}

echo "load $(cut -d ' ' -f 1 /proc/loadavg), $(nproc) processors, $connections connections, $seconds s"
echo
echo '| server | requests a second | p50 | p99 | server CPU a request | client CPU a request | memory |'
echo '|---|---|---|---|---|---|---|'
measure_imgportd
peer=
if [ -n "$glance" ]; then
    measure_glance
    peer=$glance_port:${pids[-1]}
fi
echo
echo '| what | imgportd: median (least) | peer | | aim |'
echo '|---|---|---|---|---|'
python3 bench/service_bytes.py --pairs "$pairs" --words "$words" --glance "$peer" "$build" \
    "$(tests/guests/build.sh --file bench-full)" || verdict=1
exit $verdict
