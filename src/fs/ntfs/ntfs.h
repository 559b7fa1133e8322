/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ntfs.h: NTFS, read by libntfs-3g over a block; private to src/fs/ntfs, and src/mend
 *
 * The library is given nothing but our own reads, of which check.h has looked at every
 * record: it opens no file, logs nothing and writes nothing but to a `write` that was
 * given.  File data is read along its runs by read.c, which also unpacks it.  One lock a
 * filesystem.  A node is the number of its MFT record. */
#pragma once

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

/* In an order that these headers can stand. */
/* clang-format off */
#include <ntfs-3g/types.h>
#include <ntfs-3g/inode.h>
#include <ntfs-3g/volume.h>
#include <ntfs-3g/attrib.h>
/* clang-format on */

#include "fs/fs.h"
#include "fs/ntfs/check.h"

enum {
    NTFS_CACHE_LINE = 16 << 10,
    NTFS_CACHE_LINES = 64,
    NTFS_READS_MAX = 200000,            /* of the device, for one answer */
    NTFS_READS_TOTAL_MAX = 2000000,     /* in the life of a filesystem */
    NTFS_READS_WRITABLE_MAX = 50000000, /* ... that is looked at whole */
    NTFS_BITMAP_MAX = 64 << 20,         /* bytes of the cluster bitmap that are counted */
    NTFS_REPARSE_MAX = 16 << 10,        /* bytes of a reparse point */
};

/* Where writes go; what is read afterwards has them. */
typedef int ntfs_write_fn(void *arg, const void *p, size_t n, uint64_t off,
                          struct err *err);

struct ntfs {
    struct fs fs;
    struct block *cache;
    ntfs_write_fn *write; /* NULL: the volume is read-only */
    void *write_arg;
    pthread_mutex_t lock;
    ntfs_volume *volume;
    int64_t pos;   /* what seek() set */
    struct err io; /* the first read that failed since ntfs_enter() */
    unsigned reads, reads_total;
    unsigned depth; /* readdir() may call the others */
    struct ntfs_shape shape;
    size_t held, wanted; /* of a record that comes in pieces */
    uint64_t held_at;
    uint8_t piece[NTFS_INDEX_MAX];
    ntfs_inode *file; /* read last */
    ntfs_attr *file_data;
    uint8_t *unit; /* unpacked last */
    size_t unit_size;
    uint64_t unit_ino, unit_vcn;
    struct fs_info info;
};

static inline struct ntfs *ntfs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct ntfs, fs);
}

/* ---- io.c */

extern struct ntfs_device_operations ntfs_io;

void ntfs_enter(struct ntfs *n);
/* Unlocks; a read that failed inside turns a good r into its error. */
int ntfs_leave(struct ntfs *n, int r, struct err *err);
/* The error of a library call: a failed read when there was one, else by errno. */
int ntfs_fail(struct ntfs *n, struct err *err, const char *what, uint64_t ino);

/* ---- open.c */

/* The same as the driver's open(), and writable.  `dev` reads what was written. */
int ntfs_open_writable(struct ntfs **ret, struct block *dev, ntfs_write_fn *write,
                       void *arg, struct err *err);
/* Writes what is kept back, and lets go of the volume: nothing else can be done with it
 * but to close it. */
int ntfs_finish(struct ntfs *n, struct err *err);

/* ---- read.c */

void ntfs_attr_closep(ntfs_attr **na);
/* ERR_CORRUPT when it is shorter. */
int ntfs_value_read(struct ntfs *n, ntfs_attr *na, void *buf, size_t len, uint64_t off,
                    struct err *err);

/* ---- reparse.c */

struct ntfs_reparse {
    uint32_t tag; /* 0: none */
    size_t n;
    uint8_t raw[NTFS_REPARSE_MAX];
};

enum ntfs_kind {
    NTFS_PLAIN,
    NTFS_LINK,
    NTFS_SPECIAL,   /* a device or the like, of Linux on Windows */
    NTFS_ELSEWHERE, /* the data is not what the file has */
};

int ntfs_reparse_read(struct ntfs *n, ntfs_inode *ni, struct ntfs_reparse *ret,
                      struct err *err);
enum ntfs_kind ntfs_reparse_kind(uint32_t tag, bool folder);
/* Why a file with this tag cannot be read. */
const char *ntfs_reparse_why(uint32_t tag);
/* With slashes; ERR_UNSUPPORTED when it leads to another volume. */
int ntfs_reparse_target(struct buf *ret, const struct ntfs_reparse *p, struct err *err);

/* ---- node.c */

int ntfs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                  struct err *err);

int ntfs_stat_node(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);
int ntfs_find(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
              size_t n, struct err *err);
int ntfs_list(struct fs *fs, uint64_t dir,
              int (*fn)(void *arg, const struct fs_dirent *d, struct err *err), void *arg,
              struct err *err);
void ntfs_forget_file(struct ntfs *n);
int ntfs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n,
              uint64_t off, struct err *err);

/* ---- state.c */

/* How sure it is that the disk has all that was written, the worst last. */
enum ntfs_state {
    NTFS_STATE_CLEAN,
    NTFS_STATE_DIRTY,   /* the flag of $Volume */
    NTFS_STATE_DAMAGED, /* the log has no whole restart page */
    NTFS_STATE_OPEN,
    NTFS_STATE_CACHED, /* a log of version 2.0 */
    NTFS_STATE_HIBERNATED,
};

/* A restart page of n bytes, which it mends; false: it is none, or torn. */
bool ntfs_restart_page(uint8_t *page, size_t n, uint64_t *lsn, enum ntfs_state *ret);
/* Fills clean, needs_recovery, stale_possible and stale_reason. */
int ntfs_look_at_state(struct fs *fs, bool dirty, struct fs_info *info, struct err *err);

/* ---- usage.c: a member of the driver */

int ntfs_usage(struct fs *fs, struct fs_usage *to, struct err *err);
