#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh NAME: one file of tests, NAME.test.mjs, by node's test runner
set -euo pipefail
here=$(dirname "$(realpath "$0")")
IMGPORT_NODE=$("$here/setup.sh")
export IMGPORT_NODE
# The SDKs would send requests for 127.0.0.1 through a proxy.
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY
exec node --test "$here/$1.test.mjs"
