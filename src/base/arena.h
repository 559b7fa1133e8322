/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arena.h: many small things with one lifetime
 *
 * What an inspection finds is built once, read only afterwards, and freed in one call.
 * Running out (of memory, or of the arena's own budget) is sticky: strings then come back
 * as "", arrays as NULL, and whoever started the work asks arena_check() at its end, so
 * collectors need no error path for every string.  One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/err.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *chunks; /* newest first */
    size_t used;                /* bytes handed out */
    size_t max;                 /* 0: no budget */
    bool failed;
};

/* Frees everything that came from the arena.  NULL chunks are fine. */
void arena_fini(struct arena *a);

/* n zeroed bytes, aligned for anything; NULL (and failed) when there are none. */
void *arena_alloc(struct arena *a, size_t n);

/* Copies that end in a NUL; never NULL. */
const char *arena_str(struct arena *a, const char *s);
const char *arena_strn(struct arena *a, const char *s, size_t n);
const char *arena_printf(struct arena *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Copies bytes of a guest as text that is safe to print and to put into JSON: valid UTF-8
 * without control characters, everything else as \xNN; cut to `max` bytes with "...". */
const char *arena_text(struct arena *a, struct bytes raw, size_t max);

/* 0, or ERR_NOMEM / ERR_LIMIT when something did not fit. */
int arena_check(const struct arena *a, struct err *err);

/* Lists in an arena: struct { T *v; size_t n, cap; } declared by LIST(T). */
#define LIST(T)        \
    struct {           \
        T *v;          \
        size_t n, cap; \
    }

/* Appends one zeroed element; its address, or NULL when the arena has failed. */
#define LIST_ADD(arena, list)                                                        \
    ((__typeof__((list)->v))arena_list_add((arena), (void **)&(list)->v, &(list)->n, \
                                           &(list)->cap, sizeof *(list)->v))

void *arena_list_add(struct arena *a, void **v, size_t *n, size_t *cap, size_t item);
