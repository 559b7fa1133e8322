/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext.c: which ext filesystems are written, and the driver table */
#include "mend/ext.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ext/features.h"

enum {
    ORPHANS_MAX = 65536,
    STATE_VALID = 1,
    STATE_ERROR = 2,
};

/* What the library keeps in order when it writes.  Left out are features with accounts of
 * their own (quota, project, ea_inode), other kinds of names or content (encrypt,
 * casefold, inline_data, verity), other units (bigalloc), and mmp, which is a lock. */
static const uint32_t written[EXT_WORDS] = {
    [EXT_WORD_COMPAT] =
        EXT2_FEATURE_COMPAT_DIR_PREALLOC | EXT3_FEATURE_COMPAT_HAS_JOURNAL |
        EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_RESIZE_INODE |
        EXT2_FEATURE_COMPAT_DIR_INDEX | EXT4_FEATURE_COMPAT_SPARSE_SUPER2 |
        EXT4_FEATURE_COMPAT_FAST_COMMIT | EXT4_FEATURE_COMPAT_STABLE_INODES |
        EXT4_FEATURE_COMPAT_ORPHAN_FILE,
    [EXT_WORD_INCOMPAT] = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT2_FEATURE_INCOMPAT_META_BG |
                          EXT3_FEATURE_INCOMPAT_EXTENTS | EXT4_FEATURE_INCOMPAT_64BIT |
                          EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_CSUM_SEED,
    [EXT_WORD_RO_COMPAT] =
        EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
        EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_GDT_CSUM |
        EXT4_FEATURE_RO_COMPAT_DIR_NLINK | EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
        EXT4_FEATURE_RO_COMPAT_METADATA_CSUM,
};

int mend_ext_fail(struct mend_ext *e, struct err *err, errcode_t code, const char *fmt,
                  ...)
{
    char what[120];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    return ext_channel_fail(&e->channel, err, code, what);
}

static int check_features(const struct ext2_super_block *sb, struct err *err)
{
    uint32_t words[EXT_WORDS] = {
        [EXT_WORD_COMPAT] = sb->s_feature_compat & ~written[EXT_WORD_COMPAT],
        [EXT_WORD_INCOMPAT] = sb->s_feature_incompat & ~written[EXT_WORD_INCOMPAT],
        [EXT_WORD_RO_COMPAT] = sb->s_feature_ro_compat & ~written[EXT_WORD_RO_COMPAT],
    };
    char names[160];

    if (words[EXT_WORD_INCOMPAT] & EXT3_FEATURE_INCOMPAT_RECOVER)
        return FAIL(err, ERR_CONFLICT, "its journal was not replayed");
    if (!words[0] && !words[1] && !words[2])
        return 0;
    ext_features_format(names, sizeof names, words);
    return FAIL(err, ERR_UNSUPPORTED, "it has what we do not write: %s", names);
}

/* What every mkfs makes, and what the library relies on when it takes bitmaps apart. */
static int check_geometry(const struct mend_ext *e, struct err *err)
{
    struct ext2_super_block *sb = e->lib->super;
    uint32_t unit = e->lib->blocksize;
    uint64_t blocks = ext2fs_blocks_count(sb), bytes, groups;

    if (unit < 1024 || unit > 65536 || sb->s_log_cluster_size != sb->s_log_block_size ||
        sb->s_first_data_block != (unit == 1024) || blocks <= sb->s_first_data_block ||
        sb->s_blocks_per_group == 0 || sb->s_blocks_per_group % 8 ||
        sb->s_blocks_per_group > 8 * unit ||
        sb->s_clusters_per_group != sb->s_blocks_per_group ||
        sb->s_inodes_per_group == 0 || sb->s_inodes_per_group % 8 ||
        sb->s_inodes_per_group > 8 * unit)
        return FAIL(err, ERR_CORRUPT, "the superblock has sizes that no tool makes");
    if (!checked_mul(&bytes, blocks, unit) || bytes > overlay_block(e->o)->size)
        return FAIL(err, ERR_CORRUPT, "it is larger than what it lies on");
    groups = div_up(blocks - sb->s_first_data_block, sb->s_blocks_per_group);
    if (e->lib->group_desc_count != groups ||
        sb->s_inodes_count != groups * sb->s_inodes_per_group)
        return FAIL(err, ERR_CORRUPT, "the superblock contradicts itself in its groups");
    return 0;
}

static int check_super(const struct mend_ext *e, struct err *err)
{
    struct ext2_super_block *sb = e->lib->super;
    int r = check_features(sb, err);

    if (r < 0)
        return r;
    if (!(sb->s_state & STATE_VALID) || sb->s_state & STATE_ERROR)
        return FAIL(err, ERR_CONFLICT, "it was not unmounted cleanly, or has errors");
    return check_geometry(e, err);
}

/* Files that were deleted while somebody had them open, as a system that was frozen has
 * them.  They are nobody's, and stay for the guest to free.  One that was being cut has
 * its name still, and the field that links it to the next one is what removing it would
 * set. */
static int check_orphans(struct mend_ext *e, struct err *err)
{
    ext2_ino_t ino = e->lib->super->s_last_orphan;
    struct ext2_inode inode;

    for (unsigned n = 0; ino; n++) {
        errcode_t code;

        if (n == ORPHANS_MAX || ino > e->lib->super->s_inodes_count)
            return FAIL(err, ERR_CORRUPT, "the list of orphans does not end");
        code = ext2fs_read_inode(e->lib, ino, &inode);
        if (code)
            return mend_ext_fail(e, err, code, "orphan %" PRIu32, ino);
        if (inode.i_links_count)
            return FAIL(err, ERR_CONFLICT, "inode %" PRIu32 " waits to be cut", ino);
        ino = inode.i_dtime;
    }
    return 0;
}

static void ext_close(struct mend_fs *fs)
{
    struct mend_ext *e = mend_ext_of(fs);

    if (e->lib)
        ext2fs_free(e->lib);
    free(e);
}

static void ext_closep(struct mend_ext **e)
{
    if (*e)
        ext_close(&(*e)->fs);
}

static int read_below(struct ext_channel *channel, void *buf, size_t n, uint64_t off,
                      size_t unit, struct err *err)
{
    struct mend_ext *e = CONTAINER_OF(channel, struct mend_ext, channel);

    e->blocks += n / unit + 1;
    if (e->blocks > MEND_EXT_BLOCKS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d blocks were asked for",
                    MEND_EXT_BLOCKS_MAX);
    return block_read(overlay_block(e->o), buf, n, off, err);
}

static int write_below(struct ext_channel *channel, const void *buf, size_t n,
                       uint64_t off, struct err *err)
{
    return overlay_write(CONTAINER_OF(channel, struct mend_ext, channel)->o, buf, n, off,
                         err);
}

static int ext_open(struct mend_fs **ret, struct overlay *o, struct err *err)
{
    AUTO(ext_closep) struct mend_ext *e = calloc(1, sizeof *e);
    errcode_t code;
    int r;

    if (!e)
        return FAIL(err, ERR_NOMEM, "filesystem");
    e->fs.driver = &mend_ext;
    e->o = o;
    e->channel = (struct ext_channel){overlay_block(o)->size, read_below, write_below};
    code = ext_channel_open(&e->lib, &e->channel, EXT2_FLAG_RW);
    if (code)
        return mend_ext_fail(e, err, code, "superblock");
    /* As the kernel does: the copies are for those who lost the first. */
    e->lib->flags |= EXT2_FLAG_MASTER_SB_ONLY;
    r = check_super(e, err);
    if (r < 0)
        return r;
    code = ext2fs_read_bitmaps(e->lib);
    if (code)
        return mend_ext_fail(e, err, code, "bitmaps");
    r = check_orphans(e, err);
    if (r < 0)
        return r;
    *ret = &TAKE(e)->fs;
    return 0;
}

static int ext_flush(struct mend_fs *fs, struct err *err)
{
    struct mend_ext *e = mend_ext_of(fs);
    errcode_t code = 0;

    if (e->lib->write_bitmaps)
        code = e->lib->write_bitmaps(e->lib);
    if (code == 0)
        code = ext2fs_flush(e->lib);
    return code || e->channel.err.code ? mend_ext_fail(e, err, code, "flush") : 0;
}

const struct mend_driver mend_ext = {
    .open = ext_open,
    .look = mend_ext_look,
    .run = mend_ext_run,
    .flush = ext_flush,
    .close = ext_close,
};
