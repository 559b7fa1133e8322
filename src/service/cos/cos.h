/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cos.h: one request of object storage, and what the files of cos/ share
 *
 * A request is taken apart and its signature checked before its operation sees it; an
 * operation is a row of endpoint.c.  A function that refuses answers by cos_error() or
 * cos_fail() and returns their negative number. */
#pragma once

#include <semaphore.h>

#include <openssl/evp.h>

#include "service/call.h"
#include "service/cos/place.h"
#include "service/cos/query.h"
#include "service/cos/sign.h"
#include "service/http.h"
#include "service/workers.h"
#include "store/bucket.h"
#include "store/catalog.h"
#include "store/object.h"

enum {
    COS_BODY_MAX = 2 << 20, /* XML: the list of 10,000 parts fits */
    COS_META_MAX = 2048,    /* of an object's own headers */
    COS_PART_MIN = 1 << 20,
};
#define COS_PUT_MAX (UINT64_C(5) << 30) /* bytes of one PUT */

/* Keys of blobs that belong to objects and parts begin with this. */
#define COS_BLOBS "object"

enum cos_code {
#define COS_ERROR(code, status, text) COS_##code,
#include "service/cos/errors.def"
#undef COS_ERROR
};

enum cos_scope { COS_OF_SERVICE, COS_OF_BUCKET, COS_OF_OBJECT };

struct cos_endpoint {
    struct service *service;
    struct workers *undertaker; /* lets go of writers that were broken off: closing a
                                   large file without a name takes time; and the sweep */
    struct workers *writers;    /* write a piece while it is summed */
    _Atomic int64_t sweep_at;   /* UTC seconds: the next one */
    struct work sweep;
    struct http_handler handler;
};

/* Bytes on their way to the store. */
struct cos_stream {
    struct work write; /* of `piece`, by a writer */
    struct bytes piece;
    sem_t written; /* then these two say how it went */
    int write_result;
    struct err write_err;
    char blob[BLOB_KEY_MAX];
    struct blob_writer *writer;
    EVP_MD_CTX *md5;
    uint64_t size;
    uint8_t digest[16];
    char etag[33];
    uint8_t want[16]; /* Content-MD5 */
    bool has_want;
};

struct cos_request {
    struct cos_endpoint *cos;
    struct http_request *req;
    struct http_answer *a;
    struct arena arena;
    struct cos_place place;
    struct cos_query query;
    struct cos_sign sign;
    bool is_signed;
    struct key_holder caller; /* uin "": anonymous */
    const struct cos_op *op;
    struct bucket bucket;
    struct db *db; /* while it is worked on */
    struct cos_stream stream;
    const char *upload; /* of a part */
    unsigned part;
};

struct cos_op {
    const char *name; /* in the log */
    const char *method;
    enum cos_scope scope;
    const char *sub;                     /* a parameter that has to be there, or NULL */
    enum http_body body;                 /* NONE, COLLECT (XML), STREAM */
    int (*begin)(struct cos_request *q); /* [opt] before the body */
    int (*run)(struct cos_request *q);   /* body complete: fills the answer */
};

/* Which operation on what, by whom: fills place to bucket, and runs the operation's
 * begin().  q->db is open. */
int cos_take_apart(struct cos_request *q);

/* ---- answers: answer.c */

int cos_error(struct cos_request *q, enum cos_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What failed on our side: InternalError, or ServiceUnavailable when the store is full.
 */
int cos_fail(struct cos_request *q, const struct err *err);
/* Status and the headers of every answer.  Returns 0. */
int cos_answer(struct cos_request *q, unsigned status);
/* The same with application/xml; the body is in q->a->body. */
int cos_answer_xml(struct cos_request *q);
void cos_header(struct cos_request *q, const char *name, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends to the answer's body; a failure shows in the end, as a cut answer. */
void cos_xml(struct cos_request *q, const char *name, const char *text);
void cos_xml_raw(struct cos_request *q, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The same, percent-encoded when the request asks for encoding-type=url. */
void cos_xml_key(struct cos_request *q, const char *name, const char *text);
/* "2019-05-24T11:04:51.000Z" */
void cos_xml_time(struct cos_request *q, const char *name, int64_t t);
const char *cos_param(struct cos_request *q, const char *name); /* "" when absent */
/* A decimal parameter: `otherwise` when absent; negative number after cos_error(). */
int cos_number(unsigned *ret, struct cos_request *q, const char *name, unsigned least,
               unsigned most, unsigned otherwise);

/* ---- who may: acl.c */

enum cos_right {
    COS_READ,
    COS_WRITE,
    COS_READ_ACP,
    COS_WRITE_ACP,
};

bool cos_is_owner(const struct cos_request *q);
/* Of the bucket, or of an object when `o` is given. */
bool cos_may(const struct cos_request *q, enum cos_right right, const struct object *o);
/* AccessDenied unless cos_may(). */
int cos_must(struct cos_request *q, enum cos_right right, const struct object *o);
/* x-cos-acl and x-cos-grant-*; *acl stays when there is none. */
int cos_acl_headers(struct cos_request *q, enum cos_scope scope, enum acl *acl,
                    const char **grants);
/* An AccessControlPolicy.  Pure: ERR_CORRUPT. */
int cos_acl_read(struct arena *a, struct bytes xml, enum cos_scope scope,
                 const char *owner, enum acl *acl, const char **grants, struct err *err);
int cos_get_acl(struct cos_request *q);
int cos_put_acl(struct cos_request *q);

/* ---- bytes that come: stream.c */

int cos_stream_begin(struct cos_request *q);
int cos_stream_data(struct cos_request *q, struct bytes piece);
/* The blob is there, its MD5 in q->stream. */
int cos_stream_end(struct cos_request *q);
/* Whatever is left of it. */
void cos_stream_drop(struct cos_request *q);
/* Deletes blobs that no row names any more; what fails is left to the sweep. */
void cos_bury(struct cos_request *q, const struct dead_blobs *dead);
/* The headers an object keeps, as they stand in struct object. */
int cos_keep_headers(struct cos_request *q, const char **ret_type, const char **ret);

/* ---- operations */

int cos_get_service(struct cos_request *q);
int cos_put_bucket_begin(struct cos_request *q);
int cos_put_bucket(struct cos_request *q);
int cos_head_bucket(struct cos_request *q);
int cos_delete_bucket(struct cos_request *q);
int cos_get_location(struct cos_request *q);
int cos_list_objects(struct cos_request *q);
int cos_list_uploads(struct cos_request *q);
int cos_delete_objects(struct cos_request *q);
int cos_put_object_begin(struct cos_request *q);
int cos_put_object(struct cos_request *q);
int cos_get_object(struct cos_request *q); /* and HEAD */

/* What a GET is to answer with. */
struct cos_found {
    struct object object;
    struct object_pieces pieces; /* of the range; none when it is empty */
    uint64_t first, length;      /* the range, in the object */
    bool partial;
    bool one_time; /* the link is spent by it */
};

/* Asks whether it may be had, too. */
int cos_find_object(struct cos_request *q, struct cos_found *ret);
int cos_delete_object(struct cos_request *q);
int cos_begin_upload(struct cos_request *q);
int cos_put_part_begin(struct cos_request *q);
int cos_put_part(struct cos_request *q);
int cos_list_parts(struct cos_request *q);
int cos_complete_upload(struct cos_request *q);
int cos_abort_upload(struct cos_request *q);
