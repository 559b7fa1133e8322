#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# xfs_kernel.sh [COUNT]: XFS as a kernel (User Mode Linux) writes it, some of it unmounted and
# some as when the power fails, its log to be replayed; what we read of COUNT files (by default
# 400) is what that kernel read.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.xfs python3 truncate linux.uml

here=$(cd "$(dirname "$0")" && pwd)
count=${1:-400}
# name | end | options of mkfs.xfs
rows='groups|unmounted|-d agcount=9 -m rmapbt=1,reflink=1
counts|running|-i nrext64=1 -b size=1024
old|running|-m crc=0 -n ftype=0
small|unmounted|-m crc=0 -i size=256 -b size=512 -n version=2
wide|running|-n size=16384 -i size=1024 -d agcount=6 -l sunit=64'
cat >"$work/script" <<END_OF_SCRIPT
one() {
    device=\$1 name=\$2 end=\$3
    mkdir -p /mnt/\$name
    mount -t xfs \$device /mnt/\$name
    python3 $here/many.py /mnt/\$name/top $((count / 5)) 7 kernel 1000
    # Half of the names of a large directory go again, and blocks of it with them.
    python3 -c "
import os
os.mkdir('/mnt/\$name/large')
open('/mnt/\$name/large/first', 'w').close()
for i in range($count * 3 // 2):
    os.link('/mnt/\$name/large/first', '/mnt/\$name/large/name-%d' % i)
for i in range($count // 3, $count):
    os.unlink('/mnt/\$name/large/name-%d' % i)
"
    ! cp --reflink=always /mnt/\$name/large/first /mnt/\$name/shared
    sync
    if [ \$end = running ]; then
        python3 $here/tree_lines.py /mnt/\$name >$work/kernel.\$name
    else
        umount /mnt/\$name
        mount -t xfs -o ro \$device /mnt/\$name
        python3 $here/tree_lines.py /mnt/\$name >$work/kernel.\$name
        umount /mnt/\$name
    fi
}
END_OF_SCRIPT
disks=()
while IFS='|' read -r name end options; do
    disks+=("$work/disk.$name")
    truncate -s 1G "$work/disk.$name"
    # shellcheck disable=SC2086 # a list of words
    case_ "make: $options" mkfs.xfs -q $options "$work/disk.$name"
    echo "one /dev/ubd$(cut -c ${#disks[@]} <<<abcde) $name $end" >>"$work/script"
done <<<"$rows"
case_ 'a kernel writes five filesystems' "$top/tests/guests/uml.sh" "$work" "$(cat "$work/script")" "${disks[@]}"

same_as_kernel() {
    LC_ALL=C sort "$work/kernel.$1" | diff - <("$FSCAT" tree "$work/disk.$1" | LC_ALL=C sort)
}
ended() {
    local want='clean 1 needs_recovery 0 stale_possible 0 '
    [ "$2" = unmounted ] || want='clean 0 needs_recovery 1 stale_possible 0 '
    same 'its end' "$want" "$("$FSCAT" info "$work/disk.$1" | grep '^clean')"
}
files=0
while IFS='|' read -r name end options; do
    case_ "$options: as the kernel read it" same_as_kernel "$name"
    case_ "$options: $end" ended "$name" "$end"
    files=$((files + $(grep -c '^f' "$work/kernel.$name")))
done <<<"$rows"
case_ "they have more than $count files" test $files -gt "$count"
finish
