/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mutate/sums.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc.h"
#include "base/hash.h"

enum { SECTOR = 512, NODE_MAX = 64 << 10, TEXT_MAX = 1 << 20 };

/* ---- finding */

static void add(struct sums *s, enum sum_kind kind, uint64_t at)
{
    if (s->n < SUMS_MAX)
        s->list[s->n++] = (struct sum){.kind = kind, .at = at};
}

static void look_at_sector(struct sums *s, const struct image *image, uint64_t at)
{
    struct bytes b = {image->p + at, (size_t)min_u64(SECTOR, image->whole - at)};

    if (bytes_at(b, 64, "_BHRfS_M", 8))
        add(s, SUM_BTRFS, at);
    else if (bytes_at(b, 0, "XFSB", 4) && (load_be16(b.p + 100) & 15) == 5)
        add(s, SUM_XFS, at);
    else if (bytes_at(b, 0, "EFI PART", 8))
        add(s, SUM_GPT, at);
    else if (bytes_at(b, 0, "LABELONE", 8))
        add(s, SUM_LABEL, at);
    else if (bytes_at(b, 4, " LVM2 x[5A%r0N*>", 16))
        add(s, SUM_AREA, at);
    else if (bytes_at(b, 0, "regf", 4))
        add(s, SUM_HIVE, at);
    else if (bytes_at(b, 0, "conectix", 8))
        add(s, SUM_VHD, at);
    else if (bytes_at(b, 0, "cxsparse", 8))
        add(s, SUM_VHD_HEADER, at);
    /* A journal has copies of the superblock; partitions begin at a MiB. */
    else if (b.n == SECTOR && at % (1 << 20) == 1024 && load_le16(b.p + 56) == 0xef53 &&
             load_le16(b.p + 90) == 0 && s->n < SUMS_MAX) {
        struct sums_ext *ext = sums_ext_open(image, at - 1024);

        if (ext)
            s->list[s->n++] = (struct sum){.kind = SUM_EXT, .at = at - 1024, .ext = ext};
    }
}

void sums_find(struct sums *ret, const struct image *image)
{
    *ret = (struct sums){.n = 0};
    for (uint64_t at = 0; at + SECTOR <= image->whole; at += SECTOR)
        if (image->stored[at / IMAGE_PAGE])
            look_at_sector(ret, image, at);
}

void sums_fini(struct sums *s)
{
    for (size_t i = 0; i < s->n; i++)
        sums_ext_close(s->list[i].ext);
}

/* ---- repairing */

static void put32(struct image *image, uint64_t at, uint32_t v)
{
    if (image_touch(image, at, 4))
        store_le32(image->p + at, v);
}

/* As a disk has it: begun with all ones, not inverted at the end; the checksum itself
 * counts as zeros. */
static uint32_t crc_around(uint32_t (*crc)(uint32_t, const void *, size_t),
                           const uint8_t *p, size_t n, size_t hole)
{
    static const uint8_t zeros[4];
    uint32_t v = crc(0, p, hole);

    v = crc(v, zeros, sizeof zeros);
    return crc(v, p + hole + 4, n - hole - 4);
}

static void sum_btrfs(struct image *image, uint64_t at, size_t n, unsigned type)
{
    uint8_t sum[32] = {0};
    const uint8_t *p = image->p + at + 32;

    n -= 32;
    if (type == 0)
        store_le32(sum, crc32c(0, p, n));
    else if (type == 1)
        store_le64(sum, xxh64(p, n));
    else if (type == 2)
        sha256(sum, p, n);
    else
        blake2b_256(sum, p, n);
    if (image_touch(image, at, sizeof sum))
        memcpy(image->p + at, sum, sizeof sum);
}

/* A node carries the filesystem's id, and begins at a multiple of its sectors. */
static void repair_btrfs(struct image *image, uint64_t super)
{
    const uint8_t *sb = image->p + super;
    unsigned type = load_le16(sb + 196);
    uint32_t node = load_le32(sb + 148);
    size_t n = image->saved_n;

    if (node < IMAGE_PAGE || node > NODE_MAX)
        return;
    for (size_t i = 0; i < n; i++) {
        uint64_t page = image->saved[i].off, at = page;

        for (; page - at < node; at -= IMAGE_PAGE) {
            if (at != super && range_within(at, node, image->whole) &&
                memcmp(image->p + at + 32, sb + 32, 16) == 0 &&
                memcmp(image->p + at + 64, "_BHRfS_M", 8) != 0)
                sum_btrfs(image, at, node, type);
            if (at < IMAGE_PAGE)
                break;
        }
        if (page == super && range_within(super, IMAGE_PAGE, image->whole))
            sum_btrfs(image, super, IMAGE_PAGE, type);
    }
}

/* Where a structure of XFS has its checksum, and whether it is a sector long or a block.
 */
static size_t xfs_sum_at(const uint8_t *p, bool *sector)
{
    static const struct {
        const char *magic;
        size_t at, sum;
        bool sector;
    } rows[] = {
        {"XFSB", 0, 224, true},     {"XAGF", 0, 216, true},
        {"XAGI", 0, 312, true},     {"XAFL", 0, 32, true},
        {"XDB3", 0, 4, false},      {"XDD3", 0, 4, false},
        {"XDF3", 0, 4, false},      {"XARM", 0, 12, false},
        {"XSLM", 0, 12, false},     {"BMA3", 0, 64, false},
        {"AB3B", 0, 52, false},     {"AB3C", 0, 52, false},
        {"IAB3", 0, 52, false},     {"FIB3", 0, 52, false},
        {"RMB3", 0, 52, false},     {"R3FC", 0, 52, false},
        {"\x3d\xf1", 8, 12, false}, {"\x3d\xff", 8, 12, false},
        {"\x3e\xbe", 8, 12, false}, {"\x3b\xee", 8, 12, false},
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        if (memcmp(p + rows[i].at, rows[i].magic, strlen(rows[i].magic)) != 0)
            continue;
        *sector = rows[i].sector;
        return rows[i].sum;
    }
    return 0;
}

static void repair_xfs_block(struct image *image, uint64_t at, size_t sector,
                             size_t block, size_t inode)
{
    const uint8_t *p = image->p + at;
    bool is_sector = false;
    size_t sum = xfs_sum_at(p, &is_sector), n = is_sector ? sector : block;

    if (sum && range_within(at, n, image->whole))
        put32(image, at + sum, crc_around(crc32c, p, n, sum));
    for (size_t i = 0; i + inode <= SECTOR || i == 0; i += inode)
        if (memcmp(p + i, "IN", 2) == 0 && p[i + 4] == 3 &&
            range_within(at + i, inode, image->whole))
            put32(image, at + i + 100, crc_around(crc32c, p + i, inode, 100));
}

static void repair_xfs(struct image *image, uint64_t super)
{
    const uint8_t *sb = image->p + super;
    uint32_t block = load_be32(sb + 4);
    uint16_t sector = load_be16(sb + 102), inode = load_be16(sb + 104);
    size_t n = image->saved_n;

    if (block < SECTOR || block > NODE_MAX || sector < SECTOR || sector > block ||
        inode < 256 || inode > 2048)
        return;
    for (size_t i = 0; i < n; i++) {
        uint64_t page = image->saved[i].off;
        /* A block of more than a page has its head before this one. */
        uint64_t from = page < block ? 0 : round_down(page - super, block) + super;

        for (uint64_t at = from > page ? page : from; at < page + IMAGE_PAGE;
             at += SECTOR)
            if (range_within(at, SECTOR, image->whole))
                repair_xfs_block(image, at, sector, block, inode);
    }
}

static void repair_gpt(struct image *image, uint64_t at)
{
    const uint8_t *p = image->p + at;
    uint64_t entries = load_le64(p + 72), off;
    uint32_t n = load_le32(p + 80), width = load_le32(p + 84), size = load_le32(p + 12);

    if (checked_mul(&off, entries, SECTOR) && n <= 1024 && width <= 4096 &&
        range_within(off, (uint64_t)n * width, image->whole))
        put32(image, at + 88, crc32_ieee(0, image->p + off, (size_t)n * width));
    if (size >= 92 && size <= SECTOR)
        put32(image, at + 16, crc_around(crc32_ieee, p, size, 16));
}

/* LVM2 begins with a number of its own, and inverts nothing. */
static uint32_t lvm_crc(const uint8_t *p, size_t n)
{
    return ~crc32_ieee(~UINT32_C(0xf597a6cf), p, n);
}

static void repair_area(struct image *image, uint64_t at)
{
    const uint8_t *p = image->p + at;
    uint64_t size = load_le64(p + 32);

    for (size_t i = 40; i + 24 <= SECTOR; i += 24) {
        uint64_t off = load_le64(p + i), n = load_le64(p + i + 8);

        if (off == 0)
            break;
        /* One that goes round the ring is left as it is. */
        if (n <= TEXT_MAX && range_within(off, n, size) &&
            range_within(at, off + n, image->whole))
            put32(image, at + i + 16, lvm_crc(image->p + at + off, (size_t)n));
    }
    put32(image, at, lvm_crc(p + 4, SECTOR - 4));
}

static void repair_hive(struct image *image, uint64_t at)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < 508; i += 4)
        sum ^= load_le32(image->p + at + i);
    put32(image, at + 508, sum == UINT32_MAX ? UINT32_MAX - 1 : sum ? sum : 1);
}

/* The inverted sum of all bytes. */
static void repair_vhd(struct image *image, uint64_t at, size_t n, size_t hole)
{
    uint32_t sum = 0;

    if (!range_within(at, n, image->whole) || !image_touch(image, at + hole, 4))
        return;
    for (size_t i = 0; i < n; i++)
        if (i < hole || i >= hole + 4)
            sum += image->p[at + i];
    store_be32(image->p + at + hole, ~sum);
}

void sums_repair(const struct sums *s, struct image *image)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct sum *sum = &s->list[i];

        switch (sum->kind) {
        case SUM_BTRFS:
            repair_btrfs(image, sum->at);
            break;
        case SUM_XFS:
            repair_xfs(image, sum->at);
            break;
        case SUM_EXT:
            sums_ext_repair(sum->ext, image);
            break;
        case SUM_GPT:
            repair_gpt(image, sum->at);
            break;
        case SUM_LABEL:
            put32(image, sum->at + 16, lvm_crc(image->p + sum->at + 20, SECTOR - 20));
            break;
        case SUM_AREA:
            repair_area(image, sum->at);
            break;
        case SUM_HIVE:
            repair_hive(image, sum->at);
            break;
        case SUM_VHD:
            repair_vhd(image, sum->at, SECTOR, 64);
            break;
        case SUM_VHD_HEADER:
            repair_vhd(image, sum->at, 1024, 36);
            break;
        }
    }
}
