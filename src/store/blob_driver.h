/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_driver.h: what a store of blobs brings; blob.c checks keys, sizes and ranges, and
 * calls */
#pragma once

#include "store/blob.h"

struct blobs {
    const struct blob_driver *driver;
};

struct blob_writer {
    struct blobs *blobs;
    char key[BLOB_KEY_MAX];
    uint64_t size, written;
    int fd; /* for blob_writer_fd() */
    bool failed;
};

struct blob {
    struct blobs *blobs;
    uint64_t size;
    int fd; /* -1: none */
};

/* Each function is that of blob.h; a driver sets what is its own and leaves the common
 * part to blob.c, except blob->size and blob->fd in open(), and writer->fd in create().
 */
struct blob_driver {
    const char *scheme; /* "dir:" */
    int (*start)(struct blobs **ret, const struct blobs_options *o, const char *rest,
                 struct err *err);
    void (*stop)(struct blobs *b);
    int (*check)(struct blobs *b, struct err *err);
    int (*create)(struct blob_writer **ret, struct blobs *b, const char *key,
                  uint64_t size, struct err *err);
    int (*write)(struct blob_writer *w, const void *p, size_t n, struct err *err);
    /* Does not free. */
    int (*commit)(struct blob_writer *w, struct err *err);
    /* Frees; gives back what was not committed. */
    void (*end)(struct blob_writer *w);
    int (*open)(struct blob **ret, struct blobs *b, const char *key, struct err *err);
    void (*close)(struct blob *o);
    int (*read)(struct blob *o, void *buf, size_t n, uint64_t off, struct err *err);
    void (*read_once)(struct blob *o); /* [opt] */
    /* [opt] */
    int (*link)(struct blobs *b, const char *from, const char *to, struct err *err);
    int (*remove)(struct blobs *b, const char *key, struct err *err);
    int (*list)(struct blobs *b, const char *prefix,
                int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age,
                          struct err *err),
                void *arg, struct err *err);
    int (*sweep)(struct blobs *b, uint64_t age, struct err *err);
};

extern const struct blob_driver blob_dir_driver;
extern const struct blob_driver blob_s3_driver;
