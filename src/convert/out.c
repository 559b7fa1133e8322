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
enum {
    PIECE = 64 * 1024,
    /* Every write past the page cache waits for the disk. */
    DIRECT_LEAST = 64 * 1024,
    BOUNCE = 1024 * 1024,
};

int out_open(struct out *ret, int fd, int direct, struct err *err)
{
    *ret = (struct out){.fd = fd, .direct = direct};
    if (direct)
        ret->bounce = out_page(BOUNCE);
    return direct && !ret->bounce ? FAIL(err, ERR_NOMEM, "no memory for an output") : 0;
}

void out_close(struct out *o)
{
    free(o->bounce);
    o->bounce = NULL;
}

/* The first n bytes of the run are in the file. */
static void run_pass(struct out *o, size_t n)
{
    o->run += n;
    o->run_length -= n;
    o->run_offset += n;
    o->written += n;
    if (o->run_origin.n) {
        o->run_origin.p += n;
        o->run_origin.n -= n;
        o->run_origin.guest += n;
    }
}

/* Behind the end of the disk there are zeros, which are there already. */
static int run_read(const struct out *o, size_t n, struct err *err)
{
    const struct origin *g = &o->run_origin;
    uint64_t size;

    if (!g->n || !g->unread)
        return 0;
    size = o->clone.disk->size;
    if (g->guest >= size)
        return 0;
    return block_read(o->clone.disk, g->p, (size_t)min_u64(n, size - g->guest), g->guest,
                      err);
}

/* What the next pwrite() takes of the first n bytes of the run, and whether it goes past
 * the page cache: that is worth while from the first whole page on, if there are enough
 * of them. */
static size_t next_piece(bool *direct, const struct out *o, size_t n)
{
    size_t head = (size_t)(-o->run_offset & (OUT_ALIGN - 1));
    size_t pages = n < head ? 0 : round_down(n - head, OUT_ALIGN);

    *direct = false;
    if (!o->direct || pages < DIRECT_LEAST)
        return min_size(n, PIECE);
    if (head)
        return head;
    *direct = true;
    return (uintptr_t)o->run & (OUT_ALIGN - 1) ? min_size(pages, BOUNCE) : pages;
}

static ssize_t write_direct(struct out *o, size_t n)
{
    const void *p = o->run;

    if ((uintptr_t)o->run & (OUT_ALIGN - 1))
        p = memcpy(o->bounce, o->run, n);
    return pwrite(o->direct, p, n, (off_t)o->run_offset);
}

static int run_write(struct out *o, size_t n, struct err *err)
{
    int r = run_read(o, n, err);

    if (r < 0)
        return r;
    while (n) {
        bool direct;
        size_t piece = next_piece(&direct, o, n);
        ssize_t put = direct ? write_direct(o, piece)
                             : pwrite(o->fd, o->run, piece, (off_t)o->run_offset);

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
        n -= (size_t)put;
        run_pass(o, (size_t)put);
    }
    return 0;
}

int out_flush(struct out *o, struct err *err)
{
    while (o->run_length) {
        uint64_t n = o->run_length;
        int r = 0;

        if (o->run_origin.n &&
            clone_run(&o->clone, &n, o->fd, o->run_origin.guest, n, o->run_offset))
            run_pass(o, (size_t)n);
        else
            r = run_write(o, (size_t)n, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* As much of the origin as [p, p + n) is, which is all of it or nothing. */
static struct origin origin_of(const struct out *o, const uint8_t *p, size_t n)
{
    const struct origin *g = &o->origin;

    if (!g->n || p < g->p || p + n > g->p + g->n)
        return (struct origin){.n = 0};
    return (struct origin){g->p + (p - g->p), n, g->guest + (uint64_t)(p - g->p),
                           g->unread};
}

/* Neighbours in memory are on the disk as well, unless one of them was packed. */
static bool goes_on(const struct origin *a, const struct origin *b)
{
    if (!a->n || !b->n)
        return a->n == b->n;
    return a->guest + a->n == b->guest && a->unread == b->unread;
}

int out_put(struct out *o, const uint8_t *p, size_t n, uint64_t off, struct err *err)
{
    struct origin from = origin_of(o, p, n);
    int r;

    if (o->run_length && p == o->run + o->run_length &&
        off == o->run_offset + o->run_length && goes_on(&o->run_origin, &from)) {
        o->run_length += n;
        o->run_origin.n += from.n;
        return 0;
    }
    r = out_flush(o, err);
    if (r < 0)
        return r;
    o->run = p;
    o->run_length = n;
    o->run_offset = off;
    o->run_origin = from;
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
