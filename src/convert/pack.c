/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/pack.h"

#include <assert.h>
#include <libdeflate.h>
#include <string.h>
#include <sys/mman.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "base/checked.h"

enum {
    /* As small as the level 6 of zlib in a window of 4 KiB, which is what QEMU writes, in
     * a fifth of its time. Matches reach back up to 32 KiB: see ARCHITECTURE.md. */
    DEFLATE_LEVEL = 1,
    ZSTD_LEVEL = 1, /* QEMU takes 3, for 3 % less in half as much time again */
    GRAIN_MARKER = 12,
    GRAIN_SECTOR = 512,
    HUGE_PAGE = 2 << 20,
};

/* Compresses p->cluster bytes.  Bytes at `to`, or 0: stays as it is; negative: error. */
typedef int compress_fn(struct packer *p, uint8_t *to, const uint8_t *from,
                        uint64_t index, struct err *err);

struct packer {
    compress_fn *compress; /* NULL: plain */
    uint32_t cluster;      /* bytes */
    size_t most;           /* bytes that compress() may give */
    struct libdeflate_compressor *deflate;
    ZSTD_CCtx *zstd;
    uint8_t *scratch; /* of `most` bytes */
};

static int compress_deflate(struct packer *p, uint8_t *to, const uint8_t *from,
                            uint64_t index, struct err *err)
{
    (void)index;
    (void)err;
    return (int)libdeflate_deflate_compress(p->deflate, from, p->cluster, to,
                                            p->cluster - 1);
}

static int compress_zstd(struct packer *p, uint8_t *to, const uint8_t *from,
                         uint64_t index, struct err *err)
{
    size_t n = ZSTD_compress2(p->zstd, to, p->cluster - 1, from, p->cluster);

    (void)index;
    if (!ZSTD_isError(n))
        return (int)n;
    if (ZSTD_getErrorCode(n) == ZSTD_error_dstSize_tooSmall)
        return 0;
    return FAIL(err, ERR_NOMEM, "zstd: %s", ZSTD_getErrorName(n));
}

/* A grain as it stands in a streamOptimized VMDK, which holds no other kind: marker, zlib
 * stream, zeros up to a sector. */
static int compress_grain(struct packer *p, uint8_t *to, const uint8_t *from,
                          uint64_t index, struct err *err)
{
    size_t n = libdeflate_zlib_compress(p->deflate, from, p->cluster, to + GRAIN_MARKER,
                                        p->most - GRAIN_MARKER);
    size_t whole = round_up(GRAIN_MARKER + n, GRAIN_SECTOR);

    (void)err;
    assert(n > 0); /* `most` comes from libdeflate's own bound */
    store_le64(to, index * (p->cluster / GRAIN_SECTOR));
    store_le32(to + 8, (uint32_t)n);
    memset(to + GRAIN_MARKER + n, 0, whole - GRAIN_MARKER - n);
    return (int)whole;
}

void packer_freep(struct packer **ret)
{
    struct packer *p = *ret;

    if (!p)
        return;
    libdeflate_free_compressor(p->deflate);
    ZSTD_freeCCtx(p->zstd);
    free(p->scratch);
    free(p);
    *ret = NULL;
}

static int deflate_init(struct packer *p, struct err *err)
{
    p->deflate = libdeflate_alloc_compressor(DEFLATE_LEVEL);
    if (!p->deflate)
        return FAIL(err, ERR_NOMEM, "no memory for a deflate compressor");
    p->compress = compress_deflate;
    return 0;
}

static int grain_init(struct packer *p, struct err *err)
{
    int r = deflate_init(p, err);

    if (r < 0)
        return r;
    p->compress = compress_grain;
    p->most =
        round_up(GRAIN_MARKER + libdeflate_zlib_compress_bound(p->deflate, p->cluster),
                 GRAIN_SECTOR);
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

int packer_new(struct packer **ret, enum pack_kind kind, uint32_t cluster,
               struct err *err)
{
    AUTO(packer_freep) struct packer *p = calloc(1, sizeof *p);
    int r = 0;

    if (!p)
        return FAIL(err, ERR_NOMEM, "no memory for a compressor");
    p->cluster = cluster;
    p->most = cluster;
    if (kind == PACK_DEFLATE)
        r = deflate_init(p, err);
    else if (kind == PACK_ZSTD)
        r = zstd_init(p, err);
    else if (kind == PACK_GRAIN)
        r = grain_init(p, err);
    if (r < 0)
        return r;
    p->scratch = malloc(p->most);
    if (!p->scratch)
        return FAIL(err, ERR_NOMEM, "no memory for a compressor");
    *ret = TAKE(p);
    return 0;
}

int batch_init(struct batch *b, size_t room, uint32_t cluster, enum pack_kind kind,
               struct err *err)
{
    size_t slack = kind == PACK_PLAIN ? 0 : BATCH_SLACK;
    size_t align = slack || room % HUGE_PAGE ? OUT_ALIGN : HUGE_PAGE;

    b->room = room;
    b->memory = aligned_alloc(align, round_up(slack + room, align));
    b->clusters = calloc(room / cluster, sizeof *b->clusters);
    if (!b->memory || !b->clusters)
        return FAIL(err, ERR_NOMEM, "no memory for a batch of %zu bytes", room);
    b->data = b->memory + slack;
    if (align == HUGE_PAGE) /* where there is none, it is only slower */
        (void)madvise(b->data, room, MADV_HUGEPAGE);
    return 0;
}

void batch_fini(struct batch *b)
{
    free(b->memory);
    free(b->clusters);
}

int packer_run(struct packer *p, struct batch *b, struct err *err)
{
    uint8_t *to = p->compress ? b->data - BATCH_SLACK : b->data;
    size_t whole = round_up(b->length, p->cluster);

    assert(whole <= b->room && b->offset % p->cluster == 0);
    assert((p->most - p->cluster) * (b->room / p->cluster) <= BATCH_SLACK);
    memset(b->data + b->length, 0, whole - b->length);
    b->count = 0;
    for (size_t off = 0; off < whole; off += p->cluster) {
        uint8_t *from = b->data + off;
        struct cluster *c = &b->clusters[b->count];
        uint64_t index = (b->offset + off) / p->cluster;
        int n = 0;

        if (bytes_are_zero(bytes_of(from, p->cluster)))
            continue;
        if (p->compress) {
            n = p->compress(p, p->scratch, from, index, err);
            if (n < 0)
                return n;
        }
        *c = (struct cluster){index, from, p->cluster};
        if (n) {
            c->p = memcpy(to, p->scratch, (size_t)n);
            c->length = (uint32_t)n;
            to += n;
        } else {
            to = from + p->cluster;
        }
        b->count++;
    }
    return 0;
}
