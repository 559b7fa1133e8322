#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# map.sh: where imgport says that bytes are stored, against qemu-img map
# shellcheck disable=SC2016 # scripts for an inner shell
. "$(dirname "$0")/../lib.sh"
requires jq qemu-img qemu-io python3 xmllint sfdisk mkfs.ext4 mkfs.xfs mkfs.btrfs mkfs.vfat

# against_qemu FORMAT FILE: the same bytes are data, at the same places.  We look further than
# qemu-img does: what a container stores in a hole of its file is zeros.
against_qemu() {
    sync "$2"
    # What was read of an unwritten extent is data, to who asks the kernel: first ours reads.
    [ "$1" != raw ] || imgport map "$2" >/dev/null || return
    qemu-img map --output=json -f "$1" "$2" >"$work/theirs" || return
    expect 0 imgport map --json "$2" || return
    python3 - "$work/theirs" "$work/out" "$2" <<'EOF'
import json, os, sys

theirs, ours = (json.load(open(name)) for name in sys.argv[1:3])
path, size = sys.argv[3], ours["image"]["virtual_size"]


# Is so much of the file a hole?
def is_hole(at, n):
    with open(path, "rb") as f:
        try:
            return os.lseek(f.fileno(), at, os.SEEK_DATA) >= at + n
        except OSError:
            return True


# What both say of the same bytes: data at an offset, data in a stream (None), or zeros.
def judge(a, b, start, n):
    if (a["data"] and not a["zero"]) != (b["kind"] == "data"):
        return a["data"] and "offset" in a and is_hole(a["offset"] + start - a["start"], n)
    if b["kind"] != "data":
        return b["offset"] is None
    if "offset" not in a:
        return b["compressed"] and b["offset"] is not None
    return not b["compressed"] and a["offset"] - a["start"] == b["offset"] - b["start"]


at, last = 0, None
for e in ours["extents"]:
    assert e["start"] == at and e["length"] > 0, (e, at)
    assert not last or e["kind"] != last["kind"] or e["kind"] == "data", (last, e)
    assert e["file"] is None or os.path.isfile(os.path.join(os.path.dirname(path), e["file"])), e
    at, last = at + e["length"], e
assert at == size, (at, size)
totals = {k: sum(e["length"] for e in ours["extents"] if e["kind"] == k)
          for k in ("data", "zero", "hole")}
totals["compressed"] = sum(e["length"] for e in ours["extents"] if e["compressed"])
assert totals == ours["totals"], totals

i = j = at = 0
while at < size:
    a, b = theirs[i], ours["extents"][j]
    end = min(a["start"] + a["length"], b["start"] + b["length"], size)
    if not judge(a, b, at, end - at):
        sys.exit(f"{at} to {end}:\nqemu-img: {a}\nimgport:  {b}")
    at = end
    i += a["start"] + a["length"] == at
    j += b["start"] + b["length"] == at
EOF
}

# ---- one small disk in every container

disk=$work/disk.raw
truncate -s 300M "$disk"
python3 - "$disk" <<'EOF'
import random, sys
random.seed(4)
with open(sys.argv[1], "r+b") as f:
    for at, n in ((0, 1 << 20), (5 << 20, 64 << 10), (77 << 20, 3 << 20), (200 << 20, 4096),
                  ((300 << 20) - 65536, 65536)):
        f.seek(at)
        f.write(random.randbytes(n))
EOF
case_ 'a sparse raw disk' against_qemu raw "$disk"

# make FORMAT NAME [OPTION...]
make() {
    local format=$1 name=$2
    shift 2
    qemu-img convert -f raw -O "$format" "$@" "$disk" "$work/$name"
}

make qcow2 v2.qcow2 -o compat=0.10
make qcow2 small.qcow2 -o cluster_size=4k
make qcow2 large.qcow2 -o cluster_size=2M
make qcow2 zlib.qcow2 -c
make qcow2 zstd.qcow2 -c -o compression_type=zstd
make qcow2 extended.qcow2 -o extended_l2=on,cluster_size=128k
make qcow2 metadata.qcow2 -o preallocation=metadata
for name in v2 small large zlib zstd extended metadata; do
    case_ "qcow2: $name" against_qemu qcow2 "$work/$name.qcow2"
done
# Zero clusters, and some that lie elsewhere than their neighbours.
for name in v2 small; do
    qemu-io -f qcow2 -c 'write -z 0 1M' -c 'write -P 7 130M 64k' -c 'write -P 8 129M 2M' \
        -c 'write -z -u 78M 512k' "$work/$name.qcow2" >"$work/io" 2>&1 || cat "$work/io"
    case_ "qcow2: $name that was written to" against_qemu qcow2 "$work/$name.qcow2"
done
kinds() {
    expect 0 imgport map --json "$work/small.qcow2" &&
        same kinds '[["zero",0,1048576],["zero",81788928,524288]]' \
            "$(jq -c '[.extents[] | select(.kind == "zero") | [.kind, .start, .length]]' "$work/out")"
}
case_ 'zeros that a container marks are no holes' kinds

make vpc dynamic.vhd -o force_size=on
make vpc fixed.vhd -o subformat=fixed,force_size=on
for name in dynamic fixed; do
    case_ "vhd: $name" against_qemu vpc "$work/$name.vhd"
done
make vmdk sparse.vmdk
make vmdk stream.vmdk -o subformat=streamOptimized
make vmdk flat.vmdk -o subformat=monolithicFlat
for name in sparse stream flat; do
    case_ "vmdk: $name" against_qemu vmdk "$work/$name.vmdk"
done
# Split at 2 GiB.
truncate -s 5G "$work/big.raw"
for at in $((1 << 30)) $((4 << 30)); do
    printf data | dd of="$work/big.raw" bs=4 seek=$((at / 4)) conv=notrunc status=none
done
for kind in Flat Sparse; do
    qemu-img convert -f raw -O vmdk -o subformat=twoGbMaxExtent$kind "$work/big.raw" \
        "$work/split$kind.vmdk"
    case_ "vmdk: twoGbMaxExtent$kind" against_qemu vmdk "$work/split$kind.vmdk"
done

# Each stream is where we say.
streams() {
    expect 0 imgport map --json "$1" || return
    python3 - "$1" "$disk" "$work/out" "$2" <<'EOF'
import json, sys, zlib

image, disk = (open(name, "rb").read() for name in sys.argv[1:3])
runs = [e for e in json.load(open(sys.argv[3]))["extents"] if e["compressed"]]
for e in runs:
    packed = zlib.decompressobj(int(sys.argv[4])).decompress(image[e["offset"]:])[:65536]
    assert packed and packed == disk[e["start"]:e["start"] + len(packed)], e
assert runs
EOF
}
case_ 'a compressed run of a qcow2 begins where its stream does' streams "$work/zlib.qcow2" -12
case_ 'that of a vmdk as well' streams "$work/stream.vmdk" 15

# ---- real guests

for name in good gpt lvm btrfs xfs $("$tests/guests/build.sh" --list | grep ^container-); do
    file=$(guest "$name")
    format=raw
    case $name in container-*) format=${name#container-} format=${format%%-*} ;; esac
    case_ "$name" against_qemu "${format/vhd/vpc}" "$file"
done
# Without the two sizes: where holes are in a file just written changes until it is on the disk.
layout() {
    local pick='{image, partition_table, partitions, logical_volumes, problems}
        | del(.image.data_size, .image.qcow2_size)'
    expect 0 imgport map --json "$1" || return
    jq -S "$pick" "$work/out" >"$work/mapped"
    expect 0 imgport info --json "$1" || return
    jq -S "$pick" "$work/out" | diff - "$work/mapped"
}
case_ 'the layout is what info tells' layout "$(guest lvm)"

# ---- a filesystem that stands on the disk without a partition table

# stands COMMAND...: made on a disk of 400 MiB; all of it is told, and drawn.
stands() {
    rm -f "$work/bare.raw"
    truncate -s 400M "$work/bare.raw"
    "$@" "$work/bare.raw" >/dev/null || return
    expect 0 imgport map --json "$work/bare.raw" || return
    same 'device, kinds, most of 400 MiB' 'disk ["free","used"] null true' \
        "$(jq -r '.filesystems[] | "\(.device) \([.areas[].kind] | unique | tojson) \(.problem) " +
            "\(.used + .free > 390 * 1048576 and .used < .free)"' "$work/out")" || return
    expect 0 imgport map --svg "$work/bare.raw" && matches "$work/out" '>disk · [a-z0-9]+( · .bare.)?<' &&
        matches "$work/out" 'class="used"'
}
case_ 'ext4 without a table' stands mkfs.ext4 -q -F -L bare
case_ 'XFS without a table' stands mkfs.xfs -q -L bare
case_ 'btrfs without a table' stands mkfs.btrfs -q -L bare
case_ 'FAT without a table' stands mkfs.vfat -n bare
# The group descriptors are gone, and none is elsewhere.
mkfs.ext4 -q -F -O ^metadata_csum,sparse_super2 "$work/bare.raw"
dd if=/dev/urandom of="$work/bare.raw" bs=4096 seek=1 count=1 conv=notrunc status=none
broken() {
    expect 3 imgport map --json "$work/bare.raw" &&
        same problems '["disk",true]' "$(jq -c '.filesystems[] | [.device, .problem != null]' "$work/out")"
}
case_ 'one that is broken is told as such' broken

# ---- ways in

case_ 'standard input that is a file' expect 0 \
    bash -c '"$0" map --json - <"$1"' "$IMGPORT" "$work/v2.qcow2"
case_ 'and a pipe' expect 0 bash -c 'cat "$1" | "$0" map --json -' "$IMGPORT" "$work/v2.qcow2"
case_ 'the declared format' expect 0 imgport map -f vpc "$work/dynamic.vhd"
case_ 'another than declared' expect 3 imgport map -f vmdk "$work/dynamic.vhd"
case_ 'a format that nobody knows' expect 2 imgport map -f vhdx "$work/dynamic.vhd"

# ---- what people read

reads() {
    expect 0 imgport map "$work/stream.vmdk" || return
    matches "$work/out" '^ +1048576 +4194304 +4\.0 MiB +hole +-$' &&
        matches "$work/out" '^ +[0-9]+ +65536 +64\.0 KiB +compressed +[0-9]+$' &&
        matches "$work/out" '^  data +4\.2 MiB +1\.4 %  '
}
case_ 'a line for each extent, and the totals' reads
chinese() {
    expect 0 imgport map --lang zh "$work/small.qcow2" && matches "$work/out" '数据'
}
case_ 'in Chinese' chinese

# ---- what is broken

whole_json() { jq -e "$1" "$work/out" >"$work/answer" || head -c 600 "$work/out"; }

case_ 'no such file' expect 3 imgport map "$work/nothing"
case_ 'which is one sentence' matches "$work/err" '^imgport: .*nothing: .*No such file'
echo '<html>not found</html>' >"$work/page"
refused() {
    expect 3 imgport map --json "$work/$1" &&
        same answer "$2 [] null" \
            "$(jq -r '"\(.image.fault) \(.extents | tojson) \(.error)"' "$work/out")"
}
case_ 'a web page' refused page text
cp "$work/small.qcow2" "$work/cut.qcow2"
truncate -s 1M "$work/cut.qcow2"
case_ 'a truncated qcow2' refused cut.qcow2 truncated

# ---- the picture

# picture STATUS FILE EXPRESSION...: whole XML that runs nothing and names nothing outside.
picture() {
    local want
    expect "$1" imgport map --svg "$2" || return
    xmllint --noout --nonet "$work/out" || return
    ! grep -qE '<script|<!|<image|<a |href|url\([^#]| on[a-z]+=' "$work/out" || return
    shift 2
    for want; do
        matches "$work/out" "$want" || return
    done
}
xpath() { xmllint --xpath "$1" "$work/out"; }

case_ 'of a guest' picture 0 "$(guest gpt-esp)" '<title id="title">.*gpt-esp' '<desc id="desc">' \
    '>2 · ext4 · root<' 'partition 1 · vfat · esp' 'prefers-color-scheme:dark'
boxes() { same boxes 2 "$(xpath 'count(//*[starts-with(@class, "box")])')"; }
case_ 'it has a box for each partition' boxes
case_ 'with logical volumes' picture 0 "$(guest lvm)" 'debian-vg/root · ext4 · root' 'MiB used'
# A disk with partitions of a few pixels, and names that want to be more than names.
truncate -s 20G "$work/odd.raw"
printf 'label: gpt\nsize=1M\nsize=16M, name="</text><script>"\nsize=300M\nsize=9G\n' |
    sfdisk -q "$work/odd.raw"
put() {
    rm -f "$work/part"
    truncate -s "$1M" "$work/part"
    "${@:3}" "$work/part"
    dd if="$work/part" of="$work/odd.raw" bs=1M seek="$2" conv=notrunc,sparse status=none
}
put 16 2 mkfs.ext4 -q -F -L '"/><g>&lt;]]>--'
put 300 18 mkfs.ext4 -q -F -L $'\x01\xe2\x80\xae\xff<b>&'
put 9216 318 mkfs.xfs -q -L '日本語'
case_ 'of a disk with hostile names' picture 0 "$work/odd.raw" '日本語' '&lt;g&gt;&amp;lt;\]\]&gt;'
seen() {
    same boxes 4 "$(xpath 'count(//*[starts-with(@class, "box")])')" &&
        same 'boxes of less than 6 pixels' 0 \
            "$(xpath 'count(//*[starts-with(@class, "box") and @width < 6])')" &&
        same 'boxes that are marked, and what the mark means' 3 \
            "$(xpath 'count(//*[@class="mark"])')"
}
case_ 'small partitions are seen, and marked' seen
case_ 'no larger for many extents' picture 0 "$work/small.qcow2"
case_ 'of a page that is no image' picture 3 "$work/page" 'class="bad"'
case_ 'in Chinese' expect 0 imgport map --svg --lang zh "$work/odd.raw"
case_ 'which says so' matches "$work/out" '已用'
case_ 'not both' expect 2 imgport map --svg --json "$disk"
# A filesystem of which a part cannot be told: hatched, not guessed.
python3 - "$work/odd.raw" $((318 << 20)) <<'EOF'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    sb = f.read(512)
    size, blocks = struct.unpack(">I", sb[4:8])[0], struct.unpack(">I", sb[84:88])[0]
    f.seek(int(sys.argv[2]) + 2 * blocks * size + struct.unpack(">H", sb[102:104])[0])
    f.write(b"XXXX")
EOF
case_ 'of a filesystem that is damaged' picture 3 "$work/odd.raw" 'class="hatch"><title>free space of group 2' \
    'free space of group 2: its header is that of another'
damaged() {
    expect 3 imgport map --json "$work/odd.raw" &&
        same known '1 true' "$(jq -r '[.filesystems[] | select(.problem)] |
            "\(length) \(.[0].used + .[0].free < 5 * 1024 * 1024 * 1024)"' "$work/out")"
}
case_ 'which JSON tells with the areas before it' damaged

# ---- nobody reads it, or there is no room for it

case_ 'a full device' expect 3 bash -c '"$0" map --json "$1" >/dev/full' "$IMGPORT" "$disk"
case_ 'which is one sentence' matches "$work/err" 'could not be written'
case_ 'the same in text' expect 3 bash -c '"$0" map "$1" >/dev/full' "$IMGPORT" "$disk"

# More extents than a pipe holds: every second cluster of 512 bytes.
python3 -c 'import sys; sys.stdout.buffer.write((b"\xf1" * 512 + bytes(512)) * 20000)' >"$work/many.raw"
qemu-img convert -f raw -O qcow2 -S 512 -o cluster_size=512 "$work/many.raw" "$work/many.qcow2"
case_ '40000 extents' against_qemu qcow2 "$work/many.qcow2"
many() { same extents 40000 "$(jq '.extents | length' "$work/out")"; }
case_ 'all of them are told' many
closed() {
    bash -c '"$0" map --json "$1"; echo $? >"$2"' "$IMGPORT" "$work/many.qcow2" \
        "$work/status" 2>"$work/err" | head -c 1000 >"$work/some"
    same status 141 "$(cat "$work/status")"
}
case_ 'a pipe that is closed' closed
deaf() {
    bash -c 'trap "" PIPE; "$0" map --json "$1"; echo $? >"$2"' "$IMGPORT" "$work/many.qcow2" \
        "$work/status" 2>"$work/err" | head -c 1000 >"$work/some"
    same status 3 "$(cat "$work/status")" && matches "$work/err" 'could not be written'
}
case_ 'the same where the signal is ignored' deaf
slow() {
    imgport map --json "$work/many.qcow2" | (
        sleep 2
        cat
    ) >"$work/out"
    many
}
case_ 'a reader that takes his time' slow

finish
