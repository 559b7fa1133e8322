/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/flow.h"

#include <assert.h>

#include "base/checked.h"
#include "block/flow_kind.h"
#include "block/probe.h"
#include "block/unwrap.h"

enum { LOOK = 512 }; /* what recognisers look at */

/* ---- chunks */

int flow_chunk_grow(struct flow_chunk *c, size_t n, struct err *err)
{
    size_t room = c->room;
    uint8_t *p;

    if (n <= c->room - c->n)
        return 0;
    while (room - c->n < n)
        room = room ? 2 * room : n;
    p = realloc(c->data, room);
    if (!p)
        return FAIL(err, ERR_NOMEM, "no memory for a piece of %zu bytes", room);
    c->data = p;
    c->room = room;
    return 0;
}

static void chunk_free(struct flow_chunk *c)
{
    free(c->data);
    free(c->grains);
    free(c);
}

int flow_chunk_new(struct flow_chunk **ret, struct flow *f, size_t n, struct err *err)
{
    struct flow_chunk *c = f->idle;
    int r;

    if (c)
        f->idle = c->next;
    else
        c = calloc(1, sizeof *c);
    if (!c)
        return FAIL(err, ERR_NOMEM, "no memory for a piece");
    c->next = NULL;
    c->n = c->grain_count = 0;
    c->offset = c->length = 0;
    r = flow_chunk_grow(c, n, err);
    if (r < 0) {
        chunk_free(c);
        return r;
    }
    *ret = c;
    return 0;
}

void flow_chunk_give(struct flow *f, struct flow_chunk *c)
{
    c->next = f->idle;
    f->idle = c;
}

static void free_all(struct flow_chunk *c)
{
    while (c) {
        struct flow_chunk *next = c->next;

        chunk_free(c);
        c = next;
    }
}

/* ---- the disk */

static int disk_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct flow *f = CONTAINER_OF(b, struct flow, disk);
    const struct flow_chunk *c;

    pthread_mutex_lock(&f->lock);
    for (c = f->first; c && !range_within(off - c->offset, n, c->length); c = c->next)
        ;
    pthread_mutex_unlock(&f->lock);
    assert(c);
    return f->driver->fill(f, c, buf, n, off, err);
}

static void disk_close(struct block *b)
{
    (void)b;
}

static const struct block_driver disk_driver = {
    .name = "stream",
    .read = disk_read,
    .close = disk_close,
};

void flow_init(struct flow *f, const struct flow_driver *driver, struct stream *in,
               const struct image_options *options)
{
    f->driver = driver;
    f->in = in;
    f->options = *options;
    f->size = FLOW_SIZE_LATER;
    pthread_mutex_init(&f->lock, NULL);
    block_init(&f->disk, &disk_driver, FLOW_SIZE_MAX);
}

void flow_fini(struct flow *f)
{
    free_all(f->first);
    free_all(f->idle);
    pthread_mutex_destroy(&f->lock);
}

/* ---- what everybody calls */

void flow_begin(struct flow *f, uint64_t cluster, size_t unit)
{
    f->cluster = cluster;
    f->unit = unit;
}

uint64_t flow_size(const struct flow *f)
{
    return f->size;
}

int flow_next(struct flow *f, uint64_t *off, uint64_t *len, struct err *err)
{
    struct flow_chunk *c = NULL;
    int r = f->driver->next(f, &c, err);

    if (r <= 0)
        return r;
    assert(c->length && c->offset % f->cluster == 0 &&
           c->offset % f->unit + c->length <= f->unit);
    c->next = NULL;
    pthread_mutex_lock(&f->lock);
    if (f->first)
        f->last->next = c;
    else
        f->first = c;
    f->last = c;
    pthread_mutex_unlock(&f->lock);
    *off = c->offset;
    *len = c->length;
    return 1;
}

void flow_drop(struct flow *f)
{
    struct flow_chunk *c;

    pthread_mutex_lock(&f->lock);
    c = f->first;
    f->first = c->next;
    pthread_mutex_unlock(&f->lock);
    flow_chunk_give(f, c);
}

struct block *flow_disk(struct flow *f)
{
    return &f->disk;
}

const struct image_info *flow_info(const struct flow *f)
{
    return &f->info;
}

void flow_close(struct flow *f)
{
    if (f)
        f->driver->close(f);
}

/* ---- opening */

/* Who the first bytes belong to; they may be all there are. */
static int begins_as(const struct image_driver **ret, struct bytes head,
                     struct image_ctx *ctx, struct err *err)
{
    AUTO(block_unrefp) struct block *block = NULL;
    uint8_t first[2 * LOOK] = {0}; /* no end of it is the end of a file */
    int r;

    if (head.n == STREAM_PEEK_MAX)
        head = bytes_of(memcpy(first, head.p, LOOK), sizeof first);
    r = block_mem_open(&block, head.p, head.n, err);
    return r < 0 ? r : image_begins_as(ret, block, ctx, err);
}

int flow_unwrap(struct stream **ret, const char **packing, struct stream *in,
                const struct image_options *options, struct err *err)
{
    const struct image_driver *driver = NULL;
    struct image_info info = {0};
    struct image_ctx ctx = {.options = options, .info = &info};
    struct err why = {0};
    struct bytes head;
    int r = stream_peek(&head, in, STREAM_PEEK_MAX, err);

    if (r < 0)
        return r;
    r = begins_as(&driver, head, &ctx, &why);
    if (r < 0 && info.fault == IMAGE_FAULT_COMPRESSED_FILE && unwrap_knows(info.other)) {
        r = unwrap_open(ret, info.other, in, err);
        *packing = r < 0 ? NULL : unwrap_name(*ret);
        return r < 0 ? r : 1;
    }
    if (r < 0 && err)
        *err = why;
    return r;
}

int flow_open(struct flow **ret, struct image_info *info, struct stream *in,
              const struct image_options *options, struct err *err)
{
    const struct image_driver *driver = NULL;
    struct image_ctx ctx = {.options = options, .info = info};
    struct bytes head;
    int r = stream_peek(&head, in, STREAM_PEEK_MAX, err);

    *info = (struct image_info){0};
    if (r < 0 || head.n < STREAM_PEEK_MAX)
        return r; /* short enough to be read like a file */
    r = begins_as(&driver, head, &ctx, err);
    if (r < 0)
        return r;
    if (driver == &vmdk_driver)
        return flow_vmdk_open(ret, in, &ctx, err);
    if (driver != &raw_driver)
        return 0;
    r = flow_raw_open(ret, in, ctx.options, err);
    return r < 0 ? r : 1;
}
