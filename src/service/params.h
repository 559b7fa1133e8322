/* SPDX-License-Identifier: GPL-2.0-or-later */
/* params.h: the parameters of actions, as tables
 *
 * One table drives decoding of JSON bodies and of flattened names (Filters.0.Values.1),
 * the errors UnknownParameter, MissingParameter, InvalidParameter and
 * InvalidParameterValue, and docs/openapi.json. */
#pragma once

#include <jansson.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    PARAM_NAME_MAX = 128,  /* of a flattened name */
    PARAM_COUNT_MAX = 512, /* flattened names of one request */
    PARAM_ITEMS_MAX = 512, /* of one list, whatever its row says */
    PARAM_DEPTH_MAX = 8,
};

enum param_type {
    PARAM_TEXT,
    PARAM_INT,
    PARAM_BOOL,
    PARAM_OBJECT,  /* members[] */
    PARAM_TEXTS,   /* list of PARAM_TEXT */
    PARAM_OBJECTS, /* list of PARAM_OBJECT */
};

struct param {
    const char *name; /* NULL ends a table */
    enum param_type type;
    bool required;
    int64_t min, max;    /* PARAM_INT: values; texts: characters; 0, 0: 4096 characters */
    unsigned items;      /* lists: the most there may be; 0: PARAM_ITEMS_MAX */
    const char *choices; /* texts: words parted by "|"; NULL: any */
    const struct param *members;
    const char *code;       /* when a value breaks its limit or choice; NULL:
                               InvalidParameterValue */
    const char *items_code; /* when there are too many; NULL:
                               InvalidParameterValue.LimitExceeded */
};

struct call;

/* The names that belong to the envelope of signature v1 (Action, Nonce, ...), not to an
 * action. */
bool param_is_common(const char *name);

/* Checks `given` (a JSON object) against the table.  On failure call_error() was used. */
int params_check(struct call *c, const struct param *table, const json_t *given);

/* "a=1&Filters.0.Name=x", percent-decoded, as a JSON object with lists: values are texts
 * still, typed by params_type().  ERR_ARG: not such a text. */
int params_unflatten(json_t **ret, struct bytes query, struct err *err);

/* Turns the texts of params_unflatten() into the types of the table, where they read so.
 */
int params_type(json_t *object, const struct param *table, struct err *err);
