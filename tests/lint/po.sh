#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Every message of the sources is in every translation, and every source with messages is
# in po/POTFILES.  po/update.sh mends what this finds, but for the translating.
set -eu
cd "$(dirname "$0")/../.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
failed=0

complain() {
    printf '%s\n' "$*" >&2
    failed=1
}

# A call of _() or N_(), not the definition of the macros and not a word that ends so.
grep -rlE '(^|[^A-Za-z0-9_])N?_\("' src --include='*.c' --include='*.h' --include='*.def' |
    LC_ALL=C sort >"$tmp/with"
LC_ALL=C sort po/POTFILES >"$tmp/listed"
missing=$(LC_ALL=C comm -23 "$tmp/with" "$tmp/listed")
[ -z "$missing" ] || complain "not in po/POTFILES: $missing"
[ -s "$tmp/with" ] || complain "no source has messages: this test looks at nothing"

./po/extract.sh "$tmp/imgport.pot"
while read -r language; do
    po=po/$language.po
    msgfmt --check --output-file=/dev/null "$po" || complain "$po: msgfmt finds errors"
    msgmerge --quiet --no-fuzzy-matching --output-file="$tmp/merged.po" "$po" "$tmp/imgport.pot"
    msgattrib --no-obsolete --untranslated --output-file="$tmp/untranslated" "$tmp/merged.po"
    msgattrib --no-obsolete --only-fuzzy --output-file="$tmp/fuzzy" "$po"
    for kind in untranslated fuzzy; do
        [ ! -s "$tmp/$kind" ] || complain "$po: $kind: $(sed 1,/^$/d "$tmp/$kind")"
    done
done <po/LINGUAS
exit $failed
