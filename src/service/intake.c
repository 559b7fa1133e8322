/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/intake.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/checked.h"
#include "base/scoped.h"

enum { HUGE_PAGE = 2 << 20 };

void intake_init(struct intake *in)
{
    memset(in, 0, sizeof *in);
    pthread_mutex_init(&in->lock, NULL);
}

void intake_fini(struct intake *in)
{
    pthread_mutex_destroy(&in->lock);
    free(in->piece[0]);
    free(in->piece[1]);
}

int intake_fill(size_t *ret, struct intake *in, const void *p, size_t n, size_t cap,
                struct err *err)
{
    uint8_t **piece = &in->piece[in->filling];

    in->cap = cap;
    if (!*piece) {
        bool huge = cap % HUGE_PAGE == 0;

        if (posix_memalign((void **)piece, huge ? HUGE_PAGE : INTAKE_ALIGN, cap) != 0)
            return FAIL(err, ERR_NOMEM, "no memory for a body");
        /* One page is written to a disk as one segment; without it, it is only slower. */
        if (huge)
            (void)madvise(*piece, cap, MADV_HUGEPAGE);
    }
    *ret = min_size(n, cap - in->n);
    memcpy(*piece + in->n, p, *ret);
    in->n += *ret;
    return 0;
}

bool intake_is_full(const struct intake *in)
{
    return in->cap && in->n == in->cap;
}

bool intake_idle(struct intake *in, void (*suspend)(void *arg), void *arg)
{
    bool idle;

    pthread_mutex_lock(&in->lock);
    idle = !in->busy;
    if (!idle) {
        /* Under the lock: it must not be resumed before. */
        suspend(arg);
        in->waiting = true;
    }
    pthread_mutex_unlock(&in->lock);
    return idle;
}

static void hand(struct intake *in)
{
    in->n_handed = in->n;
    in->filling = !in->filling;
    in->n = 0;
}

void intake_hand(struct intake *in)
{
    assert(!in->busy);
    in->busy = true;
    hand(in);
}

struct bytes intake_handed(const struct intake *in)
{
    return bytes_of(in->piece[!in->filling], in->n_handed);
}

struct bytes intake_rest(const struct intake *in)
{
    return bytes_of(in->piece[in->filling], in->n);
}

enum intake_next intake_done(struct intake *in, bool more)
{
    enum intake_next next = INTAKE_NOTHING;

    pthread_mutex_lock(&in->lock);
    /* While the event loop waits, both pieces are this thread's. */
    in->busy = more && in->waiting && !in->orphan && intake_is_full(in);
    if (in->busy)
        hand(in);
    if (in->orphan)
        next = INTAKE_END;
    else if (in->waiting)
        next = in->busy ? INTAKE_RESUME_AND_TAKE : INTAKE_RESUME;
    in->waiting = false;
    pthread_mutex_unlock(&in->lock);
    return next;
}

bool intake_leave(struct intake *in)
{
    bool idle;

    pthread_mutex_lock(&in->lock);
    idle = !in->busy;
    in->orphan = !idle;
    pthread_mutex_unlock(&in->lock);
    return idle;
}
