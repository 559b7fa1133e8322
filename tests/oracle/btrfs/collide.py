#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""collide.py FOLDER: files whose names have the same CRC-32C, so share one item."""
import os
import sys

TABLE = []
for i in range(256):
    c = i
    for _ in range(8):
        c = 0x82F63B78 ^ c >> 1 if c & 1 else c >> 1
    TABLE.append(c)


def crc(name):
    c = 0xFFFFFFFE
    for b in name:
        c = TABLE[(c ^ b) & 255] ^ c >> 8
    return c


seen = {}
pairs = 0
i = 0
while pairs < 3:
    name = b'name-%d' % i
    i += 1
    other = seen.setdefault(crc(name), name)
    if other != name:
        pairs += 1
        for n in (other, name):
            with open(os.path.join(os.fsencode(sys.argv[1]), n), 'wb') as f:
                f.write(n)
