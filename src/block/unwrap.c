/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/unwrap.h"

#include <assert.h>
#include <inttypes.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/checked.h"

enum {
    INPUT = 128 * 1024,
    MAGIC_MAX = 4,
    STRIDE = 4096, /* zeros are told by so many bytes */
};

struct unwrap;

struct unwrap_kind {
    const char *name;
    int (*open)(struct unwrap *u, struct err *err);

    /* Takes from *in what it can and writes at most n bytes.  1 at the end of a member,
     * with *in behind it; else 0. */
    int (*step)(struct unwrap *u, struct bytes *in, uint8_t *to, size_t n, size_t *ret_n,
                struct err *err);

    /* Does another member begin here? */
    bool (*begins)(struct bytes head);
    void (*close)(struct unwrap *u);
};

struct unwrap {
    struct stream stream;
    const struct unwrap_kind *kind;
    struct stream *from; /* borrowed */
    struct bytes in;     /* what of the buffer was not taken yet */
    bool last;           /* nothing comes behind it */
    bool between;        /* two members, or behind the last */
    uint64_t all, data;  /* bytes that were unpacked; of them, those that are not zero */
    union {
        struct inflate_state gzip;
        lzma_stream xz;
        ZSTD_DCtx *zstd;
    } s;
    uint8_t buf[INPUT];
};

static struct unwrap *unwrap_of(struct stream *s)
{
    return CONTAINER_OF(s, struct unwrap, stream);
}

/* ---- gzip.  By ISA-L, about three times as fast as zlib. */

static int gzip_open(struct unwrap *u, struct err *err)
{
    (void)err;
    isal_inflate_init(&u->s.gzip);
    u->s.gzip.crc_flag = ISAL_GZIP;
    return 0;
}

static int gzip_step(struct unwrap *u, struct bytes *in, uint8_t *to, size_t n,
                     size_t *ret_n, struct err *err)
{
    struct inflate_state *s = &u->s.gzip;
    int r;

    s->next_in = (uint8_t *)(uintptr_t)in->p;
    s->avail_in = (uint32_t)in->n;
    s->next_out = to;
    s->avail_out = (uint32_t)n;
    r = isal_inflate(s);
    if (r == ISAL_INCORRECT_CHECKSUM)
        return FAIL(err, ERR_CORRUPT, "the checksum of what was packed is wrong");
    if (r < 0)
        return FAIL(err, ERR_CORRUPT, "bad data in the packed stream");
    *in = bytes_of(in->p + (in->n - s->avail_in), s->avail_in);
    *ret_n = n - s->avail_out;
    if (s->block_state != ISAL_BLOCK_FINISH)
        return 0;
    isal_inflate_reset(s);
    s->crc_flag = ISAL_GZIP;
    return 1;
}

static bool gzip_begins(struct bytes head)
{
    return bytes_at(head, 0, "\x1f\x8b\x08", 3);
}

static void gzip_close(struct unwrap *u)
{
    (void)u;
}

/* ---- xz.  liblzma itself takes streams that follow each other, and their padding. */

static int xz_failed(lzma_ret r, struct err *err)
{
    switch (r) {
    case LZMA_MEM_ERROR:
        return FAIL(err, ERR_NOMEM, "no memory for an xz decoder");
    case LZMA_MEMLIMIT_ERROR:
        return FAIL(err, ERR_LIMIT, "unpacking it needs more than %d MiB of memory",
                    UNWRAP_XZ_MEMORY >> 20);
    case LZMA_OPTIONS_ERROR:
        return FAIL(err, ERR_UNSUPPORTED,
                    "it was packed with options or filters we do not know");
    default:
        return FAIL(err, ERR_CORRUPT, "bad data in the packed stream");
    }
}

static int xz_open(struct unwrap *u, struct err *err)
{
    lzma_ret r =
        lzma_stream_decoder(&u->s.xz, (uint64_t)UNWRAP_XZ_MEMORY, LZMA_CONCATENATED);

    return r == LZMA_OK ? 0 : xz_failed(r, err);
}

static int xz_step(struct unwrap *u, struct bytes *in, uint8_t *to, size_t n,
                   size_t *ret_n, struct err *err)
{
    lzma_stream *s = &u->s.xz;
    lzma_ret r;

    s->next_in = in->p;
    s->avail_in = in->n;
    s->next_out = to;
    s->avail_out = n;
    r = lzma_code(s, u->last ? LZMA_FINISH : LZMA_RUN);
    if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
        return xz_failed(r, err);
    *in = bytes_of(s->next_in, s->avail_in);
    *ret_n = n - s->avail_out;
    return r == LZMA_STREAM_END;
}

static bool xz_begins(struct bytes head)
{
    (void)head;
    return false;
}

static void xz_close(struct unwrap *u)
{
    lzma_end(&u->s.xz);
}

/* ---- zstd */

static int zstd_open(struct unwrap *u, struct err *err)
{
    u->s.zstd = ZSTD_createDCtx();
    if (!u->s.zstd || ZSTD_isError(ZSTD_DCtx_setParameter(u->s.zstd, ZSTD_d_windowLogMax,
                                                          UNWRAP_ZSTD_WINDOW_LOG)))
        return FAIL(err, ERR_NOMEM, "no memory for a zstd decoder");
    return 0;
}

static int zstd_failed(size_t r, struct err *err)
{
    switch (ZSTD_getErrorCode(r)) {
    case ZSTD_error_memory_allocation:
        return FAIL(err, ERR_NOMEM, "no memory for a zstd decoder");
    case ZSTD_error_frameParameter_windowTooLarge:
        return FAIL(err, ERR_LIMIT, "it was packed with a window of more than %d MiB",
                    1 << (UNWRAP_ZSTD_WINDOW_LOG - 20));
    case ZSTD_error_version_unsupported:
    case ZSTD_error_frameParameter_unsupported:
    case ZSTD_error_dictionary_wrong:
        return FAIL(err, ERR_UNSUPPORTED, "%s", ZSTD_getErrorName(r));
    default:
        return FAIL(err, ERR_CORRUPT, "%s", ZSTD_getErrorName(r));
    }
}

static int zstd_step(struct unwrap *u, struct bytes *in, uint8_t *to, size_t n,
                     size_t *ret_n, struct err *err)
{
    ZSTD_inBuffer from = {in->p, in->n, 0};
    ZSTD_outBuffer out = {to, n, 0};
    size_t r = ZSTD_decompressStream(u->s.zstd, &out, &from);

    if (ZSTD_isError(r))
        return zstd_failed(r, err);
    *in = bytes_of(in->p + from.pos, in->n - from.pos);
    *ret_n = out.pos;
    return r == 0;
}

/* A frame, or one to be skipped: pzstd writes those. */
static bool zstd_begins(struct bytes head)
{
    return bytes_at(head, 0, "\x28\xb5\x2f\xfd", 4) ||
           (head.n >= 4 && (load_le32(head.p) & 0xfffffff0) == 0x184d2a50);
}

static void zstd_close(struct unwrap *u)
{
    ZSTD_freeDCtx(u->s.zstd);
}

static const struct unwrap_kind kinds[] = {
    {"gzip", gzip_open, gzip_step, gzip_begins, gzip_close},
    {"xz", xz_open, xz_step, xz_begins, xz_close},
    {"zstd", zstd_open, zstd_step, zstd_begins, zstd_close},
};

/* ---- what they have in common */

/* Holds at least MAGIC_MAX bytes more than nothing, or all that are left. */
static int refill(struct unwrap *u, struct err *err)
{
    size_t got = 0;
    int r;

    if (u->last || u->in.n >= MAGIC_MAX)
        return 0;
    memmove(u->buf, u->in.p, u->in.n);
    r = stream_read(u->from, u->buf + u->in.n, INPUT - u->in.n, &got, err);
    if (r < 0)
        return r;
    u->last = got < INPUT - u->in.n;
    u->in = bytes_of(u->buf, u->in.n + got);
    return 0;
}

/* 1: goes on with another member.  0: that was all. */
static int next_member(struct unwrap *u, struct err *err)
{
    int r = refill(u, err);

    if (r < 0 || u->in.n == 0)
        return r;
    if (!u->kind->begins(u->in))
        return FAIL(err, ERR_CORRUPT, "something follows the packed stream");
    u->between = false;
    return 1;
}

static int count(struct unwrap *u, const uint8_t *p, size_t n, struct err *err)
{
    u->all += n;
    for (size_t i = 0; i < n; i += STRIDE) {
        size_t step = min_size(STRIDE, n - i);

        if (!bytes_are_zero(bytes_of(p + i, step)))
            u->data += step;
    }
    if (u->all > UNWRAP_SIZE_MAX)
        return FAIL(err, ERR_LIMIT, "it unpacks to more than %llu bytes (4 TiB)",
                    UNWRAP_SIZE_MAX);
    if (u->data > UNWRAP_FREE && u->data / UNWRAP_RATIO > u->from->at)
        return FAIL(err, ERR_LIMIT,
                    "%" PRIu64
                    " bytes unpack to more than %d times as many, zeros not counted, as "
                    "nothing does but a bomb",
                    u->from->at, UNWRAP_RATIO);
    return 0;
}

static int unwrap_read(struct stream *s, uint8_t *buf, size_t n, size_t *ret_n,
                       struct err *err)
{
    struct unwrap *u = unwrap_of(s);
    size_t got = 0;

    while (got == 0) {
        size_t before;
        int r = u->between ? next_member(u, err) : refill(u, err);

        if (r < 0)
            return r;
        if (u->between)
            break;
        before = u->in.n;
        r = u->kind->step(u, &u->in, buf, n, &got, err);
        if (r < 0)
            return r;
        u->between = r;
        if (!r && got == 0 && u->in.n == before && u->last)
            return FAIL(err, ERR_CORRUPT, "the packed stream is cut off");
    }
    *ret_n = got;
    return count(u, buf, got, err);
}

static void unwrap_close(struct stream *s)
{
    struct unwrap *u = unwrap_of(s);

    u->kind->close(u);
    free(u);
}

static const struct stream_driver unwrap_driver = {
    .name = "packed stream",
    .read = unwrap_read,
    .close = unwrap_close,
};

static const struct unwrap_kind *find(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0)
            return &kinds[i];
    return NULL;
}

bool unwrap_knows(const char *name)
{
    return find(name) != NULL;
}

const char *unwrap_name(const struct stream *s)
{
    return CONTAINER_OF((struct stream *)(uintptr_t)s, struct unwrap, stream)->kind->name;
}

static void unwrap_freep(struct unwrap **u)
{
    if (*u)
        unwrap_close(&(*u)->stream);
}

int unwrap_open(struct stream **ret, const char *name, struct stream *in, struct err *err)
{
    AUTO(unwrap_freep) struct unwrap *u = calloc(1, sizeof *u);
    int r;

    if (!u)
        return FAIL(err, ERR_NOMEM, "no memory to unpack");
    u->stream.driver = &unwrap_driver;
    u->kind = find(name);
    assert(u->kind);
    u->from = in;
    u->in = bytes_of(u->buf, 0);
    r = u->kind->open(u, err);
    if (r < 0)
        return r;
    *ret = &TAKE(u)->stream;
    return 0;
}
