#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make_xfs.sh FOLDER: seeds for fuzz_xfs, small trees with everything that a reader has to
# know, made by mkfs.xfs and the kernel; needs root and a loop device
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
out=$(cd "$1" && pwd)
work=$(mktemp -d)
trap 'umount -q "$work/m" || true; rm -r "$work"' EXIT
mkdir "$work/m"

make() {
    rm -f "$work/image"
    truncate -s 20M "$work/image"
    mkfs.xfs -q --unsupported -d agcount=1 -l size=9m "$@" "$work/image" >/dev/null 2>&1
}

# Zeros are no sectors of an input, so data is zeros.
cat >"$work/fill.py" <<'END'
import os, sys
os.chdir(sys.argv[1])
what = sys.argv[2]
if 'short' in what:
    os.mkdir('sub')
    open('sub/b', 'w').close()
    os.symlink('sub/b', 'link')
if 'block' in what:
    os.mkdir('block')
    for i in range(14):
        os.link('sub/b', 'block/name-%d' % i)
if 'node' in what:
    os.mkdir('node')
    for i in range(170):
        os.link('sub/b', 'node/n%d' % i)
    for i in range(30, 90):
        os.unlink('node/n%d' % i)
if 'pieces' in what:
    fd = os.open('pieces', os.O_RDWR | os.O_CREAT)
    for i in range(75):
        os.pwrite(fd, bytes(1024), i * 8192)
        if i % 9 == 0:
            os.fsync(fd)
    os.posix_fallocate(fd, 75 * 8192, 4096)
if 'far' in what:
    os.symlink('/' + 'z' * 1020, 'far')
if 'names' in what:
    os.setxattr('sub/b', 'security.selinux', b'label')
    for i in range(30):
        os.setxattr('sub', 'user.%d' % i, b'v' * 40)
    os.setxattr('sub', 'security.selinux', b'label')
if 'changes' in what:
    os.sync()
    for i in range(6):
        os.mkdir('d%d' % i)
        open('d%d/b' % i, 'w').close()
    fd = os.open('piece', os.O_RDWR | os.O_CREAT)
    for i in range(40):
        os.pwrite(fd, bytes(1024), i * 8192)
    os.fsync(fd)
    for i in range(6):
        os.unlink('d%d/b' % i)
        os.rmdir('d%d' % i)
    os.ftruncate(fd, 5000)
os.sync()
END
fill() { python3 "$work/fill.py" "$work/m" "$1"; }

# Only what is read: few free inodes, no lists of free space, nothing of the log of a clean one.
pack() {
    python3 - "$work/image" "$out/$1" "$2" <<'END'
import struct, sys
raw = open(sys.argv[1], 'rb').read()
clean = sys.argv[3] == 'clean'
block = struct.unpack_from('>I', raw, 4)[0]
log, = struct.unpack_from('>Q', raw, 48)
log_n, = struct.unpack_from('>I', raw, 96)
log, log_end = log * block, (log + log_n) * block
size, = struct.unpack_from('>H', raw, 104)
unused = {b'AB3B', b'AB3C', b'IAB3', b'FIB3', b'RMB3', b'R3FC', b'ABTB', b'ABTC', b'IABT', b'XAFL'}
dropped = set()
for at in range(0, len(raw), 256):
    if raw[at:at + 4] in unused and at % block == 0:
        dropped.update(range(at, at + block, 512))
kept = 0 if clean else 20  # the log makes them inodes that are in use
free = lambda at: raw[at:at + 2] == b'IN' and raw[at + 2:at + 4] == b'\0\0'
out = bytearray(b'\x01')
for at in range(0, len(raw), 512):
    sector = raw[at:at + 512]
    if at in dropped or not any(sector):
        continue
    if all(free(i) for i in range(at, at + 512, min(size, 512))):
        kept -= 1
        if kept < 0:
            continue
    # The kernel wipes what is in front of the end of the log with empty records.
    if log <= at < log_end and sector[:4] == b'\xfe\xed\xba\xbe' and not any(sector[12:16]):
        continue
    if clean and log + 1024 <= at < log_end:
        continue
    out += struct.pack('<H', at // 512) + sector
open(sys.argv[2], 'wb').write(out)
END
}

# A clean one gets a log as mkfs.xfs leaves it.
seed() {
    local name=$1 what=$2
    shift 2
    make "$@"
    mount -o loop "$work/image" "$work/m"
    fill "$what"
    umount "$work/m"
    xfs_repair -L -o force_geometry "$work/image" >"$work/log" 2>&1 || {
        tail -5 "$work/log"
        exit 1
    }
    pack "$name" clean
}

dirty() {
    local name=$1 what=$2
    shift 2
    make "$@"
    mount -o loop "$work/image" "$work/m"
    fill "$what"
    cp --sparse=always "$work/image" "$work/copy"
    umount "$work/m"
    mv "$work/copy" "$work/image"
    pack "$name" dirty
}

# Kernels of today mount no version 4, but that of User Mode Linux does.
dirty_old() {
    make -m crc=0 "${@:3}"
    "$here/../guests/uml.sh" "$work" "
        mkdir /mnt/m
        mount -t xfs /dev/ubda /mnt/m
        python3 $work/fill.py /mnt/m '$2'" "$work/image"
    pack "$1" dirty
}

# Version 4 that was unmounted; mkfs.xfs fills it.
old() {
    local name=$1 n=$2 i
    shift 2
    {
        printf -- '-\n0 0\nd--755 0 0\nb d--755 0 0\n'
        for i in $(seq "$n"); do echo "n$i p--644 0 0"; done
        printf '$\nsub d--755 0 0\n'
        for i in $(seq 14); do echo "name-$i ---644 0 0 /dev/null"; done
        printf '$\nlink l--777 0 0 target\nfar l--777 0 0 /%s\n$\n' "$(printf 'z%.0s' $(seq 990))"
    } >"$work/proto"
    make -m crc=0 "$@" -p "$work/proto"
    pack "$name" clean
}

seed v5-1k 'short block far names' -b size=1024
seed v5-node 'short node' -b size=1024
seed v5-pieces 'short pieces' -b size=1024
seed v5-nrext64 'short block pieces' -b size=1024 -i nrext64=1
seed v5-4k 'short block node' -i size=1024
seed v5-dir 'short node' -b size=1024 -n size=4096
dirty dirty-v5 'short block far pieces' -b size=1024
dirty dirty-changes 'short changes names' -b size=1024 -i nrext64=1
dirty_old dirty-v4 "short block pieces far" -b size=1024
old v4-1k 130 -b size=1024 -i size=256
old v4-plain 30 -b size=1024 -n ftype=0
old v4-512 20 -b size=512 -n version=ci
ls -l "$out"
