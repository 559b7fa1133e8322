/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend/overlay.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"

struct changed {
    uint64_t index; /* of the cluster */
    uint8_t *p;     /* OVERLAY_CLUSTER bytes */
};

struct overlay {
    struct block block;
    struct block *base;
    bool sealed;
    size_t n;
    struct changed v[OVERLAY_CLUSTERS_MAX]; /* sorted by index */
};

static struct overlay *overlay_of(struct block *b)
{
    return CONTAINER_OF(b, struct overlay, block);
}

/* The first changed cluster at `index` or behind it. */
static size_t find(const struct overlay *o, uint64_t index)
{
    size_t low = 0, high = o->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (o->v[mid].index < index)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* The run from `off` on that is in one changed cluster (*ret it) or in none. */
static uint64_t run_at(const struct overlay *o, const struct changed **ret, uint64_t off)
{
    uint64_t index = off / OVERLAY_CLUSTER, end = o->block.size;
    size_t at = find(o, index);

    *ret = NULL;
    if (at < o->n && o->v[at].index == index) {
        *ret = &o->v[at];
        end = min_u64(end, (index + 1) * OVERLAY_CLUSTER);
    } else if (at < o->n) {
        end = o->v[at].index * OVERLAY_CLUSTER;
    }
    return end - off;
}

static int read_base(const struct overlay *o, uint8_t *to, size_t n, uint64_t off,
                     struct err *err)
{
    uint64_t left = off < o->base->size ? o->base->size - off : 0;
    size_t there = (size_t)min_u64(n, left);

    memset(to + there, 0, n - there);
    return there ? block_read(o->base, to, there, off, err) : 0;
}

static int overlay_read(struct block *b, void *buf, size_t n, uint64_t off,
                        struct err *err)
{
    const struct overlay *o = overlay_of(b);
    uint8_t *to = buf;

    while (n) {
        const struct changed *c;
        size_t len = (size_t)min_u64(n, run_at(o, &c, off));

        if (c) {
            memcpy(to, c->p + off % OVERLAY_CLUSTER, len);
        } else {
            int r = read_base(o, to, len, off, err);

            if (r < 0)
                return r;
        }
        to += len;
        off += len;
        n -= len;
    }
    return 0;
}

static int overlay_extent(struct block *b, struct extent *ret, uint64_t off,
                          struct err *err)
{
    const struct overlay *o = overlay_of(b);
    const struct changed *c;
    uint64_t len = run_at(o, &c, off);
    int r;

    *ret = (struct extent){c ? EXTENT_DATA : EXTENT_HOLE, len};
    if (c || off >= o->base->size)
        return 0;
    r = block_extent(o->base, ret, off, err);
    ret->length = min_u64(ret->length, len);
    return r;
}

static int overlay_locate(struct block *b, struct location *ret, uint64_t off,
                          struct err *err)
{
    const struct overlay *o = overlay_of(b);
    const struct changed *c;
    uint64_t len;
    int r;

    if (!o->sealed) {
        *ret = (struct location){{EXTENT_DATA, b->size - off}, b, off, false};
        return 0;
    }
    len = run_at(o, &c, off);
    if (c) {
        *ret = (struct location){{EXTENT_DATA, len}, b, off, false};
        return 0;
    }
    *ret = (struct location){.extent = {EXTENT_HOLE, len}};
    if (off >= o->base->size)
        return 0;
    r = block_locate(o->base, ret, off, err);
    ret->extent.length = min_u64(ret->extent.length, len);
    return r;
}

static void overlay_close(struct block *b)
{
    struct overlay *o = overlay_of(b);

    for (size_t i = 0; i < o->n; i++)
        free(o->v[i].p);
    block_unref(o->base);
    free(o);
}

static const struct block_driver overlay_driver = {
    .name = "overlay",
    .read = overlay_read,
    .extent = overlay_extent,
    .locate = overlay_locate,
    .close = overlay_close,
};

int overlay_open(struct overlay **ret, struct block *base, uint64_t size, struct err *err)
{
    struct overlay *o;

    assert(size >= base->size);
    o = calloc(1, sizeof *o);
    if (!o)
        return FAIL(err, ERR_NOMEM, "overlay");
    o->base = block_ref(base);
    block_init(&o->block, &overlay_driver, size);
    *ret = o;
    return 0;
}

void overlay_unref(struct overlay *o)
{
    if (o)
        block_unref(&o->block);
}

struct block *overlay_block(struct overlay *o)
{
    return &o->block;
}

static int add_cluster(struct overlay *o, size_t at, uint64_t index, uint8_t *p,
                       struct err *err)
{
    if (o->n == OVERLAY_CLUSTERS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d MiB would change",
                    OVERLAY_CLUSTERS_MAX / (1 << (20 - OVERLAY_CLUSTER_BITS)));
    memmove(&o->v[at + 1], &o->v[at], (o->n - at) * sizeof *o->v);
    o->v[at] = (struct changed){index, p};
    o->n++;
    return 0;
}

/* n bytes within one cluster. */
static int write_cluster(struct overlay *o, const uint8_t *p, size_t n, uint64_t off,
                         struct err *err)
{
    uint64_t index = off / OVERLAY_CLUSTER;
    size_t skip = off % OVERLAY_CLUSTER, at = find(o, index);
    AUTO(freep) uint8_t *now = NULL;
    int r;

    if (at < o->n && o->v[at].index == index) {
        memcpy(o->v[at].p + skip, p, n);
        return 0;
    }
    now = malloc(OVERLAY_CLUSTER);
    if (!now)
        return FAIL(err, ERR_NOMEM, "cluster");
    r = read_base(o, now, OVERLAY_CLUSTER, index * OVERLAY_CLUSTER, err);
    if (r < 0 || memcmp(now + skip, p, n) == 0)
        return r;
    memcpy(now + skip, p, n);
    r = add_cluster(o, at, index, now, err);
    if (r == 0)
        now = NULL;
    return r;
}

int overlay_write(struct overlay *o, const void *p, size_t n, uint64_t off,
                  struct err *err)
{
    const uint8_t *from = p;

    assert(!o->sealed);
    if (!range_within(off, n, o->block.size))
        return FAIL(err, ERR_SHORT,
                    "write of %zu bytes at %" PRIu64 ", but the disk ends at %" PRIu64, n,
                    off, o->block.size);
    while (n) {
        size_t len = (size_t)min_u64(n, OVERLAY_CLUSTER - off % OVERLAY_CLUSTER);
        int r = write_cluster(o, from, len, off, err);

        if (r < 0)
            return r;
        from += len;
        off += len;
        n -= len;
    }
    return 0;
}

void overlay_seal(struct overlay *o)
{
    o->sealed = true;
}

size_t overlay_clusters(const struct overlay *o)
{
    return o->n;
}

int overlay_each(struct overlay *o,
                 int (*fn)(void *arg, uint64_t off, const uint8_t *p, size_t n,
                           struct err *err),
                 void *arg, struct err *err)
{
    for (size_t i = 0; i < o->n; i++) {
        uint64_t off = o->v[i].index * OVERLAY_CLUSTER;
        size_t n = (size_t)min_u64(OVERLAY_CLUSTER, o->block.size - off);
        int r = fn(arg, off, o->v[i].p, n, err);

        if (r < 0)
            return r;
    }
    return 0;
}
