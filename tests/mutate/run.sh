#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# run.sh: some mutants of every image; tools/mutate.sh makes many.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires zstd

same_mutant() {
    "$MUTATE" -o "$work/a" "$1" 4711 && "$MUTATE" -o "$work/b" "$1" 4711 &&
        cmp "$work/a" "$work/b" && ! cmp -s "$work/a" "$1"
}

case_ 'unpack the images' "$tests/mutate/unpack.sh" "$work/images"
case_ 'a seed gives the same mutant again' same_mutant "$work/images/xfs-v5.img"
case_ 'one of a filesystem without its sums' same_mutant "$work/images/ext4-plain.img"
for image in "$work"/images/*; do
    case_ "mutants of ${image##*/}" "$MUTATE" -n 100 "$image"
done
case_ 'all images were there' test "$(find "$work/images" -type f | wc -l)" -ge 46
finish
