#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make.sh: snapshots of mounted filesystems, taken before the journal was written back
#
# Needs root, loop devices and a kernel with ext4, so it was run once and what it made is kept
# beside it (*.img.zst).  Each snapshot has changes that only its journal knows.
set -euo pipefail
cd "$(dirname "$0")"
work=$(mktemp -d)
mnt=$work/mnt
mkdir "$mnt"
trap 'umount "$mnt" 2>/dev/null || true; rm -rf "$work"' EXIT

# snapshot NAME MOUNT-OPTIONS MKE2FS-ARGUMENTS...
snapshot() {
    local name=$1 options=$2
    shift 2
    truncate -s 6M "$work/disk"
    mke2fs -q -F -b 1024 -J size=1 -N 512 -E lazy_itable_init=0,lazy_journal_init=0 "$@" "$work/disk"
    mount -o "loop,$options" "$work/disk" "$mnt"
    python3 - "$mnt" <<'END'
import os
import sys


def put(path, data):
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o644)
    os.write(fd, data)
    os.fsync(fd)
    os.close(fd)


os.chdir(sys.argv[1])
put('hostname', b'old name\n')
os.mkdir('stays')
put('stays/file', b'unchanged\n')
os.sync()
# Enough to go around a log of 1 MiB, so that it begins in the middle.
for i in range(150):
    put('round', b'%d\n' % i)
os.mkdir('d')
for i in range(40):
    put('d/f%d' % i, b'content %d\n' % i)
for i in range(0, 40, 3):
    os.unlink('d/f%d' % i)
os.symlink('d/f1', 'link')
os.symlink('/a/target/that/is/longer/than/sixty/bytes/and/has/a/block/of/its/own', 'long')
put('hostname', b'new name\n')
# Directories that are freed, and files over their blocks: revoked, and beginning with the
# number that the journal must escape when it takes a block.
for n in range(3):
    os.mkdir('r%d' % n)
    for i in range(40):
        open('r%d/a-name-that-is-long-enough-to-fill-blocks-%d' % (n, i), 'w').close()
    put('r%d/x' % n, b'x')
    for name in os.listdir('r%d' % n):
        os.unlink('r%d/%s' % (n, name))
    os.rmdir('r%d' % n)
    put('m%d' % n, (b'\xc0\x3b\x39\x98' + b'm' * 1020) * 30)
os.rename('stays/file', 'stays/renamed')
put('last', b'last\n')
END
    cp --sparse=always "$work/disk" "$work/$name.img"
    umount "$mnt"
    zstd -q -19 -f "$work/$name.img" -o "$name.img.zst"
}

snapshot ext3 defaults -t ext3
snapshot ext3-data data=journal -t ext3
snapshot ext4 defaults -t ext4
snapshot ext4-data data=journal -t ext4
snapshot ext4-sum1 journal_checksum -t ext4 -O ^metadata_csum,^64bit
snapshot ext4-async journal_async_commit,journal_checksum,data=writeback -t ext4
snapshot ext4-fast defaults -t ext4 -O fast_commit
ls -l ./*.zst
