#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_disk.py FILE MIB: a disk with the small Debian of tests/golden, as large as that, most of
it one file of noise, the same each time: an import of it is short, and has something to do"""
import os
import random
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.realpath(__file__)), "..", "golden"))
sys.dont_write_bytecode = True

import disk  # noqa: E402
import tree  # noqa: E402

AT = 2048 * disk.SECTOR


def main():
    file, size = sys.argv[1], int(sys.argv[2]) * disk.MIB
    folder = tempfile.mkdtemp()
    try:
        tree.debian(folder)
        with open(os.path.join(folder, "noise"), "wb") as f:
            f.write(random.Random(1).randbytes(size - 32 * disk.MIB))
        with open(file, "wb") as f:
            f.truncate(size)
        disk.poke(file, 0, disk.mbr([disk.entry(0x83, AT // disk.SECTOR, (size - AT) // disk.SECTOR,
                                                active=True)]))
        disk.mke2fs(file, AT, size - AT, folder)
    finally:
        shutil.rmtree(folder)


main()
