/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/kernel/embedded.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "guest/kernel/cpio.h"
#include "guest/kernel/unpack.h"

enum {
    HEAD = 0x250, /* bytes of an image that are looked at first */
    WINDOW = 64 << 10,
    PROBE = 320 << 10, /* bytes in which a packed archive must begin to unpack */
};

/* ---- what lies in the image */

/* The packed kernel: its place, or the whole image when that is not packed. */
struct payload {
    uint64_t at, n;
    bool packed;
};

/* Documentation/arch/x86/boot.rst: from 2.08 on it says where the payload is, counted
 * from behind the setup sectors. */
static bool find_x86(struct payload *ret, const uint8_t *head)
{
    uint64_t setup = head[0x1f1] ? head[0x1f1] : 4;

    if (memcmp(head + 0x202, "HdrS", 4) != 0)
        return false;
    ret->at = (setup + 1) * 512 + load_le32(head + 0x248);
    ret->n = load_le16(head + 0x206) >= 0x208 ? load_le32(head + 0x24c) : 0;
    ret->packed = true;
    return true;
}

static bool find_payload(struct payload *ret, const uint8_t *head, uint64_t size)
{
    *ret = (struct payload){.n = size};
    if (find_x86(ret, head))
        return true;
    if (memcmp(head, "MZ\0\0zimg", 8) == 0) {
        *ret = (struct payload){load_le32(head + 8), load_le32(head + 12), true};
        return true;
    }
    if (memcmp(head + 0x38, "ARM\x64", 4) == 0)
        return true;
    ret->packed = head[0] == 0x1f && head[1] == 0x8b;
    return ret->packed;
}

/* Linux appends the size of what is packed, as gzip does itself. */
static int open_payload(struct block **ret, struct block *image, const struct payload *p,
                        struct err *err)
{
    AUTO(block_unrefp) struct block *packed = NULL;
    uint8_t tail[4];
    uint32_t size;
    int r;

    if (p->n < sizeof tail || !range_within(p->at, p->n, image->size))
        return FAIL(err, ERR_CORRUPT,
                    "the packed kernel, %" PRIu64 " bytes at %" PRIu64
                    ", is not within the image",
                    p->n, p->at);
    r = block_window_open(&packed, image, p->at, p->n, err);
    if (r == 0)
        r = block_read(packed, tail, sizeof tail, p->n - sizeof tail, err);
    if (r < 0)
        return r;
    size = load_le32(tail);
    if (size == 0)
        return FAIL(err, ERR_CORRUPT, "the packed kernel has no size at its end");
    if (size > EMBEDDED_UNPACKED_MAX)
        return FAIL(err, ERR_LIMIT, "kernel of %" PRIu32 " bytes, limit %d MiB", size,
                    EMBEDDED_UNPACKED_MAX >> 20);
    return unpacked_open(ret, packed, size, err);
}

/* ---- where the archives are */

struct search {
    struct block *kernel; /* unpacked; read from front to back */
    const struct initramfs_reader *reader;
    struct initramfs_info *info;
    uint8_t *window; /* owned; PROBE bytes */
    unsigned probes;
};

static bool is_plain(struct bytes b)
{
    if (b.n < CPIO_HEADER || memcmp(b.p, "07070", 5) != 0 ||
        (b.p[5] != '1' && b.p[5] != '2'))
        return false;
    for (size_t i = 6; i < CPIO_HEADER; i++)
        if (!isxdigit(b.p[i]))
            return false;
    return true;
}

/* Four bytes that a packed archive may begin with.  The decoders' own code has some of
 * them, too. */
static bool may_be_packed(const uint8_t *p)
{
    static const uint8_t magics[][4] = {
        {0x28, 0xb5, 0x2f, 0xfd}, {0x1f, 0x8b, 0x08, 0x00}, {0x1f, 0x8b, 0x08, 0x08},
        {0xfd, '7', 'z', 'X'},    {0x02, 0x21, 0x4c, 0x18}, {'B', 'Z', 'h', '9'},
        {0x5d, 0x00, 0x00, 0x00}, {0x5d, 0x00, 0x00, 0x80}, {0x89, 'L', 'Z', 'O'},
    };

    for (size_t i = 0; i < ARRAY_SIZE(magics); i++)
        if (memcmp(p, magics[i], 4) == 0)
            return true;
    return false;
}

/* A block of lz4 may be longer than what is probed, but begins with bytes as they are: an
 * archive's magic stands behind the sizes of magic, block and run. */
static bool is_lz4(struct bytes b)
{
    for (size_t i = 9; i < 16; i++)
        if (bytes_at(b, i, "07070", 5))
            return load_le32(b.p + 4) <= UNPACK_LZ4_BLOCK + 65536;
    return false;
}

/* 1: it unpacks, and to an archive.  The first block of bzip2 may end further away, and
 * has a magic of its own. */
static int is_packed(struct bytes b, struct err *err)
{
    AUTO(block_unrefp) struct block *block = NULL;
    AUTO(unpack_closep) struct unpack *u = NULL;
    const struct unpack_kind *kind = unpack_kind_find(b);
    struct feed feed;
    struct bytes chunk;
    int r;

    if (bytes_at(b, 0, "\x02\x21\x4c\x18", 4))
        return is_lz4(b);
    if (bytes_at(b, 0, "BZh9", 4))
        return bytes_at(b, 4, "1AY&SY", 6);
    r = kind ? block_mem_open(&block, b.p, b.n, err) : 0;
    if (r < 0 || !kind)
        return r;
    feed_init(&feed, block, b.n, FEED_WINDOW);
    r = feed_need(&feed, 2, err);
    if (r == 0)
        r = unpack_open(&u, kind, &feed, err);
    if (r == 0)
        r = unpack_next(u, &chunk, err);
    if (r == 1)
        r = is_plain(chunk);
    unpack_close(TAKE(u));
    feed_fini(&feed);
    if (r < 0 && r != -ERR_NOMEM) {
        err_clear(err);
        return 0;
    }
    return r;
}

/* Is there an archive at `at`, where the window begins like one? */
static int is_archive(struct search *s, uint64_t at, struct err *err)
{
    size_t n = (size_t)min_u64(PROBE, s->kernel->size - at);
    int r;

    if (++s->probes > EMBEDDED_PROBES_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d places look like an archive",
                    EMBEDDED_PROBES_MAX);
    r = block_read(s->kernel, s->window, n, at, err);
    if (r < 0)
        return r;
    return s->window[0] == '0' ? is_plain(bytes_of(s->window, n))
                               : is_packed(bytes_of(s->window, n), err);
}

/* The first place from *at on that begins like an archive; the end when there is none. */
static int find_next(struct search *s, uint64_t *at, struct err *err)
{
    while (*at < s->kernel->size) {
        size_t n = (size_t)min_u64(WINDOW, s->kernel->size - *at);
        int r = block_read(s->kernel, s->window, n, *at, err);

        if (r < 0)
            return r;
        for (size_t i = 0; i + 4 <= n; i += 4)
            if (memcmp(s->window + i, "0707", 4) == 0 || may_be_packed(s->window + i)) {
                *at += i;
                return 1;
            }
        *at += n;
    }
    return 0;
}

static int search(struct search *s, struct err *err)
{
    uint64_t at = 0;

    for (;;) {
        int r = find_next(s, &at, err);

        if (r == 1)
            r = is_archive(s, at, err);
        else if (r == 0)
            return 0;
        if (r == 1)
            r = initramfs_read_at(s->kernel, at, &at, s->reader, s->info, err);
        else if (r == 0)
            at += 4;
        if (r != 0)
            return r;
        at = (at + 3) & ~(uint64_t)3;
    }
}

int embedded_read(struct block *image, const struct initramfs_reader *reader,
                  struct initramfs_info *info, bool *known, struct err *err)
{
    AUTO(block_unrefp) struct block *kernel = NULL;
    AUTO(freep) uint8_t *window = malloc(PROBE);
    struct search s = {.reader = reader, .info = info, .window = window};
    struct payload payload;
    uint8_t head[HEAD];
    int r;

    *info = (struct initramfs_info){.format = "none"};
    *known = false;
    if (!window)
        return FAIL(err, ERR_NOMEM, "window");
    if (image->size < HEAD)
        return 0;
    r = block_read(image, head, HEAD, 0, err);
    if (r < 0 || !find_payload(&payload, head, image->size))
        return r;
    *known = true;
    if (image->size > EMBEDDED_IMAGE_MAX)
        return FAIL(err, ERR_LIMIT, "kernel image of %" PRIu64 " bytes, limit %d MiB",
                    image->size, EMBEDDED_IMAGE_MAX >> 20);
    if (payload.packed)
        r = payload.n ? open_payload(&kernel, image, &payload, err) : 0;
    else
        kernel = block_ref(image);
    if (r < 0 || !kernel)
        return r;
    s.kernel = kernel;
    return search(&s, err);
}
