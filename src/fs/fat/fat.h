/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fat.h: FAT12, FAT16 and FAT32, read only; private to src/fs/fat
 *
 * As Microsoft's "FAT32 File System Specification" 1.03 has it, and where that and
 * practice differ, as Linux mounts it (the kind is told by the size field of the FAT, and
 * a FAT too short for all clusters shortens the filesystem).
 *
 * A file has no inode: it is named by where its short directory entry lies on the device,
 * in units of an entry; the root, which has none, is FAT_ROOT. */
#pragma once

#include "base/bytes.h"
#include "fs/fs.h"

enum {
    FAT_ENTRY = 32,        /* bytes of a directory entry */
    FAT_ROOT = 1,          /* lies in the boot sector, where no entry is */
    FAT_DIR_MAX = 2 << 20, /* bytes of a directory: 65536 entries is the format's limit */
    FAT_FIRST = 2,         /* number of the first cluster */
    FAT_COUNT_MAX = 1 << 20, /* clusters whose state is counted one by one */
    FAT_CACHE_LINE = 4096,
    FAT_CACHE_LINES = 32,
};

enum {
    FAT_ATTR_READ_ONLY = 0x01,
    FAT_ATTR_VOLUME = 0x08,
    FAT_ATTR_DIR = 0x10,
    FAT_ATTR_LONG = 0x0f,
};

struct fat {
    struct fs fs;
    struct block *cache;
    unsigned bits;         /* of an entry of the FAT: 12, 16, 32 */
    uint32_t cluster_size; /* bytes */
    uint32_t clusters;     /* the last one is clusters + 1 */
    uint64_t fat_start, root_start, data_start;
    uint32_t root_bytes;   /* FAT12, FAT16: the root has a place of its own */
    uint32_t root_cluster; /* FAT32 */
    struct fs_info info;
};

static inline struct fat *fat_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct fat, fs);
}

static inline uint64_t fat_cluster_at(const struct fat *f, uint32_t cluster)
{
    return f->data_start + (uint64_t)(cluster - FAT_FIRST) * f->cluster_size;
}

/* ---- chain.c */

/* The entry of the FAT for a cluster, as it is stored. */
int fat_entry(struct fat *f, uint32_t cluster, uint32_t *ret, struct err *err);

/* The cluster after this one: 1, 0 at the end of the chain, ERR_CORRUPT for one that is
 * free, bad or none. */
int fat_next(struct fat *f, uint32_t *cluster, struct err *err);

/* n bytes at off of the chain that begins with `cluster`. */
int fat_chain_read(struct fat *f, uint32_t cluster, void *buf, size_t n, uint64_t off,
                   struct err *err);

/* ---- dir.c */

int fat_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);
int fat_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
               size_t n, struct err *err);
int fat_readdir(struct fs *fs, uint64_t dir,
                int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                void *arg, struct err *err);
int fat_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
             struct err *err);

/* ---- usage.c: a member of the driver */

int fat_usage(struct fs *fs, struct fs_usage *to, struct err *err);
