#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# reflink.sh: on btrfs and XFS, mounted by User Mode Linux, a conversion shares the blocks of
# its source: the same bytes as anywhere else, no room taken, and two files that do not notice
# each other's writes.
# shellcheck source=tests/lib.sh
. "$(dirname "$0")/../lib.sh"
requires mkfs.btrfs mkfs.xfs filefrag linux.uml qemu-img python3 jq truncate

# 64 MiB of which 20 hold data: runs, stored zeros, clusters that begin with zeros, crumbs.
python3 - "$work/disk.raw" <<'PYTHON'
import random, sys
random.seed(4)
with open(sys.argv[1], "wb") as f:
    def put(offset, data):
        f.seek(offset)
        f.write(data)
    put(0, random.randbytes(12 << 20))
    put(3 << 20, bytes(256 << 10))
    put(5 << 20, bytes(40000))
    put(20 << 20, b"port of entry\n" * (8 << 16))
    for i in range(40):
        put((32 << 20) + i * 70000, random.randbytes(300 * i))
    f.truncate((64 << 20) + 512)
PYTHON
cp --sparse=always "$work/disk.raw" "$work/flat-flat.vmdk"
qemu-img convert -O qcow2 "$work/disk.raw" "$work/disk.qcow2"
qemu-img convert -O vpc -o subformat=fixed,force_size=on "$work/disk.raw" "$work/disk.vhd"
qemu-img convert -O vmdk -o subformat=monolithicFlat "$work/disk.raw" "$work/flat.vmdk"

# source | options of the conversion | least MiB that are shared
rows='disk.raw|-O raw|18
disk.raw||18
disk.raw|-c zstd|11
disk.raw|-j 1 --cluster-size 2M|18
disk.qcow2|-O raw|18
disk.qcow2||18
disk.vhd||18
flat.vmdk||18
disk.qcow2|-O vmdk|18'

# Here, where nothing is shared: what the output must be.
number=0
while IFS='|' read -r source options _; do
    number=$((number + 1))
    # shellcheck disable=SC2086 # a list of words
    case_ "$source $options: copied" expect 0 imgport convert $options --reflink never "$work/$source" "$work/out.there"
    sha256sum <"$work/out.there" >"$work/want.$number"
    rm "$work/out.there"
done <<<"$rows"

# There: on each filesystem, and from one to the other.
cat >"$work/script" <<END_OF_SCRIPT
room() { sync; stat -f -c '%f %S' /mnt/\$1 | awk '{ print \$1 * \$2 }'; }
# convert FS NUMBER SOURCE OPTION...: leaves FS.NUMBER.json, .sum, .room and .shared.
convert() {
    fs=\$1 id=$work/\$1.\$2 source=/mnt/\$1/\$3
    shift 3
    before=\$(room \$fs)
    $IMGPORT convert --json "\$@" \$source /mnt/\$fs/out.there 2>>$work/errors >\$id.json
    echo \$((before - \$(room \$fs))) >\$id.room
    sha256sum </mnt/\$fs/out.there >\$id.sum
    filefrag -v /mnt/\$fs/out.there | awk '/shared/ { n += \$6 } END { print n * 4096 }' >\$id.shared
}
for fs in btrfs xfs; do
    mkdir /mnt/\$fs
    [ \$fs = btrfs ] && mount -t btrfs /dev/ubda /mnt/btrfs || mount -t xfs /dev/ubdb /mnt/xfs
    for file in disk.raw disk.qcow2 disk.vhd flat.vmdk flat-flat.vmdk; do
        cp --sparse=always $work/\$file /mnt/\$fs/\$file
    done
    number=0
    while IFS='|' read -r source options least; do
        number=\$((number + 1))
        convert \$fs \$number \$source \$options
        rm /mnt/\$fs/out.there
    done <$work/rows
    convert \$fs never disk.raw -O raw --reflink never
    rm /mnt/\$fs/out.there
    # Neither file notices what happens to the other.
    $IMGPORT convert -O raw /mnt/\$fs/disk.raw /mnt/\$fs/out 2>>$work/errors
    $IMGPORT convert --verify /mnt/\$fs/disk.raw /mnt/\$fs/out.qcow2 2>>$work/errors
    dd if=/dev/urandom of=/mnt/\$fs/out bs=1M count=2 seek=1 conv=notrunc,fsync 2>/dev/null
    sha256sum </mnt/\$fs/disk.raw >$work/\$fs.source
    sha256sum </mnt/\$fs/out.qcow2 >$work/\$fs.kept
    dd if=/dev/urandom of=/mnt/\$fs/disk.raw bs=1M count=9 conv=notrunc,fsync 2>/dev/null
    sha256sum </mnt/\$fs/out.qcow2 >>$work/\$fs.kept
    rm /mnt/\$fs/disk.raw
    echo 3 >/proc/sys/vm/drop_caches
    sha256sum </mnt/\$fs/out.qcow2 >>$work/\$fs.kept
    rm /mnt/\$fs/out*
done
# Not on the same filesystem.
$IMGPORT convert --json /mnt/btrfs/disk.qcow2 /mnt/xfs/out 2>>$work/errors >$work/apart.json
sha256sum </mnt/xfs/out >$work/apart.sum
END_OF_SCRIPT
echo "$rows" >"$work/rows"
truncate -s 400M "$work/btrfs" "$work/xfs"
mkfs.btrfs -q "$work/btrfs" >"$work/made" 2>&1
mkfs.xfs -q -m reflink=1 "$work/xfs"
case_ 'a kernel mounts both' "$top/tests/guests/uml.sh" "$work" "$(cat "$work/script")" "$work/btrfs" "$work/xfs"

same_file() { same 'its SHA-256' "$(cat "$1")" "$(cat "$2")"; }
between() {
    echo "$2: $(cat "$2"), from $1 to $3"
    [ "$(cat "$2")" -ge "$1" ] && [ "$(cat "$2")" -le "$3" ]
}
shares() {
    jq .cloned_bytes "$work/$1.json" >"$work/$1.cloned"
    between $(($2 << 20)) "$work/$1.cloned" $((64 << 20)) &&
        between $(($2 << 20)) "$work/$1.shared" $((64 << 20))
}
# What is not shared, and what the filesystem writes down.
takes() {
    between $((-4 << 20)) "$work/$1.room" \
        $(($(jq '.file_size - .cloned_bytes' "$work/$1.json") + (4 << 20)))
}
for fs in btrfs xfs; do
    number=0
    while IFS='|' read -r source options least; do
        number=$((number + 1))
        case_ "$fs: $source $options: the same bytes" same_file "$work/want.$number" "$work/$fs.$number.sum"
        case_ "$fs: $source $options: blocks are shared" shares $fs.$number "$least"
    done <<<"$rows"
    case_ "$fs: they take no room" takes $fs.2
    case_ "$fs: --reflink never shares none" same 'shared bytes' '0 0' \
        "$(jq .cloned_bytes "$work/$fs.never.json") $(cat "$work/$fs.never.shared")"
    case_ "$fs: and takes room" between $((18 << 20)) "$work/$fs.never.room" $((64 << 20))
    case_ "$fs: the source does not notice a write to the output" \
        same_file <(sha256sum <"$work/disk.raw") "$work/$fs.source"
    case_ "$fs: nor the output one to the source, or that it is gone" \
        same_file <(cat "$work/want.2" "$work/want.2" "$work/want.2") "$work/$fs.kept"
done
case_ 'from one filesystem to the other it is copied' same 'shared bytes' 0 "$(jq .cloned_bytes "$work/apart.json")"
case_ 'to the same bytes' same_file "$work/want.6" "$work/apart.sum"
finish
