#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""empty_hive.py FILE: a registry hive with nothing but its root, for hivexregedit to fill."""
import struct
import sys


def cell(at, content, size):
    struct.pack_into('<i', hive, 4096 + at, -size)
    hive[4096 + at + 4:4096 + at + 4 + len(content)] = content


hive = bytearray(8192)
struct.pack_into('<4sIIQIIIIIII', hive, 0, b'regf', 1, 1, 0, 1, 3, 0, 1, 32, 4096, 1)
struct.pack_into('<4sII12xQ', hive, 4096, b'hbin', 0, 4096, 0)
name = b'ROOT'
key = struct.pack('<2sHQIIIIIIIIIIIIIIIHH', b'nk', 0x2c, 0, 0, 0xffffffff, 0, 0, 0xffffffff,
                  0xffffffff, 0, 0xffffffff, 128, 0xffffffff, 0, 0, 0, 0, 0, len(name), 0)
cell(32, key + name, 96)
# A security descriptor: owner and group "administrators", no list.
sid = struct.pack('<BB6sII', 1, 2, b'\0\0\0\0\0\5', 32, 544)
descriptor = struct.pack('<BBHIIII', 1, 0, 0x8000, 20, 36, 0, 0) + sid + sid
cell(128, struct.pack('<2sHIIII', b'sk', 0, 128, 128, 1, len(descriptor)) + descriptor, 80)
struct.pack_into('<i', hive, 4096 + 208, 4096 - 208)
total = 0
for (word,) in struct.iter_unpack('<I', hive[:508]):
    total ^= word
struct.pack_into('<I', hive, 508, total)
with open(sys.argv[1], 'wb') as f:
    f.write(hive)
