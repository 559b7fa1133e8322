/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext_io.c: an io_manager of libext2fs over an overlay */
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "mend/ext.h"

/* The range of a call; false when there is no such one.  A negative count is a count of
 * bytes. */
static bool range_of(uint64_t *off, size_t *n, io_channel channel,
                     unsigned long long block, int count)
{
    const struct mend_ext *e = channel->private_data;

    *n = count < 0 ? (size_t) - (int64_t)count
                   : (size_t)count * (size_t)channel->block_size;
    return checked_mul(off, block, (uint64_t)channel->block_size) &&
           range_within(*off, *n, overlay_block(e->o)->size);
}

static errcode_t io_read_blk64(io_channel channel, unsigned long long block, int count,
                               void *data)
{
    struct mend_ext *e = channel->private_data;
    uint64_t off;
    size_t n;

    if (!range_of(&off, &n, channel, block, count))
        return EXT2_ET_SHORT_READ;
    e->blocks += n / (size_t)channel->block_size + 1;
    if (e->blocks > MEND_EXT_BLOCKS_MAX) {
        FAIL(&e->io, ERR_LIMIT, "more than %d blocks were asked for",
             MEND_EXT_BLOCKS_MAX);
        return EXT2_ET_SHORT_READ;
    }
    return block_read(overlay_block(e->o), data, n, off, &e->io) < 0 ? EXT2_ET_SHORT_READ
                                                                     : 0;
}

static errcode_t io_read_blk(io_channel channel, unsigned long block, int count,
                             void *data)
{
    return io_read_blk64(channel, block, count, data);
}

static errcode_t io_write_blk64(io_channel channel, unsigned long long block, int count,
                                const void *data)
{
    struct mend_ext *e = channel->private_data;
    uint64_t off;
    size_t n;

    if (!range_of(&off, &n, channel, block, count))
        return EXT2_ET_SHORT_WRITE;
    return overlay_write(e->o, data, n, off, &e->io) < 0 ? EXT2_ET_SHORT_WRITE : 0;
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

/* A name is all that open() gets, so it spells the address. */
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
    channel->manager = &mend_ext_io;
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = e;
    *ret = channel;
    return 0;
}

struct struct_io_manager mend_ext_io = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "imgport overlay",
    .open = io_open,
    .close = io_close,
    .set_blksize = io_set_blksize,
    .read_blk = io_read_blk,
    .write_blk = io_write_blk,
    .flush = io_flush,
    .read_blk64 = io_read_blk64,
    .write_blk64 = io_write_blk64,
};
