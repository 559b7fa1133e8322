/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/plan.h"

#include <assert.h>

#include "base/checked.h"

/* off <= size, rounded up to a cluster or batch, cut at the disk's end. */
static uint64_t unit_end(const struct plan *p, uint64_t off, uint64_t unit)
{
    uint64_t more = -off & (unit - 1);

    return off + min_u64(more, p->source->size - off);
}

/* Moves pos to the start of the first cluster at or after it that holds data, and
 * data_end to where that data ends.  1: found.  0: only holes are left. */
static int plan_seek(struct plan *p, struct err *err)
{
    uint64_t off = p->pos;

    while (off < p->source->size) {
        struct extent e;
        int r = block_extent(p->source, &e, off, err);

        if (r < 0)
            return r;
        if (e.kind == EXTENT_DATA) {
            p->pos = round_down(off, p->cluster);
            p->data_end = off + e.length;
            return 1;
        }
        off += e.length;
    }
    p->pos = p->source->size;
    return 0;
}

int plan_next(struct range *ret, struct plan *p, struct err *err)
{
    uint64_t start, end, limit;
    int r;

    if (p->pos >= p->data_end) {
        r = plan_seek(p, err);
        if (r <= 0)
            return r;
    }
    start = p->pos;
    limit = unit_end(p, start + 1, p->batch);
    for (;;) {
        end = unit_end(p, min_u64(p->data_end, limit), p->cluster);
        p->pos = end;
        if (end >= limit)
            break;
        /* The data may go on in the next extent, or in a later one of the same cluster.
         */
        r = plan_seek(p, err);
        if (r < 0)
            return r;
        if (r == 0 || p->pos != end)
            break;
    }
    assert(end > start);
    *ret = (struct range){start, end - start};
    return 1;
}
