/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2.h: QEMU's copy-on-write format, versions 2 and 3, read only
 *
 *   header ── l1_table_offset ──► L1 table ──► L2 table ──► cluster of the guest's disk
 *     │  └─── refcount_table_offset ──► refcount table ──► refcount block
 *     │  └─── snapshots_offset ──► snapshot table ──► L1 tables of the snapshots
 *     └─ header extensions, up to the end of the first cluster
 *
 * Everything is big-endian and, but for compressed data, aligned to clusters.  A guest
 * offset splits into [L1 index | L2 index | offset in the cluster].  An L2 entry is 8
 * bytes, or 16 with "extended L2 entries", where a cluster has 32 subclusters with two
 * bits each: stored, reads as zeros.  See docs/interop/qcow2.txt in QEMU.
 *
 * Private to block: others see qcow2_driver of image.h. */
#pragma once

#include <pthread.h>

#include "base/bytes.h"
#include "block/image.h"
#include "block/inflate.h"

enum {
    QCOW2_HEADER_V2 = 72,
    QCOW2_HEADER_V3 = 104, /* at least; a multiple of 8 */
    QCOW2_HEADER_READ = 112,
    QCOW2_CLUSTER_BITS_MIN = 9,
    QCOW2_CLUSTER_BITS_MAX = 21, /* QEMU opens no more */
    QCOW2_EXTENDED_BITS_MIN = 14,
    QCOW2_SUBCLUSTERS = 32,
    QCOW2_REFCOUNT_ORDER_MAX = 6,
    /* The limits of QEMU, so that what it opens we open: 32 MiB of L1 (2 EiB of disk with
     * the largest clusters, 128 GiB with the smallest), 8 MiB of refcount table, 65536
     * snapshots whose entries carry 1 KiB of extra data. */
    QCOW2_L1_MAX = (32 << 20) / 8,
    QCOW2_REFCOUNT_TABLE_MAX = 8 << 20,
    QCOW2_SNAPSHOTS_MAX = 65536,
    QCOW2_SNAPSHOT_ENTRY = 40, /* and what it says follows */
    QCOW2_SNAPSHOT_EXTRA_MAX = 1024,
    QCOW2_BACKING_NAME_MAX = 1023,
    /* Ours: QEMU writes five kinds of extension, each at most once. */
    QCOW2_EXTENSIONS_MAX = 256,
};

/* Host offsets have 56 bits. */
#define QCOW2_OFFSET_MASK UINT64_C(0x00fffffffffffe00)
#define QCOW2_OFFSET_END  (UINT64_C(1) << 56)

enum qcow2_incompatible {
    QCOW2_DIRTY = 1 << 0,
    QCOW2_CORRUPT = 1 << 1,
    QCOW2_DATA_FILE = 1 << 2,
    QCOW2_COMPRESSION = 1 << 3,
    QCOW2_EXTENDED_L2 = 1 << 4,
    QCOW2_INCOMPATIBLE_KNOWN = (1 << 5) - 1,
};

/* Fields as the specification names them. */
struct qcow2_header {
    uint32_t version;
    uint64_t backing_file_offset;
    uint32_t backing_file_size;
    uint32_t cluster_bits;
    uint64_t size;
    uint32_t crypt_method;
    uint32_t l1_size; /* entries */
    uint64_t l1_table_offset;
    uint64_t refcount_table_offset;
    uint32_t refcount_table_clusters;
    uint32_t nb_snapshots;
    uint64_t snapshots_offset;
    uint64_t incompatible_features; /* from here on 0 in version 2 */
    uint32_t refcount_order;        /* 4 in version 2 */
    uint32_t header_length;         /* 72 in version 2 */
    uint8_t compression_type;       /* 0 deflate, 1 zstd */
};

/* What follows from the header alone. */
struct qcow2_geometry {
    uint64_t cluster_size;
    uint64_t unit_size; /* of what is stored or zero by itself: cluster or subcluster */
    unsigned cluster_bits;
    unsigned units;      /* in a cluster: 1 or 32 */
    unsigned entry_size; /* bytes of an L2 entry: 8 or 16 */
    uint32_t l2_entries; /* of an L2 table, which is one cluster */
    bool zero_flag;      /* bit 0 of an L2 entry means "reads as zeros" */
};

/* One L2 entry, decoded. */
struct qcow2_cluster {
    uint64_t host;   /* offset in the file; 0: none */
    uint32_t csize;  /* compressed: bytes up to the end of its last sector; else 0 */
    uint32_t stored; /* a bit a unit */
    uint32_t zero;   /* a bit a unit; never also set in `stored` */
};

enum qcow2_kind {
    QCOW2_KIND_HOLE,
    QCOW2_KIND_ZERO,
    QCOW2_KIND_DATA,
    QCOW2_KIND_COMPRESSED,
};

/* A stretch of guest disk that one step of a read can do. */
struct qcow2_run {
    enum qcow2_kind kind;
    uint64_t host;   /* data: of its first byte; compressed: of the stream */
    uint64_t length; /* compressed: never past the end of the cluster */
    uint32_t csize;
};

/* Immutable after open; the caches lock internally, and nothing is inflated under a lock.
 */
struct qcow2 {
    struct block block;
    struct block *file;    /* own reference */
    struct block *backing; /* what holes read as, and zeros behind its end; NULL: zeros */
    struct block *tables;  /* the file again, through a cache: L2 tables */
    struct qcow2_header header;
    struct qcow2_geometry geo;
    uint64_t *l1;     /* host offsets of L2 tables, 0 for none; header.l1_size entries */
    uint32_t l1_used; /* of these, entries that the virtual size needs */
    struct inflate_pool *inflate;
    struct inflate_cache *inflated;

    pthread_mutex_t lock; /* of what follows */
    uint64_t known_off;   /* the stretch of the file asked for last: stored or a hole */
    struct extent known;
};

static inline struct qcow2 *qcow2_of(struct block *b)
{
    return CONTAINER_OF(b, struct qcow2, block);
}

/* ---- qcow2_header.c */

/* Reads and judges header and extensions, and fills ctx->info with what they say. */
int qcow2_header_read(struct qcow2_header *ret, struct block *file, struct image_ctx *ctx,
                      struct err *err);

void qcow2_geometry_of(struct qcow2_geometry *ret, const struct qcow2_header *h);

/* A table of `len` bytes: aligned, behind the header's cluster, within the file. */
int qcow2_table_check(const char *what, uint64_t off, uint64_t len, uint64_t cluster_size,
                      struct block *file, struct image_ctx *ctx, struct err *err);

/* ---- qcow2_map.c */

/* How much of a hole at `off` is the base's; the rest of it is zeros. */
uint64_t qcow2_backed(const struct qcow2 *q, uint64_t off, uint64_t len);

/* NULL, or what is wrong with the L1 entry; *ret is the offset of the L2 table, 0: none.
 */
const char *qcow2_l1_decode(uint64_t *ret, uint64_t raw,
                            const struct qcow2_geometry *geo);

/* NULL, or what is wrong with the L2 entry at p (geo->entry_size bytes). */
const char *qcow2_l2_decode(struct qcow2_cluster *ret, const uint8_t *p,
                            const struct qcow2_geometry *geo);

enum qcow2_kind qcow2_unit_kind(const struct qcow2_cluster *c, unsigned unit);

/* The run that starts at off < size, at most about `want` bytes of it. */
int qcow2_map(struct qcow2_run *ret, struct qcow2 *q, uint64_t off, uint64_t want,
              struct err *err);

/* Does an L2 table lie in a hole of the file, so that it maps nothing? */
int qcow2_l2_is_hole(bool *ret, struct qcow2 *q, uint64_t l2, struct err *err);

int qcow2_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err);
int qcow2_locate(struct block *b, struct location *ret, uint64_t off, struct err *err);

/* ---- qcow2_survey.c */

int qcow2_survey(struct block *disk, struct image_ctx *ctx, struct err *err);

/* ---- qcow2.c */

/* The whole cluster that r (compressed) belongs to, into `to` (one cluster). */
int qcow2_inflate(struct qcow2 *q, const struct qcow2_run *r, uint8_t *to,
                  struct err *err);
