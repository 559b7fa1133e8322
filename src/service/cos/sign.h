/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sign.h: the q-sign signature of object storage, in a header or in a query
 *
 *     sign key       = hex(hmac-sha1(secret key, q-key-time))
 *     http string    = method \n path \n parameters \n headers \n
 *     string to sign = sha1 \n q-sign-time \n hex(sha1(http string)) \n
 *     q-signature    = hex(hmac-sha1(sign key, string to sign))
 *
 * The path is signed decoded, without the bucket; old clients with the bucket in the path
 * sign that as well.  Only parameters and headers that the two lists name count.  Pure,
 * any thread. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"
#include "service/cos/query.h"

enum { COS_SIGN_TRIES = 4, COS_SIGNATURE = 40 };

/* Taken apart; borrows from the text or query that it was read from. */
struct cos_sign {
    const char *ak;
    const char *sign_time, *key_time; /* "start;end", decoded */
    const char *headers, *params;     /* names, joined by ";" */
    const char *signature;            /* 40 hexadecimal digits, lower case */
    int64_t start, end;               /* UTC seconds: what both times allow */
    bool in_query;
};

/* 1: there is one.  0: there is none, or what there is means nothing: anonymous.
 * ERR_ARG: one with a part missing or broken. */
int cos_sign_read(struct cos_sign *ret, struct arena *a, const char *authorization,
                  const struct cos_query *q, struct err *err);

struct cos_signed {
    const char *method;
    const char *paths[2]; /* decoded, each may have been signed; NULL: no second */
    const char *hosts[2]; /* the same */
    const struct cos_query *query;
    /* A header's value, NULL when it was not sent; `name` is lower case. */
    const char *(*header)(void *arg, const char *name);
    void *arg;
};

/* 1: signed with this key.  0: not.  Negative: could not compute. */
int cos_sign_verify(const struct cos_sign *s, const struct cos_signed *request,
                    const char *secret_key, struct err *err);

/* The signature of a request by its first path and host: times and lists of names are
 * s's. */
int cos_sign_make(char ret[COS_SIGNATURE + 1], const struct cos_sign *s,
                  const struct cos_signed *request, const char *secret_key,
                  struct err *err);
