#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# schema.sh: what --json prints of real guests is what the installed schemas say, and they
# notice what is not
. "$(dirname "$0")/../lib.sh"
requires python3 qemu-img
SCHEMAS=${SCHEMAS:-$top/build/docs/schema}
here=$(dirname "$0")

# fits KIND STATUS COMMAND...: what it prints is of this kind.  Kept, for the last case.
n=0
fits() {
    local kind=$1
    shift
    expect "$@" || return
    mkdir -p "$work/$kind"
    n=$((n + 1))
    cp "$work/out" "$work/$kind/$n.json"
    python3 "$here/schema.py" "$SCHEMAS/$kind.schema.json" "$work/$kind/$n.json"
}

good=$(guest good)
for name in good dirty gpt gpt-esp no-cloud-init no-virtio no-table zeros boot-only data-only iso \
    lvm-striped; do
    file=$(guest "$name")
    case_ "info of $name" fits info 0 imgport info --json "$file"
    case $name in
    good | dirty | no-cloud-init | lvm-striped) status=0 ;;
    *) status=1 ;;
    esac
    case_ "check of $name" fits check "$status" imgport check --json --profile tencent-2016 "$file"
    case_ "check of $name by several profiles" fits check 1 \
        imgport check --json --profile tencent-2022,aws,azure,kubevirt "$file"
done
"$tests/guests/windows.sh" "$work/windows.raw" version=2019 \
    with=hibernated,vmware,filter,reboot,faulty-update layout=reserved
case_ 'info of a Windows' fits info 0 imgport info --json "$work/windows.raw"
case_ 'check of a Windows' fits check 1 imgport check --json "$work/windows.raw"
for name in good gpt-esp lvm-striped btrfs container-vmdk-flat container-qcow2-zlib; do
    case_ "map of $name" fits map 0 imgport map --json "$(guest "$name")"
done
case_ 'check in Chinese' fits check 1 imgport check --json --lang zh "$(guest no-virtio)"
case_ 'check of what is not there' fits check 3 imgport check --json "$work/nothing"
case_ 'the same by two profiles' fits check 3 \
    imgport check --json --profile tencent-2022,gcp "$work/nothing"
echo '<html>not found</html>' >"$work/page"
case_ 'check of a web page' fits check 1 imgport check --json "$work/page"
case_ 'info of a web page' fits info 3 imgport info --json "$work/page"
case_ 'map of a web page' fits map 3 imgport map --json "$work/page"
for name in qcow2-v3 vhd-fixed vmdk-flat; do
    file=$(guest "container-$name")
    case_ "check of $name" fits check 0 imgport check --json "$file"
    case_ "convert of $name" fits convert 0 \
        imgport convert --json --overwrite "$file" "$work/out.qcow2"
done
case_ 'convert of what is not there' fits convert 3 \
    imgport convert --json "$work/nothing" "$work/new.qcow2"
case_ 'convert of a web page' fits convert 3 \
    imgport convert --json "$work/page" "$work/new.qcow2"
case_ 'convert to what is there' fits convert 2 imgport convert --json "$good" "$work/page"
case_ 'check by a profile that is not there' fits check 2 \
    imgport check --json --profile nobody "$work/nothing"
case_ 'boot by a profile that is not there' fits boot 2 \
    imgport boot --json --profile nobody "$work/nothing"
case_ 'info of a format that nobody knows' fits info 2 \
    imgport info --json -f floppy "$work/nothing"
case_ 'convert with zstd' fits convert 0 \
    imgport convert --json --overwrite -c zstd "$good" "$work/out.qcow2"

# What it starts is no guest.
truncate -s 1M "$work/empty.raw"
case_ 'boot of what is not there' fits boot 3 imgport boot --json "$work/nothing"
case_ 'boot of a web page' fits boot 1 imgport boot --json "$work/page"
case_ 'boot of nothing' fits boot 1 imgport boot --json "$work/empty.raw"

# Each object of each document above with a key more, a key less, and another type.
for kind in check convert info map boot; do
    case_ "the schema of $kind is strict" python3 "$here/schema.py" --strict \
        "$SCHEMAS/$kind.schema.json" "$work/$kind"/*.json
done

finish
