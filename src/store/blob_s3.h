/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_s3.h: what the files of the driver for buckets share */
#pragma once

#include <pthread.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "store/blob_driver.h"
#include "store/s3_url.h"

enum {
    S3_ANSWER_MAX = 8 << 20, /* of a list */
    S3_ID_MAX = 512,
};

struct s3 {
    struct blobs blobs;
    struct s3_place place;
    char *key_id, *key_secret;
    char sign[128]; /* "aws:amz:<region>:s3" */
    /* Connections at rest. */
    pthread_mutex_t lock;
    CURL *idle[16];
    size_t n_idle;
};

/* One request and its answer. */
struct s3_exchange {
    const char *method; /* "GET", "PUT", "POST", "DELETE", "HEAD" */
    const char *key;    /* "" the bucket */
    const struct s3_param *params;
    size_t n_params;
    const void *body;
    uint64_t n_body, sent;
    const char *range;
    uint8_t *to; /* where the bytes of a 200 or 206 go, if not into `text` */
    size_t room, got;
    CURL *curl;
    /* The answer. */
    long status;
    struct buf text;
    char etag[S3_ID_MAX];
    uint64_t length;
};

static inline struct s3 *s3_of(struct blobs *b)
{
    return CONTAINER_OF(b, struct s3, blobs);
}

void s3_exchange_fini(struct s3_exchange *x);

/* Tried again where no answer comes, or one that may be another the next time.  The
 * server's word on it is in x->status; it may be a refusal. */
int s3_ask(struct s3 *s, struct s3_exchange *x, struct err *err);
/* The same; a refusal fails. */
int s3_ask_good(struct s3 *s, struct s3_exchange *x, struct err *err);
/* Fails with what the server said. */
int s3_refused(const struct s3_exchange *x, struct err *err);

/* -- for a request that is driven elsewhere */

/* The headers of every request, the caller's to free, or NULL.  Given ones are signed,
 * and so is one that is taken away: "Expect:" would be refused. */
struct curl_slist *s3_headers(const char *method);
/* What all requests have in common; `headers` stay the caller's. */
int s3_set_up(struct s3 *s, CURL *c, const char *method, const char *key,
              const struct s3_param *params, size_t n_params, struct curl_slist *headers,
              struct err *err);

/* -- writers (blob_s3_write.c) */

int s3_create(struct blob_writer **ret, struct blobs *b, const char *key, uint64_t size,
              struct err *err);
int s3_write(struct blob_writer *writer, const void *p, size_t n, struct err *err);
int s3_commit(struct blob_writer *writer, struct err *err);
void s3_end(struct blob_writer *writer);
