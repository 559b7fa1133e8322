/* SPDX-License-Identifier: GPL-2.0-or-later */
/* chain.c: the file allocation table, and the chains in it */
#include <inttypes.h>

#include "base/checked.h"
#include "fs/fat/fat.h"

static bool in_data(const struct fat *f, uint32_t cluster)
{
    return cluster >= FAT_FIRST && cluster - FAT_FIRST < f->clusters;
}

int fat_entry(struct fat *f, uint32_t cluster, uint32_t *ret, struct err *err)
{
    uint8_t raw[4];
    uint64_t off = f->bits == 12 ? (uint64_t)cluster + cluster / 2
                                 : (uint64_t)cluster * (f->bits / 8);
    int r = block_read(f->cache, raw, f->bits == 32 ? 4 : 2, f->fat_start + off, err);

    if (r < 0)
        return r;
    if (f->bits == 32)
        *ret = load_le32(raw) & 0x0fffffff;
    else if (f->bits == 16)
        *ret = load_le16(raw);
    else
        *ret = cluster & 1 ? load_le16(raw) >> 4 : load_le16(raw) & 0xfff;
    return 0;
}

int fat_next(struct fat *f, uint32_t *cluster, struct err *err)
{
    uint32_t end = f->bits == 32 ? 0x0ffffff8 : f->bits == 16 ? 0xfff8 : 0xff8, next;
    int r = fat_entry(f, *cluster, &next, err);

    if (r < 0)
        return r;
    if (next >= end)
        return 0;
    if (!in_data(f, next))
        return FAIL(err, ERR_CORRUPT,
                    "file allocation table: cluster %" PRIu32 " is followed by %" PRIu32
                    ", and the last one is %" PRIu32,
                    *cluster, next, f->clusters + 1);
    *cluster = next;
    return 1;
}

/* Moves `skip` clusters on.  A chain that goes on for more clusters than there are is
 * never asked for: a file's size is checked against the filesystem's first. */
static int advance(struct fat *f, uint32_t *cluster, uint64_t skip, struct err *err)
{
    while (skip--) {
        int r = fat_next(f, cluster, err);

        if (r == 0)
            return FAIL(err, ERR_CORRUPT,
                        "file allocation table: the chain ends at cluster %" PRIu32
                        ", before the file does",
                        *cluster);
        if (r < 0)
            return r;
    }
    return 0;
}

int fat_chain_read(struct fat *f, uint32_t cluster, void *buf, size_t n, uint64_t off,
                   struct err *err)
{
    uint8_t *to = buf;
    uint64_t skip = off % f->cluster_size;
    int r;

    if (!range_within(off, n, (uint64_t)f->clusters * f->cluster_size))
        return FAIL(err, ERR_CORRUPT, "file larger than the filesystem");
    if (!in_data(f, cluster))
        return FAIL(err, ERR_CORRUPT,
                    "first cluster %" PRIu32 ", the last one is %" PRIu32, cluster,
                    f->clusters + 1);
    r = advance(f, &cluster, off / f->cluster_size, err);
    while (r == 0 && n) {
        uint32_t first = cluster;
        uint64_t run = f->cluster_size - skip;

        /* Neighbours are one read. */
        while (run < n) {
            uint32_t last = cluster;

            r = advance(f, &cluster, 1, err);
            if (r < 0)
                return r;
            if (cluster != last + 1)
                break;
            run += f->cluster_size;
        }
        run = min_u64(run, n);
        r = block_read(f->fs.dev, to, (size_t)run, fat_cluster_at(f, first) + skip, err);
        to += run;
        n -= (size_t)run;
        skip = 0;
    }
    return r;
}
