/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.h: what is looked at before libntfs-3g may see it; private to src/fs/ntfs
 *
 * The library trusts more of a volume than it should.  So the boot sector, every MFT
 * record and every index block are taken apart here first, and one that is not in order
 * never reaches it: lengths stay within their container, runs within the volume, and
 * lists end.  Nothing here keeps state or reads the device. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    NTFS_SECTOR = 512, /* of a record: what is protected as a whole */
    NTFS_RECORD_MAX = 4096,
    NTFS_INDEX_MAX = 64 << 10,
    NTFS_CLUSTER_MAX = 2 << 20,
    NTFS_LIST_MAX = 1024, /* entries of an attribute list */
    NTFS_LIST_BYTES_MAX = 64 << 10,
    NTFS_BIG_FILE = 54, /* no size has more bits */
};

/* From the boot sector, in bytes. */
struct ntfs_shape {
    uint32_t sector, cluster, record, index;
    uint64_t clusters;
    uint64_t mft, mirror; /* offsets */
    /* Set by whoever has looked at every record and now writes: the library meets lists
     * of attributes that it has not filled yet, so these are not looked at any more. */
    bool written;
};

int ntfs_boot_decode(struct ntfs_shape *ret, const uint8_t *boot, uint64_t device,
                     struct err *err);

/* Where an attribute list lies that is not within its record: its runs, to be read by the
 * caller. */
struct ntfs_runs {
    uint64_t bytes; /* of the value; 0: there is no such list */
    unsigned n;
    struct {
        uint64_t at, bytes; /* on the device */
    } run[64];
};

/* `record` is of shape->record bytes as on disk, and is mended in place. */
int ntfs_record_check(uint8_t *record, const struct ntfs_shape *shape,
                      struct ntfs_runs *list, struct err *err);
/* An index block of folders, of n bytes. */
int ntfs_index_check(uint8_t *block, size_t n, struct err *err);
/* The value of an attribute list. */
int ntfs_list_check(const uint8_t *value, size_t n, struct err *err);

/* LZNT1 into exactly cap bytes, zeros behind what was packed. */
int ntfs_unpack(uint8_t *to, size_t cap, const uint8_t *p, size_t n, struct err *err);

/* ---- check_index.c, for check.c */

/* Puts back the ends of the sectors of a record; `from` is the first byte that its array
 * may take. */
int ntfs_mend(uint8_t *record, size_t n, size_t from, struct err *err);
/* What an index root or block has behind its own header: entries from `at` on, which is
 * a header of 16 bytes, up to n. */
int ntfs_entries_check(const uint8_t *p, size_t at, size_t n, bool names,
                       struct err *err);
