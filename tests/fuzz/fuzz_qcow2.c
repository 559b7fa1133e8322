/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_qcow2.c: the reader straight on the input, with all limits of its own in force
 *
 * Reads are tried after a failed survey as well: they must be safe by themselves. */
#include "fuzz/fuzz.h"

#include <assert.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "block/image.h"

enum {
    EXTENTS_MAX = 2000,
    PIECE = 5000, /* crosses clusters, and no multiple of one */
    PIECES_MAX = 200,
};

/* What is said to be zero must read as zero, if it reads. */
static void walk(struct block *disk)
{
    static uint8_t buf[PIECE];
    uint64_t off = 0;
    unsigned reads = 0;

    for (unsigned i = 0; i < EXTENTS_MAX && off < disk->size; i++) {
        struct err err = {0};
        struct extent e;
        size_t n;

        if (block_extent(disk, &e, off, &err) < 0) {
            assert(err.code);
            return;
        }
        assert(e.length && range_within(off, e.length, disk->size));
        n = (size_t)min_u64(e.length, PIECE);
        if (reads++ < PIECES_MAX && block_read(disk, buf, n, off, &err) == 0 &&
            e.kind != EXTENT_DATA)
            assert(bytes_are_zero(bytes_of(buf, n)));
        off += e.length;
    }
}

static void read_around(struct block *disk)
{
    static uint8_t buf[PIECE];
    uint64_t step = max_u64(disk->size / 16, PIECE);

    for (uint64_t off = 0; off < disk->size; off += min_u64(step, disk->size - off)) {
        struct err err = {0};
        size_t n = (size_t)min_u64(PIECE, disk->size - off);
        int r = block_read(disk, buf, n, off, &err);

        assert((r < 0) == (err.code != ERR_NONE));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
    struct image_options options = {0};
    struct image_info info = {0};
    struct image_ctx ctx = {&options, &info};
    struct err err = {0};

    if (block_mem_open(&file, data, size, &err) < 0 ||
        qcow2_driver.recognise(file, &err) != 1)
        return 0;
    if (qcow2_driver.open(&disk, file, &ctx, &err) < 0) {
        assert(info.fault != IMAGE_FAULT_NONE && info.fault_detail[0] && err.msg[0]);
        return 0;
    }
    assert(info.fault == IMAGE_FAULT_NONE);
    if (qcow2_driver.survey(disk, &ctx, &err) < 0)
        assert(info.fault != IMAGE_FAULT_NONE);
    walk(disk);
    read_around(disk);
    return 0;
}
