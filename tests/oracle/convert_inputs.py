#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""convert_inputs.py FOLDER: raw disks of every awkward shape, the same ones each time."""
import os
import random
import sys

K, M, G, T = 1 << 10, 1 << 20, 1 << 30, 1 << 40
L2 = 512 * M  # what one L2 table maps
rng = random.Random(20240229)
noise = rng.randbytes


def scattered(size, pieces):
    return [
        (rng.randrange(size - 300 * K), noise(rng.randrange(1, 300 * K)))
        for _ in range(pieces)
    ]


def mixed(size):
    kinds = [
        lambda: noise(M),
        lambda: b"port of entry %d\n" % rng.randrange(100) * 60000,
        lambda: bytes(M),
        lambda: noise(1000) * 300,
        lambda: noise(20 * K) * 52,  # repeats out of reach of a window of 4 KiB
        lambda: noise(3 * K) + bytes(100 * K) + noise(70 * K),
    ]
    return [
        (off, rng.choice(kinds)()[:M]) for off in range(0, size, M) if rng.random() < 0.8
    ]


DISKS = {
    "0-bytes": (0, []),
    "1-byte": (1, [(0, b"x")]),
    "511-bytes": (511, [(500, b"y" * 11)]),
    "512-bytes": (512, [(0, noise(512))]),
    "one-cluster": (64 * K, [(0, noise(64 * K))]),
    "one-cluster-less-1": (64 * K - 1, [(0, noise(64 * K - 1))]),
    "one-cluster-and-1": (64 * K + 1, [(0, noise(64 * K + 1))]),
    "zeros-stored": (5 * M, [(0, bytes(5 * M))]),
    "full": (12 * M + 513, [(0, noise(12 * M + 513))]),
    "mixed": (40 * M, mixed(40 * M)),
    "l2-border": (L2, [(L2 - 1, b"a")]),
    "l2-border-and-sector": (L2 + 512, [(0, b"c"), (L2, b"b")]),
    "over-l2-border": (2 * L2, [(L2 - 70 * K, noise(140 * K)), (2 * L2 - 1, b"a")]),
    "sparse-10g": (10 * G, scattered(10 * G, 20)),
    "empty-2t": (2 * T, []),
    "sparse-5t": (5 * T, scattered(5 * T, 20)),  # two pages of L1
}

for name, (size, pieces) in DISKS.items():
    with open(os.path.join(sys.argv[1], name + ".raw"), "wb") as f:
        for off, data in pieces:
            f.seek(off)
            f.write(data)
        f.truncate(size)
