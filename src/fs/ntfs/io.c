/* SPDX-License-Identifier: GPL-2.0-or-later */
/* io.c: a device of libntfs-3g over a block
 *
 * What the library reads is a record when it begins like one, and is checked on its way;
 * the data of files goes other ways.  A record that lies in pieces comes in pieces, one
 * after the other, and is held until it is whole: its last piece is then refused. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "fs/ntfs/ntfs.h"

static int io_open(struct ntfs_device *dev, int flags)
{
    const struct ntfs *n = dev->d_private;

    (void)flags;
    NDevSetOpen(dev);
    if (!n->write)
        NDevSetReadOnly(dev);
    return 0;
}

static int io_close(struct ntfs_device *dev)
{
    dev->d_state &= ~(1ul << ND_Open);
    return 0;
}

/* The list of a record may lie elsewhere, and is read by the library without a look. */
static int check_list(struct ntfs *n, const struct ntfs_runs *list, struct err *err)
{
    AUTO(freep) uint8_t *value = NULL;
    uint64_t got = 0;

    if (list->bytes == 0)
        return 0;
    value = malloc((size_t)list->bytes);
    if (!value)
        return FAIL(err, ERR_NOMEM, "attribute list");
    for (unsigned i = 0; i < list->n && got < list->bytes; i++) {
        uint64_t piece = min_u64(list->run[i].bytes, list->bytes - got);
        int r = block_read(n->cache, value + got, (size_t)piece, list->run[i].at, err);

        if (r < 0)
            return r;
        got += piece;
    }
    return ntfs_list_check(value, (size_t)list->bytes, err);
}

static int check_record(struct ntfs *n, const uint8_t *raw, uint64_t at, struct err *err)
{
    uint8_t record[NTFS_RECORD_MAX];
    struct ntfs_runs list;
    int r;

    memcpy(record, raw, n->shape.record);
    r = ntfs_record_check(record, &n->shape, &list, err);
    if (r == 0 && !n->shape.written)
        r = check_list(n, &list, err);
    if (r < 0)
        err_prefix(err, "MFT record at byte %" PRIu64, at);
    return r;
}

static int check_index(struct ntfs *n, const uint8_t *raw, uint64_t at, struct err *err)
{
    AUTO(freep) uint8_t *block = malloc(n->shape.index);
    int r;

    if (!block)
        return FAIL(err, ERR_NOMEM, "index block");
    memcpy(block, raw, n->shape.index);
    r = ntfs_index_check(block, n->shape.index, err);
    if (r < 0)
        err_prefix(err, "index block at byte %" PRIu64, at);
    return r;
}

static int check_whole(struct ntfs *n, const uint8_t *p, size_t size, uint64_t at,
                       struct err *err)
{
    bool record = memcmp(p, "FILE", 4) == 0;
    size_t step = record ? n->shape.record : n->shape.index;

    for (size_t off = 0; off < size; off += step) {
        int r = record ? check_record(n, p + off, at + off, err)
                       : check_index(n, p + off, at + off, err);

        if (r < 0)
            return r;
    }
    return 0;
}

static int hold_piece(struct ntfs *n, const uint8_t *p, size_t size, uint64_t at,
                      struct err *err)
{
    if (size > n->wanted - n->held)
        return FAIL(err, ERR_CORRUPT,
                    "record in pieces that do not fit, at byte %" PRIu64, at);
    if (n->held == 0)
        n->held_at = at;
    memcpy(n->piece + n->held, p, size);
    n->held += size;
    if (n->held < n->wanted)
        return 0;
    n->held = 0;
    return check_whole(n, n->piece, n->wanted, n->held_at, err);
}

static int check(struct ntfs *n, const uint8_t *p, size_t size, uint64_t at,
                 struct err *err)
{
    size_t whole;

    if (size < NTFS_SECTOR)
        return 0;
    if (memcmp(p, "FILE", 4) == 0)
        whole = n->shape.record;
    else if (memcmp(p, "INDX", 4) == 0)
        whole = n->shape.index;
    else
        return n->held ? hold_piece(n, p, size, at, err) : 0;
    if (size % whole == 0)
        return check_whole(n, p, size, at, err);
    if (n->held == 0)
        n->wanted = whole;
    return hold_piece(n, p, size, at, err);
}

static bool has_read_enough(struct ntfs *n)
{
    n->reads++;
    n->reads_total++;
    if (n->write)
        return n->reads_total > NTFS_READS_WRITABLE_MAX;
    return n->reads > NTFS_READS_MAX || n->reads_total > NTFS_READS_TOTAL_MAX;
}

static s64 io_pread(struct ntfs_device *dev, void *buf, s64 count, s64 offset)
{
    struct ntfs *n = dev->d_private;
    uint64_t size = n->cache->size;

    if (count < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    if ((uint64_t)offset >= size)
        return 0;
    if (has_read_enough(n)) {
        FAIL(&n->io, ERR_LIMIT, "more than %d reads for one answer, or %d in all",
             NTFS_READS_MAX, NTFS_READS_TOTAL_MAX);
        errno = EIO;
        return -1;
    }
    count = (s64)min_u64((uint64_t)count, size - (uint64_t)offset);
    if (block_read(n->cache, buf, (size_t)count, (uint64_t)offset, &n->io) < 0 ||
        check(n, buf, (size_t)count, (uint64_t)offset, &n->io) < 0) {
        errno = EIO;
        return -1;
    }
    return count;
}

static s64 io_read(struct ntfs_device *dev, void *buf, s64 count)
{
    struct ntfs *n = dev->d_private;
    s64 r = io_pread(dev, buf, count, n->pos);

    if (r > 0)
        n->pos += r;
    return r;
}

static s64 io_seek(struct ntfs_device *dev, s64 offset, int whence)
{
    struct ntfs *n = dev->d_private;
    s64 from = whence == SEEK_CUR ? n->pos : whence == SEEK_END ? (s64)n->cache->size : 0;

    if (__builtin_add_overflow(from, offset, &from) || from < 0) {
        errno = EINVAL;
        return -1;
    }
    n->pos = from;
    return from;
}

static s64 io_pwrite(struct ntfs_device *dev, const void *buf, s64 count, s64 offset)
{
    struct ntfs *n = dev->d_private;

    if (!n->write) {
        errno = EROFS;
        return -1;
    }
    if (count < 0 || offset < 0) {
        errno = EINVAL;
        return -1;
    }
    if (n->write(n->write_arg, buf, (size_t)count, (uint64_t)offset, &n->io) < 0) {
        errno = EIO;
        return -1;
    }
    return count;
}

static s64 io_write(struct ntfs_device *dev, const void *buf, s64 count)
{
    struct ntfs *n = dev->d_private;
    s64 r = io_pwrite(dev, buf, count, n->pos);

    if (r > 0)
        n->pos += r;
    return r;
}

static int io_sync(struct ntfs_device *dev)
{
    (void)dev;
    return 0;
}

static int io_stat(struct ntfs_device *dev, struct stat *st)
{
    struct ntfs *n = dev->d_private;

    memset(st, 0, sizeof *st);
    st->st_mode = S_IFREG | 0400;
    st->st_size = (off_t)n->cache->size;
    return 0;
}

static int io_ioctl(struct ntfs_device *dev, unsigned long request, void *arg)
{
    (void)dev, (void)request, (void)arg;
    errno = ENOTTY;
    return -1;
}

struct ntfs_device_operations ntfs_io = {
    .open = io_open,
    .close = io_close,
    .seek = io_seek,
    .read = io_read,
    .write = io_write,
    .pread = io_pread,
    .pwrite = io_pwrite,
    .sync = io_sync,
    .stat = io_stat,
    .ioctl = io_ioctl,
};

void ntfs_enter(struct ntfs *n)
{
    pthread_mutex_lock(&n->lock);
    if (n->depth++ == 0)
        n->reads = 0;
    n->held = 0;
}

int ntfs_leave(struct ntfs *n, int r, struct err *err)
{
    if (r >= 0 && n->io.code)
        r = FAIL(err, n->io.code, "%s", n->io.msg);
    err_clear(&n->io);
    n->depth--;
    pthread_mutex_unlock(&n->lock);
    return r;
}

int ntfs_fail(struct ntfs *n, struct err *err, const char *what, uint64_t ino)
{
    int code = errno;

    if (n->io.code)
        return FAIL(err, n->io.code, "%s %" PRIu64 ": %s", what, ino, n->io.msg);
    if (code == ENOMEM)
        return FAIL(err, ERR_NOMEM, "%s %" PRIu64, what, ino);
    return FAIL(err, code == EOPNOTSUPP ? ERR_UNSUPPORTED : ERR_CORRUPT,
                "%s %" PRIu64 " cannot be read (the library's code is %d)", what, ino,
                code);
}
