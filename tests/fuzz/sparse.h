/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sparse.h: small inputs for big, mostly empty images
 *
 * An input is records of (u16 little-endian: which 64-byte unit, u8: how many units, the
 * bytes), laid over zeros; sparse.py writes them.  A record that is cut short ends it.
 * Who needs more than 256 KiB says so before. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef SPARSE_MAX
#define SPARSE_MAX (256 * 1024)
#endif

enum { SPARSE_UNIT = 64 };

/* Fills image (SPARSE_MAX bytes); returns the bytes up to the last unit written, rounded
 * up to `round`. */
static inline size_t sparse_unpack(uint8_t *image, const uint8_t *data, size_t size,
                                   size_t round)
{
    size_t end = 0;

    memset(image, 0, SPARSE_MAX);
    while (size >= 3) {
        size_t at = (size_t)(data[0] | data[1] << 8) * SPARSE_UNIT;
        size_t n = (size_t)data[2] * SPARSE_UNIT;

        data += 3;
        size -= 3;
        if (n > size)
            n = size;
        if (at > SPARSE_MAX || n > SPARSE_MAX - at)
            break;
        memcpy(image + at, data, n);
        if (at + n > end)
            end = at + n;
        data += n;
        size -= n;
    }
    end = (end + round - 1) / round * round;
    return end < SPARSE_MAX ? end : SPARSE_MAX;
}
