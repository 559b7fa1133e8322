#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# btrfs_many.sh: more than 20000 files in btrfs with every kind of checksum; what we read of each
# is what the folder and `btrfs restore` say.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.btrfs btrfs python3 truncate

here=$(cd "$(dirname "$0")" && pwd)
image=$work/image
lines() { python3 "$here/tree_lines.py" "$1" | LC_ALL=C sort; }
tree_of() { "$FSCAT" "$@" | LC_ALL=C sort; }
files_in() { grep -c '^f' "$1"; }

case_ 'make the folder' python3 "$here/many.py" "$work/source" 20000 1
lines "$work/source" >"$work/want"
case_ 'it has more than 20000 files' test "$(files_in "$work/want")" -gt 20000

make_btrfs() {
    rm -f "$image"
    truncate -s 1200M "$image"
    mkfs.btrfs -q --rootdir "$work/source" "$@" "$image"
}
same_tree() { tree_of tree "$image" | diff "$work/want" -; }
restored() {
    rm -rf "$work/restored"
    mkdir "$work/restored"
    btrfs restore -mS "$image" "$work/restored" >"$work/log" 2>&1 || return
    lines "$work/restored" | diff - <(tree_of tree "$image")
}

while IFS='|' read -r sentence arguments; do
    read -ra words <<<"$arguments"
    case_ "make: $sentence" make_btrfs "${words[@]}"
    case_ "every file is the one of the folder: $sentence" same_tree
done <<'END_OF_ROWS'
CRC-32C, nodes of 4 KiB | -n 4096
SHA-256, explicit holes | --csum sha256 -O ^no-holes
BLAKE2 | --csum blake2
xxhash64 | --csum xxhash
END_OF_ROWS
case_ 'btrfs restore reads the same in every file' restored
finish
