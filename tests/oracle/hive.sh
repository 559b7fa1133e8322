#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# hive.sh: hives that hivexregedit fills, read by us and by hivex.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires hivexregedit hivexget python3

hive=$work/hive

write_reg() {
    local i
    printf 'Windows Registry Editor Version 5.00\n\n'
    printf '[\\Select]\n"Current"=dword:00000001\n"Default"=dword:00000002\n\n'
    # hivexregedit wants parents first.
    printf '[\\ControlSet001]\n\n[\\ControlSet001\\Services]\n\n'
    printf '[\\ControlSet001\\Services\\viostor]\n"Start"=dword:00000000\n'
    printf '"ImagePath"=str(2):"system32\\\\drivers\\\\viostor.sys"\n"Group"="SCSI miniport"\n\n'
    for i in $(seq 1500); do
        printf '[\\ControlSet001\\Services\\service%s]\n"Start"=dword:%08x\n' "$i" "$i"
        printf '"DisplayName"="Service %s"\n\n' "$i"
    done
    printf '[\\Ümlaut]\n"Wörter"="日本語"\n\n'
    printf '[\\long]\n"value"="'
    printf 'x%.0s' $(seq 3000)
    printf '"\n\n'
}

fill() {
    python3 "$tests/guests/empty_hive.py" "$hive" && write_reg >"$work/reg" &&
        hivexregedit --merge --encoding UTF-8 "$hive" "$work/reg"
}

same_keys() {
    # shellcheck disable=SC1003 # a lone backslash is the root key
    hivexregedit --export --unsafe-printable-strings "$hive" '\' |
        sed -n 's/^\[\(\\[A-Za-z].*\)\]/\1/p' | tr -d '\r' | LC_ALL=C sort >"$work/want"
    # hivexregedit exports ASCII keys alone.
    "$HIVECAT" "$hive" keys | grep -v mlaut | LC_ALL=C sort >"$work/got"
    [ "$(wc -l <"$work/got")" -gt 1500 ] && diff "$work/want" "$work/got"
}

same_value() {
    same "$1 $2" "$(hivexget "$hive" "$1" "$2")" "$("$HIVECAT" "$hive" get "${1#?}" "$2")"
}

refused() { ! "$HIVECAT" "$1" keys 2>"$work/err" && grep -q corrupt "$work/err"; }

cut_hive() {
    head -c 20000 "$hive" >"$work/cut"
    refused "$work/cut"
}

bad_sum() {
    cp "$hive" "$work/cut"
    printf x | dd of="$work/cut" bs=1 seek=60 conv=notrunc status=none
    refused "$work/cut"
}

case_ 'make' fill
case_ 'the same keys as hivex' same_keys
case_ 'a number' same_value '\Select' Current
case_ 'a text' same_value '\ControlSet001\Services\viostor' ImagePath
case_ 'the last of many' same_value '\ControlSet001\Services\service1500' DisplayName
case_ 'letters beyond ASCII' same_value '\Ümlaut' Wörter
case_ 'another case' same text 'Service 7' \
    "$("$HIVECAT" "$hive" get 'CONTROLSET001\services\SERVICE7' displayname)"
case_ 'a long text' same_value '\long' value
case_ 'a hive that is cut off' cut_hive
case_ 'a first block with another checksum' bad_sum
finish
