/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/ext/channel.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"

/* The range of a call; false when there is no such one.  A negative count is a count of
 * bytes. */
static bool range_of(uint64_t *off, size_t *n, io_channel channel,
                     unsigned long long block, int count)
{
    const struct ext_channel *c = channel->private_data;

    *n = count < 0 ? (size_t) - (int64_t)count
                   : (size_t)count * (size_t)channel->block_size;
    return checked_mul(off, block, (uint64_t)channel->block_size) &&
           range_within(*off, *n, c->size);
}

static errcode_t io_read_blk64(io_channel channel, unsigned long long block, int count,
                               void *data)
{
    struct ext_channel *c = channel->private_data;
    uint64_t off;
    size_t n;

    if (!range_of(&off, &n, channel, block, count) ||
        c->read(c, data, n, off, (size_t)channel->block_size, &c->err) < 0)
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
    struct ext_channel *c = channel->private_data;
    uint64_t off;
    size_t n;

    if (!c->write)
        return EXT2_ET_RO_FILSYS;
    if (!range_of(&off, &n, channel, block, count) ||
        c->write(c, data, n, off, &c->err) < 0)
        return EXT2_ET_SHORT_WRITE;
    return 0;
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
    void *c = NULL;

    (void)flags;
    if (!channel || sscanf(name, "%p", &c) != 1 || !(channel->name = strdup(name))) {
        free(channel);
        return EXT2_ET_NO_MEMORY;
    }
    channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    channel->manager = &manager;
    channel->block_size = 1024;
    channel->refcount = 1;
    channel->private_data = c;
    *ret = channel;
    return 0;
}

/* The library's own words go to stderr, which the sandbox would not let it look at. */
static void say_nothing(const char *who, errcode_t code, const char *fmt, va_list ap)
{
    (void)who, (void)code, (void)fmt, (void)ap;
}

static void init_messages(void)
{
    initialize_ext2_error_table();
    set_com_err_hook(say_nothing);
}

errcode_t ext_channel_open(ext2_filsys *ret, struct ext_channel *c, int flags)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    char name[32];

    pthread_once(&once, init_messages);
    snprintf(name, sizeof name, "%p", (void *)c);
    return ext2fs_open2(name, NULL, flags | EXT2_FLAG_64BITS | EXT2_FLAG_SKIP_MMP, 0, 0,
                        &manager, ret);
}

int ext_channel_fail(const struct ext_channel *c, struct err *err, errcode_t code,
                     const char *what)
{
    enum err_code ours = ERR_CORRUPT;

    if (c->err.code)
        return FAIL(err, c->err.code, "%s: %s", what, c->err.msg);
    if (code == EXT2_ET_NO_MEMORY || code == ENOMEM)
        ours = ERR_NOMEM;
    else if (code == EXT2_ET_UNSUPP_FEATURE || code == EXT2_ET_RO_UNSUPP_FEATURE ||
             code == EXT2_ET_REV_TOO_HIGH)
        ours = ERR_UNSUPPORTED;
    else if (code == EXT2_ET_BLOCK_ALLOC_FAIL || code == EXT2_ET_INODE_ALLOC_FAIL)
        ours = ERR_LIMIT;
    return FAIL(err, ours, "%s: %s", what, error_message(code));
}
