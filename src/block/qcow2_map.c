/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_map.c: from offsets of the guest to offsets of the file */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "block/qcow2.h"

enum {
    /* Entries taken from the cache at a time, on the stack. */
    MAP_ENTRIES = 128,
    /* Entries one extent() looks at, at most.  It is asked for every few megabytes of a
     * disk, and with 2 MiB clusters one L2 table has 262144 entries. */
    EXTENT_ENTRIES = 4096,
    EXTENT_ASKED = 64, /* runs put together, where each asks the base */
};

#define L1_RESERVED         UINT64_C(0x7f000000000001ff)
#define L2_COMPRESSED       (UINT64_C(1) << 62)
#define L2_ZERO             UINT64_C(1)
#define L2_STANDARD_UNKNOWN UINT64_C(0x3f000000000001fe)

const char *qcow2_l1_decode(uint64_t *ret, uint64_t raw, const struct qcow2_geometry *geo)
{
    uint64_t off = raw & QCOW2_OFFSET_MASK;

    if (raw & L1_RESERVED)
        return "reserved bits are set";
    if (off % geo->cluster_size)
        return "the offset is not a multiple of the cluster size";
    *ret = off;
    return NULL;
}

/* Bit 63 ("refcount is exactly one") is for writers, and wrong in images that old tools
 * left behind: ignored. */
static const char *compressed_decode(struct qcow2_cluster *ret, uint64_t desc,
                                     uint64_t bitmap, const struct qcow2_geometry *geo)
{
    unsigned x = 62 - (geo->cluster_bits - 8);
    uint64_t host = desc & ((UINT64_C(1) << x) - 1);
    uint64_t sectors = ((desc & (L2_COMPRESSED - 1)) >> x) + 1;

    if (bitmap)
        return "a compressed cluster has subclusters";
    if (host >= QCOW2_OFFSET_END)
        return "the offset is over the format's 56 bits";
    *ret = (struct qcow2_cluster){
        .host = host,
        .csize = (uint32_t)(sectors * 512 - host % 512),
    };
    return NULL;
}

const char *qcow2_l2_decode(struct qcow2_cluster *ret, const uint8_t *p,
                            const struct qcow2_geometry *geo)
{
    uint64_t desc = load_be64(p);
    uint64_t bitmap = geo->units > 1 ? load_be64(p + 8) : 0;
    struct qcow2_cluster c = {.host = desc & QCOW2_OFFSET_MASK};

    if (desc & L2_COMPRESSED)
        return compressed_decode(ret, desc, bitmap, geo);
    if (desc & L2_STANDARD_UNKNOWN)
        return "reserved bits are set";
    if (desc & L2_ZERO && !geo->zero_flag)
        return "the zero flag is set, which this version or kind of table does not have";
    if (c.host % geo->cluster_size)
        return "the offset is not a multiple of the cluster size";
    if (geo->units > 1) {
        c.stored = (uint32_t)bitmap;
        c.zero = (uint32_t)(bitmap >> 32);
        if (c.stored & c.zero)
            return "a subcluster is both stored and zero";
        if (c.stored && !c.host)
            return "subclusters are stored nowhere";
    } else {
        c.zero = desc & L2_ZERO;
        c.stored = c.host && !c.zero;
    }
    *ret = c;
    return NULL;
}

enum qcow2_kind qcow2_unit_kind(const struct qcow2_cluster *c, unsigned unit)
{
    if (c->csize)
        return QCOW2_KIND_COMPRESSED;
    if (c->zero >> unit & 1)
        return QCOW2_KIND_ZERO;
    return c->stored >> unit & 1 ? QCOW2_KIND_DATA : QCOW2_KIND_HOLE;
}

/* Adds the units of one cluster, from `skip` bytes on, to the run; false when the run
 * ends in it. */
static bool run_add(struct qcow2_run *run, const struct qcow2_cluster *c, uint64_t skip,
                    const struct qcow2_geometry *geo)
{
    if (c->csize) {
        if (run->length == 0)
            *run = (struct qcow2_run){QCOW2_KIND_COMPRESSED, c->host,
                                      geo->cluster_size - skip, c->csize};
        return false;
    }
    for (uint64_t at = skip; at < geo->cluster_size;) {
        unsigned unit = (unsigned)(at / geo->unit_size);
        enum qcow2_kind kind = qcow2_unit_kind(c, unit);
        uint64_t host = kind == QCOW2_KIND_DATA ? c->host + at : 0;
        uint64_t len = geo->unit_size - at % geo->unit_size;

        if (run->length == 0)
            *run = (struct qcow2_run){.kind = kind, .host = host};
        else if (run->kind != kind ||
                 (kind == QCOW2_KIND_DATA && host != run->host + run->length))
            return false;
        run->length += len;
        at += len;
    }
    return true;
}

/* Neighbouring L1 entries without a table are one hole: an empty disk is one answer. */
static void hole_of_l1(struct qcow2_run *ret, const struct qcow2 *q, uint64_t off)
{
    uint64_t span = q->geo.cluster_size * q->geo.l2_entries;
    uint64_t i = off / span + 1;

    while (i < q->l1_used && !q->l1[i])
        i++;
    *ret = (struct qcow2_run){.length = i * span - off};
}

int qcow2_map(struct qcow2_run *ret, struct qcow2 *q, uint64_t off, uint64_t want,
              struct err *err)
{
    const struct qcow2_geometry *geo = &q->geo;
    uint64_t cluster = off / geo->cluster_size, skip = off % geo->cluster_size;
    uint64_t l2 = q->l1[cluster / geo->l2_entries];
    uint32_t index = (uint32_t)(cluster % geo->l2_entries);
    uint8_t raw[MAP_ENTRIES * 16];
    struct qcow2_run run = {0};
    uint64_t n;
    int r;

    if (!l2) {
        hole_of_l1(ret, q, off);
        return 0;
    }
    n = min_u64(div_up(skip + want, geo->cluster_size), MAP_ENTRIES);
    n = min_u64(n, geo->l2_entries - index);
    r = block_read(q->tables, raw, n * geo->entry_size, l2 + index * geo->entry_size,
                   err);
    if (r < 0)
        return r;
    for (uint64_t i = 0; i < n; i++) {
        struct qcow2_cluster c;
        const char *wrong = qcow2_l2_decode(&c, raw + i * geo->entry_size, geo);

        if (wrong)
            return FAIL(err, ERR_CORRUPT, "qcow2 cluster of guest offset %" PRIu64 ": %s",
                        (cluster + i) * geo->cluster_size, wrong);
        if (!run_add(&run, &c, i ? 0 : skip, geo))
            break;
    }
    assert(run.length > 0);
    *ret = run;
    return 0;
}

/* Is [off, off + len) of the file stored, or does it begin with a hole?  Most files have
 * no holes at all, and hostile ones little else, so the last stretch is remembered. */
static int file_extent(struct extent *ret, struct qcow2 *q, uint64_t off, uint64_t len,
                       struct err *err)
{
    struct extent e = {0};
    int r;

    if (off >= q->file->size) { /* the read will say so */
        *ret = (struct extent){EXTENT_DATA, len};
        return 0;
    }
    pthread_mutex_lock(&q->lock);
    if (off >= q->known_off && off - q->known_off < q->known.length)
        e = (struct extent){q->known.kind, q->known.length - (off - q->known_off)};
    pthread_mutex_unlock(&q->lock);
    if (!e.length) {
        r = block_extent(q->file, &e, off, err);
        if (r < 0)
            return r;
        pthread_mutex_lock(&q->lock);
        q->known_off = off;
        q->known = e;
        pthread_mutex_unlock(&q->lock);
    }
    ret->kind = e.kind == EXTENT_DATA ? EXTENT_DATA : EXTENT_ZERO;
    ret->length = min_u64(e.length, len);
    return 0;
}

int qcow2_l2_is_hole(bool *ret, struct qcow2 *q, uint64_t l2, struct err *err)
{
    struct extent e;
    int r = file_extent(&e, q, l2, q->geo.cluster_size, err);

    if (r < 0)
        return r;
    *ret = e.kind != EXTENT_DATA && e.length == q->geo.cluster_size;
    return 0;
}

uint64_t qcow2_backed(const struct qcow2 *q, uint64_t off, uint64_t len)
{
    if (!q->backing || off >= q->backing->size)
        return 0;
    return min_u64(len, q->backing->size - off);
}

static int extent_of_run(struct extent *ret, struct qcow2 *q, const struct qcow2_run *run,
                         uint64_t off, struct err *err)
{
    uint64_t backed;
    int r;

    switch (run->kind) {
    case QCOW2_KIND_DATA:
        /* Stored clusters may lie in a hole of the file: preallocation=metadata, the
         * default of libvirt's tools, maps the whole disk and writes none of it. */
        return file_extent(ret, q, run->host, run->length, err);
    case QCOW2_KIND_COMPRESSED:
        *ret = (struct extent){EXTENT_DATA, run->length};
        return 0;
    case QCOW2_KIND_ZERO:
        *ret = (struct extent){EXTENT_ZERO, run->length};
        return 0;
    case QCOW2_KIND_HOLE:
        break;
    }
    *ret = (struct extent){EXTENT_HOLE, run->length};
    backed = qcow2_backed(q, off, run->length);
    if (!backed)
        return 0;
    r = block_extent(q->backing, ret, off, err);
    ret->length = min_u64(ret->length, backed);
    return r;
}

int qcow2_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    struct qcow2 *q = qcow2_of(b);
    uint64_t span = q->geo.cluster_size * q->geo.l2_entries;
    uint64_t end = min_u64(b->size, (off / span + 1) * span);
    uint64_t budget = EXTENT_ENTRIES * q->geo.cluster_size;
    struct extent all = {0}, e;
    unsigned asked = 0;

    end = min_u64(end, budget < end - off ? off + budget : end);
    do {
        uint64_t at = off + all.length;
        struct qcow2_run run;
        int r = qcow2_map(&run, q, at, end - at, err);

        if (r < 0)
            return r;
        r = extent_of_run(&e, q, &run, at, err);
        if (r < 0)
            return r;
        if (all.length && e.kind != all.kind)
            break;
        all.kind = e.kind;
        all.length += e.length;
        /* The base may have a million pieces in one run. */
    } while (off + all.length < end && !(q->backing && ++asked == EXTENT_ASKED));
    *ret = all;
    return 0;
}

int qcow2_locate(struct block *b, struct location *ret, uint64_t off, struct err *err)
{
    struct qcow2 *q = qcow2_of(b);
    struct qcow2_run run;
    uint64_t backed;
    int r = qcow2_map(&run, q, off, b->size - off, err);

    if (r < 0)
        return r;
    *ret = (struct location){.extent = {EXTENT_HOLE, run.length}};
    switch (run.kind) {
    case QCOW2_KIND_DATA:
        return block_locate_stored(ret, q->file, run.host, run.length, err);
    case QCOW2_KIND_COMPRESSED:
        *ret = (struct location){{EXTENT_DATA, run.length}, q->file, run.host, true};
        return 0;
    case QCOW2_KIND_ZERO:
        ret->extent.kind = EXTENT_ZERO;
        return 0;
    case QCOW2_KIND_HOLE:
        break;
    }
    backed = qcow2_backed(q, off, run.length);
    if (!backed)
        return 0;
    r = block_locate(q->backing, ret, off, err);
    ret->extent.length = min_u64(ret->extent.length, backed);
    return r;
}
