/* SPDX-License-Identifier: GPL-2.0-or-later */
/* query.h: the query of an object request, decoded
 *
 * A "+" is a plus.  A name that stands there twice counts where it stands first: for the
 * signature and for what is done. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"

enum { COS_QUERY_MAX = 100 };

struct cos_pair {
    const char *name, *value; /* "" without a value */
    bool has_value;
};

struct cos_query {
    struct cos_pair v[COS_QUERY_MAX];
    size_t n;
};

/* ERR_ARG: an escape that is none, a NUL, or no UTF-8.  ERR_LIMIT. */
int cos_query_read(struct cos_query *ret, struct arena *a, const char *query,
                   struct err *err);
/* The value, or NULL when the name is not there. */
const char *cos_query_get(const struct cos_query *q, const char *name);

/* %XX resolved.  ERR_ARG as above. */
int cos_decode(const char **ret, struct arena *a, struct bytes text, struct err *err);
/* As encodeURIComponent, and also ! ' ( ) *; "/" stays when `slash` is set. */
int cos_encode(struct buf *to, const char *text, bool slash, struct err *err);

bool cos_is_utf8(struct bytes b);
