/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/verify.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/scoped.h"

enum { STEP = 1024 * 1024 };

struct pair {
    const struct convert_options *options;
    struct block *source, *output; /* borrowed */
    uint8_t *a, *b;                /* STEP bytes each */
};

/* Where neither can hold a byte from `off` on: how long; 0: there may be one. */
static int both_empty(uint64_t *ret, const struct pair *p, uint64_t off, struct err *err)
{
    struct extent out, in = {EXTENT_HOLE, p->output->size - off};
    int r = block_extent(p->output, &out, off, err);

    if (r == 0 && off < p->source->size)
        r = block_extent(p->source, &in, off, err);
    if (r < 0)
        return r;
    *ret = out.kind == EXTENT_DATA || in.kind == EXTENT_DATA
               ? 0
               : min_u64(out.length, in.length);
    return 0;
}

static int read_padded(struct block *b, uint8_t *to, size_t n, uint64_t off,
                       struct err *err)
{
    size_t have = off < b->size ? (size_t)min_u64(n, b->size - off) : 0;

    memset(to + have, 0, n - have);
    return have ? block_read(b, to, have, off, err) : 0;
}

static int compare_step(const struct pair *p, size_t n, uint64_t off, struct err *err)
{
    size_t i = 0;
    int r = read_padded(p->source, p->a, n, off, err);

    if (r == 0)
        r = read_padded(p->output, p->b, n, off, err);
    if (r < 0 || memcmp(p->a, p->b, n) == 0)
        return r;
    while (p->a[i] == p->b[i])
        i++;
    return FAIL(err, ERR_CORRUPT,
                "what was written differs from the source at offset %" PRIu64, off + i);
}

static int compare(const struct pair *p, struct err *err)
{
    const struct convert_options *o = p->options;
    uint64_t off = 0;

    while (off < p->output->size) {
        struct convert_progress now = {"verify", off, p->output->size, 0};
        size_t n = (size_t)min_u64(STEP - off % STEP, p->output->size - off);
        uint64_t empty = 0;
        int r = both_empty(&empty, p, off, err);

        if (r == 0 && !empty)
            r = compare_step(p, n, off, err);
        if (r < 0)
            return r;
        off += empty ? empty : n;
        if (o->progress && o->progress(o->progress_arg, &now))
            return FAIL(err, ERR_CANCELED, "verification canceled");
    }
    return 0;
}

/* The disk in `output`, as the tally of the source was taken. */
static int count(const struct pair *p, struct tally *ret, struct err *err)
{
    const struct convert_options *o = p->options;
    uint64_t off = 0;

    while (off < p->output->size) {
        struct convert_progress now = {"verify", off, p->output->size, 0};
        uint64_t n = min_u64(STEP - off % STEP, p->output->size - off);
        struct extent e;
        int r = block_extent(p->output, &e, off, err);

        if (r == 0 && e.kind != EXTENT_DATA && e.length >= ret->unit) {
            off += round_down(e.length, ret->unit);
            continue;
        }
        if (r == 0)
            r = block_read(p->output, p->b, (size_t)n, off, err);
        if (r < 0)
            return r;
        tally_add(ret, p->b, (size_t)n, off);
        off += n;
        if (o->progress && o->progress(o->progress_arg, &now))
            return FAIL(err, ERR_CANCELED, "verification canceled");
    }
    return 0;
}

static int compare_tally(const struct pair *p, struct err *err)
{
    struct tally written = {.unit = p->options->tally->unit};
    int r = count(p, &written, err);

    if (r == 0 && written.sum != p->options->tally->sum)
        return FAIL(err, ERR_CORRUPT, "what was written differs from what came");
    return r;
}

int convert_verify(const struct convert_options *options, struct block *written,
                   struct err *err)
{
    AUTO(block_unrefp) struct block *output = NULL;
    AUTO(freep) uint8_t *a = malloc(STEP), *b = malloc(STEP);
    struct image_options declared = {.declared = options->format};
    struct image_info info;
    struct pair pair = {options, options->source, NULL, a, b};
    uint64_t size = options->flow ? flow_size(options->flow) : options->source->size;
    int r;

    if (!a || !b)
        return FAIL(err, ERR_NOMEM, "no memory to compare");
    r = image_open(&output, &info, written, &declared, err);
    if (r < 0) {
        err_prefix(err, "what was written");
        return r;
    }
    if (output->size < size)
        return FAIL(err, ERR_CORRUPT,
                    "what was written is a disk of %" PRIu64
                    " bytes, the source of %" PRIu64,
                    output->size, size);
    pair.output = output;
    return options->flow ? compare_tally(&pair, err) : compare(&pair, err);
}
