/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image_testing.h: what the tests of all image drivers do.  Include after cmocka.h. */
#pragma once

#include "block/image.h"

/* A good image in memory, spoilt at one place, must fail with this fault and message. */
struct hostile_case {
    const char *sentence;
    long off; /* where to write; below 0: from the end */
    size_t n;
    const char *bytes;
    enum image_fault fault;
    const char *message;
};

#define POKE(off, bytes) off, sizeof(bytes) - 1, bytes

/* Opens an image in memory; *ret only when that went well. */
int image_testing_open(struct block **ret, struct image_info *info, const void *p,
                       size_t n, struct err *err);

/* Spoils a copy of the image for each case; `reseal`, if given, repairs checksums. */
void image_testing_hostile(const struct hostile_case *cases, size_t n_cases,
                           const uint8_t *image, size_t n,
                           void (*reseal)(uint8_t *p, size_t n));

/* Opens and reads all of it with the 1st, 2nd, 3rd... access failing: always ERR_IO and
 * never a fault of the container, until it goes well.  Then once more byte by byte, which
 * must give `want` (n_want bytes). */
void image_testing_faults(const uint8_t *image, size_t n, const uint8_t *want,
                          size_t n_want, const struct image_options *options);

/* The extents must cover the disk, and whatever is no data must be zeros in `want`. */
void image_testing_extents(struct block *disk, const uint8_t *want);
