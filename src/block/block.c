/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/block.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"

void block_init(struct block *b, const struct block_driver *driver, uint64_t size)
{
    b->driver = driver;
    b->size = size;
    atomic_init(&b->refs, 1);
}

struct block *block_ref(struct block *b)
{
    atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
    return b;
}

void block_unref(struct block *b)
{
    if (b && atomic_fetch_sub_explicit(&b->refs, 1, memory_order_acq_rel) == 1)
        b->driver->close(b);
}

int block_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    if (!range_within(off, n, b->size))
        return FAIL(err, ERR_SHORT,
                    "%s: %zu bytes at offset %" PRIu64 ", but it ends at %" PRIu64,
                    b->driver->name, n, off, b->size);
    return n ? b->driver->read(b, buf, n, off, err) : 0;
}

int block_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    struct extent e = {.kind = EXTENT_DATA, .length = b->size - off};

    assert(off < b->size);
    if (b->driver->extent) {
        int r = b->driver->extent(b, &e, off, err);

        if (r < 0)
            return r;
        assert(e.length > 0);
        e.length = min_u64(e.length, b->size - off);
    }
    *ret = e;
    return 0;
}

int block_data_size(struct block *b, uint64_t *ret, struct err *err)
{
    uint64_t sum = 0;

    for (uint64_t off = 0; off < b->size;) {
        struct extent e;
        int r = block_extent(b, &e, off, err);

        if (r < 0)
            return r;
        if (e.kind == EXTENT_DATA)
            sum += e.length;
        off += e.length;
    }
    *ret = sum;
    return 0;
}
