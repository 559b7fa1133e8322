#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# outputs.sh: every format that is written, from a real guest, judged by qemu-img and by us
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img sha256sum

good=$(guest good)
small=$(guest boot-only) # where the way of telling is tried, not the formats
imgport check --json "$good" | jq -S 'del(.source, .facts.image)' >"$work/want"

# written QEMU-FORMAT OPTION...: to $work/disk, compared by us and by qemu-img, with the sums
# that sha256sum has.  qemu-img sees no footer where a disk may begin, so it is told.
written() {
    local format=$1
    shift
    rm -f "$work/disk"
    expect 0 imgport convert --json --verify --checksum "$@" "$good" "$work/disk" || return
    qemu-img compare -f raw -F "$format" "$good" "$work/disk" || return
    same checksum "$(sha256sum <"$work/disk" | cut -d' ' -f1)" "$(jq -r .dest_sha256 "$work/out")" &&
        same size "$(stat -c %s "$work/disk")" "$(jq -r .file_size "$work/out")"
}

# same_verdict: what was written is judged as the source is.
same_verdict() {
    imgport check --json "$work/disk" | jq -S 'del(.source, .facts.image)' >"$work/got"
    diff "$work/want" "$work/got"
}

while IFS='|' read -r name format options; do
    # shellcheck disable=SC2086 # options are words
    case_ "$name: the same disk and true sums" written "$format" $options
    case_ "$name: the same facts and verdict" same_verdict
done <<'END'
raw|raw|-O raw
vhd, dynamic|vpc|-O vhd
vhd, fixed|vpc|-O vpc --subformat fixed
vmdk, monolithicSparse|vmdk|-O vmdk
vmdk, streamOptimized|vmdk|-O vmdk --subformat streamOptimized
qcow2, clusters of 2 MiB, zlib|qcow2|-c zlib --cluster-size 2M
qcow2, clusters of 4 KiB, zstd|qcow2|-c zstd --cluster-size 4k
END

source_sum() {
    expect 0 imgport convert --checksum --overwrite "$small" "$work/disk" &&
        tail -n 2 "$work/out" | sha256sum --check --strict
}
case_ 'the sums are printed as sha256sum checks them' source_sum

# progress_lines: each is JSON, phases come in order, nothing is done twice or more than all.
progress_lines() {
    expect 0 imgport convert --progress=json --verify --checksum --overwrite \
        -O vmdk --subformat streamOptimized "$small" "$work/disk" || return
    jq -es 'all(.done <= .total or .total == 0)' "$work/err" || return
    same phases 'convert verify checksum sync' \
        "$(jq -r .phase "$work/err" | uniq | tr '\n' ' ' | sed 's/ $//')"
}
case_ 'progress as JSON' progress_lines

unsynced() {
    expect 0 imgport convert --progress=json --no-sync --overwrite "$small" "$work/disk" || return
    same phases convert "$(jq -r .phase "$work/err" | uniq)" &&
        same_disk raw "$small" qcow2 "$work/disk"
}
case_ 'nobody waits for the disk when told so' unsynced

refused() {
    local want=$1
    shift
    expect 2 imgport convert "$@" "$good" "$work/no" && matches "$work/err" "$want" &&
        same 'lines of error' 1 "$(wc -l <"$work/err")" && [ ! -e "$work/no" ]
}
case_ 'a kind that is not written' refused 'vhd is not written as "differencing"' \
    -O vhd --subformat differencing
case_ 'compression that a format does not have' refused 'raw does not hold this kind' -O raw -c zlib
case_ 'a cluster size that is none' refused 'a cluster size of 65537 bytes' --cluster-size 65537
case_ 'a cluster size that is no number' refused '^imgport convert: --cluster-size' --cluster-size big
case_ 'a cluster size where there is none' refused 'vmdk has no cluster size' -O vmdk --cluster-size 4k
case_ 'another way to tell progress' refused '^imgport convert: --progress' --progress=xml

finish
