#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""make_disk.py: seeds for fuzz_volume, fuzz_identify, fuzz_ext, fuzz_fat
and fuzz_journal.

Run in tests/fuzz; needs sfdisk, sgdisk, the mkfs programs, mtools and debugfs.  Seeds are
small and, but for UUIDs and times, the same at every run.
"""
import os
import struct
import subprocess
import sys
import tempfile

from sparse import UNIT, sparse

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, '../oracle'))
os.environ['PATH'] += ':/usr/sbin:/sbin'


def run(command, image, **options):
    subprocess.run([image if word == '@' else word for word in command.split()],
                   check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **options)


def seed(target, name, data):
    folder = os.path.join(here, 'corpora', target)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), 'wb') as f:
        f.write(data)


def volumes(work):
    tables = {
        'mbr': 'label: dos\n2, 4, 83, *\n6, 4, 82\n',
        'logical': 'label: dos\n1 : start=2, size=2, type=83\n2 : start=4, size=30, type=5\n'
                   '5 : start=6, size=3\n6 : start=12, size=3\n7 : start=20, size=2\n',
    }
    for name, table in tables.items():
        image = os.path.join(work, name)
        with open(image, 'wb') as f:
            f.truncate(40 * 512)
        run('sfdisk -q --no-reread --no-tell-kernel -f @', image, input=table.encode())
        with open(image, 'rb') as f:
            seed('volume', name, b'\0' + f.read())
    # sgdisk wants a real size, so the GPT is written here: four entries, two used.
    size = 24
    disk = bytearray(size * 512)
    disk[446:462] = struct.pack('<B3xB3xII', 0, 0xEE, 1, size - 1)
    disk[510:512] = b'\x55\xaa'
    linux = bytes.fromhex('af3dc60f838472478e793d69d8477de4')
    esp = bytes.fromhex('28732ac11ff8d211ba4b00a0c93ec93b')
    entries = b''
    for kind, first, last, name in ((esp, 4, 7, 'EFI'), (linux, 8, 20, 'root')):
        entries += struct.pack('<16s16sQQQ72s', kind, bytes(range(16)), first, last, 4,
                               name.encode('utf-16le'))
    entries = entries.ljust(512, b'\0')
    for at, other, array in ((1, size - 1, 2), (size - 1, 1, size - 2)):
        disk[array * 512:array * 512 + 512] = entries
        header = struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, 0, 0, at,
                             other, 3, size - 3, bytes(16), array, 4, 128, 0)
        disk[at * 512:at * 512 + len(header)] = header
    seed('volume', 'gpt', b'\1' + disk)
    disk[512:1024] = bytes(512)
    seed('volume', 'gpt-backup', b'\1' + disk)
    disk[462:478] = struct.pack('<B3xB3xII', 0x80, 0x83, 8, 4)
    seed('volume', 'hybrid', b'\1' + disk)
    vbr = bytearray(2048)
    vbr[0:11] = b'\xeb\x52\x90NTFS    '
    vbr[510:512] = b'\x55\xaa'
    seed('volume', 'ntfs', b'\0' + vbr)


def identify(work):
    kinds = {
        'ext4': ('256K', 'mke2fs -q -F -t ext4 -L root @'),
        'xfs': ('320M', 'mkfs.xfs -q -L data @'),
        'btrfs': ('128M', 'mkfs.btrfs -q -L label @'),
        'vfat16': ('16M', 'mkfs.vfat -F 16 -n EFI @'),
        'vfat32': ('64M', 'mkfs.vfat -s 1 -F 32 -n EFI @'),
        'ntfs': ('16M', 'mkntfs -q -F -f -L System @'),
        'exfat': ('16M', 'mkfs.exfat -L stick @'),
        'swap': ('4M', 'mkswap -q -L swap @'),
        'f2fs': ('64M', 'mkfs.f2fs -q -l phone @'),
        'jfs': ('32M', 'mkfs.jfs -q -L jfs @'),
        'reiserfs': ('64M', 'mkreiserfs -q -f -l old @'),
        'udf': ('16M', 'mkudffs -b 2048 @'),
    }
    for kind in ('lvm2', 'md-1.0', 'md-1.2', 'md-0.90', 'ufs2', 'bitlocker', 'refs'):
        kinds[kind] = ('128K', os.path.join(here, '../oracle/identify_inputs.py') +
                       f' {kind} @')
    for name, (size, command) in kinds.items():
        image = os.path.join(work, 'identify')
        if os.path.exists(image):
            os.unlink(image)
        subprocess.run(['truncate', '-s', size, image], check=True)
        run(command, image)
        with open(image, 'rb') as f:
            data = f.read(256 * 1024)
        keep = bytearray(len(data))
        for at in range(0, len(data), 512):
            # What the recognisers look at, and the directories that hold labels.
            if at < 4096 or at in (8192, 16384) or 32768 <= at < 34816 or \
                    65024 <= at < 67584 or at >= 126 * 1024 or at + 512 in (8192, 16384):
                keep[at:at + 512] = data[at:at + 512]
        seed('identify', name, sparse(bytes(keep))[:6000])


def ext(work):
    source = os.path.join(work, 'source')
    os.makedirs(source + '/a/b')
    with open(source + '/file', 'w') as f:
        f.write('content\n' * 20)
    with open(source + '/holes', 'wb') as f:
        for i in range(8):
            f.seek(i * 8192)
            f.write(b'piece %d' % i)
    with open(source + '/a/b/c', 'w') as f:
        f.write('tiny')
    os.symlink('a/b/c', source + '/short')
    os.symlink('/long' * 20, source + '/long')
    kinds = {
        'ext2': (128, '-t ext2 -b 1024'),
        'ext4': (128, '-t ext4 -b 1024 -O ^has_journal,^metadata_csum,^resize_inode'),
        'ext4-csum': (128, '-t ext4 -b 1024 -O ^has_journal,metadata_csum,^resize_inode'),
        'ext4-inline': (128, '-t ext4 -b 1024 -I 256 -O '
                             '^has_journal,inline_data,^metadata_csum,^resize_inode'),
        'ext4-4k': (256, '-t ext4 -b 4096 -O ^has_journal,^metadata_csum,^resize_inode'),
        'ext4-bigalloc': (256, '-t ext4 -b 1024 -C 4096 -O '
                               '^has_journal,bigalloc,^metadata_csum,^resize_inode'),
    }
    for name, (size, options) in kinds.items():
        image = os.path.join(work, name)
        subprocess.run(['truncate', '-s', f'{size}K', image], check=True)
        run(f'mke2fs -q -F -N 24 -d {source} {options} @', image)
        subprocess.run(['debugfs', '-w', '-R', 'ea_set /file security.selinux label', image],
                       check=True, stderr=subprocess.DEVNULL)
        with open(image, 'rb') as f:
            seed('ext', name, b'\1' + sparse(f.read()))


def fat(work):
    kinds = {
        'fat12': '-F 12 -s 1',
        'fat16': '-F 16 -s 1',
    }
    source = os.path.join(work, 'fat')
    os.makedirs(os.path.join(source, 'EFI/BOOT'))
    for name, text in {'EFI/BOOT/BOOTX64.EFI': 'MZ' * 700, 'small': 'x',
                       'a long name of several pieces, \u65e5\u672c.txt': 'y'}.items():
        with open(os.path.join(source, name), 'w') as f:
            f.write(text)
    for name, options in kinds.items():
        image = os.path.join(work, name)
        with open(image, 'wb') as f:
            # FAT16 needs so many clusters that the end of it is left out of the seed.
            f.truncate((4200 if name == 'fat16' else 500) * 512)
        run('mkfs.vfat --invariant %s @' % options, image)
        run('mcopy -s -i @ %s/EFI %s/small ::/' % (source, source), image)
        subprocess.run(['mcopy', '-i', image, *[os.path.join(source, n) for n in
                        os.listdir(source) if n.startswith('a long')], '::/'], check=True)
        with open(image, 'rb') as f:
            seed('fat', name, sparse(f.read()))
    # mtools takes no FAT32 this small.  Root in cluster 2, a folder in 3, a file in 4 and 6.
    image = bytearray(64 * 512)
    image[:3] = b'\xeb\x58\x90'
    struct.pack_into('<HBHBHHBHHHIIIHHIHH', image, 11, 512, 1, 4, 1, 0, 0, 0xf8, 0, 32, 2, 0,
                     64, 1, 0, 0, 2, 1, 0)
    image[510:512] = b'\x55\xaa'
    struct.pack_into('<7I', image, 4 * 512, 0x0ffffff8, 0x0fffffff, 0x0fffffff, 0x0fffffff, 6,
                     0, 0x0fffffff)

    def entry(at, name, attributes, cluster, size):
        struct.pack_into('<11sB8xHHHHI', image, at, name, attributes, 0, 0, 0x5a21, cluster,
                         size)
    entry(5 * 512, b'EFI        ', 0x10, 3, 0)
    entry(6 * 512, b'BOOTX64 EFI', 0x20, 4, 1000)
    seed('fat', 'fat32', sparse(bytes(image)))


def be(*words):
    return struct.pack(f'>{len(words)}I', *words)


MAGIC = 0xC03B3998


def log(name, incompat, block=1024, compat=0):
    """Four transactions: blocks 10 and 11, 10 again (escaped), a revoke of 11, 12."""
    size = 8 + (4 if incompat & 2 else 0) + (2 if incompat & 8 else 0)
    sb = be(MAGIC, 4, 0, block, 24, 1, 7, 1, 0, compat, incompat, 0) + bytes(range(16))
    blocks = [sb]

    def tag(number, flags):
        if incompat & 16:
            return be(number, flags, 0, 0)
        return (be(number) + struct.pack('>HH', 0, flags)).ljust(size, b'\0')

    def transaction(sequence, numbers, revoked=()):
        if numbers:
            d = be(MAGIC, 1, sequence)
            for i, n in enumerate(numbers):
                last = 8 if i == len(numbers) - 1 else 0
                d += tag(n, last | (2 if i else 0) | (1 if n == 10 else 0))
                if not i:
                    d += bytes(range(16))
            blocks.append(d)
            blocks.extend(b'data of %d' % n for n in numbers)
        if revoked:
            item = '>Q' if incompat & 2 else '>I'
            body = b''.join(struct.pack(item, n) for n in revoked)
            blocks.append(be(MAGIC, 5, sequence, 16 + len(body)) + body)
        blocks.append(be(MAGIC, 2, sequence) + bytes(36) + struct.pack('>QI', sequence, 0))

    transaction(7, [10, 11])
    transaction(8, [10])
    transaction(9, [], [11])
    transaction(10, [12, 13, 14])
    data = b''.join(b.ljust(block, b'\0') for b in blocks)
    shift = {1024: 0, 2048: 1, 4096: 2}[block]
    seed('journal', name, bytes([1 | shift << 1]) + sparse(data.ljust(24 * block, b'\0')) +
         struct.pack('<HB', 24 * block // UNIT - 1, 1) + bytes(UNIT))


with tempfile.TemporaryDirectory() as folder:
    volumes(folder)
    identify(folder)
    ext(folder)
    fat(folder)
log('plain', 0)
log('revoke', 1)
log('64bit', 3)
log('v2', 8 | 1)
log('v2-64bit', 8 | 3)
log('v3', 16 | 3)
log('v3-4k', 16 | 3, 4096)
log('sum1', 1, compat=1)
log('async', 16 | 4 | 3)
log('fast', 16 | 32 | 3)
