/* SPDX-License-Identifier: GPL-2.0-or-later */
/* open.c: the BIOS parameter block, and the driver table */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fs/fat/fat.h"

static int decode(struct fat *f, const uint8_t *b, struct err *err)
{
    uint32_t sector = load_le16(b + 11), per_cluster = b[13],
             reserved = load_le16(b + 14), fats = b[16], root_entries = load_le16(b + 17);
    uint64_t sectors = load_le16(b + 19), fat_sectors = load_le16(b + 22), meta, entries;

    if (!sectors)
        sectors = load_le32(b + 32);
    f->bits = fat_sectors ? 16 : 32;
    if (!fat_sectors)
        fat_sectors = load_le32(b + 36);
    if (!is_power_of_2(sector) || sector < 512 || sector > 4096 ||
        !is_power_of_2(per_cluster) || !reserved || !fats || !fat_sectors)
        return FAIL(err, ERR_CORRUPT,
                    "boot sector: %" PRIu32 " bytes a sector, %" PRIu32
                    " sectors a cluster, %" PRIu32 " tables of %" PRIu64 " sectors",
                    sector, per_cluster, fats, fat_sectors);
    f->root_bytes = f->bits == 32 ? 0 : root_entries * FAT_ENTRY;
    meta = reserved + fats * fat_sectors + div_up(f->root_bytes, sector);
    if (meta >= sectors || sectors * sector > f->fs.dev->size)
        return FAIL(err, ERR_CORRUPT,
                    "boot sector: %" PRIu64 " sectors, of which %" PRIu64
                    " hold no data, but the device has %" PRIu64 " bytes",
                    sectors, meta, f->fs.dev->size);
    f->cluster_size = per_cluster * sector;
    f->fat_start = (uint64_t)reserved * sector;
    f->root_start = (reserved + fats * fat_sectors) * sector;
    f->data_start = meta * sector;
    f->clusters = (uint32_t)min_u64((sectors - meta) / per_cluster, 0x0ffffff5);
    if (f->bits == 16 && f->clusters < 4085)
        f->bits = 12;
    entries = fat_sectors * sector * 8 / f->bits;
    if (entries <= FAT_FIRST || !f->clusters || (f->bits == 16 && f->clusters > 65524) ||
        (f->bits != 32 && !f->root_bytes))
        return FAIL(err, ERR_CORRUPT, "boot sector: %" PRIu32 " clusters in FAT%u",
                    f->clusters, f->bits);
    f->clusters = (uint32_t)min_u64(f->clusters, entries - FAT_FIRST);
    if (f->bits == 32) {
        if (load_le16(b + 42))
            return FAIL(err, ERR_UNSUPPORTED, "boot sector: version %" PRIu16,
                        load_le16(b + 42));
        f->root_cluster = load_le32(b + 44);
        if (f->root_cluster < FAT_FIRST || f->root_cluster - FAT_FIRST >= f->clusters)
            return FAIL(err, ERR_CORRUPT, "boot sector: root in cluster %" PRIu32,
                        f->root_cluster);
    }
    return 0;
}

static int count_free(struct fat *f, uint64_t *ret, struct err *err)
{
    *ret = 0;
    for (uint32_t i = 0; i < f->clusters && f->clusters <= FAT_COUNT_MAX; i++) {
        uint32_t entry;
        int r = fat_entry(f, FAT_FIRST + i, &entry, err);

        if (r < 0)
            return r;
        *ret += entry == 0;
    }
    return 0;
}

/* What a filesystem too big to be counted keeps beside its boot sector; 0 when that is
 * not there. */
static int hinted_free(struct fat *f, const uint8_t *boot, uint64_t *ret, struct err *err)
{
    uint8_t raw[512];
    uint64_t at = (uint64_t)load_le16(boot + 48) * load_le16(boot + 11);
    int r;

    if (f->bits != 32 || !range_within(at, sizeof raw, f->fat_start))
        return 0;
    r = block_read(f->cache, raw, sizeof raw, at, err);
    if (r == 0 && memcmp(raw, "RRaA", 4) == 0 && memcmp(raw + 484, "rrAa", 4) == 0 &&
        load_le32(raw + 488) <= f->clusters)
        *ret = load_le32(raw + 488);
    return r;
}

/* Windows keeps two bits in the second entry of the FAT, Linux one in the boot sector. */
static int look_clean(struct fat *f, const uint8_t *boot, struct err *err)
{
    uint32_t word, good = f->bits == 32 ? 3u << 26 : f->bits == 16 ? 3u << 14 : 0;
    int r = fat_entry(f, 1, &word, err);

    if (r == 0)
        f->info.clean = (word & good) == good && !(boot[f->bits == 32 ? 0x41 : 0x25] & 3);
    return r;
}

static int fill_info(struct fat *f, const uint8_t *boot, struct err *err)
{
    struct fs_info *info = &f->info;
    uint64_t free_clusters = 0;
    int r = fs_identify(&info->ident, f->cache, err);

    if (r == 0)
        r = look_clean(f, boot, err);
    if (r == 0)
        r = count_free(f, &free_clusters, err);
    if (r == 0 && f->clusters > FAT_COUNT_MAX)
        r = hinted_free(f, boot, &free_clusters, err);
    if (r < 0)
        return r;
    info->block_size = f->cluster_size;
    info->total_bytes = (uint64_t)f->clusters * f->cluster_size;
    info->free_bytes = free_clusters * f->cluster_size;
    snprintf(info->features, sizeof info->features, "fat%u", f->bits);
    return 0;
}

static void fat_info(struct fs *fs, struct fs_info *ret)
{
    *ret = fat_of(fs)->info;
}

static int fat_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                        struct err *err)
{
    (void)ret, (void)fs;
    return FAIL(err, ERR_CORRUPT, "directory entry %" PRIu64 ": no symlink", node->ino);
}

static int fat_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                         struct err *err)
{
    (void)fs, (void)node, (void)name, (void)err;
    return 0;
}

static void fat_close(struct fs *fs)
{
    struct fat *f = fat_of(fs);

    block_unref(f->cache);
    block_unref(fs->dev);
    free(f);
}

static void fat_closep(struct fat **f)
{
    if (*f)
        fat_close(&(*f)->fs);
}

static int fat_open(struct fs **ret, struct block *dev, struct err *err)
{
    AUTO(fat_closep) struct fat *f = calloc(1, sizeof *f);
    uint8_t boot[512];
    int r;

    if (!f)
        return FAIL(err, ERR_NOMEM, "filesystem");
    f->fs = (struct fs){.driver = &fat_driver, .dev = block_ref(dev), .root = FAT_ROOT};
    r = block_cache_open(&f->cache, dev, FAT_CACHE_LINE, FAT_CACHE_LINES, err);
    if (r == 0)
        r = block_read(f->cache, boot, sizeof boot, 0, err);
    if (r == 0)
        r = decode(f, boot, err);
    if (r == 0)
        r = fill_info(f, boot, err);
    if (r < 0)
        return r;
    *ret = &TAKE(f)->fs;
    return 0;
}

const struct fs_driver fat_driver = {
    .name = "fat",
    .open = fat_open,
    .info = fat_info,
    .lookup = fat_lookup,
    .stat = fat_stat,
    .readdir = fat_readdir,
    .read = fat_read,
    .readlink = fat_readlink,
    .has_xattr = fat_has_xattr,
    .usage = fat_usage,
    .close = fat_close,
};
