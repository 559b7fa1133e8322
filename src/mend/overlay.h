/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overlay.h: a block that can be written, over one that is not
 *
 *   overlay_write() ──> clusters in memory ──┐
 *                       base ────────────────┴──> block_read() of the overlay's block
 *
 * Only clusters whose bytes differ from the base's are kept: writing what is there
 * already costs nothing.  The base may be smaller, and reads as zeros from its end on.
 * While it is written one thread at a time; sealed, it is immutable and any thread may
 * read it. */
#pragma once

#include "block/block.h"

enum {
    OVERLAY_CLUSTER_BITS = 16,
    OVERLAY_CLUSTER = 1 << OVERLAY_CLUSTER_BITS,
    OVERLAY_CLUSTERS_MAX = 1024, /* 64 MiB */
};

struct overlay;

/* Takes its own reference to base.  size >= base->size. */
int overlay_open(struct overlay **ret, struct block *base, uint64_t size,
                 struct err *err);
void overlay_unref(struct overlay *o); /* NULL is fine */

static inline void overlay_unrefp(struct overlay **o)
{
    overlay_unref(*o);
    *o = NULL;
}

/* What it reads as, borrowed.  Until it is sealed locate() says that all of it is data
 * and lies in this very block: that is how a partition's offset becomes the disk's. */
struct block *overlay_block(struct overlay *o);

/* ERR_SHORT past the end, ERR_LIMIT when too many clusters would differ. */
int overlay_write(struct overlay *o, const void *p, size_t n, uint64_t off,
                  struct err *err);

/* From now on it is only read, and locate() tells what the base's does. */
void overlay_seal(struct overlay *o);

/* How many clusters differ. */
size_t overlay_clusters(const struct overlay *o);

/* Calls fn for each of them in order, with the bytes of it that lie within the block. */
int overlay_each(struct overlay *o,
                 int (*fn)(void *arg, uint64_t off, const uint8_t *p, size_t n,
                           struct err *err),
                 void *arg, struct err *err);

/* ---- overlay_qcow2.c */

enum { OVERLAY_BACKING_MAX = 1023 }; /* bytes of the name: QEMU takes no more */

/* As a qcow2 of version 3 that stands on another image by name:
 *
 *   header, format and name of the base │ refcount table │ refcount blocks │ L1 │ L2s │
 * data
 *
 * Clusters are the overlay's, so that file and memory are the same. */
struct overlay_file {
    uint64_t size;              /* virtual */
    const char *backing;        /* as QEMU is to find it */
    const char *backing_format; /* "qcow2", "raw" */
};

/* Writes it to fd, an empty file; syncs nothing.  `changed` may be NULL: nothing differs.
 */
int overlay_write_file(int fd, const struct overlay_file *file, struct overlay *changed,
                       struct err *err);
