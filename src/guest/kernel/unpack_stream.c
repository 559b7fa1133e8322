/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack_stream.c: decoders that keep their own state between steps
 *
 * Each step hands over all the input there is and an empty output of UNPACK_CHUNK.  A
 * library that makes no progress and says nothing else just wants more input; unpack.c
 * notices when there is none. */
#include <bzlib.h>
#include <isa-l/igzip_lib.h>
#include <lzma.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "guest/kernel/unpack_kind.h"

/* ---- gzip.  One member a stream, as the kernel's inflate takes it.  ISA-L because gzip
 * is what most guests use and it is about three times as fast as zlib. */

struct gzip {
    struct unpack u;
    struct inflate_state s;
};

static int gzip_open(struct unpack *u, struct err *err)
{
    struct gzip *g = CONTAINER_OF(u, struct gzip, u);

    (void)err;
    isal_inflate_init(&g->s);
    g->s.crc_flag = ISAL_GZIP;
    return 0;
}

static int gzip_step(struct unpack *u, struct bytes *in, size_t *ret_n, struct err *err)
{
    struct inflate_state *s = &CONTAINER_OF(u, struct gzip, u)->s;
    int r;

    s->next_in = (uint8_t *)(uintptr_t)in->p;
    s->avail_in = (uint32_t)in->n;
    s->next_out = u->out;
    s->avail_out = (uint32_t)u->out_cap;
    r = isal_inflate(s);
    if (r == ISAL_UNSUPPORTED_METHOD)
        return FAIL(err, ERR_UNSUPPORTED, "gzip: a method other than deflate");
    if (r == ISAL_INCORRECT_CHECKSUM)
        return FAIL(err, ERR_CORRUPT, "gzip: checksum mismatch");
    if (r < 0)
        return FAIL(err, ERR_CORRUPT, "gzip: bad data");
    *in = bytes_of(in->p + (in->n - s->avail_in), s->avail_in);
    *ret_n = u->out_cap - s->avail_out;
    return s->block_state == ISAL_BLOCK_FINISH;
}

const struct unpack_kind unpack_gzip = {
    .name = "gzip",
    .magic = {0x1f, 0x8b},
    .size = sizeof(struct gzip),
    .open = gzip_open,
    .step = gzip_step,
};

/* ---- bzip2 */

struct bzip2 {
    struct unpack u;
    bz_stream s;
    bool open;
};

static int bzip2_open(struct unpack *u, struct err *err)
{
    struct bzip2 *b = CONTAINER_OF(u, struct bzip2, u);

    if (BZ2_bzDecompressInit(&b->s, 0, 0) != BZ_OK)
        return FAIL(err, ERR_NOMEM, "bzip2 decoder");
    b->open = true;
    return 0;
}

static int bzip2_step(struct unpack *u, struct bytes *in, size_t *ret_n, struct err *err)
{
    bz_stream *s = &CONTAINER_OF(u, struct bzip2, u)->s;
    int r;

    s->next_in = (char *)(uintptr_t)in->p;
    s->avail_in = (unsigned)in->n;
    s->next_out = (char *)u->out;
    s->avail_out = (unsigned)u->out_cap;
    r = BZ2_bzDecompress(s);
    if (r == BZ_MEM_ERROR)
        return FAIL(err, ERR_NOMEM, "bzip2 decoder");
    if (r != BZ_OK && r != BZ_STREAM_END)
        return FAIL(err, ERR_CORRUPT, "bzip2: bad data");
    *in = bytes_of(in->p + (in->n - s->avail_in), s->avail_in);
    *ret_n = u->out_cap - s->avail_out;
    return r == BZ_STREAM_END;
}

static void bzip2_close(struct unpack *u)
{
    struct bzip2 *b = CONTAINER_OF(u, struct bzip2, u);

    if (b->open)
        BZ2_bzDecompressEnd(&b->s);
}

const struct unpack_kind unpack_bzip2 = {
    .name = "bzip2",
    .magic = {'B', 'Z'},
    .size = sizeof(struct bzip2),
    .open = bzip2_open,
    .step = bzip2_step,
    .close = bzip2_close,
};

/* ---- xz and lzma.  Linux reads only CRC32 or no check inside xz; we are not pickier
 * than liblzma, since which kernel will read it decides that. */

struct xz {
    struct unpack u;
    lzma_stream s;
};

static int lzma_failed(struct unpack *u, lzma_ret r, struct err *err)
{
    const char *name = u->kind->name;

    switch (r) {
    case LZMA_MEM_ERROR:
        return FAIL(err, ERR_NOMEM, "%s decoder", name);
    case LZMA_MEMLIMIT_ERROR:
        return FAIL(err, ERR_LIMIT, "%s: dictionary needs more than %d MiB", name,
                    UNPACK_XZ_MEMORY >> 20);
    case LZMA_OPTIONS_ERROR:
        return FAIL(err, ERR_UNSUPPORTED, "%s: options or filters we do not know", name);
    default:
        return FAIL(err, ERR_CORRUPT, "%s: bad data", name);
    }
}

static int xz_open(struct unpack *u, struct err *err)
{
    lzma_ret r = lzma_stream_decoder(&CONTAINER_OF(u, struct xz, u)->s,
                                     (uint64_t)UNPACK_XZ_MEMORY, 0);

    return r == LZMA_OK ? 0 : lzma_failed(u, r, err);
}

static int lzma_open(struct unpack *u, struct err *err)
{
    lzma_ret r =
        lzma_alone_decoder(&CONTAINER_OF(u, struct xz, u)->s, (uint64_t)UNPACK_XZ_MEMORY);

    return r == LZMA_OK ? 0 : lzma_failed(u, r, err);
}

static int xz_step(struct unpack *u, struct bytes *in, size_t *ret_n, struct err *err)
{
    lzma_stream *s = &CONTAINER_OF(u, struct xz, u)->s;
    lzma_ret r;

    s->next_in = in->p;
    s->avail_in = in->n;
    s->next_out = u->out;
    s->avail_out = u->out_cap;
    r = lzma_code(s, LZMA_RUN);
    if (r != LZMA_OK && r != LZMA_STREAM_END && r != LZMA_BUF_ERROR)
        return lzma_failed(u, r, err);
    *in = bytes_of(s->next_in, s->avail_in);
    *ret_n = u->out_cap - s->avail_out;
    return r == LZMA_STREAM_END;
}

static void xz_close(struct unpack *u)
{
    lzma_end(&CONTAINER_OF(u, struct xz, u)->s);
}

const struct unpack_kind unpack_xz = {
    .name = "xz",
    .magic = {0xfd, '7'},
    .size = sizeof(struct xz),
    .open = xz_open,
    .step = xz_step,
    .close = xz_close,
};

const struct unpack_kind unpack_lzma = {
    .name = "lzma",
    .magic = {0x5d, 0x00},
    .size = sizeof(struct xz),
    .open = lzma_open,
    .step = xz_step,
    .close = xz_close,
};

/* ---- zstd: one frame a stream */

struct zstd {
    struct unpack u;
    ZSTD_DCtx *s;
};

static int zstd_open(struct unpack *u, struct err *err)
{
    struct zstd *z = CONTAINER_OF(u, struct zstd, u);

    z->s = ZSTD_createDCtx();
    if (!z->s || ZSTD_isError(ZSTD_DCtx_setParameter(z->s, ZSTD_d_windowLogMax,
                                                     UNPACK_ZSTD_WINDOW_LOG)))
        return FAIL(err, ERR_NOMEM, "zstd decoder");
    return 0;
}

static int zstd_failed(size_t r, struct err *err)
{
    const char *why = ZSTD_getErrorName(r);

    switch (ZSTD_getErrorCode(r)) {
    case ZSTD_error_memory_allocation:
        return FAIL(err, ERR_NOMEM, "zstd decoder");
    case ZSTD_error_frameParameter_windowTooLarge:
        return FAIL(err, ERR_LIMIT, "zstd: window over %d MiB",
                    1 << (UNPACK_ZSTD_WINDOW_LOG - 20));
    case ZSTD_error_version_unsupported:
    case ZSTD_error_frameParameter_unsupported:
    case ZSTD_error_dictionary_wrong:
        return FAIL(err, ERR_UNSUPPORTED, "zstd: %s", why);
    default:
        return FAIL(err, ERR_CORRUPT, "zstd: %s", why);
    }
}

static int zstd_step(struct unpack *u, struct bytes *in, size_t *ret_n, struct err *err)
{
    ZSTD_inBuffer from = {in->p, in->n, 0};
    ZSTD_outBuffer to = {u->out, u->out_cap, 0};
    size_t r = ZSTD_decompressStream(CONTAINER_OF(u, struct zstd, u)->s, &to, &from);

    if (ZSTD_isError(r))
        return zstd_failed(r, err);
    *in = bytes_of(in->p + from.pos, in->n - from.pos);
    *ret_n = to.pos;
    return r == 0;
}

static void zstd_close(struct unpack *u)
{
    ZSTD_freeDCtx(CONTAINER_OF(u, struct zstd, u)->s);
}

const struct unpack_kind unpack_zstd = {
    .name = "zstd",
    .magic = {0x28, 0xb5},
    .size = sizeof(struct zstd),
    .open = zstd_open,
    .step = zstd_step,
    .close = zstd_close,
};
