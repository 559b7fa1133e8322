#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ext_endless.py IMAGE: makes /none a directory of 84^5 blocks out of five.

IMAGE is ext4 with blocks of 1 KiB and no metadata_csum; the files size-1023, size-1024 and
size-4096 give the blocks.  Every entry of an index block names the same block below it.
"""
import re
import struct
import subprocess
import sys

image = sys.argv[1]


def debugfs(command):
    return subprocess.run(['debugfs', '-R', command, image], check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def header(n, depth):
    return struct.pack('<HHHHI', 0xF30A, n, n, depth, 0)


blocks = [int(b) for f in ('size-1023', 'size-1024', 'size-4096')
          for b in debugfs(f'blocks /{f}').split()][:5]
place = re.search(r'located at block (\d+), offset 0x([0-9a-f]+)', debugfs('imap /none'))
inode = int(place[1]) * 1024 + int(place[2], 16)
names = int(debugfs('blocks /none').split()[0])
with open(image, 'r+b') as f:
    f.seek(inode + 4)
    f.write(struct.pack('<I', 0x7FFFFC00))
    f.seek(inode + 40)
    f.write(header(4, 5))
    for i in range(4):
        f.write(struct.pack('<IIHH', i * 100000000, blocks[0], 0, 0))
    for depth in range(4):
        f.seek(blocks[depth] * 1024)
        f.write(header(84, 4 - depth))
        for i in range(84):
            f.write(struct.pack('<IIHH', i, blocks[depth + 1], 0, 0))
    f.seek(blocks[4] * 1024)
    f.write(header(84, 0))
    for i in range(84):
        f.write(struct.pack('<IHHI', i, 1, 0, names))
