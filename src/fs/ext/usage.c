/* SPDX-License-Identifier: GPL-2.0-or-later */
/* usage.c: each group of blocks has a bitmap; in that of bigalloc a bit stands for
 * several blocks */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ext/ext.h"
#include "fs/usage.h"

/* A group, and its bitmap in a block of its own. */
struct group {
    struct ext *e;
    dgrp_t number;
    uint64_t first, blocks; /* of the filesystem */
    uint8_t *bitmap;        /* block_size */
};

static void mark(struct group *g, uint64_t block, uint64_t n)
{
    unsigned shift = (unsigned)g->e->lib->cluster_ratio_bits;

    if (!range_overlaps(block, min_u64(n, UINT64_MAX - block), g->first, g->blocks))
        return;
    for (uint64_t i = max_u64(block, g->first); i - block < n && i - g->first < g->blocks;
         i++) {
        uint64_t bit = (i - g->first) >> shift;

        g->bitmap[bit / 8] |= (uint8_t)(1 << bit % 8);
    }
}

/* One whose bitmap was never written has nothing but what it was made with. */
static void make_bitmap(struct group *g)
{
    ext2_filsys lib = g->e->lib;
    const struct ext2_super_block *sb = lib->super;
    blk64_t super = 0, old_desc = 0, new_desc = 0;
    uint64_t descs = ext2fs_has_feature_meta_bg(lib->super)
                         ? sb->s_first_meta_bg
                         : (uint64_t)lib->desc_blocks + sb->s_reserved_gdt_blocks;

    memset(g->bitmap, 0, g->e->super.block_size);
    ext2fs_super_and_bgd_loc2(lib, g->number, &super, &old_desc, &new_desc, NULL);
    if (super || g->number == 0)
        mark(g, super, 1);
    if (old_desc)
        mark(g, old_desc, descs);
    if (new_desc)
        mark(g, new_desc, 1);
    mark(g, ext2fs_block_bitmap_loc(lib, g->number), 1);
    mark(g, ext2fs_inode_bitmap_loc(lib, g->number), 1);
    mark(g, ext2fs_inode_table_loc(lib, g->number), lib->inode_blocks_per_group);
}

static int read_bitmap(struct group *g, struct err *err)
{
    struct ext *e = g->e;
    uint64_t at = ext2fs_block_bitmap_loc(e->lib, g->number);

    if (at == 0 || at >= e->super.blocks)
        return FAIL(err, ERR_CORRUPT,
                    "group %u: its bitmap is block %" PRIu64 ", there are %" PRIu64,
                    g->number, at, e->super.blocks);
    return ext_io_read(e, g->bitmap, e->super.block_size, at * e->super.block_size, err);
}

static int load_bitmap(struct group *g, struct err *err)
{
    ext2_filsys lib = g->e->lib;
    int r;

    if (ext2fs_has_group_desc_csum(lib) &&
        ext2fs_bg_flags_test(lib, g->number, EXT2_BG_BLOCK_UNINIT)) {
        make_bitmap(g);
        return 0;
    }
    r = read_bitmap(g, err);
    if (r < 0)
        return r;
    if (!ext2fs_block_bitmap_csum_verify(lib, g->number, (char *)g->bitmap,
                                         (int)(lib->super->s_clusters_per_group / 8)))
        return FAIL(err, ERR_CORRUPT, "group %u: checksum of its bitmap", g->number);
    return 0;
}

static int tell_group(struct group *g, struct fs_usage *to, struct err *err)
{
    uint32_t size = g->e->super.block_size;
    uint64_t unit = (uint64_t)size << g->e->lib->cluster_ratio_bits;
    uint64_t whole = g->blocks * size / unit; /* clusters; the last may be cut */
    int r;

    if (div_up(g->blocks * size, unit) > (uint64_t)size * 8 ||
        g->e->lib->super->s_clusters_per_group > (uint64_t)size * 8)
        return FAIL(err, ERR_CORRUPT, "group %u: more blocks than its bitmap has bits",
                    g->number);
    r = load_bitmap(g, err);
    if (r == 0)
        r = fs_usage_bits(to, g->bitmap, whole, unit, err);
    if (r == 0 && g->blocks * size % unit)
        r = fs_usage_upto(to, to->pos + g->blocks * size % unit,
                          !(g->bitmap[whole / 8] >> whole % 8 & 1), err);
    return r;
}

static int tell(struct ext *e, struct fs_usage *to, uint8_t *bitmap, struct err *err)
{
    uint64_t at = e->super.first_block;
    int r = fs_usage_upto(to, at * e->super.block_size, false, err);

    for (dgrp_t i = 0; r == 0 && at < e->super.blocks; i++) {
        struct group g = {
            .e = e,
            .number = i,
            .first = at,
            .blocks = min_u64(e->super.blocks_per_group, e->super.blocks - at),
            .bitmap = bitmap,
        };

        if (i >= e->lib->group_desc_count)
            return FAIL(err, ERR_CORRUPT, "group %u has no descriptor", i);
        r = tell_group(&g, to, err);
        at += g.blocks;
    }
    return r;
}

int ext_usage(struct fs *fs, struct fs_usage *to, struct err *err)
{
    struct ext *e = ext_of(fs);
    AUTO(freep) uint8_t *bitmap = malloc(e->super.block_size);

    if (!bitmap)
        return FAIL(err, ERR_NOMEM, "bitmap");
    ext_enter(e);
    return ext_leave(e, tell(e, to, bitmap, err), err);
}
