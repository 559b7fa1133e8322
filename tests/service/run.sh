#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh [sqlite|postgresql|radosgw] NAME...: files of tests, NAME.test.mjs, by node's test
# runner
#
# The engines hold for as long as the tests run: SQLite and a folder (the usual ones), a
# PostgreSQL and a folder, or a PostgreSQL and a radosgw.  The environment names the programs
# (IMGPORT, IMGPORTD, SEED) and OPENAPI; by default those of build/, where ninja has made all.
. "$(dirname "$0")/../lib.sh"
here=$tests/service
engines=sqlite
case ${1-} in sqlite | postgresql | radosgw)
    engines=$1
    shift
    ;;
esac
if [ "$engines" = radosgw ] && [ -z "${S3_ENDPOINT-}" ]; then
    "$tests/store/radosgw.sh" "$here/run.sh" radosgw "$@"
    exit
fi
IMGPORT_NODE=$("$here/setup.sh") || exit
build=$(dirname "$IMGPORT")
export IMGPORT_NODE IMGPORT IMGPORTD="${IMGPORTD:-$build/imgportd}" \
    SEED="${SEED:-$build/tests/service/seed}" \
    OPENAPI="${OPENAPI:-$build/docs/openapi/openapi.json}"
# The SDKs would send requests for 127.0.0.1 through a proxy.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
if [ "$engines" != sqlite ]; then
    . "$(dirname "$0")/../store/pg.sh"
    requires setpriv psql curl
    pg_start
    export PG_FOLDER=$work
fi
# Daemons of the tests lie in the folder that is removed with the script.
cd "$here" && TMPDIR=$work node --test "${@/%/.test.mjs}"
