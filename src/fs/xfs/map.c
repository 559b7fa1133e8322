/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map.c: from a block of a fork to a block of the device */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/xfs/xfs.h"

enum {
    RECORD = 16,
    KEY = 8,
    HEAD_4 = 24, /* of a block of the B+tree, by version */
    HEAD_5 = 72,
};

static const uint64_t far = UINT64_C(1) << 54; /* no block of a file is there */

struct record {
    uint64_t at, block, n;
    bool unwritten;
};

/* 1 bit unwritten, 54 bits place in the fork, 52 bits block, 21 bits count. */
static struct record record_load(const uint8_t *p)
{
    uint64_t a = load_be64(p), b = load_be64(p + 8);

    return (struct record){
        .at = (a >> 9) & (far - 1),
        .block = (a & 0x1ff) << 43 | b >> 21,
        .n = b & 0x1fffff,
        .unwritten = a >> 63,
    };
}

/* `records` hold the ones around `at`; what follows them begins at `end`. */
static int find_in(struct xfs_run *ret, struct bytes records, uint64_t at, uint64_t end,
                   struct err *err)
{
    size_t low = 0, high = records.n / RECORD;
    struct record e;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        e = record_load(records.p + mid * RECORD);
        if (e.at <= at)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < records.n / RECORD)
        end = min_u64(end, record_load(records.p + low * RECORD).at);
    if (low > 0) {
        e = record_load(records.p + (low - 1) * RECORD);
        if (e.n == 0 || e.at > at)
            return FAIL(err, ERR_CORRUPT, "an extent of no blocks, or out of order");
        if (at - e.at < e.n) {
            *ret = (struct xfs_run){.zero = e.unwritten,
                                    .block = e.block + (at - e.at),
                                    .n = e.n - (at - e.at)};
            return 0;
        }
    }
    if (end <= at)
        return FAIL(err, ERR_CORRUPT, "extents out of order");
    *ret = (struct xfs_run){.zero = true, .n = end - at};
    return 0;
}

/* The child that covers `at`; *end becomes the first key behind it. */
static uint64_t child_of(const uint8_t *keys, const uint8_t *children, size_t n,
                         uint64_t at, uint64_t *end)
{
    size_t low = 1, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (load_be64(keys + mid * KEY) <= at)
            low = mid + 1;
        else
            high = mid;
    }
    if (low < n)
        *end = min_u64(*end, load_be64(keys + low * KEY));
    return load_be64(children + (low - 1) * KEY);
}

static int node_read(struct xfs *x, uint8_t *buf, uint64_t block, uint64_t owner,
                     unsigned level, struct err *err)
{
    static const struct xfs_marks marks = {64, 40, 56};
    uint32_t size = x->super.block_size;
    bool v5 = x->super.version == 5;
    uint64_t at;
    int r = xfs_address(x, block, 1, &at, err);

    if (r == 0)
        r = block_read(x->cache, buf, size, at, err);
    if (r < 0)
        return r;
    if (memcmp(buf, v5 ? "BMA3" : "BMAP", 4) != 0 || load_be16(buf + 4) != level ||
        load_be16(buf + 6) == 0 ||
        load_be16(buf + 6) > (size - (v5 ? HEAD_5 : HEAD_4)) / RECORD)
        return FAIL(err, ERR_CORRUPT, "block %" PRIu64 " is no node of its extents",
                    block);
    if (!xfs_marks_right(x, bytes_of(buf, size), &marks, owner))
        return FAIL(err, ERR_CORRUPT, "block %" PRIu64 ": checksum, or of another owner",
                    block);
    return 0;
}

static int find_in_tree(struct xfs *x, struct xfs_run *ret, uint64_t owner,
                        struct bytes root, uint64_t at, struct err *err)
{
    AUTO(freep) uint8_t *buf = NULL;
    size_t head = x->super.version == 5 ? HEAD_5 : HEAD_4, n, room;
    uint64_t end = far, block;
    unsigned level;
    int r;

    if (root.n < 4)
        return FAIL(err, ERR_CORRUPT, "extents: a root of %zu bytes", root.n);
    level = load_be16(root.p);
    n = load_be16(root.p + 2);
    room = (root.n - 4) / RECORD;
    if (level == 0 || level >= XFS_DEPTH_MAX || n == 0 || n > room)
        return FAIL(err, ERR_CORRUPT, "extents: a root of level %u with %zu keys", level,
                    n);
    buf = malloc(x->super.block_size);
    if (!buf)
        return FAIL(err, ERR_NOMEM, "extents");
    block = child_of(root.p + 4, root.p + 4 + room * KEY, n, at, &end);
    for (;;) {
        r = node_read(x, buf, block, owner, --level, err);
        if (r < 0)
            return r;
        n = load_be16(buf + 6);
        if (level == 0)
            return find_in(ret, bytes_of(buf + head, n * RECORD), at, end, err);
        room = (x->super.block_size - head) / RECORD;
        block = child_of(buf + head, buf + head + room * KEY, n, at, &end);
    }
}

int xfs_map(struct xfs *x, struct xfs_run *ret, const struct xfs_inode *i,
            const struct xfs_fork *f, uint64_t at, struct err *err)
{
    uint64_t unused;
    int r;

    if (f->format == XFS_EXTENTS && f->extents > f->b.n / RECORD)
        r = FAIL(err, ERR_CORRUPT, "%" PRIu64 " extents in %zu bytes", f->extents,
                 f->b.n);
    else if (f->format == XFS_EXTENTS)
        r = find_in(ret, bytes_of(f->b.p, (size_t)f->extents * RECORD), at, far, err);
    else if (f->format == XFS_BTREE)
        r = find_in_tree(x, ret, i->st.ino, f->b, at, err);
    else
        r = FAIL(err, ERR_CORRUPT, "format %u has no blocks", f->format);
    if (r == 0 && !ret->zero)
        r = xfs_address(x, ret->block, ret->n, &unused, err);
    if (r < 0)
        err_prefix(err, "inode %" PRIu64, i->st.ino);
    return r;
}

int xfs_fork_read(struct xfs *x, struct block *dev, const struct xfs_inode *i,
                  const struct xfs_fork *f, void *buf, size_t n, uint64_t off,
                  struct err *err)
{
    uint8_t *to = buf;

    while (n) {
        uint64_t within = off & (x->super.block_size - 1), at;
        struct xfs_run run;
        size_t take;
        int r = xfs_map(x, &run, i, f, off >> x->super.block_log, err);

        if (r < 0)
            return r;
        /* A hole may be longer than bytes can be counted. */
        run.n = min_u64(run.n, (n >> x->super.block_log) + 2);
        take = min_size((size_t)(run.n << x->super.block_log) - (size_t)within, n);
        if (run.zero) {
            memset(to, 0, take);
        } else {
            r = xfs_address(x, run.block, run.n, &at, err);
            if (r == 0)
                r = block_read(dev, to, take, at + within, err);
            if (r < 0)
                return r;
        }
        to += take;
        off += take;
        n -= take;
    }
    return 0;
}

int xfs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
             struct err *err)
{
    struct xfs *x = xfs_of(fs);
    struct xfs_inode i;
    int r = xfs_inode_read(x, &i, node->ino, err);

    if (r < 0)
        return r;
    if (i.realtime)
        return FAIL(err, ERR_UNSUPPORTED,
                    "inode %" PRIu64 ": a file on a realtime device", node->ino);
    return xfs_fork_read(x, fs->dev, &i, &i.data, buf, n, off, err);
}
