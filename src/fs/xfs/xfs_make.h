/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xfs_make.h: a small XFS in memory, for tests
 *
 * 64 blocks of 1 KiB in one group, inodes of 512 bytes, so that inode n lies at n * 512:
 *
 *   16  /        the directory in its inode, with all of the following
 *   17  file     3000 bytes: block 30, a hole, block 31 never written
 *   18  link     the target in the inode: "file"
 *   19  far      the target, 100 times 'z', in block 32
 *   20  block    a directory of one block (33): "b", which is 17
 *   21  tree     a B+tree: its root names block 34, that block 35
 *   22  blocks   a directory of two blocks (36, 37)
 *   23  near     security.selinux in the inode
 *   24  leaf     security.selinux in block 38
 *
 * The log is in blocks 48 to 63, and empty. */
#pragma once

#include "fs/fs.h"

enum {
    XFS_MADE_BLOCK = 1024,
    XFS_MADE_BLOCKS = 64,
    XFS_MADE_LOG = 48 * XFS_MADE_BLOCK,
    XFS_MADE_LOG_SECTORS = 32,
};

struct xfs_made {
    unsigned version;
    uint8_t raw[XFS_MADE_BLOCKS * XFS_MADE_BLOCK];
};

void xfs_make(struct xfs_made *m, unsigned version);

/* Checksums as they must be, of all but the log. */
void xfs_seal(struct xfs_made *m);

/* Appends to the log a record of these operations, checksum and all; `tail` and its place
 * are sectors, the round is the first. */
void xfs_make_record(struct xfs_made *m, unsigned sector, unsigned tail, unsigned ops,
                     struct bytes b);

/* ---- what is done with it */

enum xfs_use { XFS_OPEN, XFS_LIST, XFS_READ, XFS_LINK, XFS_LABEL };

/* LABEL: is there security.selinux?  `text` gets what READ and LINK read. */
int xfs_use_made(struct xfs_made *m, enum xfs_use use, uint64_t ino, unsigned *entries,
                 struct buf *text, struct err *err);

#define XFS_IN_INODE(n, at) ((n)*512 + (at))
#define XFS_IN_BLOCK(n, at) ((n)*XFS_MADE_BLOCK + (at))

struct xfs_spoilt {
    const char *sentence;
    unsigned version; /* 0: both */
    enum xfs_use use;
    uint64_t ino;
    struct {
        size_t at;
        unsigned n; /* bytes, big-endian */
        uint64_t v;
    } put[2];
    bool torn; /* the checksum stays as it was */
    const char *want;
};

/* Each case, with every version it is for; prints and counts those that go otherwise. */
unsigned xfs_spoil_all(const struct xfs_spoilt *v, size_t n);
