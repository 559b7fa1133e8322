/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.c: MFT records
 *
 *     0 "FILE"   4 u16, u16 update numbers   20 u16 first attribute   22 u16 flags
 *     24 u32 bytes used   28 u32 bytes there are
 *
 * and attributes up to one of type 0xffffffff:
 *
 *     0 u32 type   4 u32 length   8 u8 has runs   9 u8, 10 u16 name   12 u16 flags
 *     without runs:  16 u32, 20 u16 value
 *     with runs:     16 u64 first, 24 u64 last cluster   32 u16 runs   34 u8 packed by
 *                    40 u64 bytes allocated, 48 used, 56 written
 *
 * A run is a byte with two lengths, that many bytes of how many clusters, and that many
 * of how far from the run before; without the second it is a hole. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "fs/ntfs/check.h"

enum {
    HEADER_BYTES = 40,
    RESIDENT_BYTES = 24,
    RUNS_BYTES = 64,
    TYPE_LIST = 0x20,
    TYPE_NAME = 0x30,
    TYPE_ROOT = 0x90,
    TYPE_BLOCKS = 0xa0,
    TYPE_END = -1,
    FLAG_PACKED = 0xff,
    FLAG_SPARSE = 0x8000,
    PACKED_BY_MAX = 4, /* logarithm of clusters packed together */
    LIST_ENTRY = 26,
};

struct attribute {
    const uint8_t *p;
    size_t n;
    uint32_t type;
    const struct ntfs_shape *shape;
};

#define BAD(err, a, fmt, ...) \
    FAIL(err, ERR_CORRUPT, "attribute %#" PRIx32 ": " fmt, (a)->type, __VA_ARGS__)

int ntfs_list_check(const uint8_t *value, size_t n, struct err *err)
{
    size_t entries = 0, length;

    for (size_t at = 0; at < n; at += length) {
        if (++entries > NTFS_LIST_MAX)
            return FAIL(err, ERR_LIMIT, "attribute list of more than %d entries",
                        NTFS_LIST_MAX);
        if (n - at < LIST_ENTRY)
            return FAIL(err, ERR_CORRUPT, "attribute list ends within entry %zu",
                        entries - 1);
        length = load_le16(value + at + 4);
        if (length < LIST_ENTRY || length % 8 || length > n - at ||
            value[at + 7] + 2u * value[at + 6] > length)
            return FAIL(err, ERR_CORRUPT,
                        "attribute list: entry %zu of %zu bytes with a name of %u at %u",
                        entries - 1, length, value[at + 6], value[at + 7]);
    }
    return 0;
}

/* A number of n bytes, with its sign. */
static int64_t load_signed(const uint8_t *p, unsigned n)
{
    uint64_t v = n && p[n - 1] & 0x80 ? UINT64_MAX : 0;

    while (n--)
        v = v << 8 | p[n];
    return (int64_t)v;
}

/* The clusters of the runs in *clusters, and where they lie in *list, if wanted. */
static int runs_check(const struct attribute *a, uint64_t *clusters,
                      struct ntfs_runs *list, struct err *err)
{
    const struct ntfs_shape *s = a->shape;
    int64_t at = 0;
    size_t p = load_le16(a->p + 32);

    *clusters = 0;
    for (;;) {
        unsigned n, back;
        int64_t length, step;

        if (p >= a->n)
            return BAD(err, a, "runs without an end%s", "");
        n = a->p[p] & 15;
        back = a->p[p] >> 4;
        if (a->p[p] == 0)
            return 0;
        if (n == 0 || n > 8 || back > 8 || n + back >= a->n - p)
            return BAD(err, a, "run of %u and %u bytes", n, back);
        length = load_signed(a->p + p + 1, n);
        step = load_signed(a->p + p + 1 + n, back);
        p += 1 + n + back;
        if (length <= 0 || length > INT64_C(1) << NTFS_BIG_FILE ||
            (*clusters += (uint64_t)length) > UINT64_C(1) << NTFS_BIG_FILE)
            return BAD(err, a, "run of %" PRId64 " clusters", length);
        if (!back)
            continue;
        if (__builtin_add_overflow(at, step, &at) || at < 0 ||
            !range_within((uint64_t)at, (uint64_t)length, s->clusters))
            return BAD(err, a,
                       "run of %" PRId64 " clusters at %" PRId64
                       ", but there are %" PRIu64,
                       length, at, s->clusters);
        if (list && list->n < sizeof list->run / sizeof *list->run) {
            list->run[list->n].at = (uint64_t)at * s->cluster;
            list->run[list->n++].bytes = (uint64_t)length * s->cluster;
        }
    }
}

static int sizes_check(const struct attribute *a, struct err *err)
{
    uint64_t all = load_le64(a->p + 40), used = load_le64(a->p + 48),
             written = load_le64(a->p + 56);

    if (all % a->shape->cluster || all >> NTFS_BIG_FILE || used > all || written > used)
        return BAD(err, a, "%" PRIu64 " bytes written of %" PRIu64 " in %" PRIu64,
                   written, used, all);
    return 0;
}

/* The list of attributes of a record may lie elsewhere, but not be packed or have holes.
 */
static int list_runs_check(const struct attribute *a, struct ntfs_runs *list,
                           uint64_t clusters, struct err *err)
{
    uint64_t there = 0;

    list->bytes = load_le64(a->p + 48);
    for (unsigned i = 0; i < list->n; i++)
        there += list->run[i].bytes;
    if (list->bytes > NTFS_LIST_BYTES_MAX)
        return FAIL(err, ERR_LIMIT, "attribute list of %" PRIu64 " bytes, limit %d",
                    list->bytes, NTFS_LIST_BYTES_MAX);
    if (list->bytes > there ||
        (list->bytes != load_le64(a->p + 56) && !a->shape->written) ||
        clusters * a->shape->cluster != there)
        return BAD(err, a, "%" PRIu64 " bytes in %" PRIu64 " clusters", list->bytes,
                   clusters);
    return 0;
}

static int nonresident_check(const struct attribute *a, struct ntfs_runs *list,
                             struct err *err)
{
    unsigned flags = load_le16(a->p + 12);
    uint64_t first, last, clusters;
    int r;

    if (a->n < RUNS_BYTES || load_le16(a->p + 32) < RUNS_BYTES ||
        (flags & (FLAG_PACKED | FLAG_SPARSE) && a->p[34] && a->n < RUNS_BYTES + 8))
        return BAD(err, a, "%zu bytes, with runs at %u", a->n,
                   a->n < RUNS_BYTES ? 0 : load_le16(a->p + 32));
    first = load_le64(a->p + 16);
    last = load_le64(a->p + 24);
    if (a->p[34] > PACKED_BY_MAX)
        return BAD(err, a, "packed by %u", a->p[34]);
    if (first >> NTFS_BIG_FILE || (last + 1) >> NTFS_BIG_FILE)
        return BAD(err, a, "clusters %" PRIu64 " to %" PRIu64, first, last);
    r = runs_check(a, &clusters, a->type == TYPE_LIST ? list : NULL, err);
    if (r == 0 && first == 0)
        r = sizes_check(a, err);
    if (r < 0)
        return r;
    /* An empty one has 0 or -1 as its last. */
    if (first + clusters != last + 1 && (clusters || last))
        return BAD(err, a, "clusters %" PRIu64 " to %" PRIu64 ", but runs of %" PRIu64,
                   first, last, clusters);
    return a->type == TYPE_LIST ? list_runs_check(a, list, clusters, err) : 0;
}

static int value_check(const struct attribute *a, const uint8_t *value, size_t n,
                       struct err *err)
{
    static const struct {
        uint32_t type;
        size_t min;
    } rows[] = {
        {0x10, 48}, {TYPE_NAME, 66}, {0x70, 12}, {TYPE_ROOT, 32}, {0xc0, 8},
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].type == a->type && n < rows[i].min)
            return BAD(err, a, "%zu bytes, need %zu", n, rows[i].min);
    if (a->type == TYPE_NAME && 66 + 2u * value[64] > n)
        return BAD(err, a, "name of %u characters in %zu bytes", value[64], n);
    if (a->type == TYPE_LIST)
        return ntfs_list_check(value, n, err);
    /* Its key says what kind of index it is: only folders have names. */
    if (a->type == TYPE_ROOT)
        return ntfs_entries_check(value, 16, n, load_le32(value) == TYPE_NAME, err);
    return 0;
}

static int resident_check(const struct attribute *a, struct err *err)
{
    uint32_t n = load_le32(a->p + 16), at = load_le16(a->p + 20);

    if ((n && at < RESIDENT_BYTES) || !range_within(at, n, a->n))
        return BAD(err, a, "value of %" PRIu32 " bytes at %" PRIu32 " of %zu", n, at,
                   a->n);
    return value_check(a, a->p + at, n, err);
}

/* Some are always within their record, some never. */
static bool wants_runs(uint32_t type, bool has)
{
    static const uint32_t never[] = {0x10, TYPE_NAME, 0x40, 0x60, 0x70, TYPE_ROOT, 0xd0};

    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (never[i] == type)
            return false;
    return has || type == TYPE_BLOCKS;
}

static int attribute_check(const struct attribute *a, struct ntfs_runs *list,
                           struct err *err)
{
    unsigned name = a->p[9], at = load_le16(a->p + 10);

    if (name && (at < RESIDENT_BYTES - 8 || !range_within(at, 2 * name, a->n)))
        return BAD(err, a, "name of %u characters at %u of %zu", name, at, a->n);
    if (a->p[8] > 1 || a->p[8] != wants_runs(a->type, a->p[8]))
        return BAD(err, a, "kind %u", a->p[8]);
    return a->p[8] ? nonresident_check(a, list, err) : resident_check(a, err);
}

int ntfs_record_check(uint8_t *record, const struct ntfs_shape *shape,
                      struct ntfs_runs *list, struct err *err)
{
    size_t at, used, n = shape->record;
    unsigned lists = 0;
    int r;

    *list = (struct ntfs_runs){0};
    if (memcmp(record, "FILE", 4) != 0)
        return FAIL(err, ERR_CORRUPT, "no mark of a record");
    r = ntfs_mend(record, n, HEADER_BYTES, err);
    if (r < 0)
        return r;
    at = load_le16(record + 20);
    used = load_le32(record + 24);
    if (load_le32(record + 28) != n || used > n || at % 8 || at > used ||
        at < load_le16(record + 4) + 2u * load_le16(record + 6))
        return FAIL(err, ERR_CORRUPT,
                    "attributes from %zu to %zu of %" PRIu32
                    " bytes, but records have %zu",
                    at, used, load_le32(record + 28), n);
    for (;;) {
        struct attribute a = {.p = record + at, .shape = shape};

        if (used - at < 4)
            return FAIL(err, ERR_CORRUPT, "attributes without an end");
        a.type = load_le32(a.p);
        if (a.type == (uint32_t)TYPE_END)
            return 0;
        if (used - at < RESIDENT_BYTES)
            return FAIL(err, ERR_CORRUPT, "attributes without an end");
        a.n = load_le32(a.p + 4);
        if (a.n < RESIDENT_BYTES || a.n % 8 || a.n > used - at)
            return BAD(err, &a, "%zu bytes at %zu, but they end at %zu", a.n, at, used);
        if (a.type == TYPE_LIST && lists++)
            return BAD(err, &a, "there is a second%s", "");
        r = attribute_check(&a, list, err);
        if (r < 0)
            return r;
        at += a.n;
    }
}
