#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# format.sh: every .c and .h is as clang-format writes it
. "$(dirname "$0")/files.sh"
needs clang-format

mapfile -t sources < <(files '*.c' '*.h')
some ${#sources[@]} 'C files'
clang-format --dry-run -Werror "${sources[@]}"
