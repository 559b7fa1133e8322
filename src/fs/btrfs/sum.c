/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <string.h>

#include "base/crc.h"
#include "base/hash.h"
#include "fs/btrfs/format.h"

const char *btrfs_sum_name(enum btrfs_sum type)
{
    static const char *const names[BTRFS_SUMS] = {"crc32c", "xxhash64", "sha256",
                                                  "blake2"};

    return names[type];
}

bool btrfs_sum_ok(enum btrfs_sum type, struct bytes block)
{
    struct bytes b = bytes_sub(block, BTRFS_SUM_MAX, block.n - BTRFS_SUM_MAX);
    uint8_t sum[BTRFS_SUM_MAX];
    size_t n = sizeof sum;

    switch (type) {
    case BTRFS_SUM_CRC32C:
        store_le32(sum, crc32c(0, b.p, b.n));
        n = 4;
        break;
    case BTRFS_SUM_XXHASH:
        store_le64(sum, xxh64(b.p, b.n));
        n = 8;
        break;
    case BTRFS_SUM_SHA256:
        sha256(sum, b.p, b.n);
        break;
    case BTRFS_SUM_BLAKE2:
    default:
        blake2b_256(sum, b.p, b.n);
    }
    return memcmp(sum, block.p, n) == 0;
}
