#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# blobs_s3.sh CONTRACT: the contract of blobs over a radosgw, in both styles of its URLs, and what
# it says to a key that is wrong.  Started by radosgw.sh.
set -euo pipefail
contract=$1
for style in path host; do
    echo "== style=$style"
    "$contract" "s3://images/blobs?endpoint=$S3_ENDPOINT&style=$style" "$S3_KEY_ID" "$S3_KEY_SECRET"
done
echo "== a wrong key"
if "$contract" "s3://images?endpoint=$S3_ENDPOINT&style=path" "$S3_KEY_ID" wrong; then
    echo "a wrong key was taken" >&2
    exit 1
fi
