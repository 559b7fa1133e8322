/* SPDX-License-Identifier: GPL-2.0-or-later */
/* out.h: the file being written
 *
 * Neighbouring pieces leave in one pwrite().  Pieces are borrowed until out_flush().  No
 * seek, no read, no allocation ahead: it works in the sandbox.  One thread at a time.
 *
 * With a second descriptor that has O_DIRECT, whole pages go past the page cache: a run
 * that begins and ends at multiples of OUT_ALIGN, in the file and in memory.  All else
 * goes through it; the two never share a page. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { OUT_ALIGN = 4096 }; /* the logical blocks of every disk, and a page */

struct out {
    int fd;           /* borrowed */
    int direct;       /* borrowed; 0: none, or it did not work */
    uint64_t written; /* bytes that reached the file */
    const uint8_t *run;
    size_t run_length;
    uint64_t run_offset;
};

/* Puts n bytes at off; may write now or at the next out_flush(). */
int out_put(struct out *o, const uint8_t *p, size_t n, uint64_t off, struct err *err);
int out_flush(struct out *o, struct err *err);

/* Zeroed memory for n bytes that can go direct; NULL: none left.  For free(). */
void *out_page(size_t n);

/* The file ends at `size`: longer than what was put, it ends in a hole. */
int out_end(struct out *o, uint64_t size, struct err *err);
