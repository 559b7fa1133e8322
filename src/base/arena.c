/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/arena.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

struct arena_chunk {
    struct arena_chunk *next;
    size_t used, cap;
    max_align_t data[];
};

enum { ARENA_CHUNK = 16 * 1024 };

void arena_fini(struct arena *a)
{
    struct arena_chunk *c = a->chunks;

    while (c) {
        struct arena_chunk *next = c->next;

        free(c);
        c = next;
    }
    *a = (struct arena){.max = a->max};
}

void *arena_alloc(struct arena *a, size_t n)
{
    struct arena_chunk *c = a->chunks;
    size_t need;
    void *p;

    if (n > SIZE_MAX / 2 || (a->max && (a->used > a->max || n > a->max - a->used))) {
        a->failed = true;
        return NULL;
    }
    need = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (!c || need > c->cap - c->used) {
        size_t cap = need > ARENA_CHUNK ? need : ARENA_CHUNK;

        c = calloc(1, sizeof *c + cap);
        if (!c) {
            a->failed = true;
            return NULL;
        }
        c->cap = cap;
        c->next = a->chunks;
        a->chunks = c;
    }
    p = (char *)c->data + c->used;
    c->used += need;
    a->used += need;
    return p;
}

const char *arena_strn(struct arena *a, const char *s, size_t n)
{
    char *p = arena_alloc(a, n + 1);

    if (!p)
        return "";
    if (n) /* an empty window may point nowhere */
        memcpy(p, s, n);
    return p;
}

const char *arena_str(struct arena *a, const char *s)
{
    return arena_strn(a, s, strlen(s));
}

const char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap;
    char *p;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (!p)
        return "";
    va_start(ap, fmt);
    vsnprintf(p, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return p;
}

const char *arena_text(struct arena *a, struct bytes raw, size_t max)
{
    size_t n = text_clean(NULL, 0, raw, max);
    char *p = arena_alloc(a, n + 1);

    if (!p)
        return "";
    text_clean(p, n + 1, raw, max);
    return p;
}

int arena_check(const struct arena *a, struct err *err)
{
    if (!a->failed)
        return 0;
    if (a->max)
        return FAIL(err, ERR_LIMIT, "facts larger than %zu bytes", a->max);
    return FAIL(err, ERR_NOMEM, "out of memory");
}

void *arena_list_add(struct arena *a, void **v, size_t *n, size_t *cap, size_t item)
{
    if (*n == *cap) {
        size_t more = *cap ? *cap * 2 : 4;
        void *p = more > SIZE_MAX / item ? NULL : arena_alloc(a, more * item);

        if (!p) {
            a->failed = true;
            return NULL;
        }
        if (*n)
            memcpy(p, *v, *n * item);
        *v = p;
        *cap = more;
    }
    return (char *)*v + (*n)++ * item;
}
