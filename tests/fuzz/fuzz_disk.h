/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_disk.h: what targets do with a disk that an image gave them
 *
 * Reads are tried after a failed survey as well: they must be safe by themselves. */
#pragma once

#include <assert.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "block/image.h"

enum {
    FUZZ_EXTENTS_MAX = 2000,
    FUZZ_PIECE = 5000, /* crosses clusters, and no multiple of one */
    FUZZ_PIECES_MAX = 200,
};

/* What is said to be zero must read as zero, if it reads. */
static inline void fuzz_walk(struct block *disk)
{
    static uint8_t buf[FUZZ_PIECE];
    uint64_t off = 0;
    unsigned reads = 0;

    for (unsigned i = 0; i < FUZZ_EXTENTS_MAX && off < disk->size; i++) {
        struct err err = {0};
        struct extent e;
        size_t n;

        if (block_extent(disk, &e, off, &err) < 0) {
            assert(err.code);
            return;
        }
        assert(e.length && range_within(off, e.length, disk->size));
        n = (size_t)min_u64(e.length, FUZZ_PIECE);
        if (reads++ < FUZZ_PIECES_MAX && block_read(disk, buf, n, off, &err) == 0 &&
            e.kind != EXTENT_DATA)
            assert(bytes_are_zero(bytes_of(buf, n)));
        off += e.length;
    }
}

static inline void fuzz_read_around(struct block *disk)
{
    static uint8_t buf[FUZZ_PIECE];
    uint64_t step = max_u64(disk->size / 16, FUZZ_PIECE);

    for (uint64_t off = 0; off < disk->size; off += min_u64(step, disk->size - off)) {
        struct err err = {0};
        size_t n = (size_t)min_u64(FUZZ_PIECE, disk->size - off);
        int r = block_read(disk, buf, n, off, &err);

        assert((r < 0) == (err.code != ERR_NONE));
    }
}

/* Open, survey, and use the disk.  `file` never fails, so whatever goes wrong is a fault
 * of the image. */
static inline void fuzz_driver(const struct image_driver *driver, struct block *file,
                               const struct image_options *options)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    struct image_info info = {0};
    struct image_ctx ctx = {options, &info};
    struct err err = {0};

    if (driver->recognise(file, &err) != 1)
        return;
    if (driver->open(&disk, file, &ctx, &err) < 0) {
        assert(info.fault != IMAGE_FAULT_NONE && info.fault_detail[0] && err.msg[0]);
        return;
    }
    assert(info.fault == IMAGE_FAULT_NONE);
    if (driver->survey(disk, &ctx, &err) < 0)
        assert(info.fault != IMAGE_FAULT_NONE);
    fuzz_walk(disk);
    fuzz_read_around(disk);
}
