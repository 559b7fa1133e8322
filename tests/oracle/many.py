#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""many.py FOLDER COUNT SEED [kernel [LINK_MAX]] [-- FOLDER ...]: a tree of at least COUNT
files with odd names, holes, long symlinks, hard links and one directory that has half of them.

The same SEED gives the same tree.  Symlinks are shorter than LINK_MAX bytes.  With `kernel`,
files are also written over and have room allocated ahead, which only a mounted filesystem
keeps as it was done.
"""
import os
import random
import sys

NAME_MAX, LINK_MAX = 255, 3500
LETTERS = [bytes([b]) for b in range(1, 256) if b != ord('/')]
PIECES = [b'\xe2\x80\xae', b'\xc3\xa9', b'\xf0\x9f\x90\xa7', b'\xe6\x97\xa5', b'e\xcc\x81', b'\xff']


def name_of(rnd, i):
    """Unique by its number."""
    tail = b'%x' % i
    kind = rnd.randrange(8)
    if kind < 5:
        return b'file-%d.of some length.' % rnd.randrange(10) + tail
    if kind == 5:
        return b''.join(rnd.choices(PIECES, k=rnd.randrange(1, 9))) + tail
    if kind == 6:
        return b''.join(rnd.choices(LETTERS, k=rnd.randrange(1, 40))) + tail
    return tail + b'n' * (NAME_MAX - len(tail))


def size_of(rnd):
    kind = rnd.randrange(100)
    if kind < 5:
        return 0
    if kind < 70:
        return rnd.randrange(1, 2100)
    if kind < 90:
        return rnd.randrange(2040, 9000)
    if kind < 98:
        return rnd.choice((4095, 4096, 4097, 8191, 8192, 16384, 20000))
    return rnd.choice((65536, 131071, 131072, 131073, 300007))


def content_of(rnd, n):
    if rnd.randrange(3):
        return (b'line %d of a text that repeats itself\n' % rnd.randrange(1000) * (n // 30 + 1))[:n]
    return rnd.randbytes(n)


def put(rnd, path):
    n = size_of(rnd)
    with open(path, 'wb') as f:
        f.write(content_of(rnd, n))
        if rnd.randrange(40) == 0:
            for _ in range(rnd.randrange(1, 4)):
                f.seek(rnd.randrange(1, 400000), os.SEEK_CUR)
                f.write(content_of(rnd, rnd.randrange(1, 9000)))
            f.truncate(f.tell() + rnd.randrange(2) * 50000)


def change(rnd, path):
    """After it was synced: what was there stays stored around the new."""
    with open(path, 'r+b') as f:
        n = os.fstat(f.fileno()).st_size
        what = rnd.randrange(4)
        if what == 0:
            os.posix_fallocate(f.fileno(), n, 70000)
        elif what == 1:
            f.truncate(n // 2)
        else:
            f.seek(rnd.randrange(n + 1))
            f.write(content_of(rnd, rnd.randrange(1, 6000)))


def main(top, count, seed, kernel='', link_max=LINK_MAX):
    rnd = random.Random(int(seed))
    top = os.fsencode(top)
    os.makedirs(top, exist_ok=True)
    folders = [top, os.path.join(top, b'half of all')]
    os.mkdir(folders[1])
    files = []
    for i in range(int(count)):
        if rnd.randrange(60) == 0:
            folder = os.path.join(rnd.choice(folders[-9:]), b'd' + name_of(rnd, i)[:60])
            # A path has a limit, and so has the depth.
            if len(folder) - len(top) < 1500 and folder.count(b'/') - top.count(b'/') < 20:
                os.mkdir(folder)
                folders.append(folder)
        path = os.path.join(rnd.choice((folders[1], rnd.choice(folders))), name_of(rnd, i))
        put(rnd, path)
        files.append(path)
        if rnd.randrange(50) == 0:
            os.symlink(b'/' * rnd.randrange(1, int(link_max)), os.path.join(top, b'symlink-%d' % i))
        if rnd.randrange(80) == 0:
            os.link(rnd.choice(files), os.path.join(top, b'link-%d' % i))
    if kernel:
        os.sync()
        for path in rnd.sample(files, len(files) // 20):
            change(rnd, path)


words = sys.argv[1:]
while words:
    end = words.index('--') if '--' in words else len(words)
    main(*words[:end])
    words = words[end + 1:]
