/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_volume.c: partition tables; bit 0 of the first byte repairs the checksums of a
 * GPT, the rest is the disk */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "base/checked.h"
#include "base/crc.h"
#include "volume/volume.h"

enum { SECTOR = 512 };

static void repair(uint8_t *disk, size_t size, size_t at)
{
    uint8_t *h = disk + at;
    uint64_t entries, n;
    uint32_t header;

    if (!range_within(at, SECTOR, size) || memcmp(h, "EFI PART", 8) != 0)
        return;
    header = load_le32(h + 12);
    n = (uint64_t)load_le32(h + 80) * load_le32(h + 84);
    if (checked_mul(&entries, load_le64(h + 72), SECTOR) &&
        range_within(entries, n, size))
        store_le32(h + 88, crc32_ieee(0, disk + entries, (size_t)n));
    store_le32(h + 16, 0);
    if (header <= SECTOR)
        store_le32(h + 16, crc32_ieee(0, h, header));
}

static void walk(const struct volume_table *t, struct block *disk)
{
    for (size_t i = 0; i < t->partitions.n; i++) {
        const struct partition *p = &t->partitions.v[i];
        uint8_t raw[SECTOR];

        assert(p->type && p->type_name && p->name && p->uuid);
        assert(p->size == 0 || range_within(p->start, p->size, disk->size));
        if (!p->block)
            continue;
        assert(!p->past_end && !p->extended && p->block->size == p->size);
        assert(block_read(p->block, raw, min_size(sizeof raw, (size_t)p->size), 0,
                          NULL) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(volume_table_fini) struct volume_table t = {0};
    AUTO(block_unrefp) struct block *disk = NULL;
    AUTO(freep) uint8_t *copy = malloc(size);
    struct err err = {0};

    if (size < 2 || !copy)
        return 0;
    memcpy(copy, data + 1, --size);
    if (data[0] & 1) {
        repair(copy, size, SECTOR);
        if (size >= SECTOR)
            repair(copy, size, round_down(size, SECTOR) - SECTOR);
    }
    if (block_mem_open(&disk, copy, size, &err) == 0 &&
        volume_scan(&t, disk, &a, &err) == 0)
        walk(&t, disk);
    else
        assert(err.code != ERR_NONE && err.code != ERR_IO && err.code != ERR_SHORT);
    return 0;
}
