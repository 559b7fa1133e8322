#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""poke.py IMAGE OFFSET HEX: writes into the superblock, and makes its CRC-32C right."""
import sys

SUPER, SIZE = 65536, 4096


def crc32c(data):
    c = 0xFFFFFFFF
    for b in data:
        c ^= b
        for _ in range(8):
            c = 0x82F63B78 ^ c >> 1 if c & 1 else c >> 1
    return c ^ 0xFFFFFFFF


image, offset, data = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
with open(image, 'r+b') as f:
    f.seek(SUPER)
    block = bytearray(f.read(SIZE))
    block[offset:offset + len(data)] = data
    block[:4] = crc32c(block[32:]).to_bytes(4, 'little')
    f.seek(SUPER)
    f.write(block)
