/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hive_make.h: hives in memory, for tests only
 *
 * Cells are made from the leaves up: values, keys with them, lists of keys, the keys
 * above, the root last.  Each call gives where the cell is, as a hive has it. */
#pragma once

#include "guest/windows/hive.h"

enum { HIVE_MAKE_MAX = 512 << 10 };

enum hive_make_list {
    HIVE_MAKE_LF,
    HIVE_MAKE_LH,
    HIVE_MAKE_LI,
    HIVE_MAKE_RI,    /* of "lh" lists of a hundred keys each */
    HIVE_MAKE_RI_OF, /* the places are those of lists */
};

struct hive_make {
    uint8_t *image; /* HIVE_MAKE_MAX bytes */
    uint32_t used;  /* of the bins */
    uint32_t last_list;
};

void hive_make_init(struct hive_make *m, uint8_t *image);
uint32_t hive_make_value(struct hive_make *m, const char *name, uint32_t type,
                         const void *data, uint32_t n);
uint32_t hive_make_key(struct hive_make *m, const char *name, uint32_t list,
                       uint32_t list_n, const uint32_t *values, uint32_t values_n);
/* Sorted by name, as Windows has them. */
uint32_t hive_make_list(struct hive_make *m, enum hive_make_list kind,
                        const uint32_t *keys, size_t n);
/* Where the list of values of the last key is. */
uint32_t hive_make_last_list(const struct hive_make *m);
void hive_make_finish(struct hive_make *m, uint32_t root);
/* A whole hive out of rows, each a value of the key at `path`: a number, or a text when
 * it is not NULL; without a name only the key.  The row with name NULL and path NULL
 * ends. */
struct hive_row {
    const char *path, *name, *text;
    uint32_t number;
};
void hive_make_rows(struct hive_make *m, uint8_t *image, const struct hive_row *rows);

/* The checksum of the first block, anew. */
void hive_make_sum(uint8_t *image);
size_t hive_make_size(const struct hive_make *m);
