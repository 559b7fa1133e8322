/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/pack.h"

#include <assert.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "base/checked.h"

enum {
    /* Every QEMU inflates with a window of 2^12 bytes; a stream that needs more of it
     * would be refused by some inflaters.  Raw deflate has no header to say so. */
    DEFLATE_WINDOW_BITS = 12,
    DEFLATE_MEMORY = 9,
    ZSTD_LEVEL = 3, /* what QEMU uses */
};

/* Compresses CONVERT_CLUSTER bytes into fewer: their number, or 0 when there is no gain;
 * negative: error. */
typedef int compress_fn(struct packer *p, uint8_t *to, const uint8_t *from,
                        struct err *err);

struct packer {
    compress_fn *compress; /* NULL: plain */
    z_stream deflate;
    bool deflate_ready;
    ZSTD_CCtx *zstd;
    uint8_t scratch[CONVERT_CLUSTER];
};

static int compress_zlib(struct packer *p, uint8_t *to, const uint8_t *from,
                         struct err *err)
{
    z_stream *z = &p->deflate;
    int r = deflateReset(z);

    if (r != Z_OK)
        return FAIL(err, ERR_NOMEM, "deflate: cannot reset: %d", r);
    z->next_in = (Bytef *)from;
    z->avail_in = CONVERT_CLUSTER;
    z->next_out = to;
    z->avail_out = CONVERT_CLUSTER - 1;
    r = deflate(z, Z_FINISH);
    if (r == Z_STREAM_END)
        return CONVERT_CLUSTER - 1 - (int)z->avail_out;
    if (r == Z_OK || r == Z_BUF_ERROR)
        return 0;
    return FAIL(err, ERR_NOMEM, "deflate: error %d", r);
}

static int compress_zstd(struct packer *p, uint8_t *to, const uint8_t *from,
                         struct err *err)
{
    size_t n = ZSTD_compress2(p->zstd, to, CONVERT_CLUSTER - 1, from, CONVERT_CLUSTER);

    if (!ZSTD_isError(n))
        return (int)n;
    if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
        return 0;
    return FAIL(err, ERR_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
}

void packer_freep(struct packer **ret)
{
    struct packer *p = *ret;

    if (!p)
        return;
    if (p->deflate_ready)
        deflateEnd(&p->deflate);
    ZSTD_freeCCtx(p->zstd);
    free(p);
    *ret = NULL;
}

static int deflate_init(struct packer *p, struct err *err)
{
    int r = deflateInit2(&p->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                         -DEFLATE_WINDOW_BITS, DEFLATE_MEMORY, Z_DEFAULT_STRATEGY);

    if (r != Z_OK)
        return FAIL(err, ERR_NOMEM, "deflate: cannot begin: %d", r);
    p->deflate_ready = true;
    p->compress = compress_zlib;
    return 0;
}

static int zstd_init(struct packer *p, struct err *err)
{
    p->zstd = ZSTD_createCCtx();
    if (!p->zstd || ZSTD_isError(ZSTD_CCtx_setParameter(p->zstd, ZSTD_c_compressionLevel,
                                                        ZSTD_LEVEL)))
        return FAIL(err, ERR_NOMEM, "no memory for a zstd context");
    p->compress = compress_zstd;
    return 0;
}

int packer_new(struct packer **ret, enum convert_compression c, struct err *err)
{
    AUTO(packer_freep) struct packer *p = calloc(1, sizeof *p);
    int r = 0;

    if (!p)
        return FAIL(err, ERR_NOMEM, "no memory for a compressor");
    if (c == CONVERT_ZLIB)
        r = deflate_init(p, err);
    else if (c == CONVERT_ZSTD)
        r = zstd_init(p, err);
    if (r < 0)
        return r;
    *ret = TAKE(p);
    return 0;
}

int packer_run(struct packer *p, struct batch *b, struct err *err)
{
    uint8_t *to = b->data;
    size_t whole = round_up(b->length, CONVERT_CLUSTER);

    assert(b->length <= CONVERT_BATCH && b->offset % CONVERT_CLUSTER == 0);
    memset(b->data + b->length, 0, whole - b->length);
    b->count = 0;
    for (size_t off = 0; off < whole; off += CONVERT_CLUSTER) {
        uint8_t *from = b->data + off;
        struct cluster *c = &b->clusters[b->count];
        int n = 0;

        if (bytes_are_zero(bytes_of(from, CONVERT_CLUSTER)))
            continue;
        if (p->compress) {
            n = p->compress(p, p->scratch, from, err);
            if (n < 0)
                return n;
        }
        *c = (struct cluster){(b->offset + off) / CONVERT_CLUSTER, from, CONVERT_CLUSTER};
        if (n) { /* it shrank, so `to` is not past what it came from */
            c->p = memcpy(to, p->scratch, (size_t)n);
            c->length = (uint32_t)n;
            to += n;
        } else {
            to = from + CONVERT_CLUSTER;
        }
        b->count++;
    }
    return 0;
}
