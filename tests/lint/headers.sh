#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# headers.sh: every header compiles alone, and can be included twice
. "$(dirname "$0")/files.sh"
: "${CC:=gcc}"
needs "${CC%% *}"

mapfile -t headers < <(files 'src/*.h' 'include/*.h' 'tests/*.h')
some ${#headers[@]} headers
compile() {
    # shellcheck disable=SC2086 # CC may carry options
    printf '#include "%s"\n#include "%s"\n' "$1" "$1" |
        $CC -std=gnu11 -fsyntax-only -Wall -Wextra -Werror -D_GNU_SOURCE \
            -D_FILE_OFFSET_BITS=64 -I. -Isrc -Iinclude -Itests -x c - 2>&1 ||
        echo "FAILED: $1"
}
export -f compile
export CC
said=$(printf '%s\n' "${headers[@]}" | xargs -P 2 -I {} bash -c 'compile {}')
[ -z "$said" ] || {
    echo "$said"
    exit 1
}
