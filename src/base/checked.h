/* SPDX-License-Identifier: GPL-2.0-or-later */
/* checked.h: arithmetic on numbers that an attacker chose */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does [off, off + len) lie within [0, size)?  Never overflows. */
static inline bool range_within(uint64_t off, uint64_t len, uint64_t size)
{
    return off <= size && len <= size - off;
}

/* Do [a, a + an) and [b, b + bn) share a byte?  Both must not wrap by themselves. */
static inline bool range_overlaps(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
    return an && bn && (a < b ? an > b - a : bn > a - b);
}

/* *ret = a + b (a * b), or false when the result does not fit; *ret is then untouched. */
static inline bool checked_add(uint64_t *ret, uint64_t a, uint64_t b)
{
    uint64_t r;

    if (__builtin_add_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}

static inline bool checked_mul(uint64_t *ret, uint64_t a, uint64_t b)
{
    uint64_t r;

    if (__builtin_mul_overflow(a, b, &r))
        return false;
    *ret = r;
    return true;
}

static inline bool is_power_of_2(uint64_t n)
{
    return n && (n & (n - 1)) == 0;
}

/* `unit` is a power of two.  round_up() wraps for n above UINT64_MAX - unit + 1: bound n
 * first. */
static inline uint64_t round_down(uint64_t n, uint64_t unit)
{
    return n & ~(unit - 1);
}

static inline uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) & ~(unit - 1);
}

static inline uint64_t div_up(uint64_t n, uint64_t d)
{
    return n / d + (n % d != 0);
}

static inline uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t max_u64(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static inline size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}
