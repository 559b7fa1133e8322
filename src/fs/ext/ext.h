/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext.h: ext2, ext3 and ext4 by libext2fs; private to src/fs/ext
 *
 *   fs_read() ──> read.c ──────────────┐ file data, in runs of blocks
 *                 libext2fs ──> io.c ──┤ superblock, inodes, directories
 *                                      └─> journal overlay ──> cache ──> block
 *
 * The library knows the format; every byte it gets comes through io.c, which answers
 * blocks of an unreplayed journal from the journal.  It is not thread-safe, so every call
 * holds the lock. */
#pragma once

#include <pthread.h>

#include "base/bytes.h"
#include "fs/ext/channel.h"
#include "fs/ext/features.h"
#include "fs/ext/journal.h"
#include "fs/fs.h"

enum {
    EXT_SUPER_AT = 1024,
    EXT_SUPER_SIZE = 1024,
    EXT_CACHE_LINE = 64 * 1024,
    EXT_CACHE_LINES = 32,
    EXT_DESCS_MAX = 32 << 20, /* bytes of group descriptors: 64 TiB of a usual one */
    EXT_RUN_MAX = 1024,       /* blocks mapped at a time */
    EXT_INLINE_MAX = 64 * 1024,
    /* Blocks the library may ask for in one call: it follows index blocks that all name
     * the same leaf for as long as they tell it to. */
    EXT_READS_MAX = 1 << 22,
    EXT_READS_TOTAL_MAX = 1 << 24, /* ... and in the life of a filesystem */
};

/* The fields of the superblock that are looked at before the library is. */
struct ext_super {
    uint32_t words[EXT_WORDS];
    uint32_t block_size, blocks_per_group, desc_size, first_block;
    uint64_t blocks, inodes;
    uint32_t journal_ino; /* 0: none, or on another device */
};

/* The file that was read last: its inode and where it lies. */
struct ext_file {
    ext2_ino_t ino; /* 0: none */
    struct ext2_inode inode;
    ext2_extent_handle_t extents; /* NULL: mapped by indirect blocks */
    char *inline_data;            /* NULL: none */
    size_t inline_n;
};

struct ext {
    struct fs fs;
    struct block *cache; /* over fs.dev; own reference */
    pthread_mutex_t lock;
    struct journal *journal; /* NULL: nothing to take from it */
    uint8_t *journal_buf;    /* one block, with it */
    ext2_filsys lib;
    struct ext_channel channel;  /* its error is that of this call */
    unsigned reads, reads_total; /* of the library in this call, and in all */
    unsigned depth;              /* of calls, by callbacks */
    struct ext_super super;
    struct fs_info info;
    struct ext_file file;
};

static inline struct ext *ext_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct ext, fs);
}

/* As it is after the journal, once e->journal is set. */
int ext_super_read(struct ext *e, struct ext_super *ret, struct err *err);

/* Opens the library on e->cache. */
int ext_io_open(struct ext *e, struct err *err);

/* n bytes of the filesystem as it is after the journal. */
int ext_io_read(struct ext *e, void *buf, size_t n, uint64_t off, struct err *err);

/* The content of an inode as a block; only before e->journal is set. */
int ext_log_open(struct block **ret, struct ext *e, uint64_t ino, struct err *err);

/* Makes an error of a code of the library, or of what failed below it. */
int ext_fail(struct ext *e, struct err *err, errcode_t code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Every call of the library stands between these.  A callback may come back in, so the
 * lock is recursive.  ext_leave() returns r, but never success when a read failed that
 * the library kept to itself. */
void ext_enter(struct ext *e);
int ext_leave(struct ext *e, int r, struct err *err);

/* All below: with the lock held. */
int ext_inode(struct ext *e, struct ext2_inode_large *ret, uint64_t ino, struct err *err);
void ext_file_fini(struct ext_file *f);
int ext_file_read(struct ext *e, uint64_t ino, void *buf, size_t n, uint64_t off,
                  struct err *err);

/* Members of ext_driver. */
int ext_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);
int ext_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
               size_t n, struct err *err);
int ext_readdir(struct fs *fs, uint64_t dir,
                int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                void *arg, struct err *err);
int ext_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
             struct err *err);
int ext_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                 struct err *err);
int ext_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                  struct err *err);

/* ---- usage.c: a member of the driver */

int ext_usage(struct fs *fs, struct fs_usage *to, struct err *err);
