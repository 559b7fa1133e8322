/* SPDX-License-Identifier: GPL-2.0-or-later */
/* out.h: the file being written
 *
 * Neighbouring pieces leave in one pwrite().  Pieces are borrowed until out_flush().  No
 * seek, no read, no allocation ahead: it works in the sandbox.  One thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct out {
    int fd;           /* borrowed */
    uint64_t written; /* bytes that reached the file */
    const uint8_t *run;
    size_t run_length;
    uint64_t run_offset;
};

/* Puts n bytes at off; may write now or at the next out_flush(). */
int out_put(struct out *o, const uint8_t *p, size_t n, uint64_t off, struct err *err);
int out_flush(struct out *o, struct err *err);

/* The file ends at `size`: longer than what was put, it ends in a hole. */
int out_end(struct out *o, uint64_t size, struct err *err);
