/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_raw.c: raw, or a fixed VHD
 *
 *   chunks   | dropped ... | handed out | held back ... | not there yet
 *                                       ^ 2 MiB and a footer before the end, or more
 *
 * At the end the beginning and what is held back are looked at as the file they were, so
 * that the answer is that of image_open().  A footer may say less than the file has: by
 * the geometry of a Virtual PC up to a cylinder of 16 heads and 255 sectors, which is
 * less than 2 MiB. */
#include <assert.h>
#include <inttypes.h>

#include "base/checked.h"
#include "block/flow_kind.h"

enum {
    HELD_BYTES = 2 * 1024 * 1024 + 512,
    BEGINNING = 4096,
};

struct raw_flow {
    struct flow flow;
    uint64_t total;                  /* bytes that came */
    struct flow_chunk *first, *last; /* held back */
    unsigned held;
    bool ended;
    uint8_t beginning[BEGINNING];
};

static struct raw_flow *raw_of(struct flow *f)
{
    return CONTAINER_OF(f, struct raw_flow, flow);
}

/* ---- what is still there of a file whose middle is gone */

struct ends {
    struct block block;
    const struct raw_flow *raw;
};

static int ends_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    const struct raw_flow *raw = CONTAINER_OF(b, struct ends, block)->raw;
    const struct flow_chunk *c = raw->first;
    uint8_t *to = buf;

    if (off < BEGINNING && n <= BEGINNING - off) {
        memcpy(to, raw->beginning + off, n);
        return 0;
    }
    while (c && c->next && off >= c->offset + c->n)
        c = c->next;
    if (!c || off < c->offset)
        return FAIL(
            err, ERR_UNSUPPORTED,
            "the disk ends more than 2 MiB before the stream does: only a file of "
            "that kind is converted");
    for (; n; c = c->next) {
        size_t in = (size_t)(off - c->offset), step = min_size(n, c->n - in);

        memcpy(to, c->data + in, step);
        to += step;
        off += step;
        n -= step;
    }
    return 0;
}

static void ends_close(struct block *b)
{
    (void)b;
}

static const struct block_driver ends_driver = {
    .name = "stream",
    .read = ends_read,
    .close = ends_close,
};

static int look_at_ends(struct raw_flow *raw, struct err *err)
{
    struct ends ends = {.raw = raw}; /* outlives the disk, which may be it */
    AUTO(block_unrefp) struct block *disk = NULL;
    struct flow *f = &raw->flow;
    uint64_t handed_out = raw->first ? raw->first->offset : raw->total;
    int r;

    block_init(&ends.block, &ends_driver, raw->total);
    r = image_open(&disk, &f->info, &ends.block, &f->options, err);
    if (r < 0)
        return r;
    if (disk->size < handed_out)
        return FAIL(err, ERR_UNSUPPORTED,
                    "the disk of %" PRIu64
                    " bytes ends more than 2 MiB before the stream "
                    "does: only a file of that kind is converted",
                    disk->size);
    f->size = disk->size;
    return 0;
}

/* ---- chunks */

static int hold_one(struct raw_flow *raw, struct err *err)
{
    struct flow *f = &raw->flow;
    struct flow_chunk *c = NULL;
    int r = flow_chunk_new(&c, f, f->unit, err);

    if (r < 0)
        return r;
    c->offset = raw->total;
    r = stream_read(f->in, c->data, f->unit, &c->n, err);
    if (r == 0 && c->n > FLOW_SIZE_MAX - raw->total)
        r = FAIL(err, ERR_LIMIT, "a stream of more than %llu bytes (4 TiB)",
                 FLOW_SIZE_MAX);
    raw->ended = r == 0 && c->n < f->unit;
    if (r < 0 || c->n == 0) {
        flow_chunk_give(f, c);
        return r;
    }
    if (raw->total == 0)
        memcpy(raw->beginning, c->data, min_size(c->n, BEGINNING));
    raw->total += c->n;
    c->length = c->n;
    if (raw->first)
        raw->last->next = c;
    else
        raw->first = c;
    raw->last = c;
    raw->held++;
    return 0;
}

static int raw_next(struct flow *f, struct flow_chunk **ret, struct err *err)
{
    struct raw_flow *raw = raw_of(f);
    unsigned hold = (unsigned)div_up(HELD_BYTES, f->unit);
    struct flow_chunk *c;
    int r = 0;

    while (r == 0 && !raw->ended && raw->held <= hold)
        r = hold_one(raw, err);
    if (r == 0 && raw->ended && f->size == FLOW_SIZE_LATER)
        r = look_at_ends(raw, err);
    if (r < 0)
        return r;
    c = raw->first;
    if (!c || c->offset >= f->size) /* a footer, and what lies behind the disk */
        return 0;
    raw->first = c->next;
    raw->held--;
    c->length = min_u64(c->n, f->size - c->offset);
    *ret = c;
    return 1;
}

static int raw_fill(struct flow *f, const struct flow_chunk *c, uint8_t *buf, size_t n,
                    uint64_t off, struct err *err)
{
    (void)f;
    (void)err;
    memcpy(buf, c->data + (off - c->offset), n);
    return 0;
}

static void raw_close(struct flow *f)
{
    struct raw_flow *raw = raw_of(f);

    while (raw->first) {
        struct flow_chunk *c = raw->first;

        raw->first = c->next;
        flow_chunk_give(f, c);
    }
    flow_fini(f);
    free(raw);
}

static const struct flow_driver raw_flow_driver = {
    .next = raw_next,
    .fill = raw_fill,
    .close = raw_close,
};

int flow_raw_open(struct flow **ret, struct stream *in,
                  const struct image_options *options, struct err *err)
{
    struct raw_flow *raw = calloc(1, sizeof *raw);

    if (!raw)
        return FAIL(err, ERR_NOMEM, "no memory for a stream");
    flow_init(&raw->flow, &raw_flow_driver, in, options);
    *ret = &raw->flow;
    return 0;
}
