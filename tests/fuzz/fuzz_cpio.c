/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_cpio.c: cpio in pieces.  The first byte is the size of the pieces; whatever it is,
 * the names are those that come out in one piece. */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz/fuzz.h"
#include "guest/kernel/cpio.h"

enum { INPUT_MAX = 64 << 10 };

static int see(void *arg, const struct initramfs_entry *e, struct err *err)
{
    int r = buf_printf(arg, err, "%o %zu %s\n", e->mode, e->content.n, e->name);

    return r < 0 ? r
                 : buf_append(arg, e->content.p ? (const void *)e->content.p : "",
                              e->content.n, err);
}

static bool want(void *arg, const char *name, uint64_t size)
{
    (void)arg;
    return size < 9000 || *name == 'c';
}

static int push(struct buf *seen, struct bytes in, size_t piece, uint64_t *end)
{
    static struct cpio c;
    struct initramfs_reader reader = {.entry = see, .want = want, .arg = seen};
    struct err err = {0};
    unsigned entries = 0;
    size_t at = 0;
    int r = 0;

    cpio_begin(&c, &reader, &entries, 0);
    while (at < in.n && r == 0) {
        size_t n = in.n - at < piece ? in.n - at : piece;
        struct bytes part = bytes_of(in.p + at, n);

        r = cpio_push(&c, &part, &err);
        at += n - part.n;
        if (r == 0 && part.n)
            break;
        /* Every other time what nobody wants is stepped over, not pushed. */
        if (r == 0 && piece % 2 && cpio_skippable(&c) <= in.n - at) {
            uint64_t skip = cpio_skippable(&c);

            cpio_skip(&c, skip);
            at += (size_t)skip;
        }
    }
    assert(r != 0 || c.pos == at);
    *end = r == 0 ? at : 0;
    return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(buf_fini) struct buf one = {0}, many = {0};
    uint64_t one_end, many_end;
    struct bytes in;
    int r;

    if (size < 2 || size > INPUT_MAX)
        return 0;
    in = bytes_of(data + 1, size - 1);
    r = push(&one, in, in.n, &one_end);
    assert(push(&many, in, (size_t)data[0] + 1, &many_end) == r);
    assert(one_end == many_end && one.n == many.n &&
           (one.n == 0 || memcmp(one.p, many.p, one.n) == 0));
    return 0;
}
