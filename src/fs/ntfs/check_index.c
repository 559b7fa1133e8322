/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check_index.c: records of several sectors, and entries of folders
 *
 * A record has in each of its sectors, in place of the last two bytes, a number that
 * changes whenever it is written; an array in front has what belongs there.
 *
 * An index is a list of entries behind a header of 16 bytes:
 *     0 u32 offset of the first entry   4 u32 bytes used   8 u32 bytes there are
 * each of them:
 *     0 u64 MFT reference   8 u16 its length   10 u16 of its key   12 u16 flags
 *     16 the key            -8 u64 the block below it, with flag 1
 * and the last, with flag 2, has no key. */
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "fs/ntfs/check.h"

enum {
    ENTRY_BYTES = 16,
    HAS_CHILD = 1,
    IS_LAST = 2,
    NAME_BYTES = 66, /* of a FILE_NAME in front of its name */
    BLOCK_HEADER = 24,
};

int ntfs_mend(uint8_t *record, size_t n, size_t from, struct err *err)
{
    size_t at = load_le16(record + 4), count = load_le16(record + 6);

    if (count != n / NTFS_SECTOR + 1 || at % 2 || at < from ||
        at + 2 * count > NTFS_SECTOR - 2)
        return FAIL(err, ERR_CORRUPT, "%zu update numbers at %zu for %zu sectors", count,
                    at, n / NTFS_SECTOR);
    for (size_t i = 1; i < count; i++) {
        uint8_t *end = record + i * NTFS_SECTOR - 2;

        if (memcmp(end, record + at, 2) != 0)
            return FAIL(err, ERR_CORRUPT, "sector %zu was not written with the first",
                        i - 1);
        memcpy(end, record + at + 2 * i, 2);
    }
    return 0;
}

/* The length of the entry at `at`, which ends within n; negative: error. */
static int entry_check(const uint8_t *p, size_t at, size_t n, bool names, struct err *err)
{
    size_t length, key, child;
    const uint8_t *e = p + at;

    if (n - at < ENTRY_BYTES)
        return FAIL(err, ERR_CORRUPT, "index entry at %zu, but they end at %zu", at, n);
    length = load_le16(e + 8);
    key = load_le16(e + 10);
    child = load_le16(e + 12) & HAS_CHILD ? 8 : 0;
    if (length % 8 || length < ENTRY_BYTES + child || length > n - at)
        return FAIL(err, ERR_CORRUPT,
                    "index entry at %zu of %zu bytes, but they end at %zu", at, length,
                    n);
    if (load_le16(e + 12) & IS_LAST)
        return (int)length;
    if (key > length - ENTRY_BYTES - child)
        return FAIL(err, ERR_CORRUPT, "index entry at %zu: key of %zu bytes in %zu", at,
                    key, length);
    if (names && (key < NAME_BYTES || NAME_BYTES + 2u * e[ENTRY_BYTES + 64] > key))
        return FAIL(err, ERR_CORRUPT, "index entry at %zu: no name in %zu bytes", at,
                    key);
    return (int)length;
}

int ntfs_entries_check(const uint8_t *p, size_t at, size_t n, bool names, struct err *err)
{
    uint64_t first = load_le32(p + at), used = load_le32(p + at + 4),
             all = load_le32(p + at + 8);

    if (first < 16 || first % 8 || first > used || used > all || all > n - at)
        return FAIL(err, ERR_CORRUPT,
                    "index entries from %" PRIu64 " to %" PRIu64 " of %" PRIu64
                    " bytes, where there are %zu",
                    first, used, all, n - at);
    n = at + (size_t)used;
    at += (size_t)first;
    for (;;) {
        int r = entry_check(p, at, n, names, err);

        if (r < 0)
            return r;
        if (load_le16(p + at + 12) & IS_LAST)
            return 0;
        at += (size_t)r;
    }
}

int ntfs_index_check(uint8_t *block, size_t n, struct err *err)
{
    int r;

    if (memcmp(block, "INDX", 4) != 0)
        return FAIL(err, ERR_CORRUPT, "no mark of an index block");
    r = ntfs_mend(block, n, BLOCK_HEADER + 16, err);
    if (r == 0)
        r = ntfs_entries_check(block, BLOCK_HEADER, n, true, err);
    /* The array lies between the header and the entries. */
    if (r == 0 && load_le16(block + 4) + 2u * load_le16(block + 6) >
                      BLOCK_HEADER + load_le32(block + BLOCK_HEADER))
        r = FAIL(err, ERR_CORRUPT, "index entries on top of the update numbers");
    return r;
}
