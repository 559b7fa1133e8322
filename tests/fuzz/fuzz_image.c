/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_image.c: all recognisers, and whatever they choose */
#include "fuzz/fuzz.h"
#include "fuzz/fuzz_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
    struct image_options options = {0};
    struct image_info info;
    struct err err = {0};
    uint64_t bound;
    int r;

    if (block_mem_open(&file, data, size, NULL) < 0)
        return 0;
    r = image_open(&disk, &info, file, &options, &err);
    assert((r < 0) == (err.code != ERR_NONE));
    assert((r == 0) == (info.fault == IMAGE_FAULT_NONE));
    assert(info.file_size >= size);
    if (r < 0)
        return 0;
    assert(info.virtual_size == disk->size && info.format != IMAGE_UNKNOWN);
    fuzz_walk(disk);
    fuzz_read_around(disk);
    /* Bounded: every extent of a table that is there needs bytes of the file. */
    if (disk->size < 1ull << 40 && image_qcow2_bound(disk, &bound, &err) == 0)
        assert(bound >= 4 << 16);
    return 0;
}
