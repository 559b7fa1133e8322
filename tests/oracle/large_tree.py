#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""large_tree.py FOLDER: more than 20,000 files with everything that is hard to read

Names of all bytes and lengths, a directory of 4,000, files of all sizes around blocks, holes,
and tens of thousands of extents.  The same bytes every time.
"""
import os
import random
import sys

os.makedirs(sys.argv[1])
os.chdir(os.fsencode(sys.argv[1]))
dice = random.Random(20000)
noise = dice.randbytes(1 << 20)
letters = bytes(set(range(1, 256)) - {ord('/')})


def piece(n):
    at = dice.randrange(len(noise) - n)
    return noise[at:at + n]


def put(path, data):
    with open(path, 'wb') as f:
        f.write(data)


def odd_name(n):
    """Any bytes, with newlines, and so no UTF-8."""
    while True:
        name = bytes(dice.choices(letters, k=n))
        if name not in (b'.', b'..'):
            return name


# One directory that needs two levels of an index.
os.mkdir('many')
for i in range(4000):
    put(b'many/%05d ' % i + b'n' * (i % 240), b'' if i % 3 else piece(i % 61))

for i in range(90):
    os.mkdir('few-%d' % i)
    for j in range(90):
        put('few-%d/%d' % (i, j), piece(dice.randrange(400)))

# Odd names, in directories of odd names.
for i in range(40):
    folder = b'odd-%02d ' % i + odd_name(1 + i * 6)
    os.mkdir(folder)
    for j in range(150):
        n = dice.choice((1, 2, 3, 8, 40, 200, 254, 255))
        name = odd_name(n)
        while os.path.lexists(folder + b'/' + name):
            name = odd_name(n)
        put(folder + b'/' + name, piece(dice.randrange(200)))

# Sizes around inodes, blocks and extents.
os.mkdir('sizes')
for i in range(2600):
    n = dice.choice((0, 59, 60, 61, 155, 156, 157, 1023, 1024, 1025, 4095, 4096, 4097, 12288,
                     12289)) + dice.randrange(3)
    put('sizes/%d' % i, piece(n))
for n in (65536, 274432, 300001, 900000):
    put('sizes/large-%d' % n, piece(n))

os.mkdir('links')
for i in range(300):
    target = b'/'.join(odd_name(1 + dice.randrange(60)) for _ in range(1 + i // 20))
    os.symlink(target[:1000], 'links/%d' % i)
for n in (1, 59, 60, 61, 1000):
    os.symlink('x' * n, 'links/long-%d' % n)
    os.link('sizes/%d' % n, 'links/hard-%d' % n)

# Holes: everywhere, in front, and nothing else.
os.mkdir('holes')
for i in range(120):
    with open('holes/%d' % i, 'wb') as f:
        for _ in range(dice.randrange(12)):
            f.seek(dice.randrange(3 << 20))
            f.write(piece(dice.randrange(9000)))
        f.truncate(max(f.tell(), dice.randrange(3 << 20)))
with open('holes/far', 'wb') as f:
    f.seek(90 << 20)
    f.write(b'far')
# As many extents as it has KiB: three levels of a tree with blocks of 1 KiB.
with open('holes/comb', 'wb') as f:
    for i in range(28000):
        f.seek(i * 2048)
        f.write(b'%d' % i)

deep = b'deep'
for i in range(50):
    os.mkdir(deep)
    put(deep + b'/file', b'%d' % i)
    deep += b'/' + odd_name(20)
