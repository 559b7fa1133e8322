/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_vhd.c: one byte, then the file
 *
 * An odd byte asks for right checksums of both footers and of a header behind the first:
 * the fuzzer would not find one by chance. */
#include "base/scoped.h"
#include "block/vhd.h"
#include "fuzz/fuzz.h"
#include "fuzz/fuzz_disk.h"

static void seal(uint8_t *p, size_t size, size_t at, size_t n, size_t sum)
{
    if (range_within(at, n, size))
        store_be32(p + at + sum, vhd_checksum(bytes_of(p + at, n), sum));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(block_unrefp) struct block *file = NULL;
    AUTO(freep) uint8_t *p = size ? malloc(size) : NULL;
    struct image_options options = {0};

    if (!p)
        return 0;
    memcpy(p, data + 1, --size);
    if (data[0] & 1) {
        seal(p, size, VHD_FOOTER_SIZE, VHD_HEADER_SIZE, VHD_HEADER_SUM);
        seal(p, size, 0, VHD_FOOTER_SIZE, VHD_FOOTER_SUM);
        if (size > VHD_FOOTER_SIZE)
            seal(p, size, size - VHD_FOOTER_SIZE, VHD_FOOTER_SIZE, VHD_FOOTER_SUM);
    }
    if (block_mem_open(&file, p, size, NULL) == 0)
        fuzz_driver(&vhd_driver, file, &options);
    return 0;
}
