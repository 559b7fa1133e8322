/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ring.h: batches in flight, and the threads that work on them
 *
 *        oldest          untaken           next
 *          v                v                v
 *   ... | done | busy | done | todo | todo | free | free ...
 *
 * One conductor (the thread that made the ring) puts ranges in and takes finished batches
 * out, in the same order; workers take them in that order too and finish in any.  While
 * the oldest is not finished, the conductor works as well: it is one of the threads, and
 * with one there is no other.  Unless it waits for a disk.  The number of slots bounds
 * the memory.  The conductor's functions are for one thread. */
#pragma once

#include "convert/pack.h"
#include "convert/plan.h"

enum {
    RING_THREADS_MAX = 16,
    /* Slots above one a thread: what is waiting for the writer, or for a thread. */
    RING_SPARE = 4,
};

struct ring;

struct ring_spec {
    struct block *source; /* borrowed */
    enum pack_kind pack;
    uint32_t cluster;    /* bytes */
    size_t batch;        /* bytes: the longest range */
    unsigned threads;    /* 1 to RING_THREADS_MAX, the conductor among them */
    struct clone *clone; /* [opt] borrowed: what it will share need not be read */
    /* The conductor mostly waits for a disk: it is not one of the threads. */
    bool writer_waits;
};

/* Starts the workers. */
int ring_new(struct ring **ret, const struct ring_spec *spec, struct err *err);
/* Stops and joins the workers, whatever they were doing. */
void ring_freep(struct ring **r);

bool ring_is_full(const struct ring *r);
bool ring_is_empty(const struct ring *r);

/* The ring is not full. */
void ring_put(struct ring *r, struct range range);

/* Waits for the oldest batch, or works on it or on others; the ring is not empty.  *ret
 * is borrowed until ring_drop(). Fails when reading or packing that batch failed. */
int ring_wait(const struct batch **ret, struct ring *r, struct err *err);
void ring_drop(struct ring *r);
