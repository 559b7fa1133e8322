#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# containers.sh: every kind of container gives the same facts, verdict and disk
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img cmp

good=$(guest good)

# All but what the container itself says.
judge() {
    imgport check --json "$1" | jq -S 'del(.source, .facts.image)'
}

judge "$good" >"$work/want"
case_ 'the raw disk is accepted' same '' accepted "$(jq -r .verdict "$work/want")"

kind_facts() {
    judge "$1" >"$work/got"
    diff "$work/want" "$work/got"
}

# convert_from NAME FILE: to $work/NAME.qcow2, judged by qemu-img.
convert_from() {
    local out=$work/$1.qcow2
    expect 0 imgport convert "$2" "$out" || return
    same 'temporary files left' '' "$(find "$work" -name '.*qcow2*')" || return
    qemu-img check -f qcow2 "$out" || return
    same_disk qcow2 "$out" raw "$good"
}

case_ 'raw converts to the same disk' convert_from raw "$good"

for name in $("$tests/guests/build.sh" --list | grep ^container-); do
    file=$(guest "$name")
    kind=${name#container-}
    case_ "$kind: the same facts and verdict" kind_facts "$file"
    case_ "$kind: format and virtual size" same '' \
        "${kind%%-*} $(stat -c %s "$good")" \
        "$(imgport info --json "$file" | jq -r '.image | "\(.format) \(.virtual_size)"')"
    case_ "$kind: converts to the same disk" convert_from "$kind" "$file"
    # The output depends on the disk, not on what it came in.
    case_ "$kind: and to the same file" cmp "$work/raw.qcow2" "$work/$kind.qcow2"
    rm -f "$work/$kind.qcow2"
done

# qemu-img says what it reads in each; so must we, of what it wrote itself.
case_ 'the output is version 3 with clusters of 64 KiB' same '' '1.1 65536 false' \
    "$(qemu-img info --output=json "$work/raw.qcow2" | jq -r \
        '"\(."format-specific".data.compat) \(."cluster-size") \(has("backing-filename"))"')"
case_ 'our own output gives the same facts' kind_facts "$work/raw.qcow2"

threads() {
    expect 0 imgport convert -j "$1" "$(guest container-qcow2-zlib)" "$work/threads.qcow2" &&
        cmp "$work/raw.qcow2" "$work/threads.qcow2"
}
for n in 1 2 7; do
    case_ "with $n threads it is the same file" threads "$n"
    rm -f "$work/threads.qcow2"
done

convert_json() {
    expect 0 imgport convert --json "$(guest zeros)" "$work/zeros.qcow2" &&
        jq -e '.source != "" and .dest != ""' "$work/out" >/dev/null &&
        same_disk qcow2 "$work/zeros.qcow2" raw "$(guest zeros)" &&
        [ "$(stat -c %s "$work/zeros.qcow2")" -le $((1 << 20)) ]
}
case_ 'a disk of zeros becomes less than a MiB, and --json tells' convert_json

finish
