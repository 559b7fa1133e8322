/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.c: each allocation group has a B+tree of its free space, by block
 *
 *   AGF (sector 1 of the group) ──> root ──> ... ──> leaf ──> leaf ──> ...
 *
 * What is not in it is used, the blocks that are kept for the trees themselves too. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/usage.h"
#include "fs/xfs/xfs.h"

enum {
    AGF_CRC = 216,
    RECORD = 8, /* and a key: first block, count */
    POINTER = 4,
    HEAD_4 = 16, /* of a block of the tree, by version */
    HEAD_5 = 56,
    NO_BLOCK = -1,
};

struct walk {
    struct xfs *x;
    struct fs_usage *to;
    uint32_t group;
    uint64_t first;  /* block of the filesystem that the group begins with */
    uint32_t blocks; /* of the group */
    uint8_t *block;
};

static int fail(const struct walk *w, const char *what, struct err *err)
{
    return FAIL(err, ERR_CORRUPT, "free space of group %" PRIu32 ": %s", w->group, what);
}

static bool is_ours(const struct xfs *x, const uint8_t *uuid)
{
    return memcmp(uuid, x->super.uuid, sizeof x->super.uuid) == 0;
}

/* The root, and how many levels there are. */
static int read_agf(const struct walk *w, uint32_t *root, uint32_t *levels,
                    struct err *err)
{
    const struct xfs *x = w->x;
    uint32_t sector = x->super.sector_size;
    const uint8_t *p = w->block;
    int r = block_read(x->cache, w->block, sector,
                       (w->first << x->super.block_log) + sector, err);

    if (r < 0)
        return r;
    if (memcmp(p, "XAGF", 4) != 0 || load_be32(p + 8) != w->group ||
        load_be32(p + 12) != w->blocks)
        return fail(w, "its header is that of another", err);
    if (x->super.version == 5 &&
        (!xfs_crc_right(bytes_of(p, sector), AGF_CRC) || !is_ours(x, p + 64)))
        return fail(w, "checksum of its header", err);
    *root = load_be32(p + 16);
    *levels = load_be32(p + 28);
    if (*levels == 0 || *levels > XFS_DEPTH_MAX)
        return fail(w, "levels out of range", err);
    return 0;
}

/* A block of the tree into w->block, with `*n` records or keys. */
static int read_node(const struct walk *w, uint32_t at, uint32_t level, uint32_t *n,
                     struct err *err)
{
    const struct xfs *x = w->x;
    bool is_5 = x->super.version == 5;
    uint32_t size = x->super.block_size, head = is_5 ? HEAD_5 : HEAD_4;
    uint32_t entry = level ? RECORD + POINTER : RECORD;
    const uint8_t *p = w->block;
    int r;

    if (at >= w->blocks)
        return fail(w, "a block outside of it", err);
    r = block_read(x->cache, w->block, size, (w->first + at) << x->super.block_log, err);
    if (r < 0)
        return r;
    *n = load_be16(p + 6);
    if (memcmp(p, is_5 ? "AB3B" : "ABTB", 4) != 0 || load_be16(p + 4) != level ||
        *n > (size - head) / entry)
        return fail(w, "a block that is none of its tree", err);
    if (is_5 && (!xfs_crc_right(bytes_of(p, size), 52) || load_be32(p + 48) != w->group ||
                 !is_ours(x, p + 32)))
        return fail(w, "checksum of a block", err);
    return 0;
}

static int tell_leaf(const struct walk *w, uint32_t n, struct err *err)
{
    const uint8_t *p = w->block + (w->x->super.version == 5 ? HEAD_5 : HEAD_4);
    unsigned shift = w->x->super.block_log;

    for (uint32_t i = 0; i < n; i++, p += RECORD) {
        uint64_t start = load_be32(p), length = load_be32(p + 4);
        uint64_t at = (w->first + start) << shift;
        int r;

        if (length == 0 || !range_within(start, length, w->blocks) || at < w->to->pos)
            return fail(w, "areas out of order or outside of it", err);
        r = fs_usage_upto(w->to, at, false, err);
        if (r == 0)
            r = fs_usage_upto(w->to, at + (length << shift), true, err);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Down on the left, then from leaf to leaf.  Each brings areas behind those of the one
 * before, so a circle is an area out of order. */
static int tell_group(const struct walk *w, struct err *err)
{
    uint32_t at = 0, levels = 0, n = 0;
    int r = read_agf(w, &at, &levels, err);

    for (uint32_t level = levels; r == 0 && level-- > 0;) {
        uint32_t size = w->x->super.block_size;
        uint32_t head = w->x->super.version == 5 ? HEAD_5 : HEAD_4;

        r = read_node(w, at, level, &n, err);
        if (r == 0 && level && n == 0)
            r = fail(w, "a block without pointers", err);
        if (r == 0 && level)
            at = load_be32(w->block + head + (size - head) / (RECORD + POINTER) * RECORD);
    }
    while (r == 0) {
        r = tell_leaf(w, n, err);
        at = load_be32(w->block + 12);
        if (r < 0 || at == (uint32_t)NO_BLOCK)
            break;
        if (n == 0)
            return fail(w, "a leaf of no areas that is followed by others", err);
        r = read_node(w, at, 0, &n, err);
    }
    if (r < 0)
        return r;
    return fs_usage_upto(w->to, (w->first + w->blocks) << w->x->super.block_log, false,
                         err);
}

int xfs_usage(struct fs *fs, struct fs_usage *to, struct err *err)
{
    struct xfs *x = xfs_of(fs);
    const struct xfs_super *s = &x->super;
    AUTO(freep) uint8_t *block = malloc(XFS_BLOCK_MAX);
    int r = 0;

    if (!block)
        return FAIL(err, ERR_NOMEM, "free space");
    for (uint32_t i = 0; i < s->ag_count && r == 0; i++) {
        uint64_t first = (uint64_t)i * s->ag_blocks;
        struct walk w = {
            .x = x,
            .to = to,
            .group = i,
            .first = first,
            .blocks = (uint32_t)min_u64(s->ag_blocks, s->blocks - first),
            .block = block,
        };

        r = tell_group(&w, err);
    }
    return r;
}
