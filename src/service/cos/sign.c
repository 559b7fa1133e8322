/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/sign.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/scoped.h"
#include "base/text.h"

enum {
    SHA1_SIZE = 20,
    SHA1_HEX = 2 * SHA1_SIZE,
    NAMES_MAX = 100, /* of headers, and of parameters */
    STRING_MAX = 128 * 1024,
};

static void to_hex(char ret[SHA1_HEX + 1], const uint8_t raw[SHA1_SIZE])
{
    for (size_t i = 0; i < SHA1_SIZE; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}

static int hmac_hex(char ret[SHA1_HEX + 1], const char *key, const char *text,
                    struct err *err)
{
    uint8_t raw[EVP_MAX_MD_SIZE];

    if (!HMAC(EVP_sha1(), key, (int)strlen(key), (const uint8_t *)text, strlen(text), raw,
              NULL))
        return FAIL(err, ERR_NOMEM, "hmac");
    to_hex(ret, raw);
    return 0;
}

/* ---- reading */

static bool times_of(const char *text, int64_t *ret_start, int64_t *ret_end)
{
    const char *semicolon = strchr(text, ';');
    uint64_t start, end;

    if (!semicolon || !text_u64(&start, bytes_of(text, (size_t)(semicolon - text))) ||
        !text_u64(&end, bytes_of(semicolon + 1, strlen(semicolon + 1))) ||
        start > INT64_MAX || end > INT64_MAX)
        return false;
    *ret_start = (int64_t)start;
    *ret_end = (int64_t)end;
    return true;
}

static bool is_sha1_hex(const char *s)
{
    return strlen(s) == SHA1_HEX && strspn(s, "0123456789abcdef") == SHA1_HEX;
}

int cos_sign_read(struct cos_sign *ret, struct arena *a, const char *authorization,
                  const struct cos_query *q, struct err *err)
{
    struct cos_query fields;
    struct cos_sign s = {.in_query = cos_query_get(q, "q-signature") != NULL};
    const char *algorithm;
    int64_t key_start, key_end;

    if (!s.in_query) {
        int r;

        if (!authorization || !strstr(authorization, "q-sign-algorithm="))
            return 0;
        r = cos_query_read(&fields, a, authorization, err);
        if (r < 0)
            return r;
        q = &fields;
    }
    algorithm = cos_query_get(q, "q-sign-algorithm");
    s.ak = cos_query_get(q, "q-ak");
    s.sign_time = cos_query_get(q, "q-sign-time");
    s.key_time = cos_query_get(q, "q-key-time");
    s.headers = cos_query_get(q, "q-header-list");
    s.params = cos_query_get(q, "q-url-param-list");
    s.signature = cos_query_get(q, "q-signature");
    if (!algorithm || !s.ak || !s.sign_time || !s.key_time || !s.headers || !s.params ||
        !s.signature)
        return FAIL(err, ERR_ARG, "a field of the signature is missing");
    if (strcmp(algorithm, "sha1") != 0)
        return FAIL(err, ERR_ARG, "q-sign-algorithm is not sha1");
    if (!is_sha1_hex(s.signature))
        return FAIL(err, ERR_ARG, "q-signature is not 40 hexadecimal digits");
    if (!times_of(s.sign_time, &s.start, &s.end) ||
        !times_of(s.key_time, &key_start, &key_end))
        return FAIL(err, ERR_ARG, "q-sign-time or q-key-time is not START;END");
    if (key_start > s.start)
        s.start = key_start;
    if (key_end < s.end)
        s.end = key_end;
    *ret = s;
    return 1;
}

/* ---- verifying */

static int put_lower(struct buf *to, const char *text, size_t n, struct err *err)
{
    size_t from = to->n;
    int r = buf_append(to, text, n, err);

    for (size_t i = from; r == 0 && i < to->n; i++)
        if (to->p[i] >= 'A' && to->p[i] <= 'Z')
            to->p[i] = (char)(to->p[i] | 32);
    return r;
}

static const char *param_of(const struct cos_signed *req, const char *name,
                            struct err *err)
{
    for (size_t i = 0; i < req->query->n; i++) {
        AUTO(buf_fini) struct buf encoded = {0};

        if (cos_encode(&encoded, req->query->v[i].name, false, err) == 0 &&
            strcasecmp(buf_str(&encoded), name) == 0)
            return req->query->v[i].value;
    }
    return "";
}

static const char *header_of(const struct cos_signed *req, const char *host,
                             const char *name)
{
    const char *value = strcmp(name, "host") == 0 ? host : req->header(req->arg, name);

    return value ? value : "";
}

/* "name=value&name=value\n" of the names in `list`, in its order. */
static int put_listed(struct buf *to, const struct cos_signed *req, const char *list,
                      const char *host, struct err *err)
{
    int r = 0;

    for (unsigned count = 0; r == 0 && *list; count++) {
        size_t n = strcspn(list, ";");
        AUTO(buf_fini) struct buf name = {0};

        if (count == NAMES_MAX)
            return FAIL(err, ERR_LIMIT, "more than %d signed names", NAMES_MAX);
        r = put_lower(&name, list, n, err);
        if (r == 0 && count)
            r = buf_puts(to, "&", err);
        if (r == 0)
            r = buf_printf(to, err, "%s=", buf_str(&name));
        if (r == 0)
            r = cos_encode(to,
                           host ? header_of(req, host, buf_str(&name))
                                : param_of(req, buf_str(&name), err),
                           false, err);
        list += n + (list[n] == ';');
    }
    return r < 0 ? r : buf_puts(to, "\n", err);
}

static int signature_of(char ret[SHA1_HEX + 1], const struct cos_sign *s,
                        const struct cos_signed *req, const char *path, const char *host,
                        const char *secret_key, struct err *err)
{
    AUTO(buf_fini) struct buf http = {.max = STRING_MAX}, text = {.max = STRING_MAX};
    char sign_key[SHA1_HEX + 1], digest[SHA1_HEX + 1];
    uint8_t raw[EVP_MAX_MD_SIZE];
    int r = put_lower(&http, req->method, strlen(req->method), err);

    if (r == 0)
        r = buf_printf(&http, err, "\n%s\n", path);
    if (r == 0)
        r = put_listed(&http, req, s->params, NULL, err);
    if (r == 0)
        r = put_listed(&http, req, s->headers, host, err);
    if (r < 0)
        return r;
    if (EVP_Digest(http.p, http.n, raw, NULL, EVP_sha1(), NULL) != 1)
        return FAIL(err, ERR_NOMEM, "sha1");
    to_hex(digest, raw);
    r = buf_printf(&text, err, "sha1\n%s\n%s\n", s->sign_time, digest);
    if (r == 0)
        r = hmac_hex(sign_key, secret_key, s->key_time, err);
    if (r == 0)
        r = hmac_hex(ret, sign_key, buf_str(&text), err);
    OPENSSL_cleanse(sign_key, sizeof sign_key);
    return r;
}

int cos_sign_make(char ret[COS_SIGNATURE + 1], const struct cos_sign *s,
                  const struct cos_signed *req, const char *secret_key, struct err *err)
{
    return signature_of(ret, s, req, req->paths[0], req->hosts[0], secret_key, err);
}

int cos_sign_verify(const struct cos_sign *s, const struct cos_signed *req,
                    const char *secret_key, struct err *err)
{
    for (size_t i = 0; i < COS_SIGN_TRIES; i++) {
        const char *path = req->paths[i & 1], *host = req->hosts[i >> 1];
        char want[SHA1_HEX + 1];
        int r;

        if (!path || !host)
            continue;
        r = signature_of(want, s, req, path, host, secret_key, err);
        if (r < 0)
            return r;
        if (CRYPTO_memcmp(want, s->signature, SHA1_HEX) == 0)
            return 1;
    }
    return 0;
}
