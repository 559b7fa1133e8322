#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# radosgw.sh COMMAND...: a Ceph of one monitor, one store in memory and a radosgw, for as long as
# the command runs
#
# The command finds S3_ENDPOINT (http://localhost:PORT, path style and host style), S3_KEY_ID and
# S3_KEY_SECRET in its environment, and a bucket "images".  No cephx, no manager: for tests only.
set -euo pipefail

for tool in ceph-mon ceph-osd radosgw ceph radosgw-admin monmaptool curl; do
    command -v $tool >/dev/null || {
        echo "radosgw.sh: needs $tool; tools/install-deps.sh all installs it" >&2
        exit 1
    }
done
C=$(mktemp -d /tmp/imgport-ceph.XXXXXX)
pids=()
cleanup() {
    # The store first: the others wait for it.
    for pid in "${pids[@]}"; do kill -9 "$pid" 2>/dev/null || true; done
    wait 2>/dev/null || true
    rm -rf "$C"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
# Gives up after $1 seconds.
wait_for() {
    local n=$(($1 * 10))
    shift
    until "$@" >/dev/null 2>&1; do
        n=$((n - 1))
        [ $n -gt 0 ] || {
            echo "radosgw.sh: gave up on: $*" >&2
            tail -n 5 "$C"/*.log >&2 || true
            exit 1
        }
        sleep 0.1
    done
}

mon=$(free_port)
port=$(free_port)
fsid=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
mkdir "$C/mon" "$C/osd"
cat >"$C/ceph.conf" <<X
[global]
fsid = $fsid
mon_host = v1:127.0.0.1:$mon
mon_initial_members = a
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
ms_bind_msgr2 = false
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
run_dir = $C
admin_socket = $C/\$name.asok
log_file = $C/\$name.log
mon_data = $C/mon
osd_data = $C/osd
osd_pool_default_size = 1
osd_pool_default_min_size = 1
mon_allow_pool_size_one = true
osd_pool_default_pg_num = 8
osd_pool_default_pgp_num = 8
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
mon_max_pg_per_osd = 1000
mon_data_avail_warn = 2
mon_data_avail_crit = 1
paxos_propose_interval = 0.05
paxos_min_wait = 0.01
osd_objectstore = memstore
memstore_device_bytes = 4294967296
[client.rgw]
rgw_frontends = beast endpoint=127.0.0.1:$port
rgw_run_sync_thread = false
rgw_dns_name = localhost
rgw_rados_pool_pg_num_min = 4
# What is deleted gives its memory back soon.
rgw_gc_obj_min_wait = 1
rgw_gc_processor_period = 2
rgw_gc_processor_max_time = 2
X
export CEPH_CONF=$C/ceph.conf
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
conf=(-c "$C/ceph.conf")
{
    monmaptool --create --clobber --fsid "$fsid" --addv a "v1:127.0.0.1:$mon" "$C/monmap"
    ceph-mon "${conf[@]}" --mkfs -i a --monmap "$C/monmap"
} >"$C/setup.log" 2>&1
ceph-mon "${conf[@]}" -i a -f >"$C/mon.out" 2>&1 &
pids+=($!)
wait_for 60 timeout 10 ceph "${conf[@]}" --connect-timeout 5 fsid
{
    ceph "${conf[@]}" osd new "$osd"
    ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$osd"
} >>"$C/setup.log" 2>&1
osd_is_up() { ceph "${conf[@]}" osd stat -f json | grep -q '"num_up_osds":1'; }
# A store that asks the monitor before it has heard of its cluster is refused ("wrong fsid"),
# and neither ends nor asks again; another time it only says nothing any more.
osd_is_refused() { grep -q 'wrong fsid' "$C/osd.0.log" 2>/dev/null; }
osd_comes_up() {
    local end=$((SECONDS + 30))
    until osd_is_up; do
        ! osd_is_refused && [ $SECONDS -lt $end ] || return
        sleep 0.2
    done
}
others=("${pids[@]}")
for _ in 1 2 3 4 5; do
    rm -f "$C/osd.0.log"
    ceph-osd "${conf[@]}" -i 0 -f >"$C/osd.out" 2>&1 &
    store=$!
    pids=("$store" "${others[@]}")
    ! osd_comes_up || break
    kill -9 "$store" 2>/dev/null || true
    wait $store 2>/dev/null || true
done
wait_for 10 osd_is_up
radosgw "${conf[@]}" -n client.rgw -f >"$C/rgw.out" 2>&1 &
pids=($! "${pids[@]}")
wait_for 120 curl -s -o /dev/null "http://127.0.0.1:$port/"

export S3_KEY_ID=KEYOFTESTS S3_KEY_SECRET=SECRETOFTESTS S3_ENDPOINT=http://localhost:$port
radosgw-admin "${conf[@]}" user create --uid=t --display-name=t --access-key="$S3_KEY_ID" \
    --secret-key="$S3_KEY_SECRET" >>"$C/setup.log" 2>&1
curl -sS -f -X PUT --aws-sigv4 aws:amz:us-east-1:s3 -u "$S3_KEY_ID:$S3_KEY_SECRET" \
    -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' "$S3_ENDPOINT/images"
"$@"
