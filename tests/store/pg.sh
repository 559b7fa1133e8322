# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0-or-later
# pg.sh: a PostgreSQL server of a test's own; sourced after lib.sh
#
# In $work/pg: data, log, what it shares (not in /dev/shm, where others may clear up), and a
# socket without a port.  The server does not run as root.
# pg_start ends with STORE_URL set; the server is stopped with the test.
pg_bin=$(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V | tail -n 1)
pg_dir=${work:?lib.sh comes first}/pg

pg_as() {
    local env=(env "HOME=$pg_dir" "PGHOST=$pg_dir" "PATH=$pg_bin:$PATH")
    if [ "$(id -u)" -eq 0 ]; then
        (cd / && setpriv --reuid=nobody --regid=nogroup --clear-groups "${env[@]}" "$@")
    else
        "${env[@]}" "$@"
    fi
}

# After a crash old children live on briefly, and the server that starts has to wait for them.
# What nobody waits for is written late, so that a crash loses it (fate_test).
pg_up() {
    local i
    for ((i = 0; i < 100; i++)); do
        pg_as pg_ctl -D "$pg_dir/data" -l "$pg_dir/log" -w -o "-k $pg_dir \
            -c listen_addresses= -c shared_buffers=16MB \
            -c dynamic_shared_memory_type=mmap -c wal_writer_delay=10s -c recovery_init_sync_method=syncfs" start >/dev/null 2>&1 && return
        sleep 0.1
    done
    tail -n 20 "$pg_dir/log"
    return 1
}

pg_down() { pg_as pg_ctl -D "$pg_dir/data" -m immediate stop >/dev/null 2>&1; }

pg_start() {
    [ -x "$pg_bin/initdb" ] || {
        echo 'needs PostgreSQL; tools/install-deps.sh check installs it'
        exit 1
    }
    mkdir "$pg_dir"
    if [ "$(id -u)" -eq 0 ]; then
        chmod 711 "$work"
        chown nobody:nogroup "$pg_dir"
    fi
    pg_as initdb -D "$pg_dir/data" -A trust -U imgport --no-sync -E UTF8 --locale=C \
        >"$pg_dir/initdb.log" 2>&1 || {
        cat "$pg_dir/initdb.log"
        exit 1
    }
    cleanup_fn pg_down
    pg_up || exit 1
    pg_as createdb -U imgport imgport || exit 1
    export STORE_URL="postgresql://imgport@/imgport?host=$pg_dir"
}

# pg_crash: SIGKILL to the server, and up again.
pg_crash() {
    kill -9 "$(head -n 1 "$pg_dir/data/postmaster.pid")" && pg_up
}
