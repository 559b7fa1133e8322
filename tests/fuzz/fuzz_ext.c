/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_ext.c: a whole walk through ext2, ext3 and ext4; bit 0 of the first byte repairs
 * the checksum of the superblock, the rest is a sparse image */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "base/crc.h"
#include "fuzz/fuzz_tree.h"
#include "fuzz/sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_EXT4};
    struct err err = {0};

    if (size < 1)
        return 0;
    /* A few blocks that belong to nobody, so that reads past the end are seen. */
    size = sparse_unpack(image, data + 1, size - 1, 64 * 1024);
    if (data[0] & 1)
        store_le32(image + 1024 + 1020, ~crc32c(0, image + 1024, 1020));
    if (block_mem_open(&dev, image, size, &err) < 0)
        return 0;
    if (fs_open(&fs, &id, dev, &err) < 0) {
        assert(err.code != ERR_NONE && err.code != ERR_IO);
        return 0;
    }
    fuzz_tree(fs);
    return 0;
}
