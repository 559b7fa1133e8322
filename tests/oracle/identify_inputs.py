#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""identify_inputs.py KIND FILE: superblocks whose programs want a device or are not in Debian.

Writes into FILE (which has its size already) just the fields that tell the kind.
"""
import os
import struct
import sys

UUID = bytes(range(0x10, 0x20))


def put(f, at, data):
    f.seek(at)
    f.write(data)


def lvm2(f, size):
    def crc(data):
        # CRC-32, reflected, started with LVM's own value and not inverted.
        c = 0xF597A6CF
        for b in data:
            c ^= b
            for _ in range(8):
                c = c >> 1 ^ (0xEDB88320 if c & 1 else 0)
        return c

    tail = struct.pack('<I', 32) + b'LVM2 001'
    body = b'tXe8pRKcH3kkoOvWqOShBLcMEWFQVqrq' + struct.pack('<Q', size)
    sector = (tail + body).ljust(512 - 20, b'\0')
    put(f, 512, struct.pack('<8sQI', b'LABELONE', 1, crc(sector)) + sector)


def md1(f, size, at):
    name = b'host:root'.ljust(32, b'\0')
    sb = struct.pack('<IIII', 0xA92B4EFC, 1, 0, 0) + UUID + name
    sb = sb.ljust(128, b'\0') + struct.pack('<QQQ', 2048, 4096, at // 512)
    put(f, at, sb.ljust(256, b'\0'))


def md_090(f, size):
    words = [0] * 1024
    words[0:4] = [0xA92B4EFC, 0, 90, 0]
    words[5] = 0x11223344
    words[13:16] = [0x55667788, 0x99AABBCC, 0xDDEEFF00]
    words[38] = sum(words) & 0xFFFFFFFF
    put(f, (size & ~0xFFFF) - 0x10000, struct.pack('<1024I', *words))


def zfs(f, size):
    for i in range(8):
        put(f, 128 * 1024 + i * 1024, struct.pack('<QQQ', 0x00BAB10C, 5000, i))


def ufs(f, size, at, magic):
    put(f, at + 144, struct.pack('<II', 0x11223344, 0x0A0B0C0D))
    put(f, at + 680, b'freebsd' if magic == 0x19540119 else b'')
    put(f, at + 1372, struct.pack('<I', magic))


def bitlocker(f, size):
    put(f, 0, b'\xeb\x58\x90-FVE-FS-')
    put(f, 160, bytes.fromhex('3bd667492e29d84a8399f6a339e3d001'))
    put(f, 176, struct.pack('<Q', 65536))
    put(f, 510, b'\x55\xaa')
    put(f, 65536, b'-FVE-FS-' + struct.pack('<HHHH', 64, 2, 64, 4))


def refs(f, size):
    put(f, 0, b'\0\0\0ReFS\0')


def hfsplus(f, size):
    put(f, 1024, struct.pack('>2sHI', b'H+', 4, 0x100))
    put(f, 1024 + 40, struct.pack('>II', 4096, size // 4096))


def apfs(f, size):
    # Block 1: Fletcher's sum over the rest, which blkid does not verify.
    put(f, 0, struct.pack('<QQQHHHH', 1, 1, 1, 1, 0x8000, 0, 0))
    put(f, 32, struct.pack('<4sIQ', b'NXSB', 4096, size // 4096))
    put(f, 72, UUID)


def vmfs(f, size):
    put(f, 1 << 20, struct.pack('<II', 0xC001D00D, 5))


KINDS = {
    'lvm2': lvm2,
    'md-1.0': lambda f, n: md1(f, n, (n - 8192) & ~4095),
    'md-1.1': lambda f, n: md1(f, n, 0),
    'md-1.2': lambda f, n: md1(f, n, 4096),
    'md-0.90': md_090,
    'zfs': zfs,
    'ufs1': lambda f, n: ufs(f, n, 8192, 0x00011954),
    'ufs2': lambda f, n: ufs(f, n, 65536, 0x19540119),
    'bitlocker': bitlocker,
    'refs': refs,
    'hfsplus': hfsplus,
    'apfs': apfs,
    'vmfs': vmfs,
}

with open(sys.argv[2], 'r+b') as file:
    KINDS[sys.argv[1]](file, os.fstat(file.fileno()).st_size)
