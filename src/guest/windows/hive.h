/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hive.h: a Windows registry hive ("regf" 1.3 to 1.6), read only
 *
 * The hive is a block: what is read is what is asked for, cell by cell.  Offsets of keys
 * count from the first bin, as they are stored.  Transaction logs (.LOG1, .LOG2) are not
 * applied; a hive that they would change says so.  One thread at a time. */
#pragma once

#include "base/buf.h"
#include "block/block.h"

enum {
    HIVE_MAX = 256 << 20,     /* bytes of a hive */
    HIVE_CELL_MAX = 1 << 20,  /* bytes of a cell that is read */
    HIVE_NAME_MAX = 1024,     /* bytes of a name as UTF-8 */
    HIVE_VALUE_MAX = 1 << 20, /* bytes of a value */
    HIVE_STEPS_MAX = 500000,  /* cells read in the life of a hive */
};

struct hive {
    struct block *dev; /* borrowed */
    uint32_t size;     /* bytes of all bins */
    uint32_t root;
    bool dirty;           /* the two sequence numbers differ: a log would change it */
    uint32_t sequence[2]; /* differ: `dirty` */
    unsigned steps;
};

enum hive_type { HIVE_SZ = 1, HIVE_EXPAND_SZ = 2, HIVE_DWORD = 4, HIVE_MULTI_SZ = 7 };

/* ERR_CORRUPT when the first block is none of a hive, ERR_UNSUPPORTED for a version that
 * is not known. */
int hive_open(struct hive *ret, struct block *dev, struct err *err);

/* The key at a path below `from` (parts between backslashes; "" is `from` itself), by
 * names without regard to the case of ASCII letters.  1 and *ret, 0: there is none. */
int hive_find(struct hive *h, uint32_t from, const char *path, uint32_t *ret,
              struct err *err);

/* Calls fn for each key below this one until it returns non-zero, which is returned. */
typedef int hive_key_fn(void *arg, struct hive *h, uint32_t key, const char *name,
                        struct err *err);
int hive_each(struct hive *h, uint32_t key, hive_key_fn *fn, void *arg, struct err *err);

/* The same for the keys whose names begin with `prefix`, found as Windows finds them:
 * lists of keys are sorted, so not all of them are read. */
int hive_each_from(struct hive *h, uint32_t key, const char *prefix, hive_key_fn *fn,
                   void *arg, struct err *err);

/* Calls fn for each value of a key, as hive_each() does; the default one has the name "".
 */
typedef int hive_value_fn(void *arg, const char *name, uint32_t type, struct err *err);
int hive_each_value(struct hive *h, uint32_t key, hive_value_fn *fn, void *arg,
                    struct err *err);

/* The value with this name: 1, its type and its bytes in *data (cleared first), or 0. */
int hive_value(struct hive *h, uint32_t key, const char *name, uint32_t *type,
               struct buf *data, struct err *err);

/* A text value (REG_SZ, REG_EXPAND_SZ, or the first of a REG_MULTI_SZ) as UTF-8, a number
 * (REG_DWORD).  1, 0 also for a value of another type. */
int hive_text(struct hive *h, uint32_t key, const char *name, char *ret, size_t cap,
              struct err *err);
/* The next text of a REG_MULTI_SZ that hive_value() gave; false at its end. */
bool hive_next_text(struct bytes *rest, char *ret, size_t cap);
int hive_number(struct hive *h, uint32_t key, const char *name, uint32_t *ret,
                struct err *err);
