#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# languages.sh: reports in English and Chinese
. "$(dirname "$0")/../lib.sh"
requires jq python3

refused=$(guest no-virtio)

# chinese FILE: has Chinese in it, or with `not` has not.
chinese() {
    python3 -c '
import re, sys
text = open(sys.argv[1], encoding="utf-8").read()
found = re.findall("[\u4e00-\u9fff]+", text)
sys.exit(0 if bool(found) == (sys.argv[2] == "yes") else "Chinese found: %s" % found[:5])
' "$1" "${2-yes}"
}

in_english() { expect 1 imgport check "$refused" && chinese "$work/out" no; }
case_ 'English in the C locale' in_english

in_chinese() {
    expect 1 imgport check --lang zh "$refused" && chinese "$work/out" &&
        matches "$work/out" 'VirtioNotInstall' && matches "$work/out" 'update-initramfs'
}
case_ 'Chinese with --lang zh; codes and commands stay' in_chinese

by_locale() {
    LC_ALL=zh_CN.UTF-8 expect 1 imgport check "$refused" && chinese "$work/out"
}
case_ 'Chinese by the locale, installed on the machine or not' by_locale

option_wins() {
    LC_ALL=zh_CN.UTF-8 expect 1 imgport check --lang en "$refused" && chinese "$work/out" no
}
case_ '--lang en wins over the locale' option_wins

json_english() {
    LC_ALL=zh_CN.UTF-8 expect 1 imgport check --json "$refused" && chinese "$work/out" no
}
case_ 'JSON is in English whatever the locale' json_english

json_chinese() {
    expect 1 imgport check --json --lang zh "$refused" && chinese "$work/out" &&
        same code VirtioNotInstall "$(jq -r .code "$work/out")"
}
case_ 'JSON is in Chinese when asked' json_chinese

help_() {
    expect 0 imgport --lang zh --help && chinese "$work/out"
    expect 0 imgport --lang en --help && chinese "$work/out" no
}
case_ '--help in both' help_

# A report must fit a terminal: a Chinese letter takes two columns.
fits() {
    expect 1 env COLUMNS=80 "$IMGPORT" check --lang "$1" "$refused"
    python3 -c '
import sys, unicodedata
for line in open(sys.argv[1], encoding="utf-8"):
    width = sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line.rstrip("\n"))
    if width > 100:
        sys.exit("%d columns: %s" % (width, line))
' "$work/out"
}
case_ 'English lines are not longer than 100 columns' fits en
case_ 'Chinese lines are not longer than 100 columns' fits zh

finish
