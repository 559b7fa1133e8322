/* SPDX-License-Identifier: GPL-2.0-or-later */
/* identify_dos.c: what begins with a DOS boot sector (FAT, NTFS, exFAT), and the optical
 * formats, which begin with 32 KiB of nothing */
#include <inttypes.h>
#include <string.h>

#include "fs/identify.h"

enum {
    NTFS_RECORD_MAX = 4096,
    NTFS_VOLUME_RECORD = 3, /* $Volume */
    NTFS_ATTR_VOLUME_NAME = 0x60,
    FAT_ROOT_SECTORS_MAX = 64,
    FAT_CHAIN_MAX = 64,
    DIR_ENTRY = 32,
    FAT_ATTR_VOLUME = 0x08,
    FAT_ATTR_LONG_NAME = 0x0f,
};

/* Either a count of clusters, or (negative) the power of two of bytes. */
static uint64_t ntfs_record_size(int8_t v, uint64_t cluster)
{
    if (v > 0)
        return (uint64_t)v * cluster;
    return v <= -9 && v >= -12 ? UINT64_C(1) << -v : 0;
}

static void ntfs_label(struct look *l, struct fs_ident *id, uint64_t mft,
                       uint64_t record_size)
{
    uint8_t raw[NTFS_RECORD_MAX];
    struct bytes record = bytes_of(raw, (size_t)record_size);
    uint64_t off;
    size_t at;

    if (!checked_add(&off, mft, NTFS_VOLUME_RECORD * record_size) ||
        look_read(l, raw, record.n, off) < 0 || !bytes_at(record, 0, "FILE", 4))
        return;
    at = load_le16(raw + 20);
    /* The label fits into the first sectors' worth of attributes; the two bytes at each
     * sector's end are a fix-up, and a label there would be wrong by one letter. */
    for (unsigned i = 0; i < 32; i++) {
        struct bytes head = bytes_sub(record, at, 24);
        uint32_t type, n;

        if (!head.n)
            return;
        type = load_le32(head.p);
        n = load_le32(head.p + 4);
        if (type == UINT32_MAX || n < 24 || n > record.n)
            return;
        if (type == NTFS_ATTR_VOLUME_NAME && head.p[8] == 0) {
            look_label_utf16(id, bytes_sub(record, at + load_le16(head.p + 20),
                                           load_le32(head.p + 16)));
            return;
        }
        at += n;
    }
}

bool look_ntfs(struct look *l, struct fs_ident *id)
{
    const uint8_t *b = l->start.p;
    uint32_t sector = load_le16(b + 11), per_cluster = b[13];
    uint64_t cluster, mft, record;

    if (!bytes_at(l->start, 3, "NTFS    ", 8) || sector < 256 || sector > 4096 ||
        !is_power_of_2(sector))
        return false;
    /* 64 KiB is 128 sectors; larger clusters are written as a negative power of two. */
    if (per_cluster > 128 && per_cluster >= 240)
        per_cluster = 1u << (256 - per_cluster);
    if (!is_power_of_2(per_cluster))
        return false;
    if (load_le16(b + 14) || b[16] || load_le16(b + 17) || load_le16(b + 19) ||
        load_le16(b + 22))
        return false;
    cluster = (uint64_t)sector * per_cluster;
    record = ntfs_record_size((int8_t)b[64], cluster);
    snprintf(id->uuid, sizeof id->uuid, "%016" PRIX64, load_le64(b + 72));
    if (checked_mul(&mft, load_le64(b + 48), cluster) && record >= 512 &&
        record <= NTFS_RECORD_MAX)
        ntfs_label(l, id, mft, record);
    return true;
}

static void dos_serial(struct fs_ident *id, uint32_t serial)
{
    if (serial)
        snprintf(id->uuid, sizeof id->uuid, "%04" PRIX32 "-%04" PRIX32, serial >> 16,
                 serial & 0xffff);
}

bool look_exfat(struct look *l, struct fs_ident *id)
{
    const uint8_t *b = l->start.p;
    uint8_t sector_bits = b[108], cluster_bits = b[109];
    uint64_t heap, root;
    uint8_t raw[DIR_ENTRY * 64];

    if (!bytes_at(l->start, 3, "EXFAT   ", 8) || sector_bits < 9 || sector_bits > 12 ||
        cluster_bits > 25 - sector_bits)
        return false;
    dos_serial(id, load_le32(b + 100));
    heap = (uint64_t)load_le32(b + 88) << sector_bits;
    root = load_le32(b + 96);
    if (root < 2)
        return true;
    root = heap + ((root - 2) << (sector_bits + cluster_bits));
    if (look_read(l, raw, min_size(sizeof raw, 1u << sector_bits), root) < 0)
        return false;
    for (size_t i = 0; i + DIR_ENTRY <= 1u << sector_bits && i < sizeof raw && raw[i];
         i += DIR_ENTRY) {
        if (raw[i] != 0x83)
            continue;
        look_label_utf16(id, bytes_of(raw + i + 2, 2 * min_size(raw[i + 1], 11)));
        break;
    }
    return true;
}

struct fat {
    uint32_t sector, cluster; /* bytes */
    uint64_t fat_start, root_start, data_start;
    uint32_t root_bytes;   /* FAT12/16 */
    uint32_t root_cluster; /* FAT32 */
    uint32_t clusters;
};

static bool fat_decode(const struct look *l, struct fat *ret)
{
    struct cursor c = cursor_at(l->start, 11);
    struct fat f = {.sector = cursor_le16(&c)};
    uint32_t per_cluster = cursor_u8(&c), reserved = cursor_le16(&c),
             fats = cursor_u8(&c);
    uint32_t root_entries = cursor_le16(&c), sectors = cursor_le16(&c);
    uint8_t media = cursor_u8(&c);
    uint64_t fat_sectors = cursor_le16(&c), meta;

    cursor_skip(&c, 8);
    if (!sectors)
        sectors = cursor_le32(&c);
    if (!is_power_of_2(f.sector) || f.sector < 512 || f.sector > 4096 ||
        !is_power_of_2(per_cluster) || !reserved || !fats || fats > 4 ||
        (media != 0xf0 && media < 0xf8))
        return false;
    if (!fat_sectors)
        fat_sectors = load_le32(l->start.p + 36);
    f.cluster = per_cluster * f.sector;
    f.fat_start = (uint64_t)reserved * f.sector;
    f.root_bytes = root_entries * DIR_ENTRY;
    meta = reserved + fats * fat_sectors + div_up(f.root_bytes, f.sector);
    if (!fat_sectors || meta >= sectors)
        return false;
    f.root_start = (reserved + fats * fat_sectors) * f.sector;
    f.data_start = meta * f.sector;
    f.clusters = (uint32_t)((sectors - meta) / per_cluster);
    if (!load_le16(l->start.p + 22))
        f.root_cluster = load_le32(l->start.p + 44);
    *ret = f;
    return true;
}

/* 1 found, 2 the directory ends here, 0 go on. */
static int fat_find_label(struct fs_ident *id, struct bytes dir)
{
    for (size_t i = 0; i + DIR_ENTRY <= dir.n; i += DIR_ENTRY) {
        uint8_t name[11], attr = dir.p[i + 11];

        if (dir.p[i] == 0)
            return 2;
        if (dir.p[i] == 0xe5 || (attr & 0x3f) == FAT_ATTR_LONG_NAME ||
            !(attr & FAT_ATTR_VOLUME) || (attr & 0x10) || load_le16(dir.p + i + 20) ||
            load_le16(dir.p + i + 26))
            continue;
        memcpy(name, dir.p + i, sizeof name);
        if (name[0] == 0x05)
            name[0] = 0xe5;
        if (memcmp(name, "NO NAME    ", sizeof name) != 0)
            look_label(id, bytes_of(name, sizeof name));
        return 1;
    }
    return 0;
}

static void fat_label(struct look *l, struct fs_ident *id, const struct fat *f)
{
    uint8_t raw[4096];
    uint32_t cluster = f->root_cluster;

    for (uint64_t done = 0; !f->root_cluster && done < f->root_bytes;
         done += sizeof raw) {
        size_t n = (size_t)min_u64(sizeof raw, f->root_bytes - done);

        if (look_read(l, raw, n, f->root_start + done) < 0 ||
            fat_find_label(id, bytes_of(raw, n)))
            return;
    }
    for (unsigned i = 0; f->root_cluster && i < FAT_CHAIN_MAX; i++) {
        uint8_t next[4];

        if (cluster < 2 || cluster - 2 >= f->clusters)
            return;
        for (uint32_t done = 0; done < f->cluster; done += (uint32_t)sizeof raw) {
            size_t n = min_size(sizeof raw, f->cluster - done);
            uint64_t at = f->data_start + (uint64_t)(cluster - 2) * f->cluster + done;

            if (look_read(l, raw, n, at) < 0 || fat_find_label(id, bytes_of(raw, n)))
                return;
        }
        if (look_read(l, next, sizeof next, f->fat_start + 4 * (uint64_t)cluster) < 0)
            return;
        cluster = load_le32(next) & 0x0fffffff;
    }
}

bool look_vfat(struct look *l, struct fs_ident *id)
{
    const uint8_t *b = l->start.p;
    struct fat f;
    bool fat32;
    uint8_t mark;

    if ((b[0] != 0xeb && b[0] != 0xe9) || !fat_decode(l, &f))
        return false;
    fat32 = load_le16(b + 22) == 0;
    /* Without one of the marks it may be any boot sector that kept its parameters. */
    mark = b[fat32 ? 66 : 38];
    if (mark != 0x29 && mark != 0x28 && !bytes_at(l->start, 510, "\x55\xaa", 2))
        return false;
    if (mark == 0x29 || mark == 0x28)
        dos_serial(id, load_le32(b + (fat32 ? 67 : 39)));
    fat_label(l, id, &f);
    return true;
}

bool look_iso9660(struct look *l, struct fs_ident *id)
{
    static const uint8_t groups[] = {4, 2, 2, 2, 2, 2, 2};
    const uint8_t *pvd = l->start.p + 32 * 1024, *date = pvd + 830;
    char *to = id->uuid;

    if (!bytes_at(l->start, 32 * 1024 + 1, "CD001", 5))
        return false;
    look_label(id, bytes_of(pvd + 40, 32));
    if (bytes_are_zero(bytes_of(date, 17)) || memcmp(date, "0000000000000000", 16) == 0)
        date = pvd + 813;
    for (size_t g = 0; g < sizeof groups; g++) {
        if (g)
            *to++ = '-';
        for (unsigned i = 0; i < groups[g]; i++) {
            if (*date < '0' || *date > '9') {
                id->uuid[0] = 0;
                return true;
            }
            *to++ = (char)*date++;
        }
    }
    *to = 0;
    return true;
}

/* The volume recognition sequence; sectors are 2048 bytes, or the device's. */
bool look_udf(struct look *l, struct fs_ident *id)
{
    (void)id;
    for (size_t step = 2048; step <= 4096; step *= 2)
        for (size_t i = 0; i < 8; i++) {
            size_t at = 32 * 1024 + i * step;

            if (bytes_at(l->start, at + 1, "NSR02", 5) ||
                bytes_at(l->start, at + 1, "NSR03", 5))
                return true;
        }
    return false;
}
