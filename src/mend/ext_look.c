/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext_look.c: does anybody claim what the bitmaps call free, or what is another's?
 *
 * The library allocates by the bitmaps and frees what inodes claim, so these are looked
 * at whole: every inode that is in use, and every block it names.  What is marked used
 * and is nobody's does no harm.  Folders and counts are e2fsck's business. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "mend/ext.h"

struct look {
    struct mend_ext *e;
    ext2fs_block_bitmap claimed, shared; /* shared: blocks of attributes */
    blk64_t wrong;                       /* the first block that is claimed twice */
    const char *why;                     /* NULL: nothing is wrong */
};

static void look_fini(struct look *l)
{
    if (l->claimed)
        ext2fs_free_block_bitmap(l->claimed);
    if (l->shared)
        ext2fs_free_block_bitmap(l->shared);
}

static bool claim(struct look *l, blk64_t block)
{
    ext2_filsys lib = l->e->lib;

    if (block < lib->super->s_first_data_block ||
        block >= ext2fs_blocks_count(lib->super))
        l->why = "lies outside of the filesystem";
    else if (ext2fs_test_block_bitmap2(l->claimed, block))
        l->why = "is claimed twice";
    if (l->why) {
        l->wrong = block;
        return false;
    }
    ext2fs_mark_block_bitmap2(l->claimed, block);
    return true;
}

static int claim_block(ext2_filsys lib, blk64_t *block, e2_blkcnt_t count, blk64_t ref,
                       int offset, void *arg)
{
    (void)lib, (void)count, (void)ref, (void)offset;
    return claim(arg, *block) ? 0 : BLOCK_ABORT;
}

static void claim_groups(struct look *l)
{
    ext2_filsys lib = l->e->lib;

    for (dgrp_t g = 0; g < lib->group_desc_count; g++) {
        ext2fs_reserve_super_and_bgd(lib, g, l->claimed);
        ext2fs_mark_block_bitmap2(l->claimed, ext2fs_block_bitmap_loc(lib, g));
        ext2fs_mark_block_bitmap2(l->claimed, ext2fs_inode_bitmap_loc(lib, g));
        ext2fs_mark_block_bitmap_range2(l->claimed, ext2fs_inode_table_loc(lib, g),
                                        lib->inode_blocks_per_group);
    }
}

/* Several inodes may have the same attributes. */
static bool claim_attributes(struct look *l, const struct ext2_inode *inode)
{
    ext2_filsys lib = l->e->lib;
    blk64_t block = ext2fs_file_acl_block(lib, inode);

    if (!block)
        return true;
    if (block < ext2fs_blocks_count(lib->super) &&
        ext2fs_test_block_bitmap2(l->shared, block))
        return true;
    if (!claim(l, block))
        return false;
    ext2fs_mark_block_bitmap2(l->shared, block);
    return true;
}

int mend_ext_check_flags(const struct mend_ext *e, const struct ext2_inode *inode,
                         ext2_ino_t ino, struct err *err)
{
    uint32_t never = EXT4_INLINE_DATA_FL | EXT4_EA_INODE_FL | EXT4_ENCRYPT_FL |
                     EXT4_CASEFOLD_FL | EXT4_VERITY_FL;

    if (!ext2fs_has_feature_extents(e->lib->super))
        never |= EXT4_EXTENTS_FL;
    if (inode->i_flags & never)
        return FAIL(err, ERR_CORRUPT,
                    "inode %" PRIu32 ": flags 0x%" PRIx32
                    " of features that the filesystem has not",
                    ino, inode->i_flags & never);
    return 0;
}

static int look_inode(struct look *l, ext2_ino_t ino, struct ext2_inode *inode,
                      struct err *err)
{
    ext2_filsys lib = l->e->lib;
    errcode_t code = 0;
    int r;

    /* The resize inode names what the groups reserve. */
    if (ino == EXT2_RESIZE_INO || (inode->i_links_count == 0 && ino != EXT2_BAD_INO))
        return 0;
    if (ino == EXT2_BAD_INO)
        return inode->i_blocks || inode->i_block[0]
                   ? FAIL(err, ERR_UNSUPPORTED, "it has a list of bad blocks")
                   : 0;
    if (!ext2fs_test_inode_bitmap2(lib->inode_map, ino))
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu32 " is in use, but marked free",
                    ino);
    r = mend_ext_check_flags(l->e, inode, ino, err);
    if (r < 0)
        return r;
    if (claim_attributes(l, inode) && ext2fs_inode_has_valid_blocks2(lib, inode))
        code =
            ext2fs_block_iterate3(lib, ino, BLOCK_FLAG_READ_ONLY, NULL, claim_block, l);
    if (l->why)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu32 ": block %llu %s", ino, l->wrong,
                    l->why);
    return code || l->e->channel.err.code
               ? mend_ext_fail(l->e, err, code, "inode %" PRIu32, ino)
               : 0;
}

static void scan_closep(ext2_inode_scan *scan)
{
    if (*scan)
        ext2fs_close_inode_scan(*scan);
}

static int look_inodes(struct look *l, struct err *err)
{
    AUTO(scan_closep) ext2_inode_scan scan = NULL;
    struct ext2_inode inode;
    ext2_ino_t ino = 0;
    errcode_t code = ext2fs_open_inode_scan(l->e->lib, 0, &scan);

    for (;;) {
        int r;

        if (code == 0)
            code = ext2fs_get_next_inode(scan, &ino, &inode);
        if (code || l->e->channel.err.code)
            return mend_ext_fail(l->e, err, code, "inode %" PRIu32, ino);
        if (ino == 0)
            return 0;
        r = look_inode(l, ino, &inode, err);
        if (r < 0)
            return r;
    }
}

/* Is every block that is claimed marked as used? */
static int compare(struct look *l, struct err *err)
{
    ext2_filsys lib = l->e->lib;
    blk64_t at = lib->super->s_first_data_block,
            last = ext2fs_blocks_count(lib->super) - 1, from, to, wrong;

    while (at <= last &&
           ext2fs_find_first_set_block_bitmap2(l->claimed, at, last, &from) == 0) {
        if (ext2fs_find_first_zero_block_bitmap2(l->claimed, from, last, &to) != 0)
            to = last + 1;
        if (ext2fs_find_first_zero_block_bitmap2(lib->block_map, from, to - 1, &wrong) ==
            0)
            return FAIL(err, ERR_CORRUPT, "block %llu is in use, but marked free", wrong);
        at = to;
    }
    return 0;
}

int mend_ext_look(struct mend_fs *fs, struct err *err)
{
    AUTO(look_fini) struct look l = {.e = mend_ext_of(fs)};
    ext2_filsys lib = l.e->lib;
    errcode_t code = ext2fs_check_desc(lib);
    int r;

    if (code == 0)
        code = ext2fs_allocate_block_bitmap(lib, "claimed", &l.claimed);
    if (code == 0)
        code = ext2fs_allocate_block_bitmap(lib, "shared", &l.shared);
    if (code)
        return mend_ext_fail(l.e, err, code, "group descriptors");
    claim_groups(&l);
    r = look_inodes(&l, err);
    return r < 0 ? r : compare(&l, err);
}
