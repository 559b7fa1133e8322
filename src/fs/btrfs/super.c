/* SPDX-License-Identifier: GPL-2.0-or-later */
/* super.c: the superblock and its copies */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "block/block.h"
#include "fs/btrfs/format.h"

enum { WORD = 64 };

static const char *const incompat_names[WORD] = {
    [0] = "MIXED_BACKREF", [1] = "DEFAULT_SUBVOL",  [2] = "MIXED_GROUPS",
    [3] = "COMPRESS_LZO",  [4] = "COMPRESS_ZSTD",   [5] = "BIG_METADATA",
    [6] = "EXTENDED_IREF", [7] = "RAID56",          [8] = "SKINNY_METADATA",
    [9] = "NO_HOLES",      [10] = "METADATA_UUID",  [11] = "RAID1C34",
    [12] = "ZONED",        [13] = "EXTENT_TREE_V2", [14] = "RAID_STRIPE_TREE",
    [16] = "SIMPLE_QUOTA",
};

static const char *const compat_ro_names[WORD] = {
    [0] = "FREE_SPACE_TREE",
    [1] = "FREE_SPACE_TREE_VALID",
    [2] = "VERITY",
    [3] = "BLOCK_GROUP_TREE",
};

static void put_names(char *to, size_t cap, uint64_t bits, const char *const names[WORD],
                      char word)
{
    for (unsigned i = 0; i < WORD; i++) {
        size_t n = strlen(to);
        const char *blank = n ? " " : "";

        if (!(bits >> i & 1))
            continue;
        if (names[i])
            snprintf(to + n, cap - n, "%s%s", blank, names[i]);
        else
            snprintf(to + n, cap - n, "%sFEATURE_%c%u", blank, word, i);
    }
}

void btrfs_features_format(char *to, size_t cap, uint64_t incompat, uint64_t compat_ro)
{
    to[0] = '\0';
    put_names(to, cap, incompat, incompat_names, 'I');
    put_names(to, cap, compat_ro, compat_ro_names, 'R');
}

/* What changes the extent tree only (the quotas) is as good as known: it is not read. */
static uint64_t incompat_known(void)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < WORD; i++)
        bits |= (uint64_t)(incompat_names[i] != NULL) << i;
    return bits & ~(uint64_t)(BTRFS_ZONED | BTRFS_EXTENT_TREE_V2 | BTRFS_STRIPE_TREE);
}

static void super_decode(struct btrfs_super *ret, const uint8_t *p)
{
    struct btrfs_super s = {
        .flags = load_le64(p + 56),
        .generation = load_le64(p + 72),
        .root = load_le64(p + 80),
        .chunk_root = load_le64(p + 88),
        .log_root = load_le64(p + 96),
        .total_bytes = load_le64(p + 112),
        .bytes_used = load_le64(p + 120),
        .root_dir = load_le64(p + 128),
        .devices = load_le64(p + 136),
        .sector_size = load_le32(p + 144),
        .node_size = load_le32(p + 148),
        .sys_n = load_le32(p + 160),
        .chunk_generation = load_le64(p + 164),
        .compat_ro = load_le64(p + 180),
        .incompat = load_le64(p + 188),
        .sum_type = load_le16(p + 196),
        .root_level = p[198],
        .chunk_level = p[199],
        .devid = load_le64(p + 201),
        .device_bytes = load_le64(p + 209),
    };

    memcpy(s.fsid, p + 32, 16);
    memcpy(s.meta, s.incompat & BTRFS_METADATA_UUID ? p + 571 : p + 32, 16);
    memcpy(s.sys, p + BTRFS_SYS_CHUNKS_AT, BTRFS_SYS_CHUNKS_MAX);
    *ret = s;
}

static int super_check_features(const struct btrfs_super *s, struct err *err)
{
    uint64_t strange = s->incompat & ~incompat_known();
    char names[200];

    if (s->flags >> 33 & 3)
        return FAIL(err, ERR_UNSUPPORTED, "superblock: a dump of metadata alone");
    if (!strange)
        return 0;
    btrfs_features_format(names, sizeof names, strange, 0);
    return FAIL(err, ERR_UNSUPPORTED, "superblock: feature we do not read: %s", names);
}

static int super_check(const struct btrfs_super *s, uint64_t size, struct err *err)
{
    if (!is_power_of_2(s->sector_size) || s->sector_size < BTRFS_SECTOR_MIN ||
        s->sector_size > BTRFS_NODE_MAX)
        return FAIL(err, ERR_CORRUPT, "superblock: sector size %" PRIu32, s->sector_size);
    if (!is_power_of_2(s->node_size) || s->node_size < s->sector_size ||
        s->node_size > BTRFS_NODE_MAX)
        return FAIL(err, ERR_CORRUPT, "superblock: node size %" PRIu32, s->node_size);
    if (s->sys_n > BTRFS_SYS_CHUNKS_MAX)
        return FAIL(err, ERR_CORRUPT, "superblock: %" PRIu32 " bytes of system chunks",
                    s->sys_n);
    if (s->root_level >= BTRFS_LEVELS || s->chunk_level >= BTRFS_LEVELS)
        return FAIL(err, ERR_CORRUPT, "superblock: tree of %u levels",
                    s->root_level >= BTRFS_LEVELS ? s->root_level : s->chunk_level);
    if (s->root % s->sector_size || s->chunk_root % s->sector_size)
        return FAIL(err, ERR_CORRUPT, "superblock: a tree at an odd address");
    if (s->devices == 0 || s->devid == 0)
        return FAIL(err, ERR_CORRUPT, "superblock: device %" PRIu64 " of %" PRIu64,
                    s->devid, s->devices);
    if (s->device_bytes > size)
        return FAIL(err, ERR_CORRUPT,
                    "superblock: made for %" PRIu64 " bytes, but the device has %" PRIu64
                    " bytes",
                    s->device_bytes, size);
    return 0;
}

/* 1 and *raw with a copy that is whole; 0 there is none; ERR_UNSUPPORTED for a checksum
 * that we cannot compute. */
static int read_copy(uint8_t raw[BTRFS_SUPER_SIZE], struct block *dev, uint64_t at,
                     struct err *err)
{
    unsigned type;
    int r;

    if (!range_within(at, BTRFS_SUPER_SIZE, dev->size))
        return 0;
    r = block_read(dev, raw, BTRFS_SUPER_SIZE, at, err);
    if (r < 0)
        return r;
    if (!bytes_at(bytes_of(raw, BTRFS_SUPER_SIZE), 64, "_BHRfS_M", 8) ||
        load_le64(raw + 48) != at)
        return 0;
    type = load_le16(raw + 196);
    if (type >= BTRFS_SUMS)
        return FAIL(err, ERR_UNSUPPORTED, "superblock: checksum of kind %u", type);
    return btrfs_sum_ok(type, bytes_of(raw, BTRFS_SUPER_SIZE));
}

int btrfs_super_read(struct btrfs_super *ret, struct block *dev, struct err *err)
{
    static const uint64_t places[] = {BTRFS_SUPER_AT, 64 << 20, UINT64_C(256) << 30};
    struct btrfs_super best = {0};
    int r;

    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        uint8_t raw[BTRFS_SUPER_SIZE];
        struct btrfs_super s;

        r = read_copy(raw, dev, places[i], err);
        if (r < 0)
            return r;
        if (r == 0)
            continue;
        super_decode(&s, raw);
        /* Linux takes the first; a copy may be left of a filesystem that was here
         * before. */
        if (best.at && memcmp(best.fsid, s.fsid, sizeof s.fsid) != 0)
            continue;
        if (best.at == BTRFS_SUPER_AT) {
            best.newer_copy |= s.generation > best.generation;
        } else if (!best.at || s.generation > best.generation) {
            best = s;
            best.at = places[i];
        }
    }
    if (!best.at)
        return FAIL(err, ERR_CORRUPT, "superblock: checksum mismatch");
    r = super_check_features(&best, err);
    if (r == 0)
        r = super_check(&best, dev->size, err);
    if (r == 0)
        *ret = best;
    return r;
}
