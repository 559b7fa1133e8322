/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_journal.c: the log of jbd2.  First byte: bit 0 repairs all checksums, bits 1 and 2
 * are the block size (1024 << n); the rest is the log as a sparse image. */
#include "fuzz/fuzz.h"

#include <assert.h>

#include "base/bytes.h"
#include "base/crc.h"
#include "fs/ext/journal.h"
#include "fuzz/sparse.h"

static uint32_t crc_raw(uint32_t seed, const void *p, size_t n)
{
    return ~crc32c(~seed, p, n);
}

static void repair(uint8_t *log, size_t size, size_t block)
{
    uint32_t seed = crc_raw(~UINT32_C(0), log + 48, 16);

    if (size < 1024)
        return;
    store_be32(log + 252, 0);
    store_be32(log + 252, crc_raw(~UINT32_C(0), log, 1024));
    for (size_t at = block; at + block <= size; at += block) {
        uint32_t type = load_be32(log + at + 4);
        size_t field = type == 2 ? 16 : block - 4;

        if (load_be32(log + at) != 0xc03b3998 || (type != 1 && type != 2 && type != 5))
            continue;
        store_be32(log + at + field, 0);
        store_be32(log + at + field, crc_raw(seed, log + at, block));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[SPARSE_MAX], buf[8192];
    AUTO(block_unrefp) struct block *log = NULL;
    struct journal *j = NULL;
    struct journal_look look;
    struct err err = {0};
    uint32_t block;

    if (size < 1)
        return 0;
    block = 1024u << (data[0] >> 1 & 3);
    size = sparse_unpack(image, data + 1, size - 1, block);
    if (data[0] & 1)
        repair(image, size, block);
    if (block_mem_open(&log, image, size, &err) < 0)
        return 0;
    if (journal_open(&j, &look, log, block, &err) < 0) {
        assert(err.code != ERR_NONE && err.code != ERR_IO && err.code != ERR_SHORT);
        assert(!j);
        return 0;
    }
    for (uint64_t b = 0; j && b < 300; b++)
        if (journal_has(j, b) && journal_read(j, buf, b, &err) < 0)
            assert(err.code == ERR_CORRUPT);
    journal_close(j);
    return 0;
}
