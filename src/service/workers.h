/* SPDX-License-Identifier: GPL-2.0-or-later */
/* workers.h: threads for work that waits, first come first served.  Locks internally. */
#pragma once

#include "base/err.h"

/* Embedded in what the work is about; must live until run() has begun. */
struct work {
    struct work *next;
    void (*run)(struct work *w);
};

struct workers;

int workers_start(struct workers **ret, unsigned threads, struct err *err);
/* False: the threads are ending, and w was not taken. */
bool workers_add(struct workers *ws, struct work *w);
/* The same, but only where a thread has nothing to do and begins at once: who adds it may
 * wait for it, also as a worker. */
bool workers_add_idle(struct workers *ws, struct work *w);
/* Runs what was added, then ends the threads; workers_add() may still be called. */
void workers_end(struct workers *ws);
void workers_free(struct workers *ws); /* after workers_end(); NULL is fine */
