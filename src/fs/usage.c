/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/usage.h"

#include <inttypes.h>

#include "base/checked.h"

static int tell(struct fs_usage *u, struct err *err)
{
    struct fs_area a = u->area;

    u->area = (struct fs_area){.start = a.start + a.length};
    return a.length ? u->fn(u->arg, &a, err) : 0;
}

int fs_usage_upto(struct fs_usage *u, uint64_t end, bool is_free, struct err *err)
{
    uint64_t n;

    if (end < u->pos || end > u->size)
        return FAIL(err, ERR_CORRUPT,
                    "an area ends at byte %" PRIu64 ", the one before at %" PRIu64
                    ", the device at %" PRIu64,
                    end, u->pos, u->size);
    n = end - u->pos;
    if (n == 0)
        return 0;
    if (u->area.length && u->area.is_free != is_free) {
        int r = tell(u, err);

        if (r < 0)
            return r;
    }
    u->area.is_free = is_free;
    u->area.length += n;
    u->pos = end;
    return 0;
}

static bool bit_at(const uint8_t *bits, uint64_t i)
{
    return bits[i / 8] >> i % 8 & 1;
}

/* How many bits from the first on are alike. */
static uint64_t count_alike(const uint8_t *bits, uint64_t first, uint64_t n)
{
    bool set = bit_at(bits, first);
    uint64_t i = first;

    while (i < n && bit_at(bits, i) == set)
        if (i % 8 == 0 && n - i >= 8 && bits[i / 8] == (set ? 0xff : 0))
            i += 8;
        else
            i++;
    return i - first;
}

int fs_usage_bits(struct fs_usage *u, const uint8_t *bits, uint64_t n, uint64_t unit,
                  struct err *err)
{
    uint64_t run, bytes, end;

    for (uint64_t i = 0; i < n; i += run) {
        int r;

        run = count_alike(bits, i, n);
        if (!checked_mul(&bytes, run, unit) || !checked_add(&end, u->pos, bytes))
            return FAIL(err, ERR_CORRUPT, "an area ends behind the device");
        r = fs_usage_upto(u, end, !bit_at(bits, i), err);
        if (r < 0)
            return r;
    }
    return 0;
}

int fs_usage(struct fs *fs, fs_area_fn *fn, void *arg, struct err *err)
{
    struct fs_usage u = {.fn = fn, .arg = arg, .size = fs->dev->size};
    int r, told;

    if (!fs->driver->usage)
        return FAIL(err, ERR_UNSUPPORTED, "%s: what is free is not read",
                    fs->driver->name);
    r = fs->driver->usage(fs, &u, err);
    told = tell(&u, err); /* what was seen before a failure is true as well */
    return r < 0 ? r : told;
}
