#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""ntfs_tree.py FOLDER FILES: makes a folder with all that is odd, and so many files."""
import os
import random
import sys

random.seed(20)
noise = random.randbytes(300007)
text = b''.join(b'%d lines of text\n' % i for i in range(30000))
names = [
    '日本語 und Ümläute.txt', 'beyond the plane 😀', 'trailing dot.', 'trailing blank ',
    ' leading', '...', 'name', 'Name', 'NAME', 'naïve', 'NAÏVE', 'ß', 'ſ', 'ŉ', 'ﬁ',
    'a:b', 'q?*<>|"', 'CON', 'aux.txt', 'back\\slash', 'tab\there', 'e\u0301', 'é',
    'LONGNA~1', 'İstanbul', '\u202e reordered', '\ufeff', '\ue000 private', 'n' * 255,
    'ü' * 127,
]


def put(path, data, pieces=(), size=None):
    with open(path, 'wb') as f:
        f.write(data)
        for at, piece in pieces:
            f.seek(at)
            f.write(piece)
        if size is not None:
            f.truncate(size)


def contents():
    """Of a few hundred bytes, which lie in the MFT record, up to some clusters."""
    n = random.choice((0, 1, 30, 200, 700, 701, 900, 4095, 4096, 4097, 9000))
    at = random.randrange(len(noise) - n)
    return noise[at:at + n]


def packed(folder):
    os.mkdir(folder)
    put(folder + '/random', noise)
    put(folder + '/text', text)
    put(folder + '/both', text[:100000] + noise[:70000] + text[:65536] + bytes(200000) + b'x')
    put(folder + '/zeros', bytes(300000))
    put(folder + '/hole', text[:70000], [(1 << 20, text[:9000])])
    put(folder + '/small', b'resident')
    for n in (4095, 4096, 4097, 65535, 65536, 65537, 131072):
        put('%s/text-%d' % (folder, n), text[:n])
        put('%s/noise-%d' % (folder, n), noise[:n])
    put(folder + '/same', b'a' * 500000)
    for i in range(20):
        at, n = random.randrange(100000), random.randrange(100000)
        put('%s/mixed-%d' % (folder, i), text[at:at + n] + noise[at:at + n // 7] + text[:n])


os.makedirs(sys.argv[1])
os.chdir(sys.argv[1])
for name in names:
    put(name, name.encode())
put('empty', b'')
put('noise', noise)
put('hole-in-front', b'', [(700000, b'end')])
put('nothing-but-hole', b'', size=5 << 20)
put('comb', b'', [(i * 150000, noise[:5000]) for i in range(300)])
put('hole-at-end', noise, size=2 << 20)
put('big', noise * 40)
packed('packed')
os.makedirs('Windows/System32/config')
put('Windows/System32/config/SOFTWARE', noise * 10)
os.link('noise', 'Windows/hard link of noise')
os.link('name', 'Windows/hard link')
for i, target in enumerate(('name', 'Windows/System32', '../up', '/Windows', 'no such', 't' * 900,
                            '日本語')):
    os.symlink(target, 'link-%d' % i)
deep = 'deep'
for i in range(40):
    os.mkdir(deep)
    put(deep + '/file', b'%d' % i)
    deep += '/d%d' % i
left = int(sys.argv[2])
os.mkdir('many')
for i in range(left * 6 // 10):
    put('many/a file with a name, number %d %s' % (i, 'x' * (i % 120)), b'%d' % i)
for i in range(left * 4 // 10):
    folder = 'folder %d' % (i // 100)
    if i % 100 == 0:
        os.mkdir(folder)
    put('%s/%s-%d' % (folder, random.choice(names)[:60], i), contents())
