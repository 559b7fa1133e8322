/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xfs.h: XFS versions 4 and 5, read only; private to src/fs/xfs
 *
 *   open.c    superblock, geometry, features         log.h   was it unmounted?  replay
 *   inode.c   inode ──> where its forks lie          xattr.c is there such an attribute?
 *   map.c     block of a fork ──> block of the device, by extent list or B+tree
 *   dir.c     entries, inside the inode or in blocks; the hash index is not used
 *
 * As the "XFS Algorithms & Data Structures" document has it.  Numbers are big-endian,
 * but for checksums.  What version 5 checksums is verified, and that it belongs to this
 * filesystem and this owner.  Every call reads its inode anew, through the cache, so
 * nothing changes after open. */
#pragma once

#include "base/bytes.h"
#include "fs/fs.h"

enum {
    XFS_SECTOR_MAX = 32768,
    XFS_BLOCK_MAX = 65536,
    XFS_INODE_MAX = 2048,
    XFS_DEPTH_MAX = 9, /* levels of an extent B+tree, the root in the inode with them */
    XFS_LINK_MAX = 1024,
    XFS_DIR_BYTES_MAX = 64 << 20, /* of one directory: over a million entries */
    XFS_ATTR_BLOCKS_MAX = 4096,
    XFS_COUNTED_GROUPS_MAX = 1024,
    XFS_CACHE_LINE = 16 * 1024,
    XFS_CACHE_LINES = 128,
};

enum {
    XFS_INCOMPAT_FTYPE = 1 << 0,
    XFS_INCOMPAT_META_UUID = 1 << 2,
};

enum {
    XFS_FLAG2_BIGTIME = 1 << 3, /* of an inode */
    XFS_FLAG2_NREXT64 = 1 << 4,
};

struct xfs_super {
    unsigned version; /* 4, 5 */
    uint32_t block_size, sector_size, inode_size, dir_size, ag_blocks, ag_count;
    unsigned block_log, ag_log, inodes_log; /* inodes_log: inodes of a block */
    uint64_t blocks, root;
    uint64_t log_start; /* 0: on another device */
    uint32_t log_blocks;
    uint32_t ro_compat, incompat, log_incompat;
    uint32_t inode_align; /* of chunks of inodes, in blocks */
    uint16_t bits;        /* of version 4 */
    uint32_t bits2;       /* of version 4 */
    bool ftype, ascii_ci;
    uint64_t inodes, inodes_free, blocks_free;
    unsigned inodes_percent;
    uint8_t uuid[16]; /* what metadata is marked with */
};

struct xfs {
    struct fs fs;
    struct block *cache;
    struct xfs_super super;
    struct fs_info info;
};

static inline struct xfs *xfs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct xfs, fs);
}

enum xfs_format { XFS_DEV, XFS_LOCAL, XFS_EXTENTS, XFS_BTREE };

struct xfs_fork {
    unsigned format; /* enum xfs_format */
    uint64_t extents;
    struct bytes b; /* in xfs_inode.raw */
};

struct xfs_inode {
    struct fs_stat st;
    bool realtime;
    struct xfs_fork data, attr; /* attr.b.n 0: there are no attributes */
    uint8_t raw[XFS_INODE_MAX];
};

/* ---- open.c */

/* Is [block, block + n) of the device's numbering (allocation group and block in it)
 * there?  Its byte offset. */
int xfs_address(const struct xfs *x, uint64_t block, uint64_t n, uint64_t *ret,
                struct err *err);

/* Where the marks are in one kind of metadata. */
struct xfs_marks {
    size_t crc, uuid, owner;
};

/* Number of an inode ──> byte offset. */
int xfs_inode_address(const struct xfs *x, uint64_t ino, uint64_t *ret, struct err *err);

/* Is the checksum at b.p + at that of the rest? */
bool xfs_crc_right(struct bytes b, size_t at);

/* True for version 4. */
bool xfs_marks_right(const struct xfs *x, struct bytes b, const struct xfs_marks *at,
                     uint64_t owner);

/* ---- inode.c */

int xfs_inode_read(struct xfs *x, struct xfs_inode *ret, uint64_t ino, struct err *err);
int xfs_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);
int xfs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                 struct err *err);

/* ---- map.c */

struct xfs_run {
    bool zero;      /* hole, or never written */
    uint64_t block; /* as xfs_address() takes it, if not zero */
    uint64_t n;     /* blocks, from the asked one on; at least 1 */
};

int xfs_map(struct xfs *x, struct xfs_run *ret, const struct xfs_inode *i,
            const struct xfs_fork *f, uint64_t at, struct err *err);

/* Bytes of a fork, holes as zeros; from `dev` (x->cache for metadata). */
int xfs_fork_read(struct xfs *x, struct block *dev, const struct xfs_inode *i,
                  const struct xfs_fork *f, void *buf, size_t n, uint64_t off,
                  struct err *err);
int xfs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
             struct err *err);

/* ---- dir.c, xattr.c */

int xfs_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
               size_t n, struct err *err);
int xfs_readdir(struct fs *fs, uint64_t dir,
                int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                void *arg, struct err *err);
int xfs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                  struct err *err);

/* ---- usage.c: a member of the driver */

int xfs_usage(struct fs *fs, struct fs_usage *to, struct err *err);
