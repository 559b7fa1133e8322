/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tally.h: what a disk holds as one number, to compare a source that is gone
 *
 * The sum of a hash over each unit that is not zero and its place, so that it can be
 * taken in any order and by several threads.  It notices what goes wrong, not who means
 * harm: a source can be made so that another disk has its number, but the other disk
 * would have to come from us. */
#pragma once

#include <stdatomic.h>

#include "block/block.h"

struct tally {
    uint32_t unit; /* bytes, a power of two */
    atomic_uint_least64_t sum;
};

/* n bytes at off, a multiple of the unit.  What is missing of the last unit is zeros. */
void tally_add(struct tally *t, const uint8_t *p, size_t n, uint64_t off);

/* A block that reads as `under`, which is borrowed, and adds what is read to the tally,
 * borrowed too.  Reads begin at multiples of the unit, and none twice. */
int tally_tap_open(struct block **ret, struct block *under, struct tally *t,
                   struct err *err);
