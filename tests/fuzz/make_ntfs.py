#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_ntfs.py: seeds for fuzz_ntfs.

Run in tests/fuzz as root; needs mkntfs, ntfs-3g, setfattr, umount and /dev/fuse.  So that
seeds stay small, the table of capital letters is cut to its first 256, the log to its
first sector, and records that nobody uses are left out.
"""
import os
import struct
import subprocess
import sys
import tempfile

from sparse import sparse

SIZE = 2 << 20
here = os.path.dirname(os.path.abspath(__file__))


def run(*words):
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)


def attribute(image, record, kind):
    """Offset of an attribute with runs."""
    at = record + struct.unpack_from('<H', image, record + 20)[0]
    while struct.unpack_from('<I', image, at)[0] != kind:
        at += struct.unpack_from('<I', image, at + 4)[0]
    return at


def first_run(image, at, cluster):
    p = at + struct.unpack_from('<H', image, at + 32)[0]
    n, back = image[p] & 15, image[p] >> 4
    length = int.from_bytes(image[p + 1:p + 1 + n], 'little')
    lcn = int.from_bytes(image[p + 1 + n:p + 1 + n + back], 'little')
    return lcn * cluster, length * cluster


def shrink(image):
    cluster = struct.unpack_from('<H', image, 11)[0] * image[13]
    mft = struct.unpack_from('<Q', image, 48)[0] * cluster
    for record, keep in ((2, 512), (10, 512)):
        data = attribute(image, mft + record * 1024, 0x80)
        at, n = first_run(image, data, cluster)
        image[at + keep:at + n] = bytes(n - keep)
        if record == 10:
            struct.pack_into('<QQ', image, data + 48, keep, keep)
    for at in range(mft, len(image), 1024):
        if image[at:at + 4] == b'FILE' and not image[at + 22] & 1:
            image[at:at + 1024] = bytes(1024)


def reparse(path, tag, data):
    run('setfattr', '-h', '-n', 'system.ntfs_reparse_data', '-v',
        '0x' + (struct.pack('<IHH', tag, len(data), 0) + data).hex(), path)


def link(target, relative):
    name = target.encode('utf-16le')
    return struct.pack('<HHHHI', 0, len(name), len(name), 0, relative) + name


def put(name, data):
    with open(name, 'wb') as f:
        f.write(data)


def more():
    """What tests/fault wants to see of a volume: some entries."""
    for i in range(9):
        put('more-%d' % i, b'%d' % i)


def small():
    put('hello', b'hello\n')
    put('big', bytes(range(250)) * 8)
    os.mkdir('dir')
    put('dir/Some File', b'x' * 800)
    os.truncate('big', 40000)


def packed():
    os.mkdir('packed')
    run('setfattr', '-h', '-v', '0x00000800', '-n', 'system.ntfs_attrib_be', 'packed')
    put('packed/numbers', b''.join(b'%d\n' % i for i in range(1500)))
    put('packed/ends', b'text of the unit ' * 800)
    os.truncate('packed/ends', 100000)
    more()


def folders():
    os.mkdir('many')
    for i in range(30):
        put('many/a long name for file number %d' % i, b'')


def links():
    for name in ('symlink', 'absolute', 'wof', 'other', 'lx'):
        put(name, b'')
    os.mkdir('junction')
    reparse('symlink', 0xA000000C, link('..\\target', 1))
    reparse('absolute', 0xA000000C, link('\\??\\D:\\elsewhere', 0))
    path = '\\??\\C:\\Users'.encode('utf-16le')
    reparse('junction', 0xA0000003,
            struct.pack('<HHHH', 0, len(path), len(path) + 2, 0) + path + bytes(4))
    reparse('wof', 0x80000017, struct.pack('<IIII', 1, 2, 1, 0))
    reparse('other', 0x80000013, bytes(8))
    reparse('lx', 0xA000001D, struct.pack('<I', 2) + b'../target')


def pieces():
    """A file in more runs than its record holds, with an attribute list."""
    with open('pieces', 'wb') as f:
        for i in range(260):
            f.seek(i * 4096)
            f.write(b'.' * 1024)
            f.flush()
    more()


def make(work, name, fill, cluster):
    image, mount = os.path.join(work, name), os.path.join(work, 'mount')
    with open(image, 'wb') as f:
        f.truncate(SIZE)
    run('mkntfs', '-F', '-Q', '-s', '512', '-c', cluster, image)
    run('ntfs-3g', '-o', 'compression', image, mount)
    try:
        os.chdir(mount)
        fill()
    finally:
        os.chdir(here)
        run('umount', mount)
    with open(image, 'rb') as f:
        data = bytearray(f.read())
    for i in range(0, len(data), 1024):
        if data[i:i + 1024] == b'.' * 1024:  # of pieces
            data[i:i + 1024] = bytes(1024)
    shrink(data)
    with open(os.path.join(here, 'corpora/ntfs', name), 'wb') as f:
        f.write(sparse(bytes(data)))


os.makedirs(os.path.join(here, 'corpora/ntfs'), exist_ok=True)
os.environ['PATH'] += ':/usr/sbin:/sbin'
with tempfile.TemporaryDirectory() as work:
    os.mkdir(os.path.join(work, 'mount'))
    make(work, 'small', small, '1024')
    make(work, 'packed', packed, '4096')
    make(work, 'folders', folders, '512')
    make(work, 'links', links, '2048')
    make(work, 'pieces', pieces, '1024')
