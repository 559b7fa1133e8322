/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open.c: the superblock, what it says of the filesystem, and the driver table */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "fs/ext/ext.h"

enum {
    EXT_STATE_VALID = 1,
    EXT_STATE_ERROR = 2,
};

static void super_decode(struct ext_super *ret, const uint8_t raw[EXT_SUPER_SIZE])
{
    struct ext_super s = {
        .inodes = load_le32(raw),
        .blocks = load_le32(raw + 4),
        .first_block = load_le32(raw + 20),
        .blocks_per_group = load_le32(raw + 32),
        .words = {load_le32(raw + 92), load_le32(raw + 96), load_le32(raw + 100)},
        .desc_size = 32,
        .journal_ino = load_le32(raw + 224),
    };

    /* Revision 0 has no feature words. */
    if (load_le32(raw + 76) == 0)
        memset(s.words, 0, sizeof s.words);
    if (s.words[EXT_WORD_INCOMPAT] & EXT_64BIT) {
        s.blocks |= (uint64_t)load_le32(raw + 336) << 32;
        s.desc_size = load_le16(raw + 254);
    }
    s.block_size = load_le32(raw + 24) <= 6 ? 1024u << load_le32(raw + 24) : 0;
    *ret = s;
}

/* What the library would compute with before it looks, and allocate by. */
static int super_check(const struct ext_super *s, uint64_t size, struct err *err)
{
    uint64_t bytes, groups;

    if (!s->block_size)
        return FAIL(err, ERR_CORRUPT, "superblock: block size out of range");
    if (!checked_mul(&bytes, s->blocks, s->block_size) || bytes > size)
        return FAIL(err, ERR_CORRUPT,
                    "superblock: %" PRIu64 " blocks of %" PRIu32
                    " bytes, but the device has %" PRIu64 " bytes",
                    s->blocks, s->block_size, size);
    if (s->blocks_per_group < 8 || s->blocks <= s->first_block ||
        !is_power_of_2(s->desc_size) || s->desc_size < 32 || s->desc_size > 1024)
        return FAIL(err, ERR_CORRUPT, "superblock: group geometry");
    groups = div_up(s->blocks - s->first_block, s->blocks_per_group);
    if (groups > EXT_DESCS_MAX / s->desc_size)
        return FAIL(err, ERR_LIMIT, "superblock: %" PRIu64 " groups", groups);
    return 0;
}

static int super_check_features(const struct ext_super *s, struct err *err)
{
    uint32_t words[EXT_WORDS] = {0};
    char names[200];

    words[EXT_WORD_INCOMPAT] = s->words[EXT_WORD_INCOMPAT] & ~ext_incompat_known();
    if (!words[EXT_WORD_INCOMPAT])
        return 0;
    ext_features_format(names, sizeof names, words);
    return FAIL(err, ERR_UNSUPPORTED, "superblock: feature we do not read: %s", names);
}

int ext_super_read(struct ext *e, struct ext_super *ret, struct err *err)
{
    uint8_t raw[EXT_SUPER_SIZE];
    struct ext_super s;
    int r = ext_io_read(e, raw, sizeof raw, EXT_SUPER_AT, err);

    if (r < 0)
        return r;
    if (load_le16(raw + 56) != EXT2_SUPER_MAGIC)
        return FAIL(err, ERR_CORRUPT, "superblock: no magic number");
    super_decode(&s, raw);
    r = super_check_features(&s, err);
    if (r < 0)
        return r;
    r = super_check(&s, e->cache->size, err);
    if (r < 0)
        return r;
    *ret = s;
    return 0;
}

/* The descriptors are journaled and the superblock's sums are written now and then: they
 * are what e2fsck and the kernel's mount count by. */
static void count_free(const struct ext *e, struct fs_info *ret)
{
    uint64_t blocks = 0, inodes = 0, all = ext2fs_blocks_count(e->lib->super);

    for (dgrp_t g = 0; g < e->lib->group_desc_count; g++) {
        blocks += ext2fs_bg_free_blocks_count(e->lib, g);
        inodes += ext2fs_bg_free_inodes_count(e->lib, g);
    }
    blocks <<= e->lib->cluster_ratio_bits;
    if (blocks > all)
        blocks = min_u64(ext2fs_free_blocks_count(e->lib->super), all);
    if (inodes > e->lib->super->s_inodes_count)
        inodes =
            min_u64(e->lib->super->s_free_inodes_count, e->lib->super->s_inodes_count);
    ret->total_bytes = all * e->super.block_size;
    ret->free_bytes = blocks * e->super.block_size;
    ret->total_inodes = e->lib->super->s_inodes_count;
    ret->free_inodes = inodes;
}

static void fill_info(struct ext *e)
{
    const struct ext2_super_block *sb = e->lib->super;
    struct fs_info *info = &e->info;

    info->block_size = e->super.block_size;
    count_free(e, info);
    info->clean = (sb->s_state & EXT_STATE_VALID) && !(sb->s_state & EXT_STATE_ERROR) &&
                  !info->needs_recovery;
    info->last_checked =
        (int64_t)sb->s_lastcheck | (int64_t)((uint64_t)sb->s_lastcheck_hi << 32);
    info->mount_count = sb->s_mnt_count;
    /* 0 and -1 both mean "never". */
    info->max_mount_count = sb->s_max_mnt_count > 0 ? (uint32_t)sb->s_max_mnt_count : 0;
    info->check_interval = sb->s_checkinterval;
    ext_features_format(info->features, sizeof info->features, e->super.words);
}

static void ext_info(struct fs *fs, struct fs_info *ret)
{
    *ret = ext_of(fs)->info;
}

static void ext_close(struct fs *fs)
{
    struct ext *e = ext_of(fs);

    ext_file_fini(&e->file);
    if (e->lib)
        ext2fs_free(e->lib);
    journal_close(e->journal);
    free(e->journal_buf);
    block_unref(e->cache);
    block_unref(fs->dev);
    pthread_mutex_destroy(&e->lock);
    free(e);
}

static void ext_closep(struct ext **e)
{
    if (*e)
        ext_close(&(*e)->fs);
}

void ext_enter(struct ext *e)
{
    pthread_mutex_lock(&e->lock);
    if (e->depth++ == 0)
        e->reads = 0;
}

int ext_leave(struct ext *e, int r, struct err *err)
{
    if (r >= 0 && e->channel.err.code)
        r = ext_fail(e, err, 0, "read");
    err_clear(&e->channel.err);
    e->depth--;
    pthread_mutex_unlock(&e->lock);
    return r;
}

static void lock_init(pthread_mutex_t *lock)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(lock, &attr);
    pthread_mutexattr_destroy(&attr);
}

static void stale(struct ext *e, const char *why)
{
    e->info.needs_recovery = true;
    e->info.stale_possible = true;
    text_clean(e->info.stale_reason, sizeof e->info.stale_reason,
               bytes_of(why, strlen(why)), sizeof e->info.stale_reason - 1);
}

/* Opens the log and, when there is something in it, the library anew on top of it.  A
 * journal that cannot be used leaves the filesystem as the last checkpoint wrote it. */
static int use_journal(struct ext *e, struct err *err)
{
    AUTO(block_unrefp) struct block *log = NULL;
    struct journal_look look;
    struct ext_super super;
    struct err local = {0};
    int r = ext_log_open(&log, e, e->super.journal_ino, &local);

    if (r == 0)
        r = journal_open(&e->journal, &look, log, e->super.block_size, &local);
    if (r == -ERR_IO || r == -ERR_NOMEM || r == -ERR_CANCELED)
        return FAIL(err, local.code, "%s", local.msg);
    if (r < 0) {
        stale(e, local.msg);
        return 0;
    }
    e->info.needs_recovery |= look.in_use;
    if (look.problem[0])
        stale(e, look.problem);
    if (!e->journal)
        return 0;
    e->journal_buf = malloc(e->super.block_size);
    if (!e->journal_buf)
        return FAIL(err, ERR_NOMEM, "journal");
    ext2fs_free(e->lib);
    e->lib = NULL;
    r = ext_super_read(e, &super, err);
    if (r < 0)
        return r;
    if (super.block_size != e->super.block_size)
        return FAIL(err, ERR_CORRUPT, "journal: another block size in the superblock");
    e->super = super;
    return ext_io_open(e, err);
}

static int look_journal(struct ext *e, struct err *err)
{
    bool needed = e->super.words[EXT_WORD_INCOMPAT] & EXT_RECOVER;

    e->info.needs_recovery = needed;
    if (e->super.journal_ino && (e->super.words[EXT_WORD_COMPAT] & EXT_HAS_JOURNAL))
        return use_journal(e, err);
    if (needed)
        stale(e, "the journal is on another device");
    return 0;
}

static int ext_open(struct fs **ret, struct block *dev, struct err *err)
{
    AUTO(ext_closep) struct ext *e = calloc(1, sizeof *e);
    int r;

    if (!e)
        return FAIL(err, ERR_NOMEM, "filesystem");
    e->fs = (struct fs){.driver = &ext_driver, .root = EXT2_ROOT_INO};
    e->fs.dev = block_ref(dev);
    lock_init(&e->lock);
    r = block_cache_open(&e->cache, dev, EXT_CACHE_LINE, EXT_CACHE_LINES, err);
    if (r < 0)
        return r;
    r = ext_super_read(e, &e->super, err);
    if (r < 0)
        return r;
    r = fs_identify(&e->info.ident, e->cache, err);
    if (r < 0)
        return r;
    r = ext_io_open(e, err);
    if (r < 0)
        return r;
    r = look_journal(e, err);
    if (r < 0)
        return r;
    fill_info(e);
    *ret = &TAKE(e)->fs;
    return 0;
}

const struct fs_driver ext_driver = {
    .name = "ext",
    .open = ext_open,
    .info = ext_info,
    .lookup = ext_lookup,
    .stat = ext_stat,
    .readdir = ext_readdir,
    .read = ext_read,
    .readlink = ext_readlink,
    .has_xattr = ext_has_xattr,
    .usage = ext_usage,
    .close = ext_close,
};
