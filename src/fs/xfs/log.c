/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.c: where the log ends, and with what
 *
 * The log is a ring of sectors of 512 bytes.  Each begins with the number of the round
 * (cycle) in which it was written, or is the header of a record, which has that number
 * behind its magic.  So numbers are n … n, then n-1 … n-1, and the change is the end of
 * the log.  An unmount leaves a record of one operation there that says so. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/xfs/xfs.h"

enum {
    SECTOR = 512,
    RECORD_MAX = 256 * 1024,  /* bytes of a record */
    HEADER_BYTES = 32 * 1024, /* of a record, for which one sector of header is enough */
    UNMOUNT = 0x20,
};

static const uint8_t magic[] = {0xfe, 0xed, 0xba, 0xbe};

struct log {
    struct xfs *x;
    uint64_t at, sectors;
};

static int sector_read(const struct log *l, uint8_t *buf, uint64_t sector,
                       struct err *err)
{
    return block_read(l->x->cache, buf, SECTOR, l->at + sector * SECTOR, err);
}

static int cycle_of(const struct log *l, uint64_t sector, uint32_t *ret, struct err *err)
{
    uint8_t b[SECTOR];
    int r = sector_read(l, b, sector, err);

    if (r == 0)
        *ret = load_be32(memcmp(b, magic, 4) == 0 ? b + 4 : b);
    return r;
}

/* The first sector of another round than the first one's; all of them: l->sectors. */
static int find_head(const struct log *l, uint64_t *ret, uint32_t first, struct err *err)
{
    uint64_t low = 1, high = l->sectors;

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        uint32_t cycle;
        int r = cycle_of(l, mid, &cycle, err);

        if (r < 0)
            return r;
        if (cycle == first)
            low = mid + 1;
        else
            high = mid;
    }
    *ret = low;
    return 0;
}

/* Does the record at `sector` with this header end at the head, and unmount? */
static int is_unmount(const struct log *l, const uint8_t *header, uint64_t sector,
                      uint64_t head, bool *ret, struct err *err)
{
    uint32_t version = load_be32(header + 8), n = load_be32(header + 12),
             size = load_be32(header + 320);
    uint64_t headers = version & 2 && size > HEADER_BYTES && size <= RECORD_MAX
                           ? div_up(size, HEADER_BYTES)
                           : 1;
    uint8_t b[SECTOR];
    int r;

    *ret = false;
    if (load_be32(header + 40) != 1 || sector + headers + div_up(n, SECTOR) != head ||
        n < SECTOR)
        return 0;
    r = sector_read(l, b, (sector + headers) % l->sectors, err);
    if (r == 0)
        *ret = b[9] & UNMOUNT;
    return r;
}

int xfs_log_is_clean(struct xfs *x, bool *ret, struct err *err)
{
    struct log l = {.x = x,
                    .sectors = (uint64_t)x->super.log_blocks << x->super.block_log >> 9};
    uint64_t head = 0, back = 2 * RECORD_MAX / SECTOR;
    uint32_t first;
    int r = xfs_address(x, x->super.log_start, x->super.log_blocks, &l.at, err);

    if (r == 0)
        r = cycle_of(&l, 0, &first, err);
    if (r == 0)
        r = find_head(&l, &head, first, err);
    if (r < 0)
        return r;
    *ret = first == 0; /* nothing was ever written */
    if (first == 0)
        return 0;
    for (uint64_t k = 1; k <= min_u64(back, l.sectors); k++) {
        uint64_t sector = (head + l.sectors - k) % l.sectors;
        uint8_t b[SECTOR];

        r = sector_read(&l, b, sector, err);
        if (r < 0)
            return r;
        if (memcmp(b, magic, 4) == 0)
            return is_unmount(&l, b, sector, sector < head ? head : head + l.sectors, ret,
                              err);
    }
    return 0;
}
