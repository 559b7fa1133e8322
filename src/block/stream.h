/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream.h: bytes that come in order and only once
 *
 * What a block is to a file, a stream is to a pipe.  One thread at a time. */
#pragma once

#include "base/bytes.h"
#include "block/block.h"

struct stream;

struct stream_driver {
    const char *name;

    /* At least one and at most n bytes to buf; *ret_n 0 is the end, and is asked for no
     * more than once.  n > 0. */
    int (*read)(struct stream *s, uint8_t *buf, size_t n, size_t *ret_n, struct err *err);

    void (*close)(struct stream *s);
};

/* Drivers put this first in their own struct, zeroed but for the driver. */
struct stream {
    const struct stream_driver *driver;
    uint64_t at;    /* bytes handed out by stream_read() */
    uint8_t *ahead; /* [from, to) came and was only peeked at */
    size_t from, to;
    bool ended;
};

enum { STREAM_PEEK_MAX = 64 * 1024 };

/* The next n bytes (at most STREAM_PEEK_MAX), or all there are, without taking them. They
 * are borrowed until the next call. */
int stream_peek(struct bytes *ret, struct stream *s, size_t n, struct err *err);

/* n bytes, fewer only where the stream ends. */
int stream_read(struct stream *s, void *buf, size_t n, size_t *ret_n, struct err *err);

/* All n bytes; ERR_SHORT where it ends before. */
int stream_need(struct stream *s, void *buf, size_t n, struct err *err);

void stream_close(struct stream *s); /* NULL is fine */

static inline void stream_closep(struct stream **s)
{
    stream_close(*s);
    *s = NULL;
}

/* A pipe, socket or file from where it stands; fd is borrowed. */
int stream_fd_open(struct stream **ret, int fd, struct err *err);

/* A block from its beginning; takes its own reference. */
int stream_block_open(struct stream **ret, struct block *b, struct err *err);
