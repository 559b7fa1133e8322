/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.h: how a driver tells what is used and what is free; private to src/fs
 *
 * It says of each stretch where it ends, in the order of the device.  The last one ends
 * where the filesystem does. */
#pragma once

#include "base/bytes.h"
#include "fs/fs.h"

struct fs_usage {
    fs_area_fn *fn;
    void *arg;
    uint64_t size;       /* of the device */
    uint64_t pos;        /* where the next stretch begins */
    struct fs_area area; /* not told yet: the next stretch may belong to it */
};

/* From u->pos up to `end` it is used, or free.  ERR_CORRUPT when that lies before, or
 * past the device. */
int fs_usage_upto(struct fs_usage *u, uint64_t end, bool is_free, struct err *err);

/* n bits from the least significant one of the first byte on, set where it is used, of
 * `unit` bytes each. */
int fs_usage_bits(struct fs_usage *u, const uint8_t *bits, uint64_t n, uint64_t unit,
                  struct err *err);
