#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""tree_lines.py FOLDER: what fscat prints for a tree, out of the folder it was made from.

tree_lines.py --make FOLDER: makes the folder, with everything that is odd in a tree.
"""
import os
import stat
import sys
import zlib


def control(p):
    if len(p) == 1:
        return p[0] < 0x20 or p[0] == 0x7F or p == b'\\'
    if len(p) == 2:
        return p[0] == 0xC2 and p[1] < 0xA0
    if p[:2] == b'\xe2\x81':
        return 0xA6 <= p[2] <= 0xA9
    return p[:2] == b'\xe2\x80' and (0x8B <= p[2] <= 0x8F or 0xA8 <= p[2] <= 0xAE)


def clean(raw):
    out = ''
    i = 0
    while i < len(raw):
        for n in (1, 2, 3, 4):
            try:
                piece = raw[i:i + n].decode()
            except UnicodeDecodeError:
                continue
            if len(piece) == 1 and not control(raw[i:i + n]):
                out += piece
                i += n
                break
        else:
            out += '\\x%02x' % raw[i]
            i += 1
    return out


def lines(top):
    top = os.fsencode(top)
    for folder, folders, files in os.walk(top):
        for name in folders + files:
            path = os.path.join(folder, name)
            st = os.lstat(path)
            tail, size = '-', st.st_size
            if stat.S_ISREG(st.st_mode):
                kind = 'f'
                crc = 0
                with open(path, 'rb') as f:
                    while chunk := f.read(1 << 20):
                        crc = zlib.crc32(chunk, crc)
                tail = '%08x' % crc
            elif stat.S_ISDIR(st.st_mode):
                kind, size = 'd', 0
            elif stat.S_ISLNK(st.st_mode):
                kind = 'l'
                tail = '%08x' % zlib.crc32(os.readlink(path))
            else:
                kind = 'o'
            yield '%s %06o %d:%d %d %d %s %s' % (
                kind, st.st_mode, st.st_uid, st.st_gid, size, int(st.st_mtime), tail,
                clean(path[len(top):]))


def put(path, data, holes=()):
    with open(path, 'wb') as f:
        f.write(data)
        for at, piece in holes:
            f.seek(at)
            f.write(piece)
        f.truncate(f.tell())


def make(top):
    os.makedirs(top)
    os.chdir(top)
    noise = bytes((i * 7 + i // 251) & 255 for i in range(300007))
    for n in (0, 1, 59, 60, 61, 100, 160, 1023, 1024, 1025, 4096, 300007):
        put('size-%d' % n, noise[:n])
    put('hole-in-front', b'', [(70000, b'end')])
    put('holes', noise[:5000], [(1 << 20, noise[:100]), (3 << 20, noise[:9000])])
    put('far', b'x', [(80 << 20, b'y')])  # triple indirect with 1 KiB blocks
    put('comb', b'', [(i * 8192, noise[:4096]) for i in range(400)])  # many extents
    with open('nothing-but-hole', 'wb') as f:
        f.truncate(1 << 20)
    for name in (b'caf\xc3\xa9', b'not utf-8 \xff\xfe', b'back\\slash', b'new\nline', b' ',
                 b'...', b'\xe2\x80\xae reordered', b'n' * 255, b'\xf0\x9f\x90\xa7'):
        put(name, name)
    for n in (1, 59, 60, 61, 159, 1000):
        os.symlink('/' + 't' * (n - 1), 'link-%d' % n)
    os.symlink('size-100', 'good-link')
    os.link('size-1024', 'hard-link')
    os.mkfifo('fifo')
    for name, count in (('none', 0), ('few', 2), ('some', 60), ('many', 1200)):
        os.mkdir(name)
        for i in range(count):
            put('%s/a name that is long enough to fill blocks %d' % (name, i), b'%d' % i)
    deep = 'deep'
    for i in range(30):
        os.mkdir(deep)
        deep += '/d%d' % i
    for name, mode in (('mode-0', 0), ('setuid', 0o4755), ('sticky', 0o1777)):
        put(name, b'')
        os.chmod(name, mode)
    put('old', b'')
    os.utime('old', (1, 1))
    put('before-1970', b'')
    os.utime('before-1970', (-86400, -86400))


if sys.argv[1] == '--make':
    make(sys.argv[2])
else:
    sys.stdout.reconfigure(errors='surrogateescape')
    for line in sorted(lines(sys.argv[1])):
        print(line)
