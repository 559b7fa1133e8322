/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open.c: from a device to the default subvolume, and the driver table */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"

enum { SUPER_ERROR = 1 << 2 }; /* a flag that Linux sets when it found damage */

static void btrfs_unref(struct btrfs *b)
{
    if (!b || atomic_fetch_sub(&b->refs, 1) != 1)
        return;
    btrfs_unpacked_fini(b);
    btrfs_nodes_fini(b);
    btrfs_roots_fini(&b->roots);
    btrfs_chunks_fini(&b->chunks);
    block_unref(b->cache);
    free(b);
}

static void btrfs_unrefp(struct btrfs **b)
{
    btrfs_unref(*b);
    *b = NULL;
}

static void stale(struct btrfs *b, const char *why)
{
    size_t n = strlen(b->info.stale_reason);

    b->info.stale_possible = true;
    snprintf(b->info.stale_reason + n, sizeof b->info.stale_reason - n, "%s%s",
             n ? "; " : "", why);
}

/* The trees are whole without the log tree: it only holds what was synced after the last
 * commit, some 30 seconds of it. */
static void fill_info(struct btrfs *b)
{
    const struct btrfs_super *s = &b->super;
    struct fs_info *info = &b->info;

    info->block_size = s->sector_size;
    info->total_bytes = s->total_bytes;
    info->free_bytes = s->total_bytes - min_u64(s->bytes_used, s->total_bytes);
    info->needs_recovery = s->log_root != 0;
    if (s->log_root)
        stale(b, "the log tree, with what was synced after the last commit, is not read");
    if (s->devices > 1)
        stale(b, "it lies on several devices, which Linux wants all, and this is one");
    if (s->newer_copy)
        stale(b, "a copy of the superblock is newer than the first one");
    if (s->at != BTRFS_SUPER_AT)
        stale(b, "the first superblock is damaged, a copy was used");
    info->clean = !info->stale_possible && !(s->flags & SUPER_ERROR);
    btrfs_features_format(info->features, sizeof info->features, s->incompat,
                          s->compat_ro);
}

static int load(struct btrfs *b, struct err *err)
{
    int r = btrfs_super_read(&b->super, b->cache, err);

    if (r < 0)
        return r;
    btrfs_nodes_init(b);
    r = fs_identify(&b->info.ident, b->cache, err);
    if (r == 0)
        r = btrfs_chunks_load(b, err);
    if (r == 0)
        r = btrfs_roots_load(b, err);
    if (r == 0)
        fill_info(b);
    return r;
}

int btrfs_fs_new(struct fs **ret, struct btrfs *b, struct block *dev,
                 const struct btrfs_root *root, struct err *err)
{
    struct btrfs_fs *f = calloc(1, sizeof *f);

    if (!f)
        return FAIL(err, ERR_NOMEM, "filesystem");
    f->fs = (struct fs){.driver = &btrfs_driver,
                        .dev = block_ref(dev),
                        .root = btrfs_ino(b, root, BTRFS_FIRST_FREE)};
    atomic_fetch_add(&b->refs, 1);
    f->b = b;
    *ret = &f->fs;
    return 0;
}

static int btrfs_open(struct fs **ret, struct block *dev, struct err *err)
{
    AUTO(btrfs_unrefp) struct btrfs *b = calloc(1, sizeof *b);
    int r;

    if (!b)
        return FAIL(err, ERR_NOMEM, "filesystem");
    atomic_init(&b->refs, 1);
    pthread_mutex_init(&b->unpacked.lock, NULL);
    r = block_cache_open(&b->cache, dev, BTRFS_CACHE_LINE, BTRFS_CACHE_LINES, err);
    if (r == 0)
        r = load(b, err);
    return r < 0 ? r : btrfs_fs_new(ret, b, dev, &b->roots.v[b->roots.chosen], err);
}

static void btrfs_info(struct fs *fs, struct fs_info *ret)
{
    *ret = btrfs_of(fs)->info;
}

static void btrfs_close(struct fs *fs)
{
    btrfs_unref(btrfs_of(fs));
    block_unref(fs->dev);
    free(CONTAINER_OF(fs, struct btrfs_fs, fs));
}

const struct fs_driver btrfs_driver = {
    .name = "btrfs",
    .open = btrfs_open,
    .info = btrfs_info,
    .lookup = btrfs_lookup,
    .stat = btrfs_stat,
    .readdir = btrfs_readdir,
    .read = btrfs_read,
    .readlink = btrfs_readlink,
    .has_xattr = btrfs_has_xattr,
    .subvolumes = btrfs_subvolumes,
    .subvolume_open = btrfs_subvolume_open,
    .usage = btrfs_usage,
    .close = btrfs_close,
};
