/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map.h: the ways to print a map, each as the pieces of it come */
#pragma once

#include <jansson.h>

#include "imgport/imgport.h"

/* What the runs of a list are of, and how much of each kind there was. */
struct map_sums {
    uint64_t bytes[IMGPORT_FREE + 1];
    uint64_t runs[IMGPORT_FREE + 1];
    uint64_t compressed; /* bytes of the data */
};

static inline void map_count(struct map_sums *s, const struct imgport_run *r)
{
    s->bytes[r->kind] += r->length;
    s->runs[r->kind]++;
    s->compressed += r->compressed ? r->length : 0;
}

/* Prints to standard output.  `state` begins as `size` bytes of zeros. */
struct map_printer {
    size_t size;
    void (*layout)(void *state, const json_t *facts, const char *source);
    void (*list)(void *state, const char *device);
    void (*run)(void *state, const struct imgport_run *r);
    void (*problem)(void *state, const char *message);
    /* Always the last: `error` is why the map ends here, or NULL.  Releases what the
     * state holds. */
    void (*end)(void *state, const char *error);
};

extern const struct map_printer map_text, map_json, map_svg;
