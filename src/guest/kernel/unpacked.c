/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpacked.c: what a compressed stream holds, as a block that is read from front to back
 *
 * Nothing is unpacked twice: the last UNPACKED_KEEP bytes are held, and what lies before
 * them is gone. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "guest/kernel/unpack.h"

struct unpacked {
    struct block block;
    struct block *packed; /* own reference */
    struct feed feed;
    struct unpack *unpack; /* owned */
    uint8_t *held;         /* owned; n bytes from offset `at` on */
    size_t n, cap;
    uint64_t at;
};

static void unpacked_close(struct block *b)
{
    struct unpacked *u = CONTAINER_OF(b, struct unpacked, block);

    unpack_close(u->unpack);
    feed_fini(&u->feed);
    block_unref(u->packed);
    free(u->held);
    free(u);
}

/* Forgets what is old, so that n more bytes fit. */
static int make_room(struct unpacked *u, size_t n, struct err *err)
{
    size_t drop = u->n > UNPACKED_KEEP ? u->n - UNPACKED_KEEP : 0;
    uint8_t *more;

    if (n <= u->cap - u->n)
        return 0;
    memmove(u->held, u->held + drop, u->n - drop);
    u->n -= drop;
    u->at += drop;
    if (n <= u->cap - u->n)
        return 0;
    more = realloc(u->held, u->n + n);
    if (!more)
        return FAIL(err, ERR_NOMEM, "unpacked bytes");
    u->held = more;
    u->cap = u->n + n;
    return 0;
}

static int pull(struct unpacked *u, struct err *err)
{
    struct bytes chunk;
    int r = unpack_next(u->unpack, &chunk, err);

    if (r < 0)
        return r;
    if (r == 0)
        return FAIL(err, ERR_CORRUPT,
                    "the stream ends after %" PRIu64 " of %" PRIu64 " bytes",
                    u->at + u->n, u->block.size);
    r = make_room(u, chunk.n, err);
    if (r < 0)
        return r;
    memcpy(u->held + u->n, chunk.p, chunk.n);
    u->n += chunk.n;
    return 0;
}

static int unpacked_read(struct block *b, void *buf, size_t n, uint64_t off,
                         struct err *err)
{
    struct unpacked *u = CONTAINER_OF(b, struct unpacked, block);
    uint8_t *to = buf;

    if (off < u->at)
        return FAIL(err, ERR_LIMIT, "byte %" PRIu64 " was unpacked and is not kept", off);
    while (n) {
        uint64_t skip = off - u->at;
        int r;

        if (skip < u->n) {
            size_t part = (size_t)min_u64(n, u->n - skip);

            memcpy(to, u->held + skip, part);
            to += part;
            off += part;
            n -= part;
            continue;
        }
        r = pull(u, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static const struct block_driver unpacked_driver = {
    .name = "unpacked",
    .read = unpacked_read,
    .close = unpacked_close,
};

int unpacked_open(struct block **ret, struct block *packed, uint64_t size,
                  struct err *err)
{
    struct unpacked *u = calloc(1, sizeof *u);
    const struct unpack_kind *kind;
    int r;

    if (!u)
        return FAIL(err, ERR_NOMEM, "unpacked block");
    block_init(&u->block, &unpacked_driver, size);
    u->packed = block_ref(packed);
    feed_init(&u->feed, packed, packed->size, FEED_WINDOW);
    u->cap = 2 * UNPACKED_KEEP;
    u->held = malloc(u->cap);
    r = u->held ? feed_need(&u->feed, 2, err) : FAIL(err, ERR_NOMEM, "unpacked bytes");
    if (r == 0) {
        kind = unpack_kind_find(feed_held(&u->feed));
        r = kind ? unpack_open(&u->unpack, kind, &u->feed, err)
                 : FAIL(err, ERR_UNSUPPORTED, "packed by nothing that Linux knows");
    }
    if (r < 0) {
        unpacked_close(&u->block);
        return r;
    }
    *ret = &u->block;
    return 0;
}
