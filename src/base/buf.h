/* SPDX-License-Identifier: GPL-2.0-or-later */
/* buf.h: bytes that grow, up to a limit
 *
 *     AUTO(buf_fini) struct buf b = {.max = INITRD_MAX};
 *
 * Always NUL-terminated past n when p is not NULL, so text can be handed on as a string.
 * One thread at a time. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct buf {
    char *p;    /* NULL while empty */
    size_t n;   /* bytes used */
    size_t cap; /* bytes allocated */
    size_t max; /* 0: no limit.  Appending past it is ERR_LIMIT */
};

void buf_fini(struct buf *b);
/* Forgets the content, keeps the memory. */
void buf_clear(struct buf *b);
/* Makes room for n more bytes; they are then written at b->p + b->n and counted by the
 * caller. */
int buf_reserve(struct buf *b, size_t n, struct err *err);
int buf_append(struct buf *b, const void *p, size_t n, struct err *err);
int buf_puts(struct buf *b, const char *s, struct err *err);
int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static inline struct bytes buf_bytes(const struct buf *b)
{
    return (struct bytes){(const uint8_t *)b->p, b->n};
}

/* The content as a string; "" when empty. */
static inline const char *buf_str(const struct buf *b)
{
    return b->p ? b->p : "";
}
