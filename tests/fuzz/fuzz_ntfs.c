/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_ntfs.c: a whole walk through NTFS; the input is a sparse image (make_ntfs.py) */
#define SPARSE_MAX (2 << 20)

#include "fuzz/fuzz.h"

#include <assert.h>

#include "../ntfs_leaks.h"
#include "fuzz/fuzz_tree.h"
#include "fuzz/sparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX];
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_NTFS};
    struct err err = {0};

    (void)sparse_unpack(image, data, size, 512);
    if (block_mem_open(&dev, image, sizeof image, &err) < 0)
        return 0;
    if (fs_open(&fs, &id, dev, &err) < 0) {
        assert(err.code != ERR_NONE && err.code != ERR_IO);
        return 0;
    }
    fuzz_tree(fs);
    return 0;
}
