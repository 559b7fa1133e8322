/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object_client.h: a file into the object endpoint, signed as sign.h of cos/ has it
 *
 * What `imgport image import NAME FILE` uploads with.  The endpoint is the daemon's,
 * which knows the bucket by the Host header.  As client.h: no redirects, no proxy,
 * nothing is shared between calls. */
#pragma once

#include <stdint.h>

#include "base/buf.h"

/* Larger files go in parts of that size, each tried again when the connection breaks. */
#define OBJECT_PART_SIZE (UINT64_C(256) << 20)

struct object_client {
    const char *endpoint; /* "http://127.0.0.1:8780" */
    const char *secret_id, *secret_key;
    const char *ca_file; /* of the certificates to trust; NULL or "": the system's */
    const char *bucket;  /* "imports-1250000001" */
    const char *region;
    /* Told of each piece that was sent; not 0 ends the call.  May be NULL. */
    int (*goes_on)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

/* Also when it is there already and one's own. */
int object_client_make_bucket(const struct object_client *c, struct err *err);
/* The `size` bytes of fd.  When it fails, no part of it is kept there. */
int object_client_put(const struct object_client *c, const char *key, int fd,
                      uint64_t size, struct err *err);
int object_client_delete(const struct object_client *c, const char *key, struct err *err);
/* Appends a link to it, signed for that many seconds. */
int object_client_link(struct buf *to, const struct object_client *c, const char *key,
                       int64_t seconds, struct err *err);
