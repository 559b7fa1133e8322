#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# extract.sh OUT: the template of all messages that the files of po/POTFILES hold.
set -eu
out=$1
cd "$(dirname "$0")/.."
xgettext --directory=. --files-from=po/POTFILES --from-code=UTF-8 --language=C \
    --keyword=_ --keyword=N_ --keyword=i18n_text --no-location --sort-by-file \
    --package-name=imgport --copyright-holder='the imgport authors' --output="$out"
