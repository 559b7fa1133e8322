#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# lvm2.sh: volume groups that LVM2's own tools made (lvm2/make.sh), with the volumes that lvs
# lists; every byte of each must be where lvs says it is.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires zstd sha256sum

here=$(dirname "$0")/lvm2
for name in a b; do
    case_ "unpack $name" zstd -qdf "$here/$name.img.zst" -o "$work/$name"
done

listed() {
    "$FSCAT" volumes "$@" >"$work/got" && sort "$work/got" | diff "$work/list" -
}

# same_bytes NAME SUM [OPTION]
same_bytes() {
    same "$1" "$2" "$("$FSCAT" ${3+"$3"} volume "$work/a" "$work/b" "$1" | sha256sum | cut -d' ' -f1)"
}

awk '{ print $1, $2, "ok " }' "$here/want" | sort >"$work/list"
case_ 'every volume is listed, with its size' listed "$work/a" "$work/b"
case_ 'in whatever order the disks come' listed "$work/b" "$work/a"
volumes=0
while read -r name _ sum; do
    case_ "same bytes: $name" same_bytes "$name" "$sum"
    case_ "same byte by byte: $name" same_bytes "$name" "$sum" -1
    volumes=$((volumes + 1))
done <"$here/want"
case_ 'there are five volumes' same volumes 5 $volumes

cat >"$work/list" <<'END'
data-vg/linear 5767168 none physical volume pv2 is not on this disk
data-vg/mirrored 524288 ok 
data-vg/other 786432 ok 
data-vg/stripes-2 2097152 ok 
data-vg/stripes_3 2621440 none physical volume pv2 is not on this disk
problem data-vg: physical volume pv2 is not on this disk
END
case_ 'one of the two disks' listed "$work/a"
sed -n 's/ \(ok\|none\) .*/ none physical volume pv0 is not on this disk/p' "$work/list" |
    sed '/mirrored/s/none.*/ok /' >"$work/list.b"
{
    cat "$work/list.b"
    echo 'problem data-vg: physical volume pv0 is not on this disk'
    echo 'problem data-vg: physical volume pv1 is not on this disk'
} >"$work/list"
case_ 'the other of the two disks' listed "$work/b"
finish
