/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack.c: compressed extents
 *
 *   zlib    one stream
 *   zstd    one frame
 *   lzo     bytes in all 4, then for each sector of plain bytes: packed bytes 4, data.
 *           A length never crosses the end of a sector; up to three bytes are left free.
 *
 * Each may be followed by what fills its last sector.  A stream may hold more than is
 * asked for (old kernels packed whole pages) or less (Linux fills up with zeros). */
#include <libdeflate.h>
#include <lzo/lzo1x.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "fs/btrfs/format.h"

enum {
    LZO_LENGTH = 4,
    ZSTD_WINDOW_LOG = 17, /* all that Linux writes and reads */
};

static void deflate_freep(struct libdeflate_decompressor **d)
{
    libdeflate_free_decompressor(*d);
}

static void zstd_freep(ZSTD_DCtx **z)
{
    ZSTD_freeDCtx(*z);
}

/* A stream that holds more than n bytes is not for libdeflate. */
static int zlib_long(size_t *done, uint8_t *to, size_t n, struct bytes from,
                     struct err *err)
{
    z_stream z = {
        .next_in = (z_const Bytef *)(uintptr_t)from.p,
        .avail_in = (uInt)from.n,
        .next_out = to,
        .avail_out = (uInt)n,
    };
    int r;

    if (inflateInit(&z) != Z_OK)
        return FAIL(err, ERR_NOMEM, "zlib");
    r = inflate(&z, Z_SYNC_FLUSH);
    inflateEnd(&z);
    if (r != Z_STREAM_END && !(r == Z_OK && z.avail_out == 0))
        return FAIL(err, ERR_CORRUPT, "zlib: bad data");
    *done = n - z.avail_out;
    return 0;
}

static int unpack_zlib(size_t *done, uint8_t *to, size_t n, struct bytes from,
                       struct err *err)
{
    AUTO(deflate_freep)
    struct libdeflate_decompressor *d = libdeflate_alloc_decompressor();
    size_t used;

    if (!d)
        return FAIL(err, ERR_NOMEM, "zlib");
    if (libdeflate_zlib_decompress_ex(d, from.p, from.n, to, n, &used, done) ==
        LIBDEFLATE_SUCCESS)
        return 0;
    return zlib_long(done, to, n, from, err);
}

static int unpack_zstd(size_t *done, uint8_t *to, size_t n, struct bytes from,
                       struct err *err)
{
    AUTO(zstd_freep) ZSTD_DCtx *z = ZSTD_createDCtx();
    ZSTD_outBuffer out = {to, n, 0};
    ZSTD_inBuffer in = {from.p, from.n, 0};
    size_t r = 1;

    if (!z ||
        ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG)))
        return FAIL(err, ERR_NOMEM, "zstd");
    while (r != 0 && out.pos < n) {
        size_t in_before = in.pos, out_before = out.pos;

        r = ZSTD_decompressStream(z, &out, &in);
        if (ZSTD_isError(r) || (r && in.pos == in_before && out.pos == out_before))
            return FAIL(err, ERR_CORRUPT, "zstd: bad data");
    }
    *done = out.pos;
    return 0;
}

static int unpack_lzo(size_t *done, uint8_t *to, size_t n, struct bytes from,
                      uint32_t sector_size, struct err *err)
{
    AUTO(freep) uint8_t *sector = malloc(sector_size);
    size_t pos = LZO_LENGTH, total;

    if (!sector)
        return FAIL(err, ERR_NOMEM, "lzo");
    total = from.n < LZO_LENGTH ? 0 : load_le32(from.p);
    if (total < LZO_LENGTH || total > from.n)
        return FAIL(err, ERR_CORRUPT, "lzo: %zu bytes of %zu", total, from.n);
    for (*done = 0; *done < n && pos < total;) {
        size_t left = sector_size - pos % sector_size, take;
        lzo_uint got = sector_size;
        uint32_t packed;

        /* Such a gap may also be the end. */
        if (left < LZO_LENGTH)
            pos += left;
        if (pos >= total)
            break;
        if (total - pos < LZO_LENGTH)
            return FAIL(err, ERR_CORRUPT, "lzo: cut off");
        packed = load_le32(from.p + pos);
        pos += LZO_LENGTH;
        if (packed > total - pos)
            return FAIL(err, ERR_CORRUPT, "lzo: %u bytes of %zu", packed, total - pos);
        if (lzo1x_decompress_safe(from.p + pos, packed, sector, &got, NULL) != LZO_E_OK)
            return FAIL(err, ERR_CORRUPT, "lzo: bad data");
        pos += packed;
        take = min_size(got, n - *done);
        memcpy(to + *done, sector, take);
        *done += take;
    }
    return 0;
}

int btrfs_unpack(enum btrfs_packing packing, uint8_t *to, size_t n, struct bytes from,
                 uint32_t sector_size, struct err *err)
{
    size_t done = 0;
    int r;

    switch (packing) {
    case BTRFS_ZLIB:
        r = unpack_zlib(&done, to, n, from, err);
        break;
    case BTRFS_LZO:
        r = unpack_lzo(&done, to, n, from, sector_size, err);
        break;
    case BTRFS_ZSTD:
        r = unpack_zstd(&done, to, n, from, err);
        break;
    case BTRFS_PLAIN:
    default:
        done = min_size(n, from.n);
        memcpy(to, from.p, done);
        r = 0;
    }
    if (r == 0)
        memset(to + done, 0, n - done);
    return r;
}
