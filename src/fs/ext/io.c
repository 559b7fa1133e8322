/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io.c: where the library's bytes come from */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ext/ext.h"

/* Blocks from `block` on that are not in the journal, at most `max`. */
static uint64_t plain_blocks(const struct ext *e, uint64_t block, uint64_t max)
{
    uint64_t n = 0;

    while (n < max && !journal_has(e->journal, block + n))
        n++;
    return n;
}

int ext_io_read(struct ext *e, void *buf, size_t n, uint64_t off, struct err *err)
{
    uint32_t unit = e->super.block_size;
    char *to = buf;

    if (!e->journal)
        return block_read(e->cache, buf, n, off, err);
    while (n) {
        uint64_t block = off / unit, skip = off % unit;
        uint64_t plain = plain_blocks(e, block, div_up(skip + n, unit));
        size_t len;
        int r;

        if (plain) {
            len = (size_t)min_u64(n, plain * unit - skip);
            r = block_read(e->cache, to, len, off, err);
        } else {
            len = (size_t)min_u64(n, unit - skip);
            r = journal_read(e->journal, e->journal_buf, block, err);
            if (r == 0)
                memcpy(to, e->journal_buf + skip, len);
        }
        if (r < 0)
            return r;
        to += len;
        n -= len;
        off += len;
    }
    return 0;
}

static int read_below(struct ext_channel *channel, void *buf, size_t n, uint64_t off,
                      size_t unit, struct err *err)
{
    struct ext *e = CONTAINER_OF(channel, struct ext, channel);

    (void)unit;
    if (++e->reads > EXT_READS_MAX || ++e->reads_total > EXT_READS_TOTAL_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d blocks for one answer, or %d in all",
                    EXT_READS_MAX, EXT_READS_TOTAL_MAX);
    return ext_io_read(e, buf, n, off, err);
}

int ext_io_open(struct ext *e, struct err *err)
{
    errcode_t code;

    e->channel.size = e->cache->size;
    e->channel.read = read_below;
    code = ext_channel_open(&e->lib, &e->channel, 0);
    return code ? ext_fail(e, err, code, "superblock") : 0;
}

int ext_fail(struct ext *e, struct err *err, errcode_t code, const char *fmt, ...)
{
    char what[120];
    va_list ap;
    int r;

    /* Up to 1.47 the library reads an inode into a slot of its cache before it verifies
     * the checksum, and leaves it there under the number of the one that was there
     * before. */
    if (e->lib)
        ext2fs_flush_icache(e->lib);
    va_start(ap, fmt);
    vsnprintf(what, sizeof what, fmt, ap);
    va_end(ap);
    r = ext_channel_fail(&e->channel, err, code, what);
    err_clear(&e->channel.err);
    return r;
}
