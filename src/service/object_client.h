/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object_client.h: files into the object endpoint and out of it, signed as sign.h of cos/
 * has it
 *
 * What `imgport image import NAME FILE`, `imgport bucket` and `imgport object` speak. The
 * endpoint is the daemon's, which knows the bucket by the Host header.  As client.h: no
 * redirects, no proxy, nothing is shared between calls.  What the service refuses is
 * ERR_NOTFOUND, and its code stands behind the message. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

/* Larger files go in parts of that size, each tried again when the connection breaks. */
#define OBJECT_PART_SIZE (UINT64_C(256) << 20)

struct object_client {
    const char *endpoint; /* "http://127.0.0.1:8780" */
    const char *secret_id, *secret_key;
    const char *ca_file; /* of the certificates to trust; NULL or "": the system's */
    const char *bucket;  /* "imports-1250000001"; NULL: of all there are */
    const char *region;
    /* Told of each piece that was sent or had; not 0 ends the call.  total is 0 where
     * nobody says it.  May be NULL. */
    int (*goes_on)(void *arg, uint64_t done, uint64_t total);
    void *arg;
};

/* "name-1250000001": may be one? */
bool object_client_is_bucket(const char *name);

/* *had: it is there already and one's own; NULL: then that is an error. */
int object_client_make_bucket(const struct object_client *c, bool *had, struct err *err);
int object_client_drop_bucket(const struct object_client *c, struct err *err);

struct object_bucket {
    const char *name, *region, *created; /* "2019-05-24T11:04:51.000Z" */
};

/* Those of the account, in every region.  row() ends it by a negative number. */
int object_client_buckets(const struct object_client *c,
                          int (*row)(void *arg, const struct object_bucket *b,
                                     struct err *err),
                          void *arg, struct err *err);

struct object_entry {
    const char *key, *modified;
    const char *etag; /* without quotes; of an upload "" */
    uint64_t size;
    const char *upload; /* the id of one in parts that nobody finished; else "" */
};

/* All whose keys begin so, in the order of their bytes; a page of them is held.  Or the
 * uploads that were not finished, whose `modified` is when they began. */
int object_client_list(const struct object_client *c, const char *prefix, bool unfinished,
                       int (*row)(void *arg, const struct object_entry *o,
                                  struct err *err),
                       void *arg, struct err *err);

/* The `size` bytes of fd.  When it fails, no part of it is kept there, or the message
 * says so. */
int object_client_put(const struct object_client *c, const char *key, int fd,
                      uint64_t size, struct err *err);

/* Hands its bytes on, in their order.  A connection that breaks on the way is made again
 * and the rest asked for; an object that is another one by then is ERR_CONFLICT.  Where
 * the ETag is an MD5, or one of the parts that object_client_put() makes, ERR_CORRUPT
 * when the bytes have another; *checked: they had this one. */
int object_client_get(uint64_t *size, bool *checked, const struct object_client *c,
                      const char *key,
                      int (*take)(void *arg, struct bytes piece, struct err *err),
                      void *arg, struct err *err);

/* *ret false: it is not there; true: it is, or that is not told. */
int object_client_has(bool *ret, const struct object_client *c, const char *key,
                      struct err *err);
/* Also when it is not there. */
int object_client_delete(const struct object_client *c, const char *key, struct err *err);
/* Drops an upload that was not finished. */
int object_client_abort(const struct object_client *c, const char *key,
                        const char *upload, struct err *err);
/* Appends a link to it, signed for that many seconds. */
int object_client_link(struct buf *to, const struct object_client *c, const char *key,
                       int64_t seconds, struct err *err);
