/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs_sums.h: for tests, images as make_btrfs.py lays them out: nodes of 4 KiB */
#pragma once

#include <string.h>

#include "base/bytes.h"
#include "base/crc.h"

enum { BTRFS_SUMS_SUPER = 64 * 1024, BTRFS_SUMS_NODE = 4096 };

/* Does a node of the filesystem begin here? */
static inline bool btrfs_sums_is_node(const uint8_t *image, size_t at)
{
    return memcmp(image + at + 32, image + BTRFS_SUMS_SUPER + 32, 16) == 0;
}

/* Makes the checksums of the superblock and of all nodes right. */
static inline void btrfs_sums_repair(uint8_t *image, size_t size)
{
    uint8_t *super = image + BTRFS_SUMS_SUPER;

    if (size < BTRFS_SUMS_SUPER + BTRFS_SUMS_NODE)
        return;
    store_le32(super, crc32c(0, super + 32, BTRFS_SUMS_NODE - 32));
    for (size_t at = BTRFS_SUMS_SUPER + BTRFS_SUMS_NODE; at + BTRFS_SUMS_NODE <= size;
         at += BTRFS_SUMS_NODE)
        if (btrfs_sums_is_node(image, at))
            store_le32(image + at, crc32c(0, image + at + 32, BTRFS_SUMS_NODE - 32));
}
