/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal_map.h: a table from block numbers to copies in the log; open addressing, one
 * entry a block, the last one put stays */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct journal_copy {
    uint64_t block; /* of the filesystem */
    uint32_t at;    /* block of the log */
    uint32_t sequence, checksum;
    bool escaped, used;
};

struct journal_map {
    struct journal_copy *v;
    size_t n, cap; /* cap is 0 or a power of two, at least twice n */
};

void journal_map_fini(struct journal_map *m);
const struct journal_copy *journal_map_find(const struct journal_map *m, uint64_t block);
/* ERR_LIMIT when there would be more than `max`. */
int journal_map_put(struct journal_map *m, const struct journal_copy *copy, size_t max,
                    struct err *err);
