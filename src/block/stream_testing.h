/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stream_testing.h: for tests and fuzzers, a stream out of memory */
#pragma once

#include <stdlib.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "block/stream.h"

struct mem_stream {
    struct stream stream;
    struct bytes left;
    size_t step;     /* bytes that come at a time, at most */
    uint64_t broken; /* ERR_IO instead of the byte with this number; 0: never */
    uint64_t at;
};

static inline int mem_stream_read(struct stream *s, uint8_t *buf, size_t n, size_t *ret_n,
                                  struct err *err)
{
    struct mem_stream *m = CONTAINER_OF(s, struct mem_stream, stream);

    n = min_size(min_size(n, m->step), m->left.n);
    if (m->broken && m->at + n >= m->broken)
        return FAIL(err, ERR_IO, "injected fault");
    if (n)
        memcpy(buf, m->left.p, n);
    m->left = bytes_of(m->left.p + n, m->left.n - n);
    m->at += n;
    *ret_n = n;
    return 0;
}

/* What was allocated for peeking is freed by stream_close(); the rest is the caller's. */
static inline void mem_stream_close(struct stream *s)
{
    (void)s;
}

static const struct stream_driver mem_stream_driver = {
    .name = "memory",
    .read = mem_stream_read,
    .close = mem_stream_close,
};

static inline struct mem_stream mem_stream_of(struct bytes b, size_t step)
{
    return (struct mem_stream){{.driver = &mem_stream_driver}, b, step, 0, 0};
}

static inline void mem_stream_fini(struct mem_stream *m)
{
    stream_close(&m->stream);
}
