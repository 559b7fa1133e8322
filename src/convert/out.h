/* SPDX-License-Identifier: GPL-2.0-or-later */
/* out.h: the file being written
 *
 * Neighbouring pieces leave in one pwrite().  Pieces are borrowed until out_flush().  No
 * seek, no read, no allocation ahead: it works in the sandbox.  One thread at a time.
 *
 * With a second descriptor that has O_DIRECT, the whole pages of a long run go past the
 * page cache, its ends and short ones through it: the two never share a page.
 *
 * What is said to come from the disk may be shared with its source instead (clone.h). */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "convert/clone.h"

/* Bytes that are those of the disk as they are. */
struct origin {
    uint8_t *p; /* borrowed until out_flush() */
    size_t n;   /* 0: of nothing */
    uint64_t guest;
    bool unread; /* they are not at p yet: it is read before it is written */
};

enum { OUT_ALIGN = 4096 }; /* the logical blocks of every disk, and a page */

struct out {
    int fd;               /* borrowed */
    int direct;           /* borrowed; 0: none, or it did not work */
    uint64_t written;     /* bytes that reached the file, or are shared with it */
    struct origin origin; /* for the caller to set: where what is put next may be from */
    struct clone clone;
    uint8_t *bounce; /* owned; for what is not aligned in memory */
    const uint8_t *run;
    size_t run_length;
    uint64_t run_offset;
    struct origin run_origin; /* its p and n are the run's, or n is 0 */
};

/* direct 0: none. */
int out_open(struct out *ret, int fd, int direct, struct err *err);
void out_close(struct out *o);

/* Puts n bytes at off; may write now or at the next out_flush(). */
int out_put(struct out *o, const uint8_t *p, size_t n, uint64_t off, struct err *err);
int out_flush(struct out *o, struct err *err);

/* Zeroed memory for n bytes that can go direct; NULL: none left.  For free(). */
void *out_page(size_t n);

/* The file ends at `size`: longer than what was put, it ends in a hole. */
int out_end(struct out *o, uint64_t size, struct err *err);
