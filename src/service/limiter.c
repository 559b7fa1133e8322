/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/limiter.h"

#include <stdatomic.h>
#include <stdlib.h>

enum { PLACES = 4096, PROBES = 16 };

struct limiter {
    uint64_t interval; /* microseconds between two */
    struct place {
        _Atomic uint64_t key; /* 0: free */
        _Atomic uint64_t due; /* when the bucket is full again */
    } places[PLACES];
};

struct limiter *limiter_new(uint64_t rate)
{
    struct limiter *l = calloc(1, sizeof *l);

    if (l)
        l->interval = rate > 1000000 ? 1 : 1000000 / rate;
    return l;
}

void limiter_free(struct limiter *l)
{
    free(l);
}

static struct place *place_of(struct limiter *l, uint64_t key, uint64_t now)
{
    struct place *idle = NULL;

    for (size_t i = 0; i < PROBES; i++) {
        struct place *p = &l->places[(key + i) % PLACES];
        uint64_t k = atomic_load_explicit(&p->key, memory_order_acquire);

        if (k == key)
            return p;
        if (!idle &&
            (k == 0 || atomic_load_explicit(&p->due, memory_order_relaxed) < now))
            idle = p;
    }
    if (idle) {
        atomic_store_explicit(&idle->key, key, memory_order_release);
        atomic_store_explicit(&idle->due, 0, memory_order_relaxed);
    }
    return idle;
}

bool limiter_take(struct limiter *l, uint64_t key, uint64_t now)
{
    struct place *p = l ? place_of(l, key ? key : 1, now) : NULL;
    uint64_t due, next;

    if (!p)
        return true;
    due = atomic_load_explicit(&p->due, memory_order_relaxed);
    do {
        next = (due > now ? due : now) + l->interval;
        if (next > now + 1000000)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(
        &p->due, &due, next, memory_order_relaxed, memory_order_relaxed));
    return true;
}
