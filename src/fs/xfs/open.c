/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open.c: the superblock, and the driver table */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "fs/xfs/log.h"

enum {
    BIT_SHARED = 0x200, /* of version 4 */
    BIT_DIR2 = 0x2000,
    BIT_ASCII_CI = 0x4000,
    BIT_MORE = 0x8000,
    BIT2_CRC = 0x100,
    BIT2_FTYPE = 0x200,
    BITS2_KNOWN = 0x2 | 0x8 | 0x10 | 0x80 | BIT2_FTYPE,
    /* ftype, sparse inodes, meta_uuid, bigtime, nrext64, exchange-range, parent */
    INCOMPAT_KNOWN = 0x1 | 0x2 | 0x4 | 0x8 | 0x20 | 0x40 | 0x80,
};

int xfs_address(const struct xfs *x, uint64_t block, uint64_t n, uint64_t *ret,
                struct err *err)
{
    const struct xfs_super *s = &x->super;
    uint64_t group = block >> s->ag_log, in = block & ((UINT64_C(1) << s->ag_log) - 1),
             linear;

    if (group >= s->ag_count || !range_within(in, n, s->ag_blocks))
        return FAIL(err, ERR_CORRUPT,
                    "block %" PRIu64 " of group %" PRIu64 " is outside of the filesystem",
                    in, group);
    linear = group * s->ag_blocks + in;
    if (!range_within(linear, n, s->blocks))
        return FAIL(err, ERR_CORRUPT, "block %" PRIu64 " is behind the last one", linear);
    *ret = linear << s->block_log;
    return 0;
}

bool xfs_crc_right(struct bytes b, size_t at)
{
    static const uint8_t zeros[4];
    uint32_t crc = crc32c(0, b.p, at);

    crc = crc32c(crc, zeros, sizeof zeros);
    crc = crc32c(crc, b.p + at + 4, b.n - at - 4);
    return crc == load_le32(b.p + at);
}

bool xfs_marks_right(const struct xfs *x, struct bytes b, const struct xfs_marks *at,
                     uint64_t owner)
{
    if (x->super.version != 5)
        return true;
    return xfs_crc_right(b, at->crc) && load_be64(b.p + at->owner) == owner &&
           memcmp(b.p + at->uuid, x->super.uuid, sizeof x->super.uuid) == 0;
}

static unsigned log_2(uint64_t n)
{
    unsigned log = 0;

    while (log < 63 && UINT64_C(1) << log < n)
        log++;
    return log;
}

static int decode_features(struct xfs_super *s, const uint8_t *p, struct err *err)
{
    s->bits = load_be16(p + 100);
    s->version = s->bits & 15;
    s->bits2 = s->bits & BIT_MORE ? load_be32(p + 200) : 0;
    s->ascii_ci = s->bits & BIT_ASCII_CI;
    if (s->version == 5) {
        s->ro_compat = load_be32(p + 212);
        s->incompat = load_be32(p + 216);
        s->log_incompat = load_be32(p + 220);
        if (s->incompat & ~(uint32_t)INCOMPAT_KNOWN)
            return FAIL(err, ERR_UNSUPPORTED, "incompatible features %#" PRIx32,
                        s->incompat & ~(uint32_t)INCOMPAT_KNOWN);
        s->ftype = s->incompat & XFS_INCOMPAT_FTYPE;
    } else if (s->version == 4) {
        if (!(s->bits & BIT_DIR2) || s->bits & BIT_SHARED)
            return FAIL(err, ERR_UNSUPPORTED, "features %#x", s->bits);
        if (s->bits2 & ~(uint32_t)BITS2_KNOWN)
            return FAIL(err, ERR_UNSUPPORTED, "more features %#" PRIx32,
                        s->bits2 & ~(uint32_t)BITS2_KNOWN);
        s->ftype = s->bits2 & BIT2_FTYPE;
    } else {
        return FAIL(err, ERR_UNSUPPORTED, "version %u", s->version);
    }
    memcpy(s->uuid, p + (s->incompat & XFS_INCOMPAT_META_UUID ? 248 : 32),
           sizeof s->uuid);
    return 0;
}

static int check_geometry(const struct xfs_super *s, const uint8_t *p, struct err *err)
{
    unsigned inode_log = p[122];

    if (s->block_size < 512 || s->block_size > XFS_BLOCK_MAX || s->block_log > 16 ||
        s->block_size != 1u << s->block_log || !is_power_of_2(s->sector_size) ||
        s->sector_size < 512 || s->sector_size > XFS_SECTOR_MAX ||
        (s->version == 5 && s->block_size < 1024))
        return FAIL(err, ERR_CORRUPT,
                    "superblock: blocks of %" PRIu32 " bytes (2^%u), sectors of %" PRIu32,
                    s->block_size, s->block_log, s->sector_size);
    if (s->inode_size < (s->version == 5 ? 512u : 256u) ||
        s->inode_size > XFS_INODE_MAX || inode_log > 11 ||
        s->inode_size != 1u << inode_log || s->inode_size > s->block_size ||
        s->inodes_log != s->block_log - inode_log)
        return FAIL(err, ERR_CORRUPT,
                    "superblock: inodes of %" PRIu32 " bytes (2^%u), 2^%u in a block",
                    s->inode_size, inode_log, s->inodes_log);
    if (s->ag_blocks < 64 || s->ag_blocks > 1u << 31 || s->ag_count == 0 ||
        s->ag_log != log_2(s->ag_blocks) || s->ag_log + s->inodes_log > 32 ||
        s->blocks > (uint64_t)s->ag_count * s->ag_blocks ||
        s->blocks <= (uint64_t)(s->ag_count - 1) * s->ag_blocks ||
        s->blocks > UINT64_MAX >> 17)
        return FAIL(err, ERR_CORRUPT,
                    "superblock: %" PRIu64 " blocks in %" PRIu32 " groups of %" PRIu32
                    " (2^%u)",
                    s->blocks, s->ag_count, s->ag_blocks, s->ag_log);
    if (p[192] > 16 || s->block_log + p[192] > 16)
        return FAIL(err, ERR_CORRUPT, "superblock: directory blocks of 2^%u blocks",
                    p[192]);
    return 0;
}

static int decode(struct xfs *x, const uint8_t *p, struct err *err)
{
    struct xfs_super *s = &x->super;
    int r = decode_features(s, p, err);

    if (r < 0)
        return r;
    s->block_size = load_be32(p + 4);
    s->blocks = load_be64(p + 8);
    s->log_start = load_be64(p + 48);
    s->root = load_be64(p + 56);
    s->ag_blocks = load_be32(p + 84);
    s->ag_count = load_be32(p + 88);
    s->log_blocks = load_be32(p + 96);
    s->inode_size = load_be16(p + 104);
    s->block_log = p[120];
    s->inodes_log = p[123];
    s->ag_log = p[124];
    s->inodes_percent = p[127];
    s->inode_align = load_be32(p + 180);
    s->inodes = load_be64(p + 128);
    s->inodes_free = load_be64(p + 136);
    s->blocks_free = load_be64(p + 144);
    r = check_geometry(s, p, err);
    if (r < 0)
        return r;
    s->dir_size = s->block_size << p[192];
    if (p[126])
        return FAIL(err, ERR_CORRUPT, "superblock: it was not made to the end");
    if (s->blocks << s->block_log > x->fs.dev->size)
        return FAIL(err, ERR_CORRUPT,
                    "superblock: %" PRIu64 " blocks of %" PRIu32
                    " bytes, but the device has %" PRIu64 " bytes",
                    s->blocks, s->block_size, x->fs.dev->size);
    x->fs.root = s->root;
    return 0;
}

static int super_read(struct xfs *x, struct err *err)
{
    AUTO(freep) uint8_t *raw = malloc(XFS_SECTOR_MAX);
    int r;

    if (!raw)
        return FAIL(err, ERR_NOMEM, "superblock");
    r = block_read(x->cache, raw, 512, 0, err);
    if (r < 0)
        return r;
    x->super.sector_size = load_be16(raw + 102);
    if (memcmp(raw, "XFSB", 4) != 0 || x->super.sector_size < 512 ||
        x->super.sector_size > XFS_SECTOR_MAX)
        return FAIL(err, ERR_CORRUPT, "superblock: sectors of %" PRIu32 " bytes",
                    x->super.sector_size);
    r = block_read(x->cache, raw, x->super.sector_size, 0, err);
    if (r < 0)
        return r;
    if ((load_be16(raw + 100) & 15) == 5 &&
        !xfs_crc_right(bytes_of(raw, x->super.sector_size), 224))
        return FAIL(err, ERR_CORRUPT, "superblock: checksum");
    return decode(x, raw, err);
}

static void add_name(struct fs_info *info, const char *name)
{
    size_t n = strlen(info->features);

    snprintf(info->features + n, sizeof info->features - n, "%s%s", n ? " " : "", name);
}

/* Names of mkfs.xfs. */
static void set_features(struct fs_info *info, const struct xfs_super *s)
{
    static const char *const ro[] = {"finobt", "rmapbt", "reflink", "inobtcount"};
    static const char *const incompat[] = {
        "ftype", "sparse", "meta_uuid", "bigtime", "", "nrext64", "exchange", "parent",
    };

    add_name(info, s->version == 5 ? "crc" : "v4");
    for (size_t i = 0; i < ARRAY_SIZE(ro); i++)
        if (s->ro_compat >> i & 1)
            add_name(info, ro[i]);
    for (size_t i = 0; i < ARRAY_SIZE(incompat); i++)
        if (s->incompat >> i & 1)
            add_name(info, incompat[i]);
    if (s->version == 4 && s->ftype)
        add_name(info, "ftype");
    if (s->ascii_ci)
        add_name(info, "ascii-ci");
}

/* From now on what the log has is read in place of what lies there. */
static int use_overlay(struct xfs *x, struct block *overlay, struct err *err)
{
    struct block *cache = NULL;
    int r = block_cache_open(&cache, overlay, XFS_CACHE_LINE, XFS_CACHE_LINES, err);

    if (r < 0)
        return r;
    block_unref(x->cache);
    x->cache = cache;
    return super_read(x, err);
}

static int replay(struct xfs *x, struct xfs_log *log, struct err *err)
{
    AUTO(block_unrefp) struct block *overlay = NULL;
    struct fs_info *info = &x->info;
    char why[XFS_LOG_WHY_MAX];
    int r = xfs_replay(&overlay, log, why, err);

    if (r == 0 && overlay)
        r = use_overlay(x, overlay, err);
    if (r < 0)
        return r;
    info->stale_possible = why[0];
    if (why[0])
        snprintf(info->stale_reason, sizeof info->stale_reason,
                 "the log was not cleanly unmounted, and %s", why);
    return 0;
}

/* While it is mounted the superblock's counts are not kept: the groups' are. */
static int count_groups(struct xfs *x, struct err *err)
{
    struct xfs_super *s = &x->super;
    uint64_t blocks_free = 0, inodes = 0, inodes_free = 0;

    if (s->ag_count > XFS_COUNTED_GROUPS_MAX)
        return 0;
    for (uint64_t i = 0; i < s->ag_count; i++) {
        uint64_t at = i * s->ag_blocks << s->block_log;
        uint8_t space[64], nodes[32];
        int r = block_read(x->cache, space, sizeof space, at + s->sector_size, err);

        if (r == 0)
            r = block_read(x->cache, nodes, sizeof nodes, at + 2 * s->sector_size, err);
        if (r < 0)
            return r;
        if (memcmp(space, "XAGF", 4) != 0 || memcmp(nodes, "XAGI", 4) != 0)
            return 0;
        blocks_free += (uint64_t)load_be32(space + 48) + load_be32(space + 52) +
                       load_be32(space + 60); /* those of the lists of free space too */
        inodes += load_be32(nodes + 16);
        inodes_free += load_be32(nodes + 28);
    }
    s->blocks_free = blocks_free;
    s->inodes = inodes;
    s->inodes_free = inodes_free;
    return 0;
}

static int look_at_log(struct xfs *x, struct err *err)
{
    struct fs_info *info = &x->info;
    struct xfs_log log;
    int r;

    if (x->super.log_start == 0) {
        info->stale_possible = true;
        snprintf(info->stale_reason, sizeof info->stale_reason,
                 "the log is on another device");
        return 0;
    }
    r = x->super.log_blocks ? xfs_log_open(&log, x, &info->clean, err)
                            : FAIL(err, ERR_CORRUPT, "superblock: a log of no blocks");
    if (r < 0 || info->clean)
        return r;
    info->needs_recovery = true;
    r = replay(x, &log, err);
    return r < 0 ? r : count_groups(x, err);
}

/* Inodes are made when they are needed: what is free is room for them, as statfs() has
 * it. */
static void set_counts(struct fs_info *info, const struct xfs_super *s)
{
    uint64_t blocks_free = min_u64(s->blocks_free, s->blocks),
             most = s->blocks / 100 * min_u64(s->inodes_percent, 100) << s->inodes_log,
             inodes = min_u64(s->inodes, s->blocks << s->inodes_log), total;

    total = inodes + (blocks_free << s->inodes_log);
    if (most)
        total = max_u64(min_u64(total, most), inodes);
    info->block_size = s->block_size;
    info->total_bytes = s->blocks << s->block_log;
    info->free_bytes = blocks_free << s->block_log;
    info->total_inodes = total;
    info->free_inodes = total - (inodes - min_u64(s->inodes_free, inodes));
}

static void xfs_info(struct fs *fs, struct fs_info *ret)
{
    *ret = xfs_of(fs)->info;
}

static void xfs_close(struct fs *fs)
{
    struct xfs *x = xfs_of(fs);

    block_unref(x->cache);
    block_unref(fs->dev);
    free(x);
}

static void xfs_closep(struct xfs **x)
{
    if (*x)
        xfs_close(&(*x)->fs);
}

static int xfs_open(struct fs **ret, struct block *dev, struct err *err)
{
    AUTO(xfs_closep) struct xfs *x = calloc(1, sizeof *x);
    int r;

    if (!x)
        return FAIL(err, ERR_NOMEM, "filesystem");
    x->fs = (struct fs){.driver = &xfs_driver, .dev = block_ref(dev)};
    r = block_cache_open(&x->cache, dev, XFS_CACHE_LINE, XFS_CACHE_LINES, err);
    if (r == 0)
        r = super_read(x, err);
    if (r == 0)
        r = fs_identify(&x->info.ident, x->cache, err);
    if (r == 0)
        r = look_at_log(x, err);
    if (r < 0)
        return r;
    set_counts(&x->info, &x->super);
    set_features(&x->info, &x->super);
    *ret = &TAKE(x)->fs;
    return 0;
}

const struct fs_driver xfs_driver = {
    .name = "xfs",
    .open = xfs_open,
    .info = xfs_info,
    .lookup = xfs_lookup,
    .stat = xfs_stat,
    .readdir = xfs_readdir,
    .read = xfs_read,
    .readlink = xfs_readlink,
    .has_xattr = xfs_has_xattr,
    .usage = xfs_usage,
    .close = xfs_close,
};
