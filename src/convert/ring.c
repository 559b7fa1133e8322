/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "convert/ring.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "convert/clone.h"

enum {
    STACK_SIZE = 1024 * 1024,
    PEEK = 4096,
};
#define NO_TICKET UINT64_MAX

struct slot {
    struct batch batch;
    bool done;      /* under lock */
    struct err err; /* of this batch; valid once done */
};

struct worker {
    struct ring *ring;
    struct packer *packer;
    pthread_t thread;
};

struct ring {
    struct block *source;
    struct clone *clone; /* [opt] */
    uint32_t cluster;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    uint64_t oldest, next; /* tickets; the conductor's own */
    uint64_t untaken, end; /* tickets to take; under lock */
    uint64_t awaited;      /* the conductor waits for this one; under lock */
    bool stop;             /* under lock */
    unsigned slot_count, worker_count;
    struct packer *packer; /* the conductor's own; NULL: it only writes */
    struct slot slots[RING_THREADS_MAX + RING_SPARE];
    struct worker workers[RING_THREADS_MAX];
};

static struct slot *slot_of(struct ring *r, uint64_t ticket)
{
    return &r->slots[ticket % r->slot_count];
}

/* Most clusters that hold anything do so at their beginning. */
static int peek(struct ring *r, struct batch *b, struct err *err)
{
    for (size_t off = 0; off < b->length; off += r->cluster) {
        size_t n = min_size(r->cluster, b->length - off), some = min_size(n, PEEK);
        uint8_t *p = b->data + off;
        int e = block_read(r->source, p, some, b->offset + off, err);

        if (e == 0 && bytes_are_zero(bytes_of(p, some)))
            e = block_read(r->source, p + some, n - some, b->offset + off + some, err);
        if (e < 0)
            return e;
    }
    return 0;
}

static int fetch(struct ring *r, struct batch *b, struct err *err)
{
    b->unread = r->clone && clone_expects(r->clone, b->offset, b->length);
    return b->unread ? peek(r, b, err)
                     : block_read(r->source, b->data, b->length, b->offset, err);
}

static void slot_run(struct ring *r, struct packer *packer, struct slot *s)
{
    struct batch *b = &s->batch;

    if (fetch(r, b, &s->err) < 0 || packer_run(packer, b, &s->err) < 0)
        err_prefix(&s->err, "guest disk at offset %" PRIu64, b->offset);
}

/* The lock is held but during the work; a ticket is there to be taken. */
static void take(struct ring *r, struct packer *packer)
{
    uint64_t ticket = r->untaken++;
    struct slot *s = slot_of(r, ticket);

    pthread_mutex_unlock(&r->lock);
    slot_run(r, packer, s);
    pthread_mutex_lock(&r->lock);
    s->done = true;
    if (ticket == r->awaited)
        pthread_cond_signal(&r->done);
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;
    struct ring *r = w->ring;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (!r->stop && r->untaken == r->end)
            pthread_cond_wait(&r->work, &r->lock);
        if (r->stop)
            break;
        take(r, w->packer);
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

bool ring_is_full(const struct ring *r)
{
    return r->next - r->oldest == r->slot_count;
}

bool ring_is_empty(const struct ring *r)
{
    return r->next == r->oldest;
}

void ring_put(struct ring *r, struct range range)
{
    struct slot *s = slot_of(r, r->next);

    assert(!ring_is_full(r) && range.length <= s->batch.room);
    s->batch.offset = range.offset;
    s->batch.length = (size_t)range.length;
    s->done = false;
    r->next++;
    pthread_mutex_lock(&r->lock);
    r->end = r->next;
    pthread_cond_signal(&r->work);
    pthread_mutex_unlock(&r->lock);
}

int ring_wait(const struct batch **ret, struct ring *r, struct err *err)
{
    struct slot *s = slot_of(r, r->oldest);

    assert(!ring_is_empty(r));
    pthread_mutex_lock(&r->lock);
    while (!s->done) {
        if (r->packer && r->untaken < r->end) {
            take(r, r->packer);
            continue;
        }
        r->awaited = r->oldest;
        pthread_cond_wait(&r->done, &r->lock);
    }
    r->awaited = NO_TICKET;
    pthread_mutex_unlock(&r->lock);
    if (s->err.code) {
        if (err)
            *err = s->err;
        return -(int)s->err.code;
    }
    *ret = &s->batch;
    return 0;
}

void ring_drop(struct ring *r)
{
    assert(!ring_is_empty(r));
    r->oldest++;
}

void ring_freep(struct ring **ret)
{
    struct ring *r = *ret;

    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->work);
    pthread_mutex_unlock(&r->lock);
    for (unsigned i = 0; i < r->worker_count; i++)
        pthread_join(r->workers[i].thread, NULL);
    for (unsigned i = 0; i < RING_THREADS_MAX; i++)
        packer_freep(&r->workers[i].packer);
    packer_freep(&r->packer);
    for (unsigned i = 0; i < r->slot_count; i++)
        batch_fini(&r->slots[i].batch);
    pthread_cond_destroy(&r->done);
    pthread_cond_destroy(&r->work);
    pthread_mutex_destroy(&r->lock);
    free(r);
    *ret = NULL;
}

static int worker_start(struct ring *r, struct worker *w, struct err *err)
{
    pthread_attr_t attr;
    int e = pthread_attr_init(&attr);

    if (e)
        return FAIL_SYS(err, e, "thread");
    w->ring = r;
    /* The default of 8 MiB times many threads would not fit an address space limit. */
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    e = pthread_create(&w->thread, &attr, worker_main, w);
    pthread_attr_destroy(&attr);
    if (e)
        return FAIL_SYS(err, e, "start thread");
    r->worker_count++;
    return 0;
}

int ring_new(struct ring **ret, const struct ring_spec *spec, struct err *err)
{
    unsigned workers = spec->writer_waits ? spec->threads : spec->threads - 1;
    AUTO(ring_freep) struct ring *r = NULL;
    int e;

    assert(spec->threads >= 1 && spec->threads <= RING_THREADS_MAX);
    r = calloc(1, sizeof *r);
    if (!r)
        return FAIL(err, ERR_NOMEM, "no memory for threads");
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->work, NULL);
    pthread_cond_init(&r->done, NULL);
    r->source = spec->source;
    r->awaited = NO_TICKET;
    /* Alone, the conductor reads into the memory that it has just written from. */
    r->slot_count = workers == 0 ? 1 : spec->threads + RING_SPARE;
    r->clone = spec->clone;
    r->cluster = spec->cluster;
    /* All memory first, so that no thread is started only to be stopped. */
    for (unsigned i = 0; i < r->slot_count; i++) {
        e = batch_init(&r->slots[i].batch, spec->batch, spec->cluster, spec->pack, err);
        if (e < 0)
            return e;
    }
    if (!spec->writer_waits) {
        e = packer_new(&r->packer, spec->pack, spec->cluster, err);
        if (e < 0)
            return e;
    }
    for (unsigned i = 0; i < workers; i++) {
        e = packer_new(&r->workers[i].packer, spec->pack, spec->cluster, err);
        if (e < 0)
            return e;
    }
    for (unsigned i = 0; i < workers; i++) {
        e = worker_start(r, &r->workers[i], err);
        if (e < 0)
            return e;
    }
    *ret = TAKE(r);
    return 0;
}
