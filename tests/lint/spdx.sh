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
awk '
    function tell() {
        if (!name)
            return
        if (count != 1)
            print name ": " count " SPDX lines, not one"
        else if (licence != "GPL-2.0-or-later")
            print name ": \047" licence "\047 in the first three lines, not GPL-2.0-or-later"
        else
            return
        bad = 1
    }
    FNR == 1 { tell(); name = FILENAME; count = 0; licence = ""; seen[name] }
    /SPDX-License-[I]dentifier: / {
        count++
        if (FNR <= 3) {
            licence = $0
            sub(/.*Identifier: /, "", licence)
            sub(/[^A-Za-z0-9.+-].*/, "", licence)
        }
    }
    END {
        tell()
        for (i = 1; i < ARGC; i++)
            if (!(ARGV[i] in seen)) {
                print ARGV[i] ": empty"
                bad = 1
            }
        exit bad
    }
' "${sources[@]}"
