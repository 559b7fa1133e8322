/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io.c: an io_manager of libext2fs over a block */
#include <inttypes.h>
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

static errcode_t io_read_blk64(io_channel channel, unsigned long long block, int count,
                               void *data)
{
    struct ext *e = channel->private_data;
    uint64_t off;
    size_t n;

    /* A negative count is a count of bytes. */
    n = count < 0 ? (size_t) - (int64_t)count
                  : (size_t)count * (size_t)channel->block_size;
    if (!checked_mul(&off, block, (uint64_t)channel->block_size) ||
        !range_within(off, n, e->cache->size))
        return EXT2_ET_SHORT_READ;
    if (++e->reads > EXT_READS_MAX || ++e->reads_total > EXT_READS_TOTAL_MAX) {
        FAIL(&e->io, ERR_LIMIT, "more than %d blocks for one answer, or %d in all",
             EXT_READS_MAX, EXT_READS_TOTAL_MAX);
        return EXT2_ET_SHORT_READ;
    }
    if (ext_io_read(e, data, n, off, &e->io) < 0)
        return EXT2_ET_SHORT_READ;
    return 0;
}

static errcode_t io_read_blk(io_channel channel, unsigned long block, int count,
                             void *data)
{
    return io_read_blk64(channel, block, count, data);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long block, int count,
                                const void *data)
{
    (void)channel, (void)block, (void)count, (void)data;
    return EXT2_ET_RO_FILSYS;
}

static errcode_t io_write_blk(io_channel channel, unsigned long block, int count,
                              const void *data)
{
    return io_write_blk64(channel, block, count, data);
}

static errcode_t io_flush(io_channel channel)
{
    (void)channel;
    return 0;
}

static errcode_t io_set_blksize(io_channel channel, int blksize)
{
    channel->block_size = blksize;
    return 0;
}

static errcode_t io_close(io_channel channel)
{
    free(channel->name);
    free(channel);
    return 0;
}

static errcode_t io_open(const char *name, int flags, io_channel *ret);

static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "imgport",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read_blk,
    .write_blk = io_write_blk,
    .flush = io_flush,
    .read_blk64 = io_read_blk64,
    .write_blk64 = io_write_blk64,
};

/* open() gets nothing but a name: no context, not even the manager.  The name therefore
 * spells the address, which needs no variable shared between threads. */
static errcode_t io_open(const char *name, int flags, io_channel *ret)
{
    io_channel channel = calloc(1, sizeof *channel);
    void *e = NULL;

    (void)flags;
    if (!channel || sscanf(name, "%p", &e) != 1 || !(channel->name = strdup(name))) {
        free(channel);
        return EXT2_ET_NO_MEMORY;
    }
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &manager;
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = e;
    *ret = channel;
    return 0;
}

static void init_messages(void)
{
    initialize_ext2_error_table();
}

int ext_io_open(struct ext *e, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char name[32];
    errcode_t code;

    pthread_once(&once, init_messages);
    snprintf(name, sizeof name, "%p", (void *)e);
    code = ext2fs_open2(name, NULL, EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0, &manager,
                        &e->lib);
    if (code)
        return ext_fail(e, err, code, "superblock");
    return 0;
}

int ext_fail(struct ext *e, struct err *err, errcode_t code, const char *fmt, ...)
{
    enum err_code ours = ERR_CORRUPT;
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
    if (e->io.code) {
        r = FAIL(err, e->io.code, "%s: %s", what, e->io.msg);
        err_clear(&e->io);
        return r;
    }
    if (code == EXT2_ET_NO_MEMORY || code == ENOMEM)
        ours = ERR_NOMEM;
    else if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_REV_TOO_HIGH)
        ours = ERR_UNSUPPORTED;
    return FAIL(err, ours, "%s: %s", what, error_message(code));
}
