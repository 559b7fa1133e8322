#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# languages.sh: reports in English and Chinese
. "$(dirname "$0")/../lib.sh"
requires jq python3 qemu-img sfdisk

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

# Errors of what lies below are in English: what kind they are is said before them.
cp "$(guest boot-only)" "$work/damaged.raw"
qemu-img convert -O qcow2 "$work/damaged.raw" "$work/cut.qcow2"
truncate -s 1000000 "$work/cut.qcow2"
# A superblock whose checksum is wrong.
start=$(sfdisk --json "$work/damaged.raw" | jq '.partitiontable.partitions[0].start * 512')
printf '\x07\x00' | dd of="$work/damaged.raw" bs=1 seek=$((start + 1024 + 88)) conv=notrunc status=none

# told PATTERN STATUS COMMAND...: what it says has the pattern, in whichever of its streams;
# in English it has no Chinese.
told() {
    local pattern=$1 status=$2
    shift 2
    expect "$status" imgport "$@" --lang zh || return
    cat "$work/err" >>"$work/out"
    matches "$work/out" "$pattern" || return
    expect "$status" imgport "$@" && chinese "$work/err" no && chinese "$work/out" no
}
missing='没有此文件或目录（.*No such file or directory）'
for command in check info boot; do
    case_ "$command of what is not there" told "^imgport: $work/nothing: $missing" 3 \
        "$command" "$work/nothing"
done
case_ 'convert of what is not there' told "^imgport: $missing" 3 \
    convert "$work/nothing" "$work/new.qcow2"
for command in check boot; do
    case_ "$command --json of what is not there" told "\"message\": \".*$missing" 3 \
        "$command" --json "$work/nothing"
done
case_ 'convert --json of what is not there' told "\"message\": \".*$missing" 3 \
    convert --json "$work/nothing" "$work/new"
case_ 'check of a damaged filesystem' told '数据已损坏（.*superblock' 3 check "$work/damaged.raw"
case_ 'info of a damaged filesystem' told '数据已损坏（.*superblock' 3 info "$work/damaged.raw"
case_ 'info of an image that is cut' told '文件在镜像结束之前就结束了（' 3 info "$work/cut.qcow2"
case_ 'a request that is wrong' told '请求有误（profile "nobody" is not installed' 2 \
    check --profile nobody "$work/nothing"
json_by_locale() {
    LC_ALL=zh_CN.UTF-8 expect 3 imgport convert --json "$work/nothing" "$work/new" &&
        chinese "$work/out" no && chinese "$work/err"
}
case_ 'an error as JSON is in English whatever the locale' json_by_locale

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
