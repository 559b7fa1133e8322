/* SPDX-License-Identifier: GPL-2.0-or-later */
/* s3_url.h: where an object of S3 is, as a URL that libcurl can sign
 *
 *     s3://bucket/prefix?endpoint=http://127.0.0.1:7480&style=path
 *
 * style=path: endpoint/bucket/key.  style=host (the default): bucket.endpoint/key.
 * Without an endpoint it is that of AWS for the region. */
#pragma once

#include "base/buf.h"

struct s3_place {
    char *scheme, *host; /* "http://", "127.0.0.1:7480" */
    char *bucket;
    char *prefix; /* "" or ends in "/" */
    bool path_style;
};

/* Behind "s3://".  ERR_ARG. */
int s3_place_read(struct s3_place *ret, const char *text, const char *region,
                  struct err *err);
void s3_place_fini(struct s3_place *p);

struct s3_param {
    const char *name, *value;
};

/* Parameters are in the order of their names already; each is written name=value, also
 * without a value, since that is what libcurl 7.88 signs as it stands.  key "" is the
 * bucket. */
int s3_url(struct buf *to, const struct s3_place *p, const char *key,
           const struct s3_param *params, size_t n, struct err *err);
