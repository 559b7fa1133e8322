/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mutate/edit.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

enum {
    EDITS_MAX = 8,
    PIECE_MAX = 4096,
    LINE_MAX_ = 256, /* bytes that are moved up or down */
};

struct random {
    uint64_t state;
};

/* splitmix64 */
static uint64_t next(struct random *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static uint64_t below(struct random *r, uint64_t n)
{
    return n ? next(r) % n : 0;
}

static bool one_in(struct random *r, unsigned n)
{
    return below(r, n) == 0;
}

/* A read of the sound image, four times in five one of structure. */
static const struct image_read *some_read(const struct image *image, struct random *r)
{
    size_t content = image->reads_n - image->metadata_n;
    bool structure = content == 0 || (image->metadata_n && !one_in(r, 5));

    return structure ? &image->reads[below(r, image->metadata_n)]
                     : &image->reads[image->metadata_n + below(r, content)];
}

/* A place within a read, more often than not one that is not zero, for a field of so many
 * bytes. */
static bool some_place(uint64_t *ret, const struct image *image, struct random *r,
                       size_t width)
{
    const struct image_read *read = some_read(image, r);
    uint64_t at = 0;

    for (unsigned i = 0; i < 4; i++) {
        at = read->off + below(r, read->n);
        if (!one_in(r, 4))
            at = round_down(at, width);
        if (!range_within(at, width, image->whole))
            continue;
        if (!bytes_are_zero(bytes_of(image->p + at, width)))
            break;
    }
    *ret = at;
    return range_within(at, width, image->whole);
}

static uint64_t load(const uint8_t *p, size_t width, bool big)
{
    uint64_t v = 0;

    for (size_t i = 0; i < width; i++)
        v |= (uint64_t)p[big ? width - 1 - i : i] << 8 * i;
    return v;
}

static void store(uint8_t *p, size_t width, bool big, uint64_t v)
{
    for (size_t i = 0; i < width; i++)
        p[big ? width - 1 - i : i] = (uint8_t)(v >> 8 * i);
}

static uint64_t value(const struct image *image, struct random *r, size_t width, bool big,
                      uint64_t old)
{
    uint64_t at;

    switch (below(r, 12)) {
    case 0:
        return 0;
    case 1:
        return UINT64_MAX;
    case 2:
        return UINT64_MAX - 1 - below(r, 16);
    case 3: /* the largest, and the smallest, with a sign */
        return (UINT64_C(1) << (8 * width - 1)) - below(r, 2);
    case 4:
        return old + 1;
    case 5:
        return old - 1;
    case 6:
        return one_in(r, 2) ? old * 2 : old / 2;
    case 7:
        return UINT64_C(1) << below(r, 64);
    case 8:
        return below(r, 300);
    case 9:
        return next(r);
    case 10: /* where something else lies, in sectors and blocks of many sizes */
        return some_read(image, r)->off >> below(r, 17);
    default: /* what another field says: a neighbour, or one far away */
        return some_place(&at, image, r, width) ? load(image->p + at, width, big) : 1;
    }
}

static void set_field(struct image *image, struct random *r)
{
    static const size_t widths[] = {1, 2, 2, 4, 4, 4, 8};
    size_t width = widths[below(r, ARRAY_SIZE(widths))];
    bool big = one_in(r, 2);
    uint64_t at;

    if (some_place(&at, image, r, width) && image_touch(image, at, width))
        store(image->p + at, width, big,
              value(image, r, width, big, load(image->p + at, width, big)));
}

static void flip_bit(struct image *image, struct random *r)
{
    uint64_t at;

    if (some_place(&at, image, r, 1) && image_touch(image, at, 1))
        image->p[at] ^= (uint8_t)(1 << below(r, 8));
}

/* Numbers that are text: LVM's descriptions, the heads of cpio, settings. */
static void set_digits(struct image *image, struct random *r)
{
    static const char digits[] = "0009999fF-1x\n\" ";
    uint64_t at;

    for (unsigned i = 0; i < 64; i++) {
        uint64_t end;

        if (!some_place(&at, image, r, 1) || image->p[at] < '0' || image->p[at] > '9')
            continue;
        for (end = at; end < image->whole && end - at < 20 && image->p[end] >= '0' &&
                       image->p[end] <= 'f';)
            end++;
        if (!image_touch(image, at, (size_t)(end - at)))
            return;
        if (one_in(r, 2))
            end = at + 1;
        for (; at < end; at++)
            image->p[at] = (uint8_t)digits[below(r, sizeof digits - 1)];
        return;
    }
}

/* Two places of one size, each aligned to it, so that they tend to be structures. */
static bool two_pieces(uint64_t *a, uint64_t *b, size_t *n, const struct image *image,
                       struct random *r)
{
    static const size_t sizes[] = {16, 32, 256, 512, 1024, 1024, PIECE_MAX, PIECE_MAX};

    *n = sizes[below(r, ARRAY_SIZE(sizes))];
    return some_place(a, image, r, 1) && some_place(b, image, r, 1) &&
           range_within(*a = round_down(*a, *n), *n, image->whole) &&
           range_within(*b = round_down(*b, *n), *n, image->whole);
}

static void copy_piece(struct image *image, struct random *r)
{
    uint8_t piece[PIECE_MAX];
    uint64_t a, b;
    size_t n;

    if (!two_pieces(&a, &b, &n, image, r) || !image_touch(image, a, n))
        return;
    memcpy(piece, image->p + a, n);
    if (one_in(r, 2)) {
        memmove(image->p + a, image->p + b, n);
        return;
    }
    if (!image_touch(image, b, n))
        return;
    memcpy(image->p + a, image->p + b, n);
    memcpy(image->p + b, piece, n);
}

static void fill_piece(struct image *image, struct random *r)
{
    uint64_t a, b;
    size_t n;

    if (two_pieces(&a, &b, &n, image, r) && image_touch(image, a, n))
        memset(image->p + a, one_in(r, 2) ? 0 : 255, n);
}

/* A few bytes too many, or too few. */
static void move_up_or_down(struct image *image, struct random *r)
{
    size_t by = 1 + below(r, 8), n = by + 1 + below(r, LINE_MAX_ - by - 1);
    uint64_t at;

    if (!some_place(&at, image, r, 1) || !image_touch(image, at, n))
        return;
    if (one_in(r, 2))
        memmove(image->p + at, image->p + at + by, n - by);
    else
        memmove(image->p + at + by, image->p + at, n - by);
}

static void cut(struct image *image, struct random *r)
{
    static const uint64_t units[] = {1, 512, 4096, 1 << 20};
    const struct image_read *read = some_read(image, r);
    uint64_t at = round_down(read->off + below(r, read->n), units[below(r, 4)]);

    if (at)
        image->size = min_u64(at, image->size);
}

void edit_image(struct image *image, uint64_t seed)
{
    struct random r = {seed};
    unsigned n = 1;

    while (n < EDITS_MAX && !one_in(&r, 3))
        n++;
    for (unsigned i = 0; i < n; i++) {
        uint64_t kind = below(&r, 40);

        if (kind < 20)
            set_field(image, &r);
        else if (kind < 25)
            flip_bit(image, &r);
        else if (kind < 29)
            set_digits(image, &r);
        else if (kind < 34)
            copy_piece(image, &r);
        else if (kind < 36)
            fill_piece(image, &r);
        else if (kind < 39)
            move_up_or_down(image, &r);
        else
            cut(image, &r);
    }
}
