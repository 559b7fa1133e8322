/* SPDX-License-Identifier: GPL-2.0-or-later */
/* initramfs.h: what an initramfs holds, without unpacking it
 *
 *   cpio segment(s), uncompressed      early microcode, some dracut layouts
 *   zero padding
 *   one or more archives, each         gzip, xz, zstd, lz4 (legacy frame), lzo, bzip2,
 *     compressed or not                lzma or plain; the kernel accepts them in a row
 *
 * Streams through a bounded window: memory does not grow with the archive. */
#pragma once

#include "base/arena.h"
#include "block/block.h"

enum {
    INITRAMFS_UNPACKED_MAX = 2047 << 20, /* bytes after decompression, all segments */
    INITRAMFS_ENTRIES_MAX = 200000,
    INITRAMFS_NAME_MAX = 4096,
};

struct initramfs_entry {
    const char *name; /* without leading "./" or "/"; bytes, NUL-terminated */
    uint32_t mode;
    uint64_t size;
    /* The first bytes of a regular file, at most 64 KiB, when `want` asked for them. */
    struct bytes content;
};

struct initramfs_reader {
    /* Called for every entry.  Non-zero stops and is returned. */
    int (*entry)(void *arg, const struct initramfs_entry *e, struct err *err);
    /* [opt] Should `content` be filled for this name? */
    bool (*want)(void *arg, const char *name, uint64_t size);
    void *arg;
    uint64_t unpacked_max; /* 0: INITRAMFS_UNPACKED_MAX; never more than that */
};

struct initramfs_info {
    char format[16];   /* compression of the main archive: "zstd", "gzip", ..., "none" */
    unsigned segments; /* archives seen */
    uint64_t unpacked; /* bytes */
    unsigned entries;
};

/* The one archive that begins at `from`, packed or not, in a file that holds more than
 * archives; *end is behind it.  Adds to *info.  One that ends between two entries is
 * whole, whatever its packer says. */
int initramfs_read_at(struct block *file, uint64_t from, uint64_t *end,
                      const struct initramfs_reader *reader, struct initramfs_info *info,
                      struct err *err);

/* ERR_CORRUPT, ERR_UNSUPPORTED (a compressor we do not know), ERR_LIMIT.  *info says how
 * far it went, also on failure. */
int initramfs_read(struct block *file, const struct initramfs_reader *reader,
                   struct initramfs_info *info, struct err *err);
