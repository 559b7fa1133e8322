/* SPDX-License-Identifier: GPL-2.0-or-later */
/* testing.c: blocks that misbehave on purpose */
#include "block/block.h"

struct wrapper {
    struct block block;
    struct block *under; /* own reference */
    unsigned nth;
    atomic_uint own_count;
    atomic_uint *count;
};

static struct wrapper *wrapper_of(struct block *b)
{
    return CONTAINER_OF(b, struct wrapper, block);
}

static int fault_step(struct wrapper *w, struct err *err)
{
    unsigned now = atomic_fetch_add(w->count, 1) + 1;

    if (w->nth && now >= w->nth)
        return FAIL(err, ERR_IO, "injected fault");
    return 0;
}

static int fault_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct wrapper *w = wrapper_of(b);
    int r = fault_step(w, err);

    return r < 0 ? r : block_read(w->under, buf, n, off, err);
}

static int fault_extent(struct block *b, struct extent *ret, uint64_t off,
                        struct err *err)
{
    struct wrapper *w = wrapper_of(b);
    int r = fault_step(w, err);

    return r < 0 ? r : block_extent(w->under, ret, off, err);
}

static int bytewise_read(struct block *b, void *buf, size_t n, uint64_t off,
                         struct err *err)
{
    struct wrapper *w = wrapper_of(b);
    int r = 0;

    for (size_t i = 0; i < n && r == 0; i++)
        r = block_read(w->under, (char *)buf + i, 1, off + i, err);
    return r;
}

static int bytewise_extent(struct block *b, struct extent *ret, uint64_t off,
                           struct err *err)
{
    int r = block_extent(wrapper_of(b)->under, ret, off, err);

    if (r == 0)
        ret->length = 1;
    return r;
}

static void wrapper_close(struct block *b)
{
    struct wrapper *w = wrapper_of(b);

    block_unref(w->under);
    free(w);
}

static const struct block_driver fault_driver = {
    .name = "fault",
    .read = fault_read,
    .extent = fault_extent,
    .close = wrapper_close,
};

static const struct block_driver bytewise_driver = {
    .name = "bytewise",
    .read = bytewise_read,
    .extent = bytewise_extent,
    .close = wrapper_close,
};

static struct wrapper *wrap(const struct block_driver *driver, struct block *under)
{
    struct wrapper *w = calloc(1, sizeof *w);

    if (!w)
        return NULL;
    w->under = block_ref(under);
    w->count = &w->own_count;
    block_init(&w->block, driver, under->size);
    return w;
}

int block_fault_open(struct block **ret, struct block *under, unsigned nth,
                     atomic_uint *count, struct err *err)
{
    struct wrapper *w = wrap(&fault_driver, under);

    if (!w)
        return FAIL(err, ERR_NOMEM, "fault block");
    w->nth = nth;
    if (count)
        w->count = count;
    *ret = &w->block;
    return 0;
}

int block_bytewise_open(struct block **ret, struct block *under, struct err *err)
{
    struct wrapper *w = wrap(&bytewise_driver, under);

    if (!w)
        return FAIL(err, ERR_NOMEM, "bytewise block");
    *ret = &w->block;
    return 0;
}
