#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ntfs_log.py IMAGE PAGE...: writes restart pages into the log of an NTFS image.

A PAGE is LSN:MAJOR:CLIENT:FLAGS, "torn:" in front of one spoils the end of a sector, and
"-" is a page of zeros.
"""
import struct
import sys

LOG_BYTES = 2 << 20


def log_offset(image):
    """Where the first run of the data of MFT record 2 lies."""
    image.seek(0)
    boot = image.read(512)
    sector, per_cluster = struct.unpack_from('<HB', boot, 11)
    # Beyond 128 it is the negative of a logarithm.
    cluster = sector * (per_cluster if per_cluster <= 128 else 1 << 256 - per_cluster)
    size = struct.unpack_from('<b', boot, 64)[0]
    size = 1 << -size if size < 0 else size * cluster
    image.seek(struct.unpack_from('<Q', boot, 48)[0] * cluster + 2 * size)
    record = image.read(size)
    at = struct.unpack_from('<H', record, 20)[0]
    while struct.unpack_from('<I', record, at)[0] != 0x80:
        at += struct.unpack_from('<I', record, at + 4)[0]
    runs = at + struct.unpack_from('<H', record, at + 32)[0]
    lengths = record[runs]
    n = lengths & 15
    lcn = int.from_bytes(record[runs + 1 + n:runs + 1 + n + (lengths >> 4)], 'little')
    return lcn * cluster


def page(words):
    torn = words.startswith('torn:')
    lsn, major, client, flags = (int(w, 0) for w in words.removeprefix('torn:').split(':'))
    out = bytearray(4096)
    struct.pack_into('<4sHHQIIHHHH', out, 0, b'RSTR', 30, 9, 0, 4096, 4096, 48,
                     1 if major == 1 else 0, major, 0x1234)
    # One client.
    struct.pack_into('<QHHHHIHHQIHH', out, 48, lsn, 1, 0xffff, client, flags,
                     67 - LOG_BYTES.bit_length(), 64 + 160, 64, LOG_BYTES, 0, 48, 64)
    struct.pack_into('<QQHH8xI8s', out, 48 + 64, 0, 0, 0xffff, 0xffff, 8,
                     'NTFS'.encode('utf-16le'))
    for i in range(8):
        out[30 + 2 + 2 * i:34 + 2 * i] = out[510 + 512 * i:512 + 512 * i]
        out[510 + 512 * i:512 + 512 * i] = out[30:32]
    if torn:
        out[4095] ^= 0xff
    return out


with open(sys.argv[1], 'r+b') as image:
    at = log_offset(image)
    for i, words in enumerate(sys.argv[2:]):
        image.seek(at + 4096 * i)
        image.write(bytes(4096) if words == '-' else page(words))
    image.write(bytes(4096))
