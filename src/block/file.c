/* SPDX-License-Identifier: GPL-2.0-or-later */
/* file.c: a file or block device, with holes as the filesystem reports them */
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/checked.h"
#include "block/block.h"

struct file_block {
    struct block block;
    int fd;
    bool holes; /* SEEK_DATA works on it */
};

static struct file_block *file_of(struct block *b)
{
    return CONTAINER_OF(b, struct file_block, block);
}

static int file_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct file_block *f = file_of(b);
    char *p = buf;

    while (n) {
        ssize_t got = pread(f->fd, p, n, (off_t)off);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL_SYS(err, errno, "read at offset %" PRIu64, off);
        if (got == 0)
            return FAIL(err, ERR_SHORT, "file shrank: nothing at offset %" PRIu64, off);
        p += got;
        n -= (size_t)got;
        off += (uint64_t)got;
    }
    return 0;
}

static int file_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    struct file_block *f = file_of(b);
    off_t data, hole;

    if (!f->holes) {
        *ret = (struct extent){EXTENT_DATA, b->size - off};
        return 0;
    }
    data = lseek(f->fd, (off_t)off, SEEK_DATA);
    if (data < 0 && errno == ENXIO) { /* a hole up to the end */
        *ret = (struct extent){EXTENT_HOLE, b->size - off};
        return 0;
    }
    if (data < 0)
        return FAIL_SYS(err, errno, "find data at offset %" PRIu64, off);
    if ((uint64_t)data > off) {
        *ret = (struct extent){EXTENT_HOLE, (uint64_t)data - off};
        return 0;
    }
    hole = lseek(f->fd, data, SEEK_HOLE);
    if (hole < 0 || hole <= data) /* it shrank under us: the read will say so */
        hole = (off_t)b->size;
    *ret = (struct extent){EXTENT_DATA, max_u64((uint64_t)hole - off, 1)};
    return 0;
}

static void file_close(struct block *b)
{
    struct file_block *f = file_of(b);

    close(f->fd);
    free(f);
}

static const struct block_driver file_driver = {
    .name = "file",
    .read = file_read,
    .extent = file_extent,
    .close = file_close,
};

int block_file_open(struct block **ret, int fd, struct err *err)
{
    /* Only lseek(): it answers for files and devices alike, and the sandbox grants it. */
    off_t size = lseek(fd, 0, SEEK_END);
    struct file_block *f;

    if (size < 0)
        return FAIL_SYS(err, errno, "neither a regular file nor a block device");
    f = malloc(sizeof *f);
    if (!f)
        return FAIL(err, ERR_NOMEM, "file");
    *f = (struct file_block){.fd = fd, .holes = lseek(fd, 0, SEEK_HOLE) >= 0};
    block_init(&f->block, &file_driver, (uint64_t)size);
    *ret = &f->block;
    return 0;
}

int block_file_fd(struct block *b)
{
    return b->driver == &file_driver ? file_of(b)->fd : -1;
}
