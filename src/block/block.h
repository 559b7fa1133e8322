/* SPDX-License-Identifier: GPL-2.0-or-later */
/* block.h: bytes at offsets
 *
 * A file is a block; a qcow2 is a block opened on a block; a partition is a window on a
 * block; a filesystem is opened on a block and never asks where it came from.
 *
 * Immutable after open, any thread.  Reference-counted atomically: a stacked driver takes
 * its own reference on success and nothing on failure. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/scoped.h"

struct block;

enum extent_kind {
    EXTENT_DATA, /* bytes are stored; they may still all be zero */
    EXTENT_ZERO, /* stored as "reads as zeros" */
    EXTENT_HOLE, /* nothing is stored; reads as zeros */
};

struct extent {
    enum extent_kind kind;
    uint64_t length; /* bytes from the asked offset on; at least 1, within the block */
};

/* An extent, and where it is stored. */
struct location {
    struct extent extent;
    /* The file or other source of bytes that holds it, borrowed from the block; NULL
     * unless it is data. */
    struct block *file;
    uint64_t where;  /* its first byte there; of compressed data, of the stream */
    bool compressed; /* one stream, or several that follow each other */
};

/* The methods of a kind of block.  block.c clamps and checks, drivers may rely on it. */
struct block_driver {
    const char *name;

    /* Fill buf with exactly n bytes at off.  n > 0 and the range lies within the block.
     */
    int (*read)(struct block *b, void *buf, size_t n, uint64_t off, struct err *err);

    /* [opt] Describe the run that starts at off < size.  May answer a shorter run than
     * the real one, but must be cheap: no walk byte by byte.  Default: everything is
     * data. */
    int (*extent)(struct block *b, struct extent *ret, uint64_t off, struct err *err);

    /* [opt] The same with the place, and finer: what a container stores in a hole of its
     * file is zeros.  Need not be as fast.  Default: extent(), and data are in the block
     * itself. */
    int (*locate)(struct block *b, struct location *ret, uint64_t off, struct err *err);

    /* Release what the driver holds, and the struct itself. */
    void (*close)(struct block *b);
};

/* Drivers put this first in their own struct and fill it with block_init(). */
struct block {
    const struct block_driver *driver;
    atomic_uint refs;
    uint64_t size; /* bytes */
};

/* One reference, owned by the caller. */
void block_init(struct block *b, const struct block_driver *driver, uint64_t size);

struct block *block_ref(struct block *b);
/* Closes with the last reference.  NULL is fine. */
void block_unref(struct block *b);

static inline void block_unrefp(struct block **b)
{
    block_unref(*b);
    *b = NULL;
}

/* All n bytes or an error (ERR_SHORT past the end).  n may be 0. */
int block_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err);

/* off < size.  Neighbouring extents may be of the same kind. */
int block_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err);

/* The run at off < size, and where it is stored. */
int block_locate(struct block *b, struct location *ret, uint64_t off, struct err *err);

/* For drivers that keep data as they are: the run that begins with [off, off + len) of
 * their file.  What lies past its end counts as data: reading it says so. */
int block_locate_stored(struct location *ret, struct block *file, uint64_t off,
                        uint64_t len, struct err *err);

/* Calls fn for the whole block in order, neighbours that are one run as one, until it
 * answers negative.  Compressed runs are one while their streams lie in order. */
typedef int block_map_fn(void *arg, uint64_t start, const struct location *l,
                         struct err *err);
int block_map(struct block *b, block_map_fn *fn, void *arg, struct err *err);

/* Bytes stored as data, by extents alone. */
int block_data_size(struct block *b, uint64_t *ret, struct err *err);

/* ---- byte sources and wrappers; each returns one reference in *ret */

/* A file or block device.  Takes over fd on success. */
int block_file_open(struct block **ret, int fd, struct err *err);

/* Its descriptor, borrowed; -1: b is something else. */
int block_file_fd(struct block *b);

/* Memory of the caller's, borrowed until the block is closed. */
int block_mem_open(struct block **ret, const void *p, size_t n, struct err *err);

/* [off, off + len) of under.  ERR_SHORT when that is not within it. */
int block_window_open(struct block **ret, struct block *under, uint64_t off, uint64_t len,
                      struct err *err);

/* For tests.  Fails the Nth access (read or extent, counted from 1; 0 never fails) and
 * every later one with ERR_IO "injected fault"; *count, if given, counts accesses. */
int block_fault_open(struct block **ret, struct block *under, unsigned nth,
                     atomic_uint *count, struct err *err);

/* For tests: asks `under` for one byte at a time, and answers extents of one byte. */
int block_bytewise_open(struct block **ret, struct block *under, struct err *err);

/* A small read-through cache in front of slow or chatty access: `lines` lines of
 * `line_size` bytes (a power of two), least recently used goes first.  Locks internally.
 */
int block_cache_open(struct block **ret, struct block *under, size_t line_size,
                     unsigned lines, struct err *err);
