/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chunk.c: from logical addresses to this device
 *
 * Chunks that keep whole copies (single, DUP, the RAID1 family) are read from this device
 * alone, so a mirror with a missing half is fine.  What is striped over several devices
 * is refused by name: one disk does not have it. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"

void btrfs_chunks_fini(struct btrfs_chunks *c)
{
    free(c->v);
    *c = (struct btrfs_chunks){0};
}

static const char *striped(uint64_t type)
{
    static const struct {
        uint64_t bit;
        const char *name;
    } rows[] = {
        {BTRFS_RAID0, "RAID0"},
        {BTRFS_RAID10, "RAID10"},
        {BTRFS_RAID5, "RAID5"},
        {BTRFS_RAID6, "RAID6"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (type & rows[i].bit)
            return rows[i].name;
    return NULL;
}

/* RAID0 of one stripe is what Linux makes of a RAID0 that lost all devices but one. */
static int check_profile(uint64_t type, unsigned stripes, uint64_t logical,
                         struct err *err)
{
    const uint64_t known = BTRFS_DATA | BTRFS_SYSTEM | BTRFS_METADATA | BTRFS_RAID0 |
                           BTRFS_RAID1 | BTRFS_DUP | BTRFS_RAID1C3 | BTRFS_RAID1C4;
    const char *name = striped(type);

    if (name && !((type & BTRFS_RAID0) && stripes == 1))
        return FAIL(err, ERR_UNSUPPORTED,
                    "chunk %" PRIu64 ": %s over %u devices is not read", logical, name,
                    stripes);
    if (type & ~known)
        return FAIL(err, ERR_UNSUPPORTED, "chunk %" PRIu64 ": profile %#" PRIx64, logical,
                    type);
    return 0;
}

static int chunk_decode(struct btrfs_chunk *ret, const struct btrfs *b, uint64_t logical,
                        struct cursor *c, struct err *err)
{
    struct btrfs_chunk chunk = {.logical = logical, .size = cursor_le64(c)};
    uint64_t type, end;
    unsigned stripes;
    int r;

    cursor_skip(c, 16);
    type = cursor_le64(c);
    cursor_skip(c, 12);
    stripes = cursor_le16(c);
    cursor_skip(c, 2);
    if (c->bad || stripes == 0 || cursor_left(c) / BTRFS_STRIPE_SIZE < stripes)
        return FAIL(err, ERR_CORRUPT, "chunk %" PRIu64 ": %u stripes", logical, stripes);
    if (chunk.size == 0 || chunk.size % b->super.sector_size ||
        logical % b->super.sector_size || !checked_add(&end, logical, chunk.size))
        return FAIL(err, ERR_CORRUPT, "chunk %" PRIu64 ": %" PRIu64 " bytes", logical,
                    chunk.size);
    r = check_profile(type, stripes, logical, err);
    if (r < 0)
        return r;
    for (unsigned i = 0; i < stripes; i++) {
        uint64_t devid = cursor_le64(c), at = cursor_le64(c);

        cursor_skip(c, 16);
        if (devid == b->super.devid && chunk.copies < BTRFS_COPIES)
            chunk.at[chunk.copies++] = at;
    }
    *ret = chunk;
    return 0;
}

/* They come in order. */
static int chunk_add(struct btrfs_chunks *c, const struct btrfs_chunk *chunk,
                     struct err *err)
{
    const struct btrfs_chunk *last = c->n ? &c->v[c->n - 1] : NULL;

    if (last &&
        (chunk->logical < last->logical || chunk->logical - last->logical < last->size))
        return FAIL(err, ERR_CORRUPT,
                    "chunk %" PRIu64 ": overlaps the one before, or is out of order",
                    chunk->logical);
    if (c->n == BTRFS_CHUNKS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d chunks", BTRFS_CHUNKS_MAX);
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 16;
        struct btrfs_chunk *v = realloc(c->v, cap * sizeof *v);

        if (!v)
            return FAIL(err, ERR_NOMEM, "chunks");
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = *chunk;
    return 0;
}

static int by_logical(const void *x, const void *y)
{
    const struct btrfs_chunk *a = x, *b = y;

    return (a->logical > b->logical) - (a->logical < b->logical);
}

/* Linux appends to this array, so it need not be in order. */
static int load_system(struct btrfs *b, struct err *err)
{
    struct cursor c = cursor(bytes_of(b->super.sys, b->super.sys_n));
    struct btrfs_chunk v[BTRFS_SYS_CHUNKS_MAX / BTRFS_CHUNK_SIZE];
    size_t n = 0;
    int r = 0;

    while (cursor_left(&c) && r == 0) {
        const uint8_t *p = cursor_take(&c, BTRFS_KEY_SIZE);
        struct btrfs_key key = p ? btrfs_key_load(p) : (struct btrfs_key){0};

        if (key.type != BTRFS_CHUNK_ITEM)
            return FAIL(err, ERR_CORRUPT,
                        "superblock: system chunk with a key of type %u", key.type);
        r = chunk_decode(&v[n++], b, key.offset, &c, err);
    }
    if (r < 0)
        return r;
    qsort(v, n, sizeof v[0], by_logical);
    for (size_t i = 0; i < n && r == 0; i++)
        r = chunk_add(&b->chunks, &v[i], err);
    return r;
}

static int load_tree(struct btrfs_chunks *ret, struct btrfs *b, struct err *err)
{
    const struct btrfs_root root = {
        .id = BTRFS_CHUNK_TREE,
        .at = b->super.chunk_root,
        .generation = b->super.chunk_generation,
        .level = b->super.chunk_level,
    };
    const struct btrfs_key first = {BTRFS_CHUNKS, BTRFS_CHUNK_ITEM, 0};
    AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(b, &root);
    int r = btrfs_seek_from(&p, &first, err);

    while (r == 1 && p.key.objectid == BTRFS_CHUNKS && p.key.type == BTRFS_CHUNK_ITEM) {
        struct cursor c = cursor(p.item);
        struct btrfs_chunk chunk;

        r = chunk_decode(&chunk, b, p.key.offset, &c, err);
        if (r == 0)
            r = chunk_add(ret, &chunk, err);
        if (r == 0)
            r = btrfs_next(&p, err);
    }
    return r < 0 ? r : 0;
}

int btrfs_chunks_load(struct btrfs *b, struct err *err)
{
    AUTO(btrfs_chunks_fini) struct btrfs_chunks all = {0};
    int r = load_system(b, err);

    if (r == 0)
        r = load_tree(&all, b, err);
    if (r < 0) {
        err_prefix(err, "chunk tree");
        return r;
    }
    btrfs_chunks_fini(&b->chunks);
    b->chunks = all;
    all = (struct btrfs_chunks){0};
    return 0;
}

/* The chunk that holds an address, or NULL. */
static const struct btrfs_chunk *find(const struct btrfs_chunks *c, uint64_t logical)
{
    size_t lo = 0, hi = c->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (c->v[mid].logical <= logical)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == 0 || logical - c->v[lo - 1].logical >= c->v[lo - 1].size)
        return NULL;
    return &c->v[lo - 1];
}

int btrfs_map(struct btrfs_place *ret, struct btrfs *b, uint64_t logical, uint64_t n,
              struct err *err)
{
    const struct btrfs_chunk *c = find(&b->chunks, logical);
    struct btrfs_place place = {0};
    uint64_t skip;

    if (!c)
        return FAIL(err, ERR_CORRUPT, "logical address %" PRIu64 " is in no chunk",
                    logical);
    if (c->copies == 0)
        return FAIL(err, ERR_UNSUPPORTED,
                    "logical address %" PRIu64 " is on another device, one of %" PRIu64,
                    logical, b->super.devices);
    skip = logical - c->logical;
    place.n = min_u64(n, c->size - skip);
    for (unsigned i = 0; i < c->copies; i++) {
        uint64_t at;

        if (!checked_add(&at, c->at[i], skip) ||
            !range_within(at, place.n, b->cache->size))
            return FAIL(err, ERR_CORRUPT,
                        "logical address %" PRIu64 " is past the end of the device",
                        logical);
        place.at[place.copies++] = at;
    }
    *ret = place;
    return 0;
}

int btrfs_read_logical(struct btrfs *b, void *buf, uint64_t n, uint64_t logical,
                       struct err *err)
{
    uint8_t *to = buf;

    while (n) {
        struct btrfs_place place;
        int r = btrfs_map(&place, b, logical, n, err);

        if (r == 0)
            r = block_read(b->cache, to, (size_t)place.n, place.at[0], err);
        if (r < 0)
            return r;
        to += place.n;
        n -= place.n;
        logical += place.n;
    }
    return 0;
}
