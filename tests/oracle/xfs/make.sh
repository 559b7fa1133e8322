#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# make.sh: images beside it that only a kernel can make; needs root and a loop device.
# kernel: a B+tree of extents, a node directory, attributes in blocks, a long symlink.
# dirty: a copy of it while it was mounted.  kernel.tree is what the kernel showed.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
image=$work/image
mkdir "$work/m"
truncate -s 32M "$image"
mkfs.xfs -q --unsupported -l size=2000b -d agcount=2 "$image"
mount -o loop "$image" "$work/m"
python3 - "$work/m" <<'END'
import os, sys
os.chdir(sys.argv[1])
os.mkdir('big')
for i in range(1500):
    open('big/file-with-a-name-of-some-length-%d' % i, 'w')
fd = os.open('pieces', os.O_RDWR | os.O_CREAT)
for i in range(600):
    os.pwrite(fd, b'%d' % i, i * 8192)
os.ftruncate(fd, 12 << 20)
os.symlink('/' + 'z' * 1000, 'long')
open('labelled', 'w').close()
os.setxattr('labelled', 'security.selinux', b'label')
for i in range(60):
    os.setxattr('pieces', 'user.attribute-%d' % i, b'v' * 200)
os.setxattr('pieces', 'security.selinux', b'label')
fd = os.open('unwritten', os.O_RDWR | os.O_CREAT)
os.posix_fallocate(fd, 0, 100000)
open(b'odd-\xff\xfe', 'w').close()
END
sync
python3 "$here/../tree_lines.py" "$work/m" | LC_ALL=C sort >"$here/kernel.tree"
cp --sparse=always "$image" "$work/dirty"
umount "$work/m"
zstd -q -19 -f "$image" -o "$here/kernel.img.zst"
zstd -q -19 -f "$work/dirty" -o "$here/dirty.img.zst"
zstd -q -19 -f --rm "$here/kernel.tree" -o "$here/kernel.tree.zst"
rm -r "$work"
