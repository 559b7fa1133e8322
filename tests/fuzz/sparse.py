# SPDX-License-Identifier: GPL-2.0-or-later
"""sparse.py SEED IMAGE BYTES: what sparse.h unpacks, laid out in a file."""
import struct
import sys

UNIT = 64


def sparse(image):
    out = b''
    units = [image[i:i + UNIT].ljust(UNIT, b'\0') for i in range(0, len(image), UNIT)]
    i = 0
    while i < len(units):
        if not any(units[i]):
            i += 1
            continue
        n = 1
        while i + n < len(units) and n < 255 and any(units[i + n]):
            n += 1
        out += struct.pack('<HB', i, n) + b''.join(units[i:i + n])
        i += n
    return out


def unpack(seed, image):
    at = 0
    while at + 3 <= len(seed):
        i, n = struct.unpack_from('<HB', seed, at)
        image.seek(i * UNIT)
        image.write(seed[at + 3:at + 3 + n * UNIT])
        at += 3 + n * UNIT


if __name__ == '__main__':
    with open(sys.argv[1], 'rb') as f, open(sys.argv[2], 'wb') as out:
        out.truncate(int(sys.argv[3]))
        unpack(f.read(), out)
