#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# spdx.sh: every source file says its licence, once, near its top
. "$(dirname "$0")/files.sh"

mapfile -t sources < <(
    {
        scripts
        files '*.c' '*.h' '*.def' '*.py' '*.profile' 'man/*.[1-9]' '*meson.build' \
            meson_options.txt Makefile
    } | sort -u
)
some ${#sources[@]} 'source files'
bad=0
for name in "${sources[@]}"; do
    all=$(grep -c 'SPDX-License-[I]dentifier: ' "$name")
    licence=$(head -n 3 "$name" |
        sed -nE 's/.*SPDX-License-[I]dentifier: ([A-Za-z0-9.+-]+).*/\1/p')
    if [ "$all" -ne 1 ]; then
        echo "$name: $all SPDX lines, not one"
        bad=1
    elif [ "$licence" != GPL-2.0-or-later ]; then
        echo "$name: licence '$licence' in the first three lines, not GPL-2.0-or-later"
        bad=1
    fi
done
exit $bad
