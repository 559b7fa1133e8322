/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sign.h: the two signatures of API 3.0, as pure functions
 *
 * Both answer NULL (good) or the vendor's error code, a static text.  Signatures are
 * compared in constant time.  Any thread.
 *
 * TC3-HMAC-SHA256 signs method, query, some headers and the hash of the body.  Clients
 * differ in two ways that all have to be taken: the Node SDK signs the host without its
 * port but sends it with one, and the vendor's worked example signs header values in
 * lower case. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

enum {
    SIGN_HEADERS_MAX = 32, /* in SignedHeaders */
    SIGN_CANONICAL_MAX =
        96 * 1024, /* of the text that is signed: a query of 32 KiB fits */
};

/* An Authorization header, taken apart.  Borrows from it. */
struct tc3 {
    struct bytes secret_id, date, service, headers, signature;
};

const char *tc3_read(struct tc3 *ret, const char *authorization);

struct tc3_request {
    const char *method;    /* "GET", "POST" */
    const char *query;     /* as sent; of a GET only */
    const char *host;      /* as sent, with its port */
    const char *timestamp; /* X-TC-Timestamp */
    struct bytes body;
    bool unsigned_payload; /* X-TC-Content-SHA256: UNSIGNED-PAYLOAD */
    /* A header's value, NULL when it was not sent; `name` is lower case. */
    const char *(*header)(void *arg, const char *name);
    void *arg;
};

/* `now` and `window` in seconds. */
const char *tc3_verify(const struct tc3 *t, const struct tc3_request *req,
                       const char *secret_key, int64_t now, int64_t window);

enum { TC3_AUTHORIZATION_MAX = 512 };

/* The Authorization of a POST to "/" that signs content-type and host, at `now`.
 * Negative: something does not fit. */
int tc3_sign(char ret[TC3_AUTHORIZATION_MAX], const char *secret_id,
             const char *secret_key, const char *service, const char *host,
             const char *content_type, int64_t now, struct bytes body);

/* Signature v1: a form parameter over all the others, their values not encoded. */
struct v1_pair {
    struct bytes name, value; /* decoded */
};

enum { V1_SHA1, V1_SHA256 };

struct v1_request {
    const char *method, *host, *path;
    int hash;              /* V1_SHA1, V1_SHA256 */
    struct v1_pair *pairs; /* all but Signature; sorted here */
    size_t n_pairs;
    struct bytes signature; /* base64, decoded from the form */
};

const char *v1_verify(const struct v1_request *req, const char *secret_key);

/* Seconds of a decimal text; codes as above: AuthFailure.SignatureExpire outside the
 * window, InvalidParameter when it is no number. */
const char *sign_time(int64_t *ret, struct bytes text, int64_t now, int64_t window);

void hmac_sha256(uint8_t ret[32], struct bytes key, struct bytes text);
