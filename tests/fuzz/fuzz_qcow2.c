/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_qcow2.c: the reader straight on the input, with all limits of its own in force */
#include "fuzz/fuzz.h"
#include "fuzz/fuzz_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct image_options options = {0};

    if (block_mem_open(&file, data, size, NULL) == 0)
        fuzz_driver(&qcow2_driver, file, &options);
    return 0;
}
