/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/inflate.h"

#include <libdeflate.h>
#include <pthread.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/scoped.h"

enum {
    /* The largest window that zstd's own levels use (level 19).  Clusters are 2 MiB at
     * most; a frame that asks for more is after our memory. */
    ZSTD_WINDOW_LOG = 23,
};

struct inflate_line {
    uint64_t guest;
    uint64_t used; /* clock at the last use; 0: empty */
    uint8_t *data;
};

struct inflate_cache {
    pthread_mutex_t lock;
    uint64_t clock;
    unsigned lines;
    struct inflate_line line[];
};

struct inflater {
    struct inflater *next; /* in the pool's list of idle ones */
    struct libdeflate_decompressor *deflate;
    ZSTD_DCtx *zstd;
    uint8_t *input;
    size_t input_cap;
};

struct inflate_pool {
    pthread_mutex_t lock;
    struct inflater *idle;
    bool zstd;
};

static void inflater_free(struct inflater *i)
{
    if (!i)
        return;
    libdeflate_free_decompressor(i->deflate);
    ZSTD_freeDCtx(i->zstd);
    free(i->input);
    free(i);
}

static void inflater_freep(struct inflater **i)
{
    inflater_free(*i);
}

static int inflater_new(struct inflater **ret, bool zstd, struct err *err)
{
    AUTO(inflater_freep) struct inflater *i = calloc(1, sizeof *i);

    if (!i)
        return FAIL(err, ERR_NOMEM, "decompressor");
    if (zstd) {
        i->zstd = ZSTD_createDCtx();
        if (!i->zstd || ZSTD_isError(ZSTD_DCtx_setParameter(i->zstd, ZSTD_d_windowLogMax,
                                                            ZSTD_WINDOW_LOG)))
            return FAIL(err, ERR_NOMEM, "zstd decompressor");
    } else {
        i->deflate = libdeflate_alloc_decompressor();
        if (!i->deflate)
            return FAIL(err, ERR_NOMEM, "deflate decompressor");
    }
    *ret = TAKE(i);
    return 0;
}

int inflate_pool_new(struct inflate_pool **ret, bool zstd, struct err *err)
{
    struct inflate_pool *p = calloc(1, sizeof *p);

    if (!p)
        return FAIL(err, ERR_NOMEM, "decompressors");
    pthread_mutex_init(&p->lock, NULL);
    p->zstd = zstd;
    *ret = p;
    return 0;
}

void inflate_pool_free(struct inflate_pool *p)
{
    if (!p)
        return;
    while (p->idle) {
        struct inflater *i = p->idle;

        p->idle = i->next;
        inflater_free(i);
    }
    pthread_mutex_destroy(&p->lock);
    free(p);
}

int inflater_take(struct inflater **ret, struct inflate_pool *p, struct err *err)
{
    struct inflater *i;

    pthread_mutex_lock(&p->lock);
    i = p->idle;
    if (i)
        p->idle = i->next;
    pthread_mutex_unlock(&p->lock);
    if (!i)
        return inflater_new(ret, p->zstd, err);
    *ret = i;
    return 0;
}

void inflater_give(struct inflate_pool *p, struct inflater *i)
{
    pthread_mutex_lock(&p->lock);
    i->next = p->idle;
    p->idle = i;
    pthread_mutex_unlock(&p->lock);
}

uint8_t *inflater_input(struct inflater *i, size_t n)
{
    if (n > i->input_cap) {
        free(i->input);
        i->input = malloc(n);
        i->input_cap = i->input ? n : 0;
    }
    return i->input;
}

/* libdeflate wants the end of the stream to fit.  A stream that still goes on when the
 * cluster is full, or whose end lies past the sectors that the L2 entry counts, is right
 * all the same, and needs an inflate that can stop in between. */
static bool zlib_run(uint8_t *to, size_t n, struct bytes from)
{
    z_stream z = {
        .next_in = (z_const Bytef *)(uintptr_t)from.p,
        .avail_in = (uInt)from.n,
        .next_out = to,
        .avail_out = (uInt)n,
    };
    int r;

    if (inflateInit2(&z, -15) != Z_OK)
        return false;
    r = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return (r == Z_STREAM_END || r == Z_BUF_ERROR || r == Z_OK) && z.avail_out == 0;
}

static bool deflate_run(struct inflater *i, uint8_t *to, size_t n, struct bytes from)
{
    size_t used;

    return libdeflate_deflate_decompress_ex(i->deflate, from.p, from.n, to, n, &used,
                                            NULL) == LIBDEFLATE_SUCCESS ||
           zlib_run(to, n, from);
}

/* One frame in one call is a third faster than streaming; whatever is not just that (two
 * frames, no size in the header) is streamed. */
static bool zstd_run(struct inflater *i, uint8_t *to, size_t n, struct bytes from)
{
    size_t frame = ZSTD_findFrameCompressedSize(from.p, from.n);
    ZSTD_outBuffer out = {to, n, 0};
    ZSTD_inBuffer in = {from.p, from.n, 0};
    size_t r = 0;

    if (!ZSTD_isError(frame) && ZSTD_decompressDCtx(i->zstd, to, n, from.p, frame) == n)
        return true;
    ZSTD_DCtx_reset(i->zstd, ZSTD_reset_session_only);
    while (out.pos < n) {
        size_t in_before = in.pos, out_before = out.pos;

        r = ZSTD_decompressStream(i->zstd, &out, &in);
        if (ZSTD_isError(r) || (in.pos == in_before && out.pos == out_before))
            return false;
    }
    return r == 0;
}

bool inflater_run(struct inflater *i, uint8_t *to, size_t n, struct bytes from)
{
    return i->zstd ? zstd_run(i, to, n, from) : deflate_run(i, to, n, from);
}

bool inflater_run_zlib(struct inflater *i, uint8_t *to, size_t n, size_t *ret_n,
                       struct bytes from)
{
    size_t used;

    return libdeflate_zlib_decompress_ex(i->deflate, from.p, from.n, to, n, &used,
                                         ret_n) == LIBDEFLATE_SUCCESS;
}

int inflate_cache_new(struct inflate_cache **ret, unsigned lines, struct err *err)
{
    struct inflate_cache *c = calloc(1, sizeof *c + lines * sizeof c->line[0]);

    if (!c)
        return FAIL(err, ERR_NOMEM, "cache of inflated clusters");
    pthread_mutex_init(&c->lock, NULL);
    c->lines = lines;
    *ret = c;
    return 0;
}

void inflate_cache_free(struct inflate_cache *c)
{
    if (!c)
        return;
    for (unsigned i = 0; i < c->lines; i++)
        free(c->line[i].data);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

bool inflate_cache_copy(struct inflate_cache *c, uint64_t guest, void *to, size_t n,
                        size_t at)
{
    bool found = false;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 0; i < c->lines && !found; i++) {
        struct inflate_line *l = &c->line[i];

        if (l->used && l->guest == guest) {
            memcpy(to, l->data + at, n);
            l->used = ++c->clock;
            found = true;
        }
    }
    pthread_mutex_unlock(&c->lock);
    return found;
}

void inflate_cache_keep(struct inflate_cache *c, uint64_t guest, uint8_t *data)
{
    struct inflate_line *victim = &c->line[0];
    uint8_t *old;

    pthread_mutex_lock(&c->lock);
    for (unsigned i = 1; i < c->lines; i++)
        if (c->line[i].used < victim->used)
            victim = &c->line[i];
    old = victim->data;
    *victim = (struct inflate_line){guest, ++c->clock, data};
    pthread_mutex_unlock(&c->lock);
    free(old);
}
