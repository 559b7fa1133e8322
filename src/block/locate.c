/* SPDX-License-Identifier: GPL-2.0-or-later */
/* locate.c: where the bytes of a disk are stored */
#include <assert.h>

#include "base/checked.h"
#include "block/block.h"

int block_locate(struct block *b, struct location *ret, uint64_t off, struct err *err)
{
    struct location l = {.file = b, .where = off};
    int r;

    assert(off < b->size);
    if (b->driver->locate)
        r = b->driver->locate(b, &l, off, err);
    else
        r = block_extent(b, &l.extent, off, err);
    if (r < 0)
        return r;
    assert(l.extent.length > 0);
    l.extent.length = min_u64(l.extent.length, b->size - off);
    if (l.extent.kind != EXTENT_DATA)
        l = (struct location){.extent = l.extent};
    *ret = l;
    return 0;
}

int block_locate_stored(struct location *ret, struct block *file, uint64_t off,
                        uint64_t len, struct err *err)
{
    int r;

    if (off >= file->size) {
        *ret = (struct location){{EXTENT_DATA, len}, file, off, false};
        return 0;
    }
    r = block_locate(file, ret, off, err);
    if (r < 0)
        return r;
    ret->extent.length = min_u64(ret->extent.length, len);
    if (ret->extent.kind == EXTENT_HOLE)
        ret->extent.kind = EXTENT_ZERO;
    return 0;
}

/* Does b go on where a ends?  `last` is where the last stream of a begins. */
static bool goes_on(const struct location *a, uint64_t last, const struct location *b)
{
    if (a->extent.kind != b->extent.kind || a->file != b->file ||
        a->compressed != b->compressed)
        return false;
    if (a->extent.kind != EXTENT_DATA)
        return true;
    return a->compressed ? b->where > last : b->where == a->where + a->extent.length;
}

int block_map(struct block *b, block_map_fn *fn, void *arg, struct err *err)
{
    struct location run = {0}, l;
    uint64_t start = 0, last = 0;
    int r;

    for (uint64_t off = 0; off < b->size; off += l.extent.length) {
        r = block_locate(b, &l, off, err);
        if (r < 0)
            return r;
        if (run.extent.length && goes_on(&run, last, &l)) {
            run.extent.length += l.extent.length;
        } else {
            r = run.extent.length ? fn(arg, start, &run, err) : 0;
            if (r < 0)
                return r;
            run = l;
            start = off;
        }
        last = l.where;
    }
    return run.extent.length ? fn(arg, start, &run, err) : 0;
}
