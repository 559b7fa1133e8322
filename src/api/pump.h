/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pump.h: a source that comes only once, on its way to the worker
 *
 *   standard input, or one GET ──> thread: SHA-256 ──> pipe ──> the worker's source
 *
 * The thread looks at no byte.  It waits where the worker does not take, so that nothing
 * piles up.  All functions are for the thread that made the pump. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "api/remote.h"

struct pump;

/* What comes from a descriptor, which is borrowed. */
int pump_open_input(struct pump **ret, int from, struct err *err);

/* What a server sends for one GET.  When it has ranges, *ret_remote is the source and
 * *ret stays NULL.  Waits for the server's first word; options->patience is asked
 * meanwhile, options->taker is not for the caller to set. */
int pump_open_url(struct pump **ret, struct remote **ret_remote,
                  const struct remote_options *options, struct err *err);

/* Stops it, whatever it was doing. */
void pump_freep(struct pump **p);

/* The end of the pipe that the worker reads; borrowed. */
int pump_pipe(const struct pump *p);

struct pump_state {
    uint64_t done, total; /* bytes; total 0: not known */
    bool starved;         /* there is nothing to hand on yet */
};

struct pump_state pump_state(struct pump *p);

/* When the worker is gone.  Negative: the source broke, and what the worker said of it
 * means nothing.  Else *sum is the SHA-256 of the source as hexadecimal digits, or ""
 * when the worker left before the end came. */
int pump_end(const char **sum, struct pump *p, struct err *err);
