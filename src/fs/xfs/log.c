/* SPDX-License-Identifier: GPL-2.0-or-later */
/* log.c: where the log ends, and what is in a record
 *
 * The log is a ring of sectors of 512 bytes.  Each begins with the number of the round
 * (cycle) in which it was written, or is the header of a record, which has that number
 * behind its magic.  So numbers are n … n, then n-1 … n-1, and the change is the end of
 * the log.  An unmount leaves a record of one operation there that says so.
 *
 *   header   magic 4, cycle 4, version 4, bytes 4, LSN 8, tail's LSN 8, CRC 4 (little),
 *            previous 4, operations 4, 64 words, byte order 4, UUID 16, buffer size 4
 *   more     with buffers over 32 KiB: sectors of cycle 4 and 64 words, one each 32 KiB
 *   data     sectors, whose first word the cycle took; it is among those of the headers
 */
#include "fs/xfs/log.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/crc.h"

enum {
    SECTOR = XFS_LOG_SECTOR,
    HEADER_BYTES = 32 * 1024, /* of data, for which one sector of header is enough */
    HEADERS_MAX = XFS_LOG_RECORD_MAX / HEADER_BYTES,
    WORDS = 64, /* of a header */
    AT_CRC = 32,
    AT_WORDS = 44,
    HEADER_64 = 328, /* what the checksum covers, by who compiled the kernel */
    HEADER_32 = 324,
    HEADER_MORE = 260,
    LITTLE = 1,
    UNMOUNT = 0x20,
    BUFFERS = 8, /* that are written at a time, in any order */
    UNSURE = BUFFERS * (XFS_LOG_RECORD_MAX / SECTOR + HEADERS_MAX),
};

static const uint8_t magic[] = {0xfe, 0xed, 0xba, 0xbe};
static const uint32_t magic_cycle = 0xfeedbabe; /* never the number of a round */

static int sectors_read(const struct xfs_log *l, uint8_t *buf, uint64_t sector,
                        uint64_t n, struct err *err)
{
    while (n) {
        uint64_t take = min_u64(n, l->sectors - sector);
        int r = block_read(l->x->cache, buf, (size_t)take * SECTOR,
                           l->at + sector * SECTOR, err);

        if (r < 0)
            return r;
        buf += take * SECTOR;
        sector = 0;
        n -= take;
    }
    return 0;
}

static int cycle_of(const struct xfs_log *l, uint64_t sector, uint32_t *ret,
                    struct err *err)
{
    uint8_t b[SECTOR];
    int r = sectors_read(l, b, sector, 1, err);

    if (r == 0)
        *ret = load_be32(memcmp(b, magic, 4) == 0 ? b + 4 : b);
    return r;
}

/* The first sector of another round than the first one's; all of them: l->sectors. */
static int find_head(struct xfs_log *l, struct err *err)
{
    uint64_t low = 1, high = l->sectors;

    while (low < high) {
        uint64_t mid = low + (high - low) / 2;
        uint32_t cycle;
        int r = cycle_of(l, mid, &cycle, err);

        if (r < 0)
            return r;
        if (cycle == l->cycle)
            low = mid + 1;
        else
            high = mid;
    }
    l->head = low;
    return 0;
}

static uint64_t headers_of(const uint8_t *header)
{
    uint32_t size = load_be32(header + 320);

    return load_be32(header + 8) & 2 && size > HEADER_BYTES && size <= XFS_LOG_RECORD_MAX
               ? div_up(size, HEADER_BYTES)
               : 1;
}

/* Does the record at `sector` with this header end at the head, and unmount? */
static int is_unmount(const struct xfs_log *l, const uint8_t *header, uint64_t sector,
                      bool *ret, struct err *err)
{
    uint64_t headers = headers_of(header),
             head = sector < l->head ? l->head : l->head + l->sectors;
    uint32_t n = load_be32(header + 12);
    uint8_t b[SECTOR];
    int r;

    if (load_be32(header + 40) != 1 || sector + headers + div_up(n, SECTOR) != head ||
        n < SECTOR)
        return 0;
    r = sectors_read(l, b, (sector + headers) % l->sectors, 1, err);
    if (r == 0)
        *ret = b[9] & UNMOUNT;
    return r;
}

int xfs_log_open(struct xfs_log *ret, struct xfs *x, bool *clean, struct err *err)
{
    struct xfs_log *l = ret;
    uint64_t back = 2 * XFS_LOG_RECORD_MAX / SECTOR;
    int r;

    *l = (struct xfs_log){
        .x = x, .sectors = (uint64_t)x->super.log_blocks << x->super.block_log >> 9};
    r = xfs_address(x, x->super.log_start, x->super.log_blocks, &l->at, err);
    if (r == 0)
        r = cycle_of(l, 0, &l->cycle, err);
    if (r == 0)
        r = find_head(l, err);
    if (r < 0)
        return r;
    *clean = l->cycle == 0; /* nothing was ever written */
    if (l->cycle == 0)
        return 0;
    for (uint64_t k = 1; k <= min_u64(back, l->sectors); k++) {
        uint64_t sector = (l->head + l->sectors - k) % l->sectors;
        uint8_t b[SECTOR];

        r = sectors_read(l, b, sector, 1, err);
        if (r < 0)
            return r;
        if (memcmp(b, magic, 4) == 0)
            return is_unmount(l, b, sector, clean, err);
    }
    return 0;
}

/* The checksum is over what lies on the disk, with the words that the cycle took. */
static bool crc_right(const struct xfs_log *l, const uint8_t *buf, uint64_t headers,
                      size_t n)
{
    static const size_t sizes[] = {HEADER_64, HEADER_32};
    static const uint8_t zeros[4];
    uint32_t want = load_le32(buf + AT_CRC);

    if (want == 0 && l->x->super.version == 4)
        return true;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        uint32_t crc = crc32c(0, buf, AT_CRC);

        crc = crc32c(crc, zeros, sizeof zeros);
        crc = crc32c(crc, buf + AT_CRC + 4, sizes[i] - AT_CRC - 4);
        for (uint64_t k = 1; k < div_up(n, HEADER_BYTES); k++)
            crc = crc32c(crc, buf + k * SECTOR, HEADER_MORE);
        if (crc32c(crc, buf + headers * SECTOR, n) == want)
            return true;
    }
    return false;
}

/* Each sector must be of its round; it gets its first word back. */
static bool unpack(const struct xfs_log *l, const struct xfs_record *r, uint64_t headers)
{
    for (uint64_t i = 0; i < r->sectors; i++) {
        uint32_t cycle = r->cycle;
        uint8_t *p = r->buf + i * SECTOR, *words;

        if (r->sector + i >= l->sectors && ++cycle == magic_cycle)
            cycle++;
        if (i > 0 && load_be32(p) != cycle)
            return false;
        if (i < headers)
            continue;
        words = (i - headers) / WORDS == 0 ? r->buf + AT_WORDS
                                           : r->buf + (i - headers) / WORDS * SECTOR + 4;
        memcpy(p, words + (i - headers) % WORDS * 4, 4);
    }
    return true;
}

int xfs_log_record(struct xfs_record *ret, const struct xfs_log *l, uint64_t sector,
                   uint32_t cycle, struct err *err)
{
    uint64_t headers;
    uint32_t n;
    int r;

    if (!ret->buf)
        ret->buf = malloc(XFS_LOG_RECORD_MAX + HEADERS_MAX * SECTOR);
    if (!ret->buf)
        return FAIL(err, ERR_NOMEM, "record of the log");
    r = sectors_read(l, ret->buf, sector, 1, err);
    if (r < 0)
        return r;
    headers = headers_of(ret->buf);
    n = load_be32(ret->buf + 12);
    ret->sector = sector;
    ret->cycle = cycle;
    ret->sectors = headers + div_up(n, SECTOR);
    ret->buffer = headers * (1 + HEADER_BYTES / SECTOR);
    ret->lsn = load_be64(ret->buf + 16);
    ret->tail = load_be64(ret->buf + 24);
    ret->ops = load_be32(ret->buf + 40);
    if (memcmp(ret->buf, magic, 4) != 0 || load_be32(ret->buf + 4) != cycle ||
        ret->lsn != ((uint64_t)cycle << 32 | sector) || n == 0 ||
        n > XFS_LOG_RECORD_MAX || ret->sectors > l->sectors ||
        load_be32(ret->buf + 300) != LITTLE ||
        div_up(n, HEADER_BYTES) > max_u64(headers, 1))
        return 0;
    r = sectors_read(l, ret->buf, sector, ret->sectors, err);
    if (r < 0)
        return r;
    if (!crc_right(l, ret->buf, headers, n) || !unpack(l, ret, headers))
        return 0;
    ret->b = bytes_of(ret->buf + headers * SECTOR, n);
    return 1;
}

int xfs_log_last(struct xfs_record *ret, const struct xfs_log *l, struct err *err)
{
    for (uint64_t k = 1; k <= min_u64(UNSURE, l->sectors); k++) {
        bool before = k > l->head;
        uint64_t sector = before ? l->head + l->sectors - k : l->head - k;
        uint8_t b[SECTOR];
        int r = sectors_read(l, b, sector, 1, err);

        if (r == 0 && memcmp(b, magic, 4) == 0)
            r = xfs_log_record(ret, l, sector, before ? l->cycle - 1 : l->cycle, err);
        if (r != 0)
            return r;
    }
    return 0;
}

void xfs_log_next(const struct xfs_log *l, const struct xfs_record *r, uint64_t *sector,
                  uint32_t *cycle)
{
    *sector = r->sector + r->sectors;
    *cycle = r->cycle;
    if (*sector >= l->sectors) {
        *sector -= l->sectors;
        if (++*cycle == magic_cycle)
            ++*cycle;
    }
}

bool xfs_log_is_unsure(const struct xfs_log *l, uint64_t sector, uint64_t buffer)
{
    uint64_t left = sector < l->head ? l->head - sector : l->head + l->sectors - sector;

    return left <= BUFFERS * buffer;
}
