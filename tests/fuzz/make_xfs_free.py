#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_xfs_free.py IMAGE [SEED]: splits the tree of free space of an XFS in one group into a
root and three leaves, as a disk in use has it; writes a seed for fuzz_xfs

mkfs.xfs makes a tree of one block.  Of version 5 the checksums are wrong then: bit 0 of the
seed has them repaired."""
import struct
import sys

LEAVES, AREAS = 3, 40


def main():
    with open(sys.argv[1], "rb") as f:
        raw = bytearray(f.read())
    block, = struct.unpack_from(">I", raw, 4)
    sector, = struct.unpack_from(">H", raw, 102)
    is_5 = struct.unpack_from(">H", raw, 100)[0] & 15 == 5
    head = 56 if is_5 else 16
    root, = struct.unpack_from(">I", raw, sector + 16)
    old = bytes(raw[root * block:root * block + head])
    n, = struct.unpack_from(">H", old, 6)
    areas = [struct.unpack_from(">II", raw, root * block + head + 8 * i) for i in range(n)]

    # The last area becomes many, and three blocks of it the leaves.
    start, length = areas.pop()
    leaves = [start + length - LEAVES + i for i in range(LEAVES)]
    areas += [(start + 3 * i, 1 + i % 2) for i in range(AREAS)]
    areas.append((start + 3 * AREAS, length - LEAVES - 3 * AREAS))
    parts = [areas[len(areas) * i // LEAVES:len(areas) * (i + 1) // LEAVES]
             for i in range(LEAVES)]
    most = (block - head) // 12
    raw[root * block + 4:root * block + 8] = struct.pack(">HH", 1, LEAVES)
    for i, (at, part) in enumerate(zip(leaves, parts)):
        left = leaves[i - 1] if i else 0xffffffff
        right = leaves[i + 1] if i + 1 < LEAVES else 0xffffffff
        leaf = bytearray(old) + b"".join(struct.pack(">II", *a) for a in part)
        struct.pack_into(">HHII", leaf, 4, 0, len(part), left, right)
        if is_5:
            struct.pack_into(">Q", leaf, 16, at * block // 512)
        raw[at * block:(at + 1) * block] = leaf.ljust(block, b"\0")
        struct.pack_into(">II", raw, root * block + head + 8 * i, *part[0])
        struct.pack_into(">I", raw, root * block + head + 8 * most + 4 * i, at)
    struct.pack_into(">I", raw, sector + 28, 2)
    with open(sys.argv[1], "wb") as f:
        f.write(raw)
    if len(sys.argv) < 3:
        return
    out = bytearray(b"\x01")
    inodes = struct.unpack_from(">Q", raw, 56)[0]
    root_inode = inodes >> raw[123] << raw[120] >> 9
    keep = {0, *(i * sector // 512 for i in range(4)), root_inode}
    for at in [root, *leaves]:
        keep |= set(range(at * block // 512, (at + 1) * block // 512))
    log, = struct.unpack_from(">Q", raw, 48)
    keep |= {log * block // 512, log * block // 512 + 1}
    for at in sorted(keep):
        data = bytes(raw[at * 512:at * 512 + 512])
        if any(data):
            out += struct.pack("<H", at) + data
    with open(sys.argv[2], "wb") as f:
        f.write(out)


main()
