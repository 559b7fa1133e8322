#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Collects the messages of the sources into po/imgport.pot and brings the translations up to
# date with it.  New messages come out empty; tests/lint/po.sh fails until they are translated.
set -eu
cd "$(dirname "$0")/.."
./po/extract.sh po/imgport.pot
while read -r language; do
    msgmerge --quiet --update --backup=none --no-fuzzy-matching --no-location --sort-by-file \
        "po/$language.po" po/imgport.pot
    # What is gone from the sources is gone from the translation, and the time of this run
    # would be a conflict in every merge.
    msgattrib --no-obsolete --output-file="po/$language.po" "po/$language.po"
    sed -i '/^"POT-Creation-Date: /d' "po/$language.po"
    printf '%s: ' "$language"
    msgfmt --check --statistics --output-file=/dev/null "po/$language.po"
done <po/LINGUAS
