#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_btrfs.py FOLDER: seeds for fuzz_btrfs.

mkfs.btrfs makes nothing below 16 MiB, so these are laid out by hand: nodes of 4 KiB from
128 KiB on, one chunk over the whole device, and in it a file of every kind.  The first byte
asks for checksums to be repaired, the rest is as sparse.h has it.
"""
import os
import struct
import sys
import zlib

SIZE = 256 * 1024
NODE = 4096
BASE = 1 << 20  # logical address of device offset 0
FSID = bytes(range(1, 17))
UNIT = 64
GENERATION = 9


def key(objectid, kind, offset):
    return struct.pack('<QBQ', objectid, kind, offset)


def crc32c(data, c=0xFFFFFFFF):
    for b in data:
        c ^= b
        for _ in range(8):
            c = 0x82F63B78 ^ c >> 1 if c & 1 else c >> 1
    return c


def name_hash(name):
    return crc32c(name, 0xFFFFFFFE)


class Image:
    def __init__(self):
        self.raw = bytearray(SIZE)
        self.next = 128 * 1024

    def place(self, data):
        at = self.next
        self.raw[at:at + len(data)] = data
        self.next += (len(data) + NODE - 1) // NODE * NODE
        return BASE + at

    def node(self, owner, level, items):
        """A leaf of (key, data), or a node of (key, address)."""
        at = BASE + self.next
        body = bytearray(NODE - 101)
        end = len(body)
        for i, (k, data) in enumerate(items):
            if level:
                body[i * 33:i * 33 + 33] = k + struct.pack('<QQ', data, GENERATION)
            else:
                end -= len(data)
                assert end >= 25 * len(items)
                body[i * 25:i * 25 + 25] = k + struct.pack('<II', end, len(data))
                body[end:end + len(data)] = data
        head = bytes(32) + FSID + struct.pack('<QQ', at, 1) + bytes(16)
        head += struct.pack('<QQIB', GENERATION, owner, len(items), level)
        return self.place(head + body)

    def tree(self, owner, items, leaves):
        """(address, level) of a tree of so many leaves."""
        items = sorted(items, key=lambda i: struct.unpack('<QBQ', i[0]))
        if leaves == 1:
            return self.node(owner, 0, items), 0
        n = -(-len(items) // leaves)
        parts = [items[i:i + n] for i in range(0, len(items), n)]
        return self.node(owner, 1, [(p[0][0], self.node(owner, 0, p)) for p in parts]), 1


def inode(mode, size, flags=0):
    return struct.pack('<QQQQQIIIIQQQ', 1, GENERATION, size, size, 0, 1, 0, 0, mode, 0, flags,
                       0) + bytes(32) + struct.pack('<QI', 1700000000, 0) * 4


def entry(name, location, kind, data=b''):
    return location + struct.pack('<QHHB', GENERATION, len(data), len(name), kind) + name + data


def extent(kind, plain_n, packing=0, data=b'', where=None):
    head = struct.pack('<QQBBHB', GENERATION, plain_n, packing, 0, 0, kind)
    return head + (struct.pack('<QQQQ', *where) if where else data)


def chunk(profile):
    return struct.pack('<QQQQIIIHH', SIZE, 2, 65536, profile, NODE, NODE, NODE, 1, 1) + \
        struct.pack('<QQ', 1, 0) + bytes(16)


def root_item(address, level):
    return inode(0o40755, 3) + struct.pack('<QQQQQQQI', GENERATION, 256, address, 0, NODE, 0, 0, 1) + \
        bytes(17) + struct.pack('<BB', 0, level) + struct.pack('<Q', GENERATION) + bytes(192)


def subvolume(image, subs, leaves):
    text = b'some text that goes on and on, ' * 300
    lzo = bytes([17 + 15]) + b'short and plain' + bytes([17, 0, 0])
    lzo = struct.pack('<II', 8 + len(lzo), len(lzo)) + lzo
    # One frame with one raw block.
    zstd = b'\x28\xb5\x2f\xfd\x20\x0a' + struct.pack('<I', 10 << 3 | 1)[:3] + b'zstd, raw.'
    packed = zlib.compress(text[:8192])
    at = image.place(packed)
    plain = image.place(text[:4096])
    files = [
        (b'inline', 0o100644, 20, [(0, extent(0, 20, data=text[:20]))]),
        (b'zlib', 0o100644, 8000, [(0, extent(1, 8192, 1, where=(at, 4096, 0, 8192)))]),
        (b'lzo', 0o100644, 15, [(0, extent(0, 15, 2, lzo))]),
        (b'zstd', 0o100644, 10, [(0, extent(0, 10, 3, zstd))]),
        (b'regular', 0o100600, 20000, [
            (0, extent(1, 4096, where=(plain, 4096, 0, 4096))),
            (4096, extent(1, 4096, where=(0, 0, 0, 4096))),
            (12288, extent(2, 4096, where=(plain, 4096, 0, 4096)))]),
        (b'link', 0o120777, 6, [(0, extent(0, 6, data=b'inline'))]),
        (b'dir', 0o40755, 2, []),
        (b'b', 0o10644, 0, []),
    ]
    items = [(key(256, 1, 0), inode(0o40755, 100)),
             (key(256, 12, 256), struct.pack('<QH', 0, 2) + b'..')]
    for i, (name, mode, size, extents) in enumerate(files):
        ino = 257 + i
        kind = {0o10: 1, 0o4: 2, 0o12: 7, 0o1: 5}[mode >> 12]
        e = entry(name, key(ino, 1, 0), kind)
        items += [(key(256, 84, name_hash(name)), e), (key(256, 96, 2 + i), e),
                  (key(ino, 1, 0), inode(mode, size, 64 if name == b'zstd' else 0)),
                  (key(ino, 12, 256), struct.pack('<QH', 2 + i, len(name)) + name)]
        items += [(key(ino, 108, at), e) for at, e in extents]
    name = b'security.selinux'
    items.append((key(257, 24, name_hash(name)), entry(name, key(0, 0, 0), 8, b'label')))
    for i, (name, number) in enumerate(subs):
        e = entry(name, key(number, 132, 2 ** 64 - 1), 2)
        items += [(key(263, 84, name_hash(name)), e), (key(263, 96, 2 + i), e)]
    return image.tree(5, items, leaves)


def make(leaves, default, profile, sub):
    image = Image()
    roots = [(key(5, 132, 0), root_item(*subvolume(image, [(b'sub', 256)] if sub else [], leaves))),
             (key(6, 1, 0), inode(0o40755, 0))]
    e = entry(b'default', key(default, 132, 2 ** 64 - 1), 2)
    roots.append((key(6, 84, name_hash(b'default')), e))
    if sub:
        # It holds an entry of itself, which must be an empty directory.
        roots += [(key(256, 132, 0), root_item(*subvolume(image, [(b'sub', 256)], 1))),
                  (key(256, 144, 5), struct.pack('<QQH', 263, 2, 3) + b'sub')]
    root, level = image.tree(1, roots, 1)
    chunks, chunk_level = image.tree(3, [(key(256, 228, BASE), chunk(profile))], 1)
    sys_chunks = key(256, 228, BASE) + chunk(profile)
    sb = bytearray(4096)
    sb[32:48] = FSID
    struct.pack_into('<QQ8s', sb, 48, 65536, 1, b'_BHRfS_M')
    struct.pack_into('<QQQQQ', sb, 72, GENERATION, root, chunks, 0, 0)
    struct.pack_into('<QQQQ', sb, 112, SIZE, 65536, 6, 1)
    struct.pack_into('<IIIII', sb, 144, NODE, NODE, NODE, NODE, len(sys_chunks))
    struct.pack_into('<QQQQHBBB', sb, 164, GENERATION, 0, 0, 0x341, 0, level, chunk_level, 0)
    struct.pack_into('<QQQ', sb, 201, 1, SIZE, 65536)
    sb[811:811 + len(sys_chunks)] = sys_chunks
    image.raw[65536:65536 + 4096] = sb
    return image.raw


def pack(raw):
    out = bytearray(b'\x01')
    at = 0
    while at < len(raw):
        n = 0
        while n < 255 and any(raw[at + n * UNIT:at + (n + 1) * UNIT]):
            n += 1
        if n:
            out += struct.pack('<HB', at // UNIT, n) + raw[at:at + n * UNIT]
        at += (n or 1) * UNIT
    return out


os.makedirs(sys.argv[1], exist_ok=True)
for name, arguments in (('plain', (1, 5, 1, False)), ('two-levels', (4, 5, 1, False)),
                        ('subvolume', (2, 256, 0x21, True)), ('raid0', (1, 5, 9, False))):
    with open(os.path.join(sys.argv[1], name), 'wb') as f:
        f.write(pack(make(*arguments)))
