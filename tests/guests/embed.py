#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py KERNEL INITRAMFS: a bzImage with archives put behind what it unpacks to, packed again
by zstd, to standard output

Where archives lie in a kernel is what a build with CONFIG_INITRAMFS_SOURCE gives; what is not
changed is how much room the kernel thinks it needs, so it is not to be started."""
import struct
import subprocess
import sys

UNPACK = {b"\xfd7zXZ": ["xz", "-dc"], b"(\xb5/\xfd": ["zstd", "-dcq"], b"\x1f\x8b": ["gzip", "-dc"],
          b"]\0\0": ["xz", "-dc", "--format=lzma"], b"BZh": ["bzip2", "-dc"],
          b"\x02!L\x18": ["lz4", "-dc"]}

kernel, archives = (open(name, "rb").read() for name in sys.argv[1:])
offset, length = struct.unpack_from("<II", kernel, 0x248)
start = ((kernel[0x1f1] or 4) + 1) * 512 + offset
payload = kernel[start:start + length]
command = next(c for magic, c in UNPACK.items() if payload.startswith(magic))
# gzip has the size at its end itself; the others are followed by it.
inside = subprocess.run(command, input=payload if command[0] == "gzip" else payload[:-4],
                        stdout=subprocess.PIPE, check=True).stdout
assert inside.startswith(b"\x7fELF"), command
inside += bytes(-len(inside) % 4096) + archives
packed = subprocess.run(["zstd", "-q", "-3", "-c"], input=inside, stdout=subprocess.PIPE,
                        check=True).stdout + struct.pack("<I", len(inside))
head = bytearray(kernel[:start])
struct.pack_into("<I", head, 0x24c, len(packed))
sys.stdout.buffer.write(head + packed)
