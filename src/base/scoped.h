/* SPDX-License-Identifier: GPL-2.0-or-later */
/* scoped.h: ownership that is visible at the declaration
 *
 *     AUTO(freep) char *text = strdup(s);    freed at every return
 *     *ret = TAKE(text);                     ownership moves out, text becomes NULL
 *
 * A function with owning locals has no goto.  `fn` of AUTO takes a pointer to the
 * variable. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define AUTO(fn) __attribute__((cleanup(fn)))

#define TAKE(p)                    \
    ({                             \
        __typeof__(p) take_ = (p); \
        (p) = NULL;                \
        take_;                     \
    })

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/* The struct that holds member `m`, given the member's address. */
#define CONTAINER_OF(p, type, m) \
    ((type *)(void *)((char *)(p) - __builtin_offsetof(type, m)))

static inline void freep(void *p)
{
    void **pp = p;

    free(*pp);
    *pp = NULL;
}

static inline void closep(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static inline void fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
    *f = NULL;
}
