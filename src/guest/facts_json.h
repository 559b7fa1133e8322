/* SPDX-License-Identifier: GPL-2.0-or-later */
/* facts_json.h: facts as JSON and back, by one table
 *
 * The shape is the contract of `imgport info --json`.  Reading back is for the broker,
 * who trusts the sender as little as an image: unknown keys are ignored, wrong types and
 * anything over the limits refused. */
#pragma once

#include <jansson.h>

#include "guest/facts.h"

enum {
    FACTS_LIST_MAX = 65536,    /* elements of one list */
    FACTS_STRING_MAX = 65536,  /* bytes of one string */
    FACTS_ARENA_MAX = 64 << 20 /* bytes of the whole, decoded */
};

/* A new reference; NULL when out of memory. */
json_t *facts_to_json(const struct facts *f);

/* Fills *ret, with strings in `a`.  ERR_CORRUPT for anything that facts_to_json() would
 * not have written. */
int facts_from_json(struct facts *ret, const json_t *json, struct arena *a,
                    struct err *err);
