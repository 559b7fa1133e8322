#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# setup.sh: installs what package-lock.json names, once, and prints the folder of node_modules
#
# It lies in the cache (cache/, or IMGPORT_CACHE) under the hash of the lock file, whole or not
# at all.  Nothing of the packages is run while they are installed.
set -euo pipefail
cd "$(dirname "$0")"
cache=${IMGPORT_CACHE:-$PWD/../../cache}
for tool in node npm; do
    command -v $tool >/dev/null || {
        echo "setup.sh: needs $tool; tools/install-deps.sh check installs it" >&2
        exit 1
    }
done
key=$(sha256sum package-lock.json | cut -c 1-16)
dir=$cache/node/$key
mkdir -p "$cache/node"
exec 9>"$cache/node/$key.lock"
flock 9
if [ ! -d "$dir" ]; then
    rm -rf "$dir.new"
    mkdir "$dir.new"
    cp package.json package-lock.json "$dir.new"
    npm ci --prefix "$dir.new" --ignore-scripts --no-audit --no-fund --no-progress \
        --loglevel=error >&2
    mv "$dir.new" "$dir"
fi
realpath "$dir"
