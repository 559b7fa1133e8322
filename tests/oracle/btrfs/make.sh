#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make.sh: btrfs images that only a mounted filesystem becomes
#
# Needs root, loop devices and a kernel with btrfs, so it was run once and what it made is kept
# beside it: <name>.img.zst, and in <name>.want.zst the tree as the kernel shows it.
set -euo pipefail
cd "$(dirname "$0")"
lines=$PWD/../tree_lines.py
work=$(mktemp -d)
mnt=$work/mnt
mkdir "$mnt"
loops=()
trap 'umount "$mnt" 2>/dev/null || true; losetup -d "${loops[@]}" 2>/dev/null || true
    rm -rf "$work"' EXIT

# fresh MKFS-ARGUMENTS...: an empty filesystem.  Discarding keeps the image mostly zeros.
fresh() {
    rm -f "$work/disk"
    truncate -s 128M "$work/disk"
    mkfs.btrfs -q "$@" "$work/disk" >/dev/null
}

keep() {
    python3 "$lines" "$mnt" | LC_ALL=C sort >"$work/want"
    umount "$mnt"
    zstd -q -19 --long=27 -f "$work/want" -o "$1.want.zst"
    zstd -q -19 --long=27 -f "$work/disk" -o "$1.img.zst"
}

# Text, noise that does not shrink, and zeros, in sizes around sectors and extents.
files() {
    python3 - "$1" <<'END'
import os
import random
import sys

os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
random.seed(7)
noise = random.randbytes(1500)
text = b''.join(b'%d of a text that goes on\n' % (i % 77) for i in range(60000))
for n in (1, 100, 2000, 4095, 4096, 4097, 9000, 131071, 131072, 131073, 700001):
    with open('text-%d' % n, 'wb') as f:
        f.write(text[:n])
with open('mixed', 'wb') as f:
    for i in range(4):
        f.write(noise + text[i * 20000:i * 20000 + 30000])
with open('zeros', 'wb') as f:
    f.write(bytes(300000))
with open('holes', 'wb') as f:
    f.seek(200000)
    f.write(text[:150000])
    f.seek(900000)
    f.write(text[:10])
    f.truncate(1000000)
# Old extents that are partly written over.
with open('patched', 'wb') as f:
    f.write(text[:400000])
os.sync()
with open('patched', 'r+b') as f:
    for at in (0, 70000, 131072, 250001):
        f.seek(at)
        f.write(noise)
with open('shortened', 'wb') as f:
    f.write(text[:300000])
os.sync()
os.truncate('shortened', 140001)
END
}

fresh
for how in zlib lzo zstd; do
    mount -o loop,compress-force=$how "$work/disk" "$mnt"
    files "$mnt/$how"
    umount "$mnt"
done
mount -o loop "$work/disk" "$mnt"
keep packed

# With explicit holes, preallocated extents, attributes, an immutable file, and names that
# have one hash.
fresh -O ^no-holes -n 4096
mount -o loop,max_inline=0 "$work/disk" "$mnt"
files "$mnt/files"
fallocate -l 1000000 "$mnt/allocated"
printf 'in front' | dd of="$mnt/allocated" conv=notrunc status=none
touch "$mnt/behind"
fallocate -n -l 500000 "$mnt/behind"
echo attributes >"$mnt/attributes"
python3 -c 'import os, sys
for name in ("user.color", "security.selinux"): os.setxattr(sys.argv[1], name, b"x")' "$mnt/attributes"
python3 collide.py "$mnt"
touch "$mnt/immutable"
chattr +i "$mnt/immutable"
keep plain

# As snapper has it: the default is a snapshot, which holds an entry of a subvolume that is
# only in the original.
fresh
mount -o loop "$work/disk" "$mnt"
btrfs -q subvolume create "$mnt/@"
btrfs -q subvolume create "$mnt/@/.snapshots"
btrfs -q subvolume create "$mnt/@home"
mkdir -p "$mnt/@/a/b" "$mnt/@/.snapshots/1" "$mnt/@/.snapshots/2"
btrfs -q subvolume create "$mnt/@/a/b/deep"
echo deep >"$mnt/@/a/b/deep/file"
echo one >"$mnt/@/hostname"
btrfs -q subvolume snapshot "$mnt/@" "$mnt/@/.snapshots/1/snapshot"
echo two >"$mnt/@/.snapshots/1/snapshot/hostname"
btrfs -q subvolume snapshot -r "$mnt/@" "$mnt/@/.snapshots/2/snapshot"
btrfs -q subvolume snapshot "$mnt/@" "$mnt/@gone"
sync
btrfs -q subvolume delete -c "$mnt/@gone"
echo home >"$mnt/@home/file"
ln "$mnt/@home/file" "$mnt/@home/link"
btrfs subvolume set-default "$mnt/@/.snapshots/1/snapshot"
btrfs subvolume list "$mnt" | sed 's/^ID \([0-9]*\) .* path /\1 /' >"$work/list"
zstd -q -19 -f "$work/list" -o subvolumes.list.zst
python3 "$lines" "$mnt" | LC_ALL=C sort >"$work/top"
zstd -q -19 -f "$work/top" -o subvolumes.top.zst
umount "$mnt"
mount -o loop "$work/disk" "$mnt"
keep subvolumes

# Copied while it was mounted, with files that were synced after the last commit.
fresh
mount -o loop,commit=300 "$work/disk" "$mnt"
echo old >"$mnt/hostname"
sync
python3 "$lines" "$mnt" | LC_ALL=C sort >"$work/want"
python3 - "$mnt/new" <<'END'
import os
import sys

fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
os.write(fd, b'new\n')
os.fsync(fd)
END
cp --sparse=always "$work/disk" "$work/copy"
umount "$mnt"
zstd -q -19 -f "$work/want" -o logged.want.zst
zstd -q -19 --long=27 -f "$work/copy" -o logged.img.zst

# Half of a mirror.
truncate -s 0 "$work/disk"
truncate -s 128M "$work/disk" "$work/other"
mkfs.btrfs -q -f -m raid1 -d raid1 "$work/disk" "$work/other" >/dev/null
for file in disk other; do
    loops+=("$(losetup -f --show "$work/$file")")
done
btrfs -q device scan "${loops[@]}"
mount "${loops[0]}" "$mnt"
files "$mnt/files"
python3 "$lines" "$mnt" | LC_ALL=C sort >"$work/want"
umount "$mnt"
losetup -d "${loops[@]}"
zstd -q -19 -f "$work/want" -o mirror.want.zst
zstd -q -19 --long=27 -f "$work/disk" -o mirror.img.zst
ls -l ./*.zst
