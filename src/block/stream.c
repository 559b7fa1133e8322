/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/stream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/checked.h"

/* Some bytes from the driver, or none at the end. */
static int some(struct stream *s, uint8_t *buf, size_t n, size_t *ret_n, struct err *err)
{
    int r;

    *ret_n = 0;
    if (s->ended)
        return 0;
    r = s->driver->read(s, buf, n, ret_n, err);
    assert(r < 0 || *ret_n <= n);
    s->ended = r == 0 && *ret_n == 0;
    return r;
}

int stream_peek(struct bytes *ret, struct stream *s, size_t n, struct err *err)
{
    assert(n <= STREAM_PEEK_MAX);
    if (!s->ahead)
        s->ahead = malloc(STREAM_PEEK_MAX);
    if (!s->ahead)
        return FAIL(err, ERR_NOMEM, "no memory to read ahead");
    if (s->to - s->from < n && s->from) {
        memmove(s->ahead, s->ahead + s->from, s->to - s->from);
        s->to -= s->from;
        s->from = 0;
    }
    while (s->to - s->from < n && !s->ended) {
        size_t got;
        int r = some(s, s->ahead + s->to, STREAM_PEEK_MAX - s->to, &got, err);

        if (r < 0)
            return r;
        s->to += got;
    }
    *ret = bytes_of(s->ahead + s->from, min_size(n, s->to - s->from));
    return 0;
}

int stream_read(struct stream *s, void *buf, size_t n, size_t *ret_n, struct err *err)
{
    uint8_t *to = buf;
    size_t have = min_size(n, s->to - s->from);

    if (have)
        memcpy(to, s->ahead + s->from, have);
    s->from += have;
    while (have < n && !s->ended) {
        size_t got;
        int r = some(s, to + have, n - have, &got, err);

        if (r < 0)
            return r;
        have += got;
    }
    s->at += have;
    *ret_n = have;
    return 0;
}

int stream_need(struct stream *s, void *buf, size_t n, struct err *err)
{
    uint64_t at = s->at;
    size_t got = 0;
    int r = stream_read(s, buf, n, &got, err);

    if (r == 0 && got < n)
        return FAIL(err, ERR_SHORT,
                    "%zu bytes at offset %" PRIu64 ", but it ends at %" PRIu64, n, at,
                    s->at);
    return r;
}

void stream_close(struct stream *s)
{
    if (!s)
        return;
    free(s->ahead);
    s->driver->close(s);
}

/* ---- a descriptor */

struct fd_stream {
    struct stream stream;
    int fd;
};

static int fd_read(struct stream *s, uint8_t *buf, size_t n, size_t *ret_n,
                   struct err *err)
{
    struct fd_stream *f = CONTAINER_OF(s, struct fd_stream, stream);
    ssize_t got;

    do
        got = read(f->fd, buf, n);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return FAIL_SYS(err, errno, "read the stream");
    *ret_n = (size_t)got;
    return 0;
}

static void fd_close(struct stream *s)
{
    free(CONTAINER_OF(s, struct fd_stream, stream));
}

static const struct stream_driver fd_driver = {
    .name = "pipe",
    .read = fd_read,
    .close = fd_close,
};

int stream_fd_open(struct stream **ret, int fd, struct err *err)
{
    struct fd_stream *f = calloc(1, sizeof *f);

    if (!f)
        return FAIL(err, ERR_NOMEM, "no memory for a stream");
    f->stream.driver = &fd_driver;
    f->fd = fd;
    *ret = &f->stream;
    return 0;
}

/* ---- a block */

struct block_stream {
    struct stream stream;
    struct block *block; /* own reference */
    uint64_t off;
};

static int block_stream_read(struct stream *s, uint8_t *buf, size_t n, size_t *ret_n,
                             struct err *err)
{
    struct block_stream *b = CONTAINER_OF(s, struct block_stream, stream);
    int r;

    n = (size_t)min_u64(n, b->block->size - b->off);
    r = block_read(b->block, buf, n, b->off, err);
    if (r < 0)
        return r;
    b->off += n;
    *ret_n = n;
    return 0;
}

static void block_stream_close(struct stream *s)
{
    struct block_stream *b = CONTAINER_OF(s, struct block_stream, stream);

    block_unref(b->block);
    free(b);
}

static const struct stream_driver block_stream_driver = {
    .name = "file",
    .read = block_stream_read,
    .close = block_stream_close,
};

int stream_block_open(struct stream **ret, struct block *block, struct err *err)
{
    struct block_stream *b = calloc(1, sizeof *b);

    if (!b)
        return FAIL(err, ERR_NOMEM, "no memory for a stream");
    b->stream.driver = &block_stream_driver;
    b->block = block_ref(block);
    *ret = &b->stream;
    return 0;
}
