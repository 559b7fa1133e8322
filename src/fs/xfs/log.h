/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.h: the log of XFS; private to src/fs/xfs
 *
 *   log.c      the ring of records: where it ends, with what, and what is in one
 *   replay.c   records ──> transactions that were committed ──> their items
 *   items.c    items ──> bytes of an overlay
 *
 * Nothing in here is a fault of the filesystem: what cannot be replayed is told, in words
 * that follow "the log was not cleanly unmounted, and ", and what lies in place is read
 * as it is.  Numbers of records and operations are big-endian, of items little-endian. */
#pragma once

#include "fs/xfs/xfs.h"

enum {
    XFS_LOG_SECTOR = 512,
    XFS_LOG_RECORD_MAX = 256 * 1024, /* bytes of a record */
    XFS_LOG_ACTIVE_MAX = 32 << 20,   /* bytes that are replayed */
    XFS_LOG_HELD_MAX = 16 << 20,     /* of transactions that are not yet committed */
    XFS_LOG_OPEN_MAX = 256,          /* of these at a time */
    XFS_LOG_NAMES_MAX = 1 << 16,     /* blocks given back, intents */
    XFS_LOG_OVERLAY_MAX = 24 << 20,
    XFS_LOG_WHY_MAX = 100,
};

struct xfs_log {
    struct xfs *x;
    uint64_t at, sectors; /* where it is on the device, and its length */
    uint64_t head;        /* the first sector of the round before */
    uint32_t cycle;       /* of the sectors in front of it */
};

struct xfs_record {
    uint64_t sector, sectors; /* place and length, the header with it */
    uint64_t buffer;          /* length of the longest such record */
    uint32_t cycle;
    uint64_t lsn, tail; /* cycle << 32 | sector */
    uint32_t ops;
    struct bytes b; /* the operations, in `buf` */
    uint8_t *buf;   /* freed by who declared the record */
};

/* Is there a record that ends the log as an unmount does? */
int xfs_log_open(struct xfs_log *ret, struct xfs *x, bool *clean, struct err *err);

/* 1 and *ret (whose buf is made at the first call, and used again), or 0: there is no
 * whole record of this round here. */
int xfs_log_record(struct xfs_record *ret, const struct xfs_log *l, uint64_t sector,
                   uint32_t cycle, struct err *err);

/* The newest whole record; 0: none. */
int xfs_log_last(struct xfs_record *ret, const struct xfs_log *l, struct err *err);

/* Where and in which round the next one begins. */
void xfs_log_next(const struct xfs_log *l, const struct xfs_record *r, uint64_t *sector,
                  uint32_t *cycle);

/* So near to the head that a stop in the middle of a write may have torn it? */
bool xfs_log_is_unsure(const struct xfs_log *l, uint64_t sector, uint64_t buffer);

/* A block over x->fs.dev with the log replayed; `why` says what was left out, or why
 * there is none (*ret NULL); it is "" when all is as a mount would find it. */
int xfs_replay(struct block **ret, struct xfs_log *l, char why[XFS_LOG_WHY_MAX],
               struct err *err);

/* ---- items.c */

/* Numbers, and how often each is there. */
struct xfs_names {
    struct xfs_name {
        uint64_t key;
        uint32_t n;
        bool used;
    } * v;
    size_t n, cap;
};

struct xfs_items {
    struct xfs *x;
    struct block *to;           /* the overlay */
    struct xfs_names cancelled; /* blocks that were given back */
    struct xfs_names touched;   /* whose checksums are made at the end */
    struct xfs_names intents;   /* that were not done, by their number */
    uint8_t *buf;               /* XFS_BLOCK_MAX */
};

/* The parts of an item, the first its description. */
struct xfs_item {
    const struct bytes *v;
    size_t n;
};

enum xfs_item_order {
    XFS_ITEM_BLOCKS, /* in this order within a transaction */
    XFS_ITEM_OTHER,
    XFS_ITEM_INODE_BLOCKS,
    XFS_ITEM_CANCEL,
};

enum xfs_item_order xfs_item_order(const struct xfs_item *i);

/* First pass over all, in their order: ERR_UNSUPPORTED for what is not replayed. */
int xfs_item_note(struct xfs_items *s, const struct xfs_item *i, struct err *err);
/* Second pass; ERR_CORRUPT for what cannot be. */
int xfs_item_apply(struct xfs_items *s, const struct xfs_item *i, uint64_t lsn,
                   struct err *err);
int xfs_items_finish(struct xfs_items *s, struct err *err);
