/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack.c: LZNT1
 *
 * Chunks that unpack to 4096 bytes, each behind 16 bits: its length less one in the low
 * 12, and the top one set when it is packed.  A zero ends them.  In a packed chunk a byte
 * tells of the eight tokens behind it which are bytes (0) and which are pairs (1) of 16
 * bits, distance and length, the border between which moves with what is unpacked. */
#include "base/bytes.h"
#include "base/checked.h"
#include "fs/ntfs/check.h"

enum { CHUNK = 4096, LENGTH_BITS = 12, LENGTH_MIN = 3 };

/* One pair; the new end of what is unpacked. */
static int copy_pair(uint8_t *to, size_t cap, size_t done, unsigned pair, struct err *err)
{
    unsigned bits = LENGTH_BITS;
    size_t back, n;

    for (size_t i = done ? done - 1 : 0; i >= 16; i >>= 1)
        bits--;
    back = (pair >> bits) + 1;
    n = (pair & ((1u << bits) - 1)) + LENGTH_MIN;
    if (back > done || n > cap - done)
        return FAIL(err, ERR_CORRUPT,
                    "packed data: %zu bytes from %zu back, at %zu of %zu", n, back, done,
                    cap);
    for (size_t i = 0; i < n; i++)
        to[done + i] = to[done + i - back];
    return (int)(done + n);
}

static int unpack_chunk(uint8_t *to, size_t cap, const uint8_t *p, size_t n,
                        struct err *err)
{
    size_t at = 0, done = 0;

    while (at < n) {
        unsigned tags = p[at++];

        for (unsigned i = 0; i < 8 && at < n; i++, tags >>= 1) {
            int r;

            if (!(tags & 1)) {
                if (done == cap)
                    return FAIL(err, ERR_CORRUPT, "packed data: more than %zu bytes",
                                cap);
                to[done++] = p[at++];
                continue;
            }
            if (n - at < 2)
                return FAIL(err, ERR_CORRUPT, "packed data ends within a pair");
            r = copy_pair(to, cap, done, load_le16(p + at), err);
            if (r < 0)
                return r;
            done = (size_t)r;
            at += 2;
        }
    }
    memset(to + done, 0, cap - done);
    return 0;
}

int ntfs_unpack(uint8_t *to, size_t cap, const uint8_t *p, size_t n, struct err *err)
{
    size_t at = 0, done = 0;

    while (done < cap && n - at >= 2) {
        unsigned head = load_le16(p + at);
        size_t length = (head & 0xfff) + 1u, room = min_u64(CHUNK, cap - done);
        int r = 0;

        if (head == 0)
            break;
        at += 2;
        if (length > n - at || (!(head & 0x8000) && length > room))
            return FAIL(err, ERR_CORRUPT, "packed data: chunk of %zu bytes, room for %zu",
                        length, head & 0x8000 ? n - at : room);
        if (head & 0x8000) {
            r = unpack_chunk(to + done, room, p + at, length, err);
        } else {
            memcpy(to + done, p + at, length);
            memset(to + done + length, 0, room - length);
        }
        if (r < 0)
            return r;
        at += length;
        done += room;
    }
    memset(to + done, 0, cap - done);
    return 0;
}
