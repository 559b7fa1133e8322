/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_xfs.c: a whole walk through XFS
 *
 * No XFS is smaller than 16 MiB, so an input has a form of its own (make_xfs.sh): a byte
 * of flags, then records of (u16 little-endian: which sector of 512 bytes, its bytes),
 * laid over zeros.  Bit 0 repairs the checksums of what begins like metadata.  Mutations
 * stay within a sector most of the time: one that moves all that follows is wasted. */
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"
#include "fuzz/fuzz_tree.h"

enum { UNIT = 512, RECORD = 2 + UNIT, UNITS = 20 << 11, BLOCK_MAX = 64 << 10 };

static uint8_t image[UNITS * UNIT];

static size_t place(const uint8_t *record)
{
    return load_le16(record) % UNITS * (size_t)UNIT;
}

static void repair_at(uint8_t *p, size_t n, size_t crc)
{
    store_le32(p + crc, 0);
    store_le32(p + crc, crc32c(0, p, n));
}

static size_t clamp(uint32_t n)
{
    return n < UNIT ? UNIT : n > BLOCK_MAX ? BLOCK_MAX : n;
}

/* What begins like metadata; how long it is says the superblock. */
static void repair(size_t at)
{
    static const struct {
        size_t skip;
        const char *magic;
        enum { SECTOR, INODE, BLOCK, DIR } what;
        size_t crc;
    } rows[] = {
        {0, "XAGF", SECTOR, 216},   {0, "AB3B", BLOCK, 52},   {0, "XFSB", SECTOR, 224},
        {0, "IN", INODE, 100},      {0, "BMA3", BLOCK, 64},   {0, "XDB3", DIR, 4},
        {0, "XDD3", DIR, 4},        {0, "XSLM", BLOCK, 12},   {8, "\x3b\xee", BLOCK, 12},
        {8, "\x3e\xbe", BLOCK, 12}, {8, "\x3d\xf1", DIR, 12}, {8, "\x3d\xff", DIR, 12},
    };
    size_t block = clamp(load_be32(image + 4));
    const size_t sizes[] = {
        [SECTOR] = clamp(load_be16(image + 102)),
        [INODE] = clamp(load_be16(image + 104)),
        [BLOCK] = block,
        [DIR] = clamp((uint32_t)(block << (image[192] & 7))),
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t n = sizes[rows[i].what];

        if (n <= sizeof image - at &&
            memcmp(image + at + rows[i].skip, rows[i].magic, strlen(rows[i].magic)) == 0)
            repair_at(image + at, n, rows[i].crc);
    }
}

/* A record of the log, its header and what follows. */
static void repair_record(size_t at)
{
    uint8_t *p = image + at;
    size_t n = load_be32(p + 12), headers = load_be32(p + 320) > 32768 ? 8 : 1;
    uint32_t crc;

    if (memcmp(p, "\xfe\xed\xba\xbe", 4) != 0 ||
        !range_within(at + headers * UNIT, n, sizeof image))
        return;
    store_le32(p + 32, 0);
    crc = crc32c(0, p, 328);
    for (size_t i = 1; i < headers && i < div_up(n, 32768); i++)
        crc = crc32c(crc, p + i * UNIT, 260);
    store_le32(p + 32, crc32c(crc, p + headers * UNIT, n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_XFS};
    struct err err = {0};
    size_t records = size ? (size - 1) / RECORD : 0;
    const uint8_t *first = data + 1;

    for (size_t i = 0; i < records; i++)
        memcpy(image + place(first + i * RECORD), first + i * RECORD + 2, UNIT);
    for (size_t i = 0; records && data[0] & 1 && i < records; i++)
        repair(place(first + i * RECORD));
    for (size_t i = 0; records && data[0] & 1 && i < records; i++)
        repair_record(place(first + i * RECORD));
    if (block_mem_open(&dev, image, sizeof image, &err) == 0) {
        if (fs_open(&fs, &id, dev, &err) == 0)
            fuzz_tree(fs);
        else
            assert(err.code != ERR_NONE && err.code != ERR_IO);
    }
    for (size_t i = 0; i < records; i++)
        memset(image + place(first + i * RECORD), 0, UNIT);
    return 0;
}

/* libFuzzer's; not there where a corpus is only replayed. */
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed);

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned seed)
{
    size_t records = size ? (size - 1) / RECORD : 0, n;
    uint8_t sector[UNIT], *at;

    if (records == 0 || seed % 16 == 0)
        return LLVMFuzzerMutate(data, size, max);
    at = data + 1 + seed / 16 % records * RECORD;
    memcpy(sector, at + 2, UNIT);
    n = LLVMFuzzerMutate(sector, UNIT, UNIT);
    memcpy(at + 2, sector, n);
    return size;
}
