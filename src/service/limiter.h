/* SPDX-License-Identifier: GPL-2.0-or-later */
/* limiter.h: how often something may happen, for many keys, without a lock
 *
 * The generic cell rate algorithm (ITU-T I.371): a key is a time before which nothing
 * more is taken.  A key that was quiet gives its place to another; should all places be
 * busy, the newcomer is let through.  Any thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct limiter;

/* NULL: no memory.  `rate` a second, bursts of as many. */
struct limiter *limiter_new(uint64_t rate);
void limiter_free(struct limiter *l);

/* May one more happen now (microseconds of any steady clock)?  NULL: always. */
bool limiter_take(struct limiter *l, uint64_t key, uint64_t now);
