#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# postgresql.sh PROGRAM...: the contract of the catalogue over PostgreSQL
#
# The same programs that meson runs over SQLite, with STORE_URL of a server of their own.
. "$(dirname "$0")/../lib.sh"
. "$(dirname "$0")/pg.sh"
requires setpriv
pg_start

# For crash_test and fate_test: whoever writes a line into one gets it crashed, and a line when it is up.
mkfifo "$work/crash" "$work/crashed"
while read -r _ <"$work/crash"; do
    pg_crash >/dev/null 2>&1
    echo up >"$work/crashed"
done &
cleanup_fn kill $!
export STORE_PG_CRASH=$work/crash STORE_PG_CRASHED=$work/crashed

for program; do
    case_ "${program##*/} over PostgreSQL" "$program"
done
finish
