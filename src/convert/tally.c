/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/tally.h"

#include <assert.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/hash.h"
#include "base/scoped.h"

enum { STRIDE = 512 };

/* Without the zeros at its end, which may not be there. */
static size_t significant(const uint8_t *p, size_t n)
{
    while (n >= STRIDE && bytes_are_zero(bytes_of(p + n - STRIDE, STRIDE)))
        n -= STRIDE;
    while (n && p[n - 1] == 0)
        n--;
    return n;
}

void tally_add(struct tally *t, const uint8_t *p, size_t n, uint64_t off)
{
    uint64_t sum = 0;

    assert(off % t->unit == 0);
    for (size_t at = 0; at < n; at += t->unit) {
        size_t used = significant(p + at, min_size(t->unit, n - at));
        uint8_t mix[16];

        if (!used)
            continue;
        store_le64(mix, xxh64(p + at, used));
        store_le64(mix + 8, off + at);
        sum += xxh64(mix, sizeof mix);
    }
    atomic_fetch_add_explicit(&t->sum, sum, memory_order_relaxed);
}

struct tap {
    struct block block;
    struct block *under;
    struct tally *tally;
};

static int tap_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct tap *tap = CONTAINER_OF(b, struct tap, block);
    int r = block_read(tap->under, buf, n, off, err);

    if (r == 0)
        tally_add(tap->tally, buf, n, off);
    return r;
}

static void tap_close(struct block *b)
{
    free(CONTAINER_OF(b, struct tap, block));
}

static const struct block_driver tap_driver = {
    .name = "tap",
    .read = tap_read,
    .close = tap_close,
};

int tally_tap_open(struct block **ret, struct block *under, struct tally *t,
                   struct err *err)
{
    struct tap *tap = calloc(1, sizeof *tap);

    if (!tap)
        return FAIL(err, ERR_NOMEM, "no memory for a checksum");
    block_init(&tap->block, &tap_driver, under->size);
    tap->under = under;
    tap->tally = t;
    *ret = &tap->block;
    return 0;
}
