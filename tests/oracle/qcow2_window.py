#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""qcow2_window.py QCOW2: do all deflate streams need a window of 4 KiB at most?

QEMU inflates with that window.  Its own inflate often gets away with more, because all
output lies in one buffer; here the output is taken in small steps, so that the window is
all there is.  Prints how many clusters were looked at."""
import struct
import sys
import zlib

with open(sys.argv[1], "rb") as f:
    image = f.read()

l1_entries, l1_at = struct.unpack_from(">IQ", image, 36)
count = 0
for l1 in struct.unpack_from(f">{l1_entries}Q", image, l1_at):
    l2_at = l1 & 0x00FFFFFFFFFFFE00
    if not l2_at:
        continue
    for entry in struct.unpack_from(">8192Q", image, l2_at):
        if not entry >> 62 & 1:
            continue
        at = entry & (1 << 54) - 1
        end = (at // 512 + (entry >> 54 & 0xFF) + 1) * 512
        inflate = zlib.decompressobj(-12)
        rest, size = image[at:end], 0
        while not inflate.eof:
            piece = inflate.decompress(rest, 256)
            rest = inflate.unconsumed_tail
            size += len(piece)
            if not piece and not inflate.eof and not rest:
                sys.exit(f"the stream at {at} ends early")
        if size != 65536:
            sys.exit(f"the stream at {at} gives {size} bytes")
        count += 1
print(count)
