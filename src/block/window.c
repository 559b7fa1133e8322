/* SPDX-License-Identifier: GPL-2.0-or-later */
/* window.c: a sub-range of a block (a partition, one extent of a logical volume) */
#include <inttypes.h>

#include "base/checked.h"
#include "block/block.h"

struct window_block {
    struct block block;
    struct block *under; /* own reference */
    uint64_t off;
};

static struct window_block *window_of(struct block *b)
{
    return CONTAINER_OF(b, struct window_block, block);
}

static int window_read(struct block *b, void *buf, size_t n, uint64_t off,
                       struct err *err)
{
    struct window_block *w = window_of(b);

    return block_read(w->under, buf, n, w->off + off, err);
}

static int window_extent(struct block *b, struct extent *ret, uint64_t off,
                         struct err *err)
{
    struct window_block *w = window_of(b);

    return block_extent(w->under, ret, w->off + off, err);
}

static int window_locate(struct block *b, struct location *ret, uint64_t off,
                         struct err *err)
{
    struct window_block *w = window_of(b);

    return block_locate(w->under, ret, w->off + off, err);
}

static void window_close(struct block *b)
{
    struct window_block *w = window_of(b);

    block_unref(w->under);
    free(w);
}

static const struct block_driver window_driver = {
    .name = "window",
    .read = window_read,
    .extent = window_extent,
    .locate = window_locate,
    .close = window_close,
};

int block_window_open(struct block **ret, struct block *under, uint64_t off, uint64_t len,
                      struct err *err)
{
    struct window_block *w;

    if (!range_within(off, len, under->size))
        return FAIL(err, ERR_SHORT,
                    "window of %" PRIu64 " bytes at %" PRIu64 ", but %s ends at %" PRIu64,
                    len, off, under->driver->name, under->size);
    w = malloc(sizeof *w);
    if (!w)
        return FAIL(err, ERR_NOMEM, "window");
    w->under = block_ref(under);
    w->off = off;
    block_init(&w->block, &window_driver, len);
    *ret = &w->block;
    return 0;
}
