/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/kernel/unpack.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "guest/kernel/unpack_kind.h"

void feed_init(struct feed *f, struct block *block, uint64_t end, size_t window)
{
    assert(end <= block->size && window > 0);
    *f = (struct feed){.block = block, .end = end, .window = window};
}

void feed_fini(struct feed *f)
{
    free(f->buf);
    f->buf = NULL;
}

uint64_t feed_tell(const struct feed *f)
{
    return f->next - f->n + f->pos;
}

void feed_seek(struct feed *f, uint64_t off)
{
    uint64_t step = off - feed_tell(f);

    assert(off >= feed_tell(f) && off <= f->end);
    if (step <= f->n - f->pos) {
        f->pos += (size_t)step;
        return;
    }
    f->pos = f->n = 0;
    f->next = off;
}

/* Room for n bytes from pos on; moves what is held to the front. */
static int make_room(struct feed *f, size_t n, struct err *err)
{
    uint8_t *buf;

    if (f->pos) {
        memmove(f->buf, f->buf + f->pos, f->n - f->pos);
        f->n -= f->pos;
        f->pos = 0;
    }
    if (n <= f->cap)
        return 0;
    buf = realloc(f->buf, n);
    if (!buf)
        return FAIL(err, ERR_NOMEM, "window of %zu bytes", n);
    f->buf = buf;
    f->cap = n;
    return 0;
}

int feed_need(struct feed *f, size_t n, struct err *err)
{
    size_t held = f->n - f->pos, want;
    int r;

    assert(n <= FEED_HELD_MAX);
    if (held >= n || f->next == f->end)
        return 0;
    r = make_room(f, max_u64(n, f->window), err);
    if (r < 0)
        return r;
    want = (size_t)min_u64(max_u64(n, f->window) - held, f->end - f->next);
    r = block_read(f->block, f->buf + f->n, want, f->next, err);
    if (r < 0)
        return r;
    f->n += want;
    f->next += want;
    return 0;
}

/* ---- decoders */

static const struct unpack_kind *const kinds[] = {
    &unpack_zstd,  &unpack_gzip, &unpack_xz,  &unpack_lz4,
    &unpack_bzip2, &unpack_lzma, &unpack_lzo,
};

const struct unpack_kind *unpack_kind_find(struct bytes head)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (bytes_at(head, 0, (const char *)kinds[i]->magic, sizeof kinds[i]->magic))
            return kinds[i];
    return NULL;
}

const char *unpack_kind_name(const struct unpack_kind *kind)
{
    return kind->name;
}

int unpack_room(struct unpack *u, size_t n, struct err *err)
{
    if (n <= u->out_cap)
        return 0;
    free(u->out);
    u->out_cap = 0;
    u->out = malloc(n);
    if (!u->out)
        return FAIL(err, ERR_NOMEM, "%s: %zu bytes", u->kind->name, n);
    u->out_cap = n;
    return 0;
}

int unpack_open(struct unpack **ret, const struct unpack_kind *kind, struct feed *feed,
                struct err *err)
{
    AUTO(unpack_closep) struct unpack *u = calloc(1, kind->size);
    int r = 0;

    if (!u)
        return FAIL(err, ERR_NOMEM, "%s decoder", kind->name);
    u->kind = kind;
    u->feed = feed;
    if (kind->step)
        r = unpack_room(u, UNPACK_CHUNK, err);
    if (r == 0 && kind->open)
        r = kind->open(u, err);
    if (r < 0)
        return r;
    *ret = TAKE(u);
    return 0;
}

void unpack_close(struct unpack *u)
{
    if (!u)
        return;
    if (u->kind->close)
        u->kind->close(u);
    free(u->out);
    free(u);
}

static int next_of_stream(struct unpack *u, struct bytes *ret, struct err *err)
{
    for (;;) {
        struct bytes held = feed_held(u->feed), in = held;
        size_t n = 0;
        int r = u->kind->step(u, &in, &n, err);

        if (r < 0)
            return r;
        assert(in.n <= held.n && n <= u->out_cap);
        feed_eat(u->feed, held.n - in.n);
        u->ended = r == 1;
        if (n) {
            *ret = bytes_of(u->out, n);
            return 1;
        }
        if (u->ended)
            return 0;
        if (in.n == held.n) {
            r = feed_need(u->feed, held.n + 1, err);
            if (r < 0)
                return r;
            if (feed_held(u->feed).n == held.n)
                return FAIL(err, ERR_CORRUPT, "%s: the stream is cut off", u->kind->name);
        }
    }
}

int unpack_next(struct unpack *u, struct bytes *ret, struct err *err)
{
    int r;

    if (u->ended)
        return 0;
    if (u->kind->step)
        return next_of_stream(u, ret, err);
    r = u->kind->block(u, ret, err);
    u->ended = r == 0;
    return r;
}
