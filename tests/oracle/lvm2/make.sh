#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make.sh: volume groups by the tools of LVM2, for lvm2.sh
#
# Needs root and loop devices, but no device mapper: what lvcreate makes without it (linear,
# striped, extended) it makes, mirrors and thin volumes are restored from a description.
# Each physical volume has a word of its own every 16 KiB.  `want` has the checksum of every
# volume, put together from what lvs says lies where.
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")"
work=$(mktemp -d)
loops=()
trap 'for d in "${loops[@]}"; do losetup -d "$d"; done; rm -rf "$work"' EXIT

# attach FILE OFFSET SIZE
attach() {
    device=$(losetup -f --show -o "$2" --sizelimit "$3" "$1")
    loops+=("$device")
}

lvm_() {
    local command=$1 filter='' d
    shift
    for d in "${loops[@]}"; do
        filter+="\"a|^$d\$|\","
    done
    "$command" --config "devices{filter=[$filter\"r|.*|\"] use_devicesfile=0} \
        backup{backup=0 archive=0}" --driverloaded n "$@" 2>"$work/err" || {
        cat "$work/err" >&2
        return 1
    }
}

# One disk with two physical volumes on partitions, one that is a third as a whole.
truncate -s 24M "$work/a"
sfdisk -q "$work/a" <<END
label: dos
start=2048, size=18432, type=8e
start=20480, type=8e
END
truncate -s 12M "$work/b"
attach "$work/a" $((2048 * 512)) $((18432 * 512)); a1=$device
attach "$work/a" $((20480 * 512)) $(((24 << 20) - 20480 * 512)); a2=$device
attach "$work/b" 0 $((12 << 20)); b=$device
python3 - "$work/a" "$work/b" <<'END'
import sys
for name in sys.argv[1:]:
    with open(name, 'r+b') as f:
        for at in range(2 << 20, f.seek(0, 2), 16 << 10):
            f.seek(at)
            f.write(b'%s %d' % (name[-1:].encode(), at))
END
lvm_ pvcreate -q "$a1" "$a2" "$b" >/dev/null
lvm_ vgcreate -q -s 256k data-vg "$a1" "$a2" "$b" >/dev/null
make=(lvm_ lvcreate -q -an -Zn -Wn data-vg)
{
    "${make[@]}" -n linear -l 10 "$a1"
    "${make[@]}" -n other -l 3 "$a1"
    lvm_ lvextend -q -l +5 data-vg/linear "$a1"
    lvm_ lvextend -q -l +7 data-vg/linear "$b"
    "${make[@]}" -n stripes-2 -i 2 -I 16k -l 8 "$a1" "$a2"
    "${make[@]}" -n stripes_3 -i 3 -I 64k -l 6
    lvm_ lvextend -q -i 2 -I 32k -l +4 data-vg/stripes_3 "$a2" "$b"
    # Enough changes for the text to go round its ring once.
    for i in $(seq 140); do
        lvm_ lvchange -q --addtag "$i" data-vg/other
        lvm_ lvchange -q --deltag "$i" data-vg/other
    done
} >/dev/null

# Where everything lies: "volume stripes stripe-bytes start extents device:first-last ...".
lvm_ lvs --noheadings --segments --units b --nosuffix \
    -o lv_name,stripes,stripe_size,seg_start_pe,seg_size_pe,seg_pe_ranges data-vg >"$work/lvs"
# What lvcreate does not make here.
lvm_ vgcfgbackup -f "$work/text" data-vg >/dev/null
python3 - "$work/text" <<'END'
import re
import sys
text = open(sys.argv[1]).read()
image = '''
    %s {
        id = "%s"
        status = ["READ", "WRITE"%s]
        flags = []
        creation_host = "debian"
        creation_time = 1700000000
        segment_count = 1
        segment1 {
            start_extent = 0
            extent_count = %d
            %s
        }
    }
'''
def lv(n, name, visible, extents, rest):
    return image % (name, 'QQQQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQQ-QQQQ%02d' % n,
                    ', "VISIBLE"' if visible else '', extents, rest)
def linear(pv, extent):
    return 'type = "striped" stripe_count = 1 stripes = ["%s", %d]' % (pv, extent)
new = (lv(1, 'mirrored', True, 2, 'type = "raid1" device_count = 2 region_size = 4096 '
          'raids = ["mirrored_rmeta_0", "mirrored_rimage_0", "mirrored_rmeta_1", '
          '"mirrored_rimage_1"]')
       + lv(2, 'mirrored_rmeta_0', False, 1, linear('pv0', 28))
       + lv(3, 'mirrored_rimage_0', False, 2, linear('pv0', 29))
       + lv(4, 'mirrored_rmeta_1', False, 1, linear('pv2', 38))
       + lv(5, 'mirrored_rimage_1', False, 2, linear('pv2', 39)))
at = re.search(r'\n\tlogical_volumes \{\n', text).end()
open(sys.argv[1], 'w').write(text[:at] + new + text[at:])
END
lvm_ vgcfgrestore -q -f "$work/text" data-vg >/dev/null
printf 'mirrored 1 0 0 2 %s:29-30\n' "$a1" >>"$work/lvs"

python3 - "$work/lvs" "$a1=$work/a:$((2048 * 512))" "$a2=$work/a:$((20480 * 512))" \
    "$b=$work/b:0" >want <<'END'
import hashlib
import sys
places = {}
for word in sys.argv[2:]:
    device, _, rest = word.partition('=')
    name, _, off = rest.rpartition(':')
    places[device] = (open(name, 'rb').read(), int(off) + (1 << 20))
volumes = {}
for line in open(sys.argv[1]):
    name, n, stripe, start, extents, *ranges = line.split()
    volumes.setdefault(name, []).append((int(start), int(stripe) or 1 << 18, ranges))
for name, segments in sorted(volumes.items()):
    data = b''
    for _, stripe, ranges in sorted(segments):
        areas = []
        for r in ranges:
            device, _, extent = r.rpartition(':')
            first, last = map(int, extent.split('-'))
            raw, off = places[device]
            areas.append(raw[off + (first << 18):off + (last + 1 << 18)])
        for i in range(0, len(areas[0]), stripe):
            data += b''.join(a[i:i + stripe] for a in areas)
    print('data-vg/' + name, len(data), hashlib.sha256(data).hexdigest())
END
for name in a b; do
    zstd -q -19 -f "$work/$name" -o "$name.img.zst"
done
cat want
