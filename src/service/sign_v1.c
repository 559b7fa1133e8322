/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "service/sign.h"

enum { SOURCE_MAX = 4 << 20 };

static int by_name(const void *a, const void *b)
{
    const struct v1_pair *x = a, *y = b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int r = n ? memcmp(x->name.p, y->name.p, n) : 0;

    return r ? r : x->name.n < y->name.n ? -1 : x->name.n > y->name.n;
}

static int make_source(struct buf *to, const struct v1_request *req)
{
    if (buf_printf(to, NULL, "%s%s%s?", req->method, req->host, req->path) < 0)
        return -1;
    for (size_t i = 0; i < req->n_pairs; i++) {
        const struct v1_pair *p = &req->pairs[i];

        if ((i > 0 && buf_append(to, "&", 1, NULL) < 0) ||
            buf_append(to, p->name.p, p->name.n, NULL) < 0 ||
            buf_append(to, "=", 1, NULL) < 0 ||
            buf_append(to, p->value.p, p->value.n, NULL) < 0)
            return -1;
    }
    return 0;
}

const char *v1_verify(const struct v1_request *req, const char *secret_key)
{
    AUTO(buf_fini) struct buf source = {.max = SOURCE_MAX};
    uint8_t raw[EVP_MAX_MD_SIZE];
    char want[4 * EVP_MAX_MD_SIZE / 3 + 5];
    unsigned n = 0;
    int length;

    qsort(req->pairs, req->n_pairs, sizeof *req->pairs, by_name);
    if (make_source(&source, req) < 0 ||
        !HMAC(req->hash == V1_SHA1 ? EVP_sha1() : EVP_sha256(), secret_key,
              (int)strlen(secret_key), (const uint8_t *)source.p, source.n, raw, &n))
        return "AuthFailure.SignatureFailure";
    length = EVP_EncodeBlock((uint8_t *)want, raw, (int)n);
    if (req->signature.n != (size_t)length ||
        CRYPTO_memcmp(want, req->signature.p, req->signature.n) != 0)
        return "AuthFailure.SignatureFailure";
    return NULL;
}
