/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lvm2_map.c: the bytes of a logical volume, segment by segment */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "volume/lvm2_parts.h"

struct lvm2_block {
    struct block block;
    struct lvm2_map map;
};

static struct lvm2_block *lvm2_of(struct block *b)
{
    return CONTAINER_OF(b, struct lvm2_block, block);
}

void lvm2_map_fini(struct lvm2_map *m)
{
    for (size_t i = 0; i < m->areas_n; i++)
        block_unref(m->areas[i].under);
    free(m->areas);
    free(m->segments);
    *m = (struct lvm2_map){0};
}

static void *grow(void *v, size_t n, size_t *cap, size_t item)
{
    size_t more = *cap ? *cap * 2 : 4;
    void *p;

    if (n < *cap)
        return v;
    p = realloc(v, more * item); /* callers are bounded by LVM2_AREAS_MAX */
    if (p)
        *cap = more;
    return p;
}

int lvm2_map_segment(struct lvm2_map *m, uint64_t start, uint64_t size, uint64_t stripe,
                     struct err *err)
{
    struct lvm2_segment *v =
        grow(m->segments, m->segments_n, &m->segments_cap, sizeof *v);

    if (!v)
        return FAIL(err, ERR_NOMEM, "lvm2 segments");
    m->segments = v;
    v[m->segments_n++] = (struct lvm2_segment){
        .start = start, .size = size, .stripe = stripe, .areas = (uint32_t)m->areas_n};
    return 0;
}

int lvm2_map_area(struct lvm2_map *m, struct block *under, uint64_t off, struct err *err)
{
    struct lvm2_area *v = grow(m->areas, m->areas_n, &m->areas_cap, sizeof *v);

    if (!v)
        return FAIL(err, ERR_NOMEM, "lvm2 areas");
    m->areas = v;
    v[m->areas_n++] = (struct lvm2_area){block_ref(under), off};
    m->segments[m->segments_n - 1].areas_n++;
    return 0;
}

/* Where a byte lies, and how many follow it there. */
struct place {
    struct block *under;
    uint64_t off, n;
};

static struct place find(const struct lvm2_map *m, uint64_t off)
{
    size_t low = 0, high = m->segments_n;
    const struct lvm2_segment *s;
    const struct lvm2_area *a;
    uint64_t turn, in_stripe;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;

        if (m->segments[middle].start <= off)
            low = middle;
        else
            high = middle;
    }
    s = &m->segments[low];
    a = &m->areas[s->areas];
    off -= s->start;
    if (s->areas_n == 1)
        return (struct place){a->under, a->off + off, s->size - off};
    turn = off / s->stripe;
    in_stripe = off % s->stripe;
    a += turn % s->areas_n;
    return (struct place){a->under, a->off + turn / s->areas_n * s->stripe + in_stripe,
                          s->stripe - in_stripe};
}

static int lvm2_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    uint8_t *to = buf;

    while (n) {
        struct place p = find(&lvm2_of(b)->map, off);
        size_t part = (size_t)min_u64(p.n, n);
        int r = block_read(p.under, to, part, p.off, err);

        if (r < 0)
            return r;
        to += part;
        off += part;
        n -= part;
    }
    return 0;
}

static int lvm2_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    struct place p = find(&lvm2_of(b)->map, off);
    int r = block_extent(p.under, ret, p.off, err);

    if (r == 0)
        ret->length = min_u64(ret->length, p.n);
    return r;
}

static int lvm2_locate(struct block *b, struct location *ret, uint64_t off,
                       struct err *err)
{
    struct place p = find(&lvm2_of(b)->map, off);
    int r = block_locate(p.under, ret, p.off, err);

    if (r == 0)
        ret->extent.length = min_u64(ret->extent.length, p.n);
    return r;
}

static void lvm2_close(struct block *b)
{
    lvm2_map_fini(&lvm2_of(b)->map);
    free(lvm2_of(b));
}

static const struct block_driver lvm2_driver = {
    .name = "lvm2",
    .read = lvm2_read,
    .extent = lvm2_extent,
    .locate = lvm2_locate,
    .close = lvm2_close,
};

/* Does every byte of the segment lie within its areas? */
static bool lies_within(const struct lvm2_map *m, const struct lvm2_segment *s)
{
    if (s->size == 0 || s->areas_n == 0 || s->size % s->areas_n)
        return false;
    if (s->areas_n > 1 && (s->stripe == 0 || s->size / s->areas_n % s->stripe))
        return false;
    for (uint32_t i = 0; i < s->areas_n; i++) {
        const struct lvm2_area *a = &m->areas[s->areas + i];

        if (!range_within(a->off, s->size / s->areas_n, a->under->size))
            return false;
    }
    return true;
}

int lvm2_block_open(struct block **ret, struct lvm2_map *m, struct err *err)
{
    struct lvm2_block *b;
    uint64_t size = 0;

    for (size_t i = 0; i < m->segments_n; i++) {
        const struct lvm2_segment *s = &m->segments[i];

        if (s->start != size || !checked_add(&size, s->start, s->size))
            return FAIL(err, ERR_CORRUPT,
                        "segments do not follow one another at byte %" PRIu64, size);
        if (!lies_within(m, s))
            return FAIL(err, ERR_CORRUPT,
                        "the segment at byte %" PRIu64 " does not fit what it lies on",
                        s->start);
    }
    if (size == 0)
        return FAIL(err, ERR_CORRUPT, "there are no segments");
    b = malloc(sizeof *b);
    if (!b)
        return FAIL(err, ERR_NOMEM, "lvm2 volume");
    b->map = *m;
    *m = (struct lvm2_map){0};
    block_init(&b->block, &lvm2_driver, size);
    *ret = &b->block;
    return 0;
}
