#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# man.sh: mandoc has nothing to say about any manual page
. "$(dirname "$0")/files.sh"
needs mandoc

mapfile -t pages < <(files 'man/*.[1-9]')
some ${#pages[@]} 'manual pages'
mandoc -T lint -W warning "${pages[@]}"
