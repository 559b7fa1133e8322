#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""blocks.py BEFORE AFTER OFFSET OUT: what differs between two states of an ext4 filesystem
that begins at OFFSET of both disks.

Writes the differing blocks of AFTER to OUT and prints their numbers, "3,17,18".  A block
that is all zero in BEFORE holds the data of a new file, which the kernel writes in place and
not to the journal: it is copied into BEFORE.  The superblock is left alone.
"""
import errno
import os
import sys

BLOCK = 4096


def data_blocks(fd):
    """Offsets of the blocks of a sparse file that are not holes."""
    at = 0
    while True:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                return
            raise
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield from range(start - start % BLOCK, at, BLOCK)


def main(before_name, after_name, offset, out_name):
    numbers = []
    offset = int(offset)
    before = os.open(before_name, os.O_RDWR)
    after = os.open(after_name, os.O_RDONLY)
    with open(out_name, "wb") as out:
        for at in data_blocks(after):
            if at <= offset:
                continue
            old, new = os.pread(before, BLOCK, at), os.pread(after, BLOCK, at)
            if old == new:
                continue
            if not any(old):
                os.pwrite(before, new, at)
                continue
            numbers.append((at - offset) // BLOCK)
            out.write(new)
    print(",".join(map(str, numbers)))


main(*sys.argv[1:])
