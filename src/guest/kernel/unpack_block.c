/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack_block.c: decoders of whole blocks
 *
 *   lz4 legacy frame   magic 02 21 4c 18, then { le32 size, that many bytes }, each
 *                      8 MiB when unpacked but for the last; no end mark
 *   lzop file          magic 89 "LZO" 00 0d 0a 1a 0a, header, then blocks of
 *                      { be32 plain, be32 packed, checksums, data }, end mark: plain 0 */
#include <lz4.h>
#include <lzo/lzo1x.h>

#include "base/checked.h"
#include "guest/kernel/unpack_kind.h"

/* ---- lz4 */

enum { LZ4_LEGACY_MAGIC = 0x184c2102 };

static int lz4_block(struct unpack *u, struct bytes *ret, struct err *err)
{
    uint32_t n;
    int r, got;

    /* The magic may come again: frames in a row are one stream for the kernel. */
    do {
        r = feed_need(u->feed, 4, err);
        if (r < 0)
            return r;
        n = feed_held(u->feed).n < 4 ? 0 : load_le32(feed_held(u->feed).p);
        if (!u->out && n != LZ4_LEGACY_MAGIC)
            return FAIL(err, ERR_UNSUPPORTED,
                        "lz4: not the legacy frame that Linux reads");
        /* Padding, or too little for a size: as the kernel sees it, the end. */
        if (n == 0)
            return 0;
        feed_eat(u->feed, 4);
        r = unpack_room(u, UNPACK_LZ4_BLOCK, err);
        if (r < 0)
            return r;
    } while (n == LZ4_LEGACY_MAGIC);

    if (n > LZ4_COMPRESSBOUND(UNPACK_LZ4_BLOCK))
        return FAIL(err, ERR_CORRUPT, "lz4: block of %u bytes", n);
    r = feed_need(u->feed, n, err);
    if (r < 0)
        return r;
    if (feed_held(u->feed).n < n)
        return FAIL(err, ERR_CORRUPT, "lz4: the stream is cut off");
    got = LZ4_decompress_safe((const char *)feed_held(u->feed).p, (char *)u->out, (int)n,
                              UNPACK_LZ4_BLOCK);
    if (got < 0)
        return FAIL(err, ERR_CORRUPT, "lz4: bad data");
    feed_eat(u->feed, n);
    *ret = bytes_of(u->out, (size_t)got);
    return 1;
}

const struct unpack_kind unpack_lz4 = {
    .name = "lz4",
    .magic = {0x02, 0x21},
    .size = sizeof(struct unpack),
    .block = lz4_block,
};

/* ---- lzo, as lzop writes it */

enum {
    LZO_HEADER_MAX = 9 + 33 + 255 + 4,
    LZO_ADLER32_PLAIN = 1 << 0, /* flags of the header */
    LZO_ADLER32_PACKED = 1 << 1,
    LZO_EXTRA_FIELD = 1 << 6,
    LZO_CRC32_PLAIN = 1 << 8,
    LZO_CRC32_PACKED = 1 << 9,
    LZO_MULTIPART = 1 << 10,
    LZO_FILTER = 1 << 11,
    LZO_HEADER_CRC32 = 1 << 12,
};

struct lzo {
    struct unpack u;
    size_t plain_sums, packed_sums; /* bytes of checksums a block */
};

static const char lzop_magic[9] = "\x89LZO\0\r\n\x1a\n";

/* The header's own checksum is not looked at: no more does the kernel. */
static int lzo_open(struct unpack *u, struct err *err)
{
    struct lzo *l = CONTAINER_OF(u, struct lzo, u);
    struct cursor c;
    unsigned version, method;
    uint32_t flags;
    int r = feed_need(u->feed, LZO_HEADER_MAX, err);

    if (r < 0)
        return r;
    if (!bytes_at(feed_held(u->feed), 0, lzop_magic, sizeof lzop_magic))
        return FAIL(err, ERR_CORRUPT, "lzo: no lzop magic");
    c = cursor_at(feed_held(u->feed), sizeof lzop_magic);
    version = cursor_be16(&c);
    cursor_skip(&c, version >= 0x0940 ? 4 : 2); /* of library and extractor */
    method = cursor_u8(&c);
    cursor_skip(&c, version >= 0x0940 ? 1 : 0); /* level */
    flags = cursor_be32(&c);
    cursor_skip(&c, flags & LZO_FILTER ? 4 : 0);
    cursor_skip(&c, version >= 0x0940 ? 12 : 8); /* mode, times */
    cursor_skip(&c, cursor_u8(&c));              /* file name */
    cursor_skip(&c, 4);                          /* checksum */
    if (c.bad)
        return FAIL(err, ERR_CORRUPT, "lzo: the header is cut off");
    if (method < 1 || method > 3)
        return FAIL(err, ERR_UNSUPPORTED, "lzo: method %u", method);
    if (flags & (LZO_EXTRA_FIELD | LZO_MULTIPART | LZO_FILTER))
        return FAIL(err, ERR_UNSUPPORTED, "lzo: flags %#x", flags);
    l->plain_sums =
        (flags & LZO_ADLER32_PLAIN ? 4u : 0) + (flags & LZO_CRC32_PLAIN ? 4u : 0);
    l->packed_sums =
        (flags & LZO_ADLER32_PACKED ? 4u : 0) + (flags & LZO_CRC32_PACKED ? 4u : 0);
    feed_eat(u->feed, c.pos);
    return unpack_room(u, UNPACK_LZO_BLOCK, err);
}

static int lzo_block(struct unpack *u, struct bytes *ret, struct err *err)
{
    struct lzo *l = CONTAINER_OF(u, struct lzo, u);
    size_t head = 8 + l->plain_sums;
    uint32_t plain, packed;
    struct cursor c;
    const uint8_t *p;
    lzo_uint got;
    int r = feed_need(u->feed, head + l->packed_sums + UNPACK_LZO_BLOCK, err);

    if (r < 0)
        return r;
    c = cursor(feed_held(u->feed));
    plain = cursor_be32(&c);
    if (!c.bad && plain == 0) {
        feed_eat(u->feed, 4);
        return 0;
    }
    packed = cursor_be32(&c);
    if (plain > UNPACK_LZO_BLOCK || packed > plain)
        return FAIL(err, ERR_CORRUPT, "lzo: block of %u bytes in %u", plain, packed);
    /* A block that would not shrink is stored, and has one set of checksums. */
    cursor_skip(&c, l->plain_sums + (packed < plain ? l->packed_sums : 0));
    p = cursor_take(&c, packed);
    if (c.bad)
        return FAIL(err, ERR_CORRUPT, "lzo: the stream is cut off");
    got = plain;
    if (packed < plain &&
        (lzo1x_decompress_safe(p, packed, u->out, &got, NULL) != LZO_E_OK ||
         got != plain))
        return FAIL(err, ERR_CORRUPT, "lzo: bad data");
    if (packed == plain)
        memcpy(u->out, p, plain);
    feed_eat(u->feed, c.pos);
    *ret = bytes_of(u->out, plain);
    return 1;
}

const struct unpack_kind unpack_lzo = {
    .name = "lzo",
    .magic = {0x89, 'L'},
    .size = sizeof(struct lzo),
    .open = lzo_open,
    .block = lzo_block,
};
