/* SPDX-License-Identifier: GPL-2.0-or-later */
/* overlay.h: a block with sectors of 512 bytes of it replaced in memory
 *
 * Written while the log is replayed, by one thread; from then on as immutable as any
 * block. */
#pragma once

#include "block/block.h"

enum { XFS_SECTOR = 512 };

/* `max`: bytes that may be replaced. */
int xfs_overlay_open(struct block **ret, struct block *under, size_t max,
                     struct err *err);

/* n > 0 bytes at off, which lie within the block. */
int xfs_overlay_write(struct block *b, const void *p, size_t n, uint64_t off,
                      struct err *err);
