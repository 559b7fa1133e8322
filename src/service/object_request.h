/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object_request.h: one signed request to an object endpoint, and what was answered
 *
 * What the files behind object_client.h share; nobody else's. */
#pragma once

#include <stdbool.h>

#include "service/object_client.h"

enum {
    OBJECT_TRIES = 3,
    OBJECT_ETAG_MAX = 80,
    OBJECT_ANSWER_MAX = 8 << 20, /* a list of 1000 long keys, percent-encoded */
    OBJECT_LINES_MAX = 2,
};

/* Of an object that was sent in parts, how long those are: its ETag is made of theirs. */
#define OBJECT_PART_HEADER "x-cos-meta-imgport-part-size"

struct object_request {
    const struct object_client *c;
    const char *method, *key, *query;    /* "uploads", "" */
    const char *lines[OBJECT_LINES_MAX]; /* more headers, "Range: bytes=5-" */
    /* What is sent with neither GET nor HEAD: the text, or where it is NULL `size` bytes
     * of fd. */
    const char *body;
    int fd;
    uint64_t size;
    /* Where it begins in the whole, how much of it is over; progress is told of the whole
     * where it `tells`. */
    uint64_t start, sent, total;
    bool tells;
    int read_error;
    /* Gets the bytes of an answer that is no refusal, its headers being read; NULL: they
     * are in `answer`. */
    int (*take)(struct object_request *x, struct bytes piece, struct err *err);
    void *arg;
    struct err take_err;
    /* The answer. */
    struct buf answer;
    char etag[OBJECT_ETAG_MAX]; /* as sent: with its quotes */
    uint64_t length;            /* UINT64_MAX: not told */
    uint64_t range_start;       /* UINT64_MAX: not told */
    uint64_t part_size;         /* 0: not told */
    long status;
};

void object_request_fini(struct object_request *x);

/* ERR_IO: no answer, or one that it failed over there.  ERR_NOTFOUND: it was refused. */
int object_request_perform(struct object_request *x, struct err *err);

/* The name of the host that the bucket has, or the service. */
int object_request_host(struct buf *to, const struct object_client *c, struct err *err);

/* "q-sign-algorithm=sha1&...": with the host, and good for that long. */
int object_request_sign(struct buf *to, const struct object_client *c, const char *method,
                        const char *key, const char *host, int64_t seconds,
                        struct err *err);
