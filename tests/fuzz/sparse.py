# SPDX-License-Identifier: GPL-2.0-or-later
"""sparse.py: what sparse.h unpacks."""
import struct

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
