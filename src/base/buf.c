/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void buf_fini(struct buf *b)
{
    free(b->p);
    *b = (struct buf){.max = b->max};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    if (b->p)
        b->p[0] = '\0';
}

int buf_reserve(struct buf *b, size_t n, struct err *err)
{
    size_t need, cap;
    char *p;

    if (b->max && (b->n > b->max || n > b->max - b->n))
        return FAIL(err, ERR_LIMIT, "%zu bytes and %zu more, limit %zu", b->n, n, b->max);
    if (__builtin_add_overflow(b->n, n, &need) ||
        __builtin_add_overflow(need, (size_t)1, &need))
        return FAIL(err, ERR_NOMEM, "%zu bytes and %zu more", b->n, n);
    if (need <= b->cap)
        return 0;
    cap = b->cap ? b->cap : 64;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    p = realloc(b->p, cap);
    if (!p)
        return FAIL(err, ERR_NOMEM, "%zu bytes", cap);
    b->p = p;
    b->cap = cap;
    b->p[b->n] = '\0';
    return 0;
}

int buf_append(struct buf *b, const void *p, size_t n, struct err *err)
{
    int r = buf_reserve(b, n, err);

    if (r < 0)
        return r;
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
    return 0;
}

int buf_puts(struct buf *b, const char *s, struct err *err)
{
    return buf_append(b, s, strlen(s), err);
}

int buf_printf(struct buf *b, struct err *err, const char *fmt, ...)
{
    va_list ap;
    int n, r;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0)
        return FAIL(err, ERR_ARG, "text that cannot be formatted");
    r = buf_reserve(b, (size_t)n, err);
    if (r < 0)
        return r;
    va_start(ap, fmt);
    vsnprintf(b->p + b->n, (size_t)n + 1, fmt, ap);
    va_end(ap);
    b->n += (size_t)n;
    return 0;
}
