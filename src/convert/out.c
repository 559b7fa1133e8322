/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/out.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"

/* Linux takes memory for the page cache in pieces as large as the writes.  Large ones are
 * often such that the host of a virtual machine has to find first, which costs several
 * times the copy; small ones were used a moment ago.  Elsewhere it makes no difference.
 */
enum { PIECE = 64 * 1024 };

static bool goes_direct(const struct out *o)
{
    return o->direct &&
           (((uintptr_t)o->run | o->run_length | o->run_offset) & (OUT_ALIGN - 1)) == 0;
}

int out_flush(struct out *o, struct err *err)
{
    while (o->run_length) {
        bool direct = goes_direct(o);
        ssize_t put = pwrite(direct ? o->direct : o->fd, o->run,
                             direct ? o->run_length : min_size(o->run_length, PIECE),
                             (off_t)o->run_offset);

        if (put < 0 && errno == EINTR)
            continue;
        /* A filesystem may refuse only now, or want more than we do. */
        if (put < 0 && errno == EINVAL && direct) {
            o->direct = 0;
            continue;
        }
        if (put <= 0)
            return FAIL_SYS(err, put < 0 ? errno : ENOSPC,
                            "write %zu bytes at offset %" PRIu64, o->run_length,
                            o->run_offset);
        o->run += put;
        o->run_length -= (size_t)put;
        o->run_offset += (uint64_t)put;
        o->written += (uint64_t)put;
    }
    return 0;
}

int out_put(struct out *o, const uint8_t *p, size_t n, uint64_t off, struct err *err)
{
    int r;

    if (o->run_length && p == o->run + o->run_length &&
        off == o->run_offset + o->run_length) {
        o->run_length += n;
        return 0;
    }
    r = out_flush(o, err);
    if (r < 0)
        return r;
    o->run = p;
    o->run_length = n;
    o->run_offset = off;
    return 0;
}

void *out_page(size_t n)
{
    size_t whole = round_up(n, OUT_ALIGN);
    void *p = aligned_alloc(OUT_ALIGN, whole);

    return p ? memset(p, 0, whole) : NULL;
}

int out_end(struct out *o, uint64_t size, struct err *err)
{
    int r = out_flush(o, err);

    if (r < 0)
        return r;
    while (ftruncate(o->fd, (off_t)size) < 0)
        if (errno != EINTR)
            return FAIL_SYS(err, errno, "set the size of the file to %" PRIu64, size);
    return 0;
}
