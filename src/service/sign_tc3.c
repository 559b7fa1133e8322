/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/sign.h"

#define ALGORITHM     "TC3-HMAC-SHA256"
#define BAD_AUTH      "AuthFailure.InvalidAuthorization"
#define BAD_SIGNATURE "AuthFailure.SignatureFailure"

enum { HEX_SHA256 = 64, OWN_HASH_MAX = 4096, SERVICE_MAX = 255, SECRET_MAX = 128 };

/* For short texts the fixed cost of OpenSSL's contexts is larger than its speed saves. */
static void digest(uint8_t ret[32], struct bytes b)
{
    unsigned n = 32;

    if (b.n <= OWN_HASH_MAX || EVP_Digest(b.p, b.n, ret, &n, EVP_sha256(), NULL) != 1)
        sha256(ret, b.p, b.n);
}

void hmac_sha256(uint8_t ret[32], struct bytes key, struct bytes text)
{
    uint8_t inner[64 + 1024], outer[64 + 32], block[64] = {0};
    AUTO(freep) uint8_t *large = NULL;
    uint8_t *in = inner;

    if (key.n > sizeof block)
        sha256(block, key.p, key.n);
    else if (key.n)
        memcpy(block, key.p, key.n);
    if (text.n > sizeof inner - 64) {
        in = large = malloc(64 + text.n);
        if (!in) { /* a value that no signature has */
            memset(ret, 0, 32);
            return;
        }
    }
    for (int i = 0; i < 64; i++) {
        in[i] = block[i] ^ 0x36;
        outer[i] = block[i] ^ 0x5c;
    }
    if (text.n)
        memcpy(in + 64, text.p, text.n);
    digest(outer + 64, bytes_of(in, 64 + text.n));
    sha256(ret, outer, sizeof outer);
}

static void hex(char ret[HEX_SHA256 + 1], const uint8_t raw[32])
{
    static const char digits[] = "0123456789abcdef";

    for (int i = 0; i < 32; i++) {
        ret[2 * i] = digits[raw[i] >> 4];
        ret[2 * i + 1] = digits[raw[i] & 15];
    }
    ret[HEX_SHA256] = '\0';
}

/* "Name=value" up to a comma or the end; moves on behind it and the blanks. */
static bool take_field(struct bytes *ret, struct bytes *rest, const char *name)
{
    size_t n = strlen(name);
    const uint8_t *comma;

    *rest = text_trim(*rest);
    if (!text_starts(*rest, name))
        return false;
    *rest = bytes_sub(*rest, n, rest->n - n);
    comma = memchr(rest->p, ',', rest->n);
    ret->p = rest->p;
    ret->n = comma ? (size_t)(comma - rest->p) : rest->n;
    *rest = comma ? bytes_sub(*rest, ret->n + 1, rest->n - ret->n - 1)
                  : bytes_of(rest->p + rest->n, 0);
    *ret = text_trim(*ret);
    return true;
}

/* Up to the next '/', which must be there. */
static bool take_part(struct bytes *ret, struct bytes *rest)
{
    const uint8_t *slash = memchr(rest->p, '/', rest->n);

    if (!slash)
        return false;
    *ret = bytes_of(rest->p, (size_t)(slash - rest->p));
    *rest = bytes_sub(*rest, ret->n + 1, rest->n - ret->n - 1);
    return ret->n > 0;
}

const char *tc3_read(struct tc3 *ret, const char *authorization)
{
    struct bytes rest = bytes_of(authorization, strlen(authorization)), scope;
    struct tc3 t;

    if (!text_starts(rest, ALGORITHM " "))
        return BAD_AUTH; /* "SKIP", and signatures of other services */
    rest = bytes_sub(rest, strlen(ALGORITHM) + 1, rest.n - strlen(ALGORITHM) - 1);
    if (!take_field(&scope, &rest, "Credential=") ||
        !take_field(&t.headers, &rest, "SignedHeaders=") ||
        !take_field(&t.signature, &rest, "Signature=") || text_trim(rest).n > 0)
        return BAD_AUTH;
    if (!take_part(&t.secret_id, &scope) || !take_part(&t.date, &scope) ||
        !take_part(&t.service, &scope) || !text_is(scope, "tc3_request"))
        return BAD_AUTH;
    if (t.date.n != 10 || t.signature.n != HEX_SHA256 || t.headers.n == 0 ||
        t.service.n > SERVICE_MAX || t.secret_id.n > SECRET_MAX)
        return BAD_AUTH;
    *ret = t;
    return NULL;
}

const char *sign_time(int64_t *ret, struct bytes text, int64_t now, int64_t window)
{
    uint64_t t;

    if (!text_u64(&t, text) || t > INT64_MAX / 2)
        return "InvalidParameter";
    if ((int64_t)t < now - window || (int64_t)t > now + window)
        return "AuthFailure.SignatureExpire";
    *ret = (int64_t)t;
    return NULL;
}

/* The key of a day is three HMACs away from the secret: kept for the thread's last few.
 */
static void day_key(uint8_t ret[32], const struct tc3 *t, const char *secret_key)
{
    enum { KEPT = 16 };
    static _Thread_local struct kept {
        char secret[SECRET_MAX];
        uint8_t date[10], service[SERVICE_MAX], key[32];
        size_t service_n;
    } kept[KEPT];
    char start[SECRET_MAX + 4];
    size_t n = strlen(secret_key), slot = 0;
    struct kept *k;

    for (size_t i = 0; i < n; i++)
        slot = slot * 31 + (unsigned char)secret_key[i];
    k = &kept[slot % KEPT];
    if (n < sizeof k->secret && strcmp(k->secret, secret_key) == 0 &&
        memcmp(k->date, t->date.p, 10) == 0 && k->service_n == t->service.n &&
        memcmp(k->service, t->service.p, t->service.n) == 0) {
        memcpy(ret, k->key, 32);
        return;
    }
    snprintf(start, sizeof start, "TC3%s", secret_key);
    hmac_sha256(ret, bytes_of(start, strlen(start)), t->date);
    hmac_sha256(ret, bytes_of(ret, 32), t->service);
    hmac_sha256(ret, bytes_of(ret, 32), bytes_of("tc3_request", 11));
    if (n >= sizeof k->secret)
        return;
    memcpy(k->secret, secret_key, n + 1);
    memcpy(k->date, t->date.p, 10);
    memcpy(k->service, t->service.p, t->service.n);
    k->service_n = t->service.n;
    memcpy(k->key, ret, 32);
}

enum spelling {
    AS_SENT = 0,
    WITHOUT_PORT = 1 << 0,
    LOWER_CASE = 1 << 1,
    SPELLINGS = 1 << 2,
};

static int put_header(struct buf *to, const struct tc3_request *req, struct bytes name,
                      unsigned how)
{
    char text[256];
    const char *sent;
    struct bytes value;
    size_t at;

    if (name.n == 0 || name.n >= sizeof text)
        return -1;
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    sent = strcmp(text, "host") == 0 ? req->host : req->header(req->arg, text);
    if (!sent)
        return -1;
    value = text_trim(bytes_of(sent, strlen(sent)));
    if (strcmp(text, "host") == 0 && (how & WITHOUT_PORT)) {
        size_t n = value.n;

        while (n > 0 && value.p[n - 1] >= '0' && value.p[n - 1] <= '9')
            n--;
        if (n > 0 && n < value.n && value.p[n - 1] == ':')
            value.n = n - 1;
    }
    if (buf_append(to, name.p, name.n, NULL) < 0 || buf_append(to, ":", 1, NULL) < 0)
        return -1;
    at = to->n;
    if (buf_append(to, value.p, value.n, NULL) < 0 || buf_append(to, "\n", 1, NULL) < 0)
        return -1;
    for (; (how & LOWER_CASE) && at < to->n; at++)
        if (to->p[at] >= 'A' && to->p[at] <= 'Z')
            to->p[at] = (char)(to->p[at] | 0x20);
    return 0;
}

/* The headers that the signature has to cover, whatever else it does. */
static bool covers(const struct tc3 *t, const char *wanted)
{
    struct bytes rest = t->headers, name;

    while (rest.n > 0) {
        const uint8_t *semicolon = memchr(rest.p, ';', rest.n);

        name = bytes_of(rest.p, semicolon ? (size_t)(semicolon - rest.p) : rest.n);
        if (text_is(name, wanted))
            return true;
        rest = bytes_sub(rest, name.n + 1, rest.n - name.n - (semicolon ? 1 : 0));
    }
    return false;
}

static int put_headers(struct buf *to, const struct tc3 *t, const struct tc3_request *req,
                       unsigned how)
{
    const uint8_t *p = t->headers.p, *end = p + t->headers.n;

    for (int i = 0; i < SIGN_HEADERS_MAX; i++) {
        const uint8_t *semicolon = memchr(p, ';', (size_t)(end - p));
        const uint8_t *stop = semicolon ? semicolon : end;

        if (put_header(to, req, bytes_of(p, (size_t)(stop - p)), how) < 0)
            return -1;
        if (!semicolon)
            return 0;
        p = semicolon + 1;
    }
    return -1;
}

static int canonical(struct buf *to, const struct tc3 *t, const struct tc3_request *req,
                     const char *body_hash, unsigned how)
{
    const char *query = strcmp(req->method, "GET") == 0 ? req->query : "";

    buf_clear(to);
    if (buf_printf(to, NULL, "%s\n/\n%s\n", req->method, query) < 0 ||
        put_headers(to, t, req, how) < 0)
        return -1;
    return buf_printf(to, NULL, "\n%.*s\n%s", (int)t->headers.n,
                      (const char *)t->headers.p, body_hash);
}

/* Is the date of the scope the UTC date of the timestamp? */
static bool date_fits(const struct tc3 *t, int64_t timestamp)
{
    time_t seconds = timestamp;
    char text[16];
    struct tm tm;

    return gmtime_r(&seconds, &tm) &&
           strftime(text, sizeof text, "%Y-%m-%d", &tm) == 10 && text_is(t->date, text);
}

const char *tc3_verify(const struct tc3 *t, const struct tc3_request *req,
                       const char *secret_key, int64_t now, int64_t window)
{
    AUTO(buf_fini) struct buf text = {.max = SIGN_CANONICAL_MAX};
    char body_hash[HEX_SHA256 + 1], request_hash[HEX_SHA256 + 1], want[HEX_SHA256 + 1];
    char to_sign[1024];
    uint8_t raw[32], key[32];
    int64_t timestamp;
    const char *code = sign_time(
        &timestamp, bytes_of(req->timestamp, strlen(req->timestamp)), now, window);

    if (code)
        return code;
    if (!date_fits(t, timestamp) || !covers(t, "host") || !covers(t, "content-type"))
        return BAD_SIGNATURE;
    digest(raw, req->unsigned_payload ? bytes_of("UNSIGNED-PAYLOAD", 16) : req->body);
    hex(body_hash, raw);
    day_key(key, t, secret_key);
    if (buf_reserve(&text, 1024, NULL) < 0)
        return BAD_SIGNATURE;
    for (unsigned how = AS_SENT; how < SPELLINGS; how++) {
        int n;

        if (canonical(&text, t, req, body_hash, how) < 0)
            return BAD_SIGNATURE; /* a header that was not sent, or too much */
        digest(raw, buf_bytes(&text));
        hex(request_hash, raw);
        n = snprintf(to_sign, sizeof to_sign, ALGORITHM "\n%s\n%.*s/%.*s/tc3_request\n%s",
                     req->timestamp, (int)t->date.n, (const char *)t->date.p,
                     (int)t->service.n, (const char *)t->service.p, request_hash);
        if (n < 0 || (size_t)n >= sizeof to_sign)
            return BAD_SIGNATURE;
        hmac_sha256(raw, bytes_of(key, 32), bytes_of(to_sign, (size_t)n));
        hex(want, raw);
        if (CRYPTO_memcmp(want, t->signature.p, HEX_SHA256) == 0)
            return NULL;
    }
    return BAD_SIGNATURE;
}

int tc3_sign(char ret[TC3_AUTHORIZATION_MAX], const char *secret_id,
             const char *secret_key, const char *service, const char *host,
             const char *content_type, int64_t now, struct bytes body)
{
    char text[1024], hash[HEX_SHA256 + 1], date[16];
    struct tc3 t = {.service = bytes_of(service, strlen(service))};
    time_t seconds = now;
    uint8_t raw[32], key[32];
    struct tm tm;
    int n;

    if (!gmtime_r(&seconds, &tm) || strftime(date, sizeof date, "%Y-%m-%d", &tm) != 10 ||
        t.service.n > SERVICE_MAX || strlen(secret_key) >= SECRET_MAX ||
        strpbrk(secret_id, "\r\n/, "))
        return -(int)ERR_ARG;
    t.date = bytes_of(date, 10);
    digest(raw, body);
    hex(hash, raw);
    n = snprintf(text, sizeof text,
                 "POST\n/\n\ncontent-type:%s\nhost:%s\n\ncontent-type;host\n%s",
                 content_type, host, hash);
    if (n < 0 || (size_t)n >= sizeof text)
        return -(int)ERR_ARG;
    digest(raw, bytes_of(text, (size_t)n));
    hex(hash, raw);
    n = snprintf(text, sizeof text, ALGORITHM "\n%lld\n%s/%s/tc3_request\n%s",
                 (long long)now, date, service, hash);
    if (n < 0 || (size_t)n >= sizeof text)
        return -(int)ERR_ARG;
    day_key(key, &t, secret_key);
    hmac_sha256(raw, bytes_of(key, 32), bytes_of(text, (size_t)n));
    hex(hash, raw);
    n = snprintf(ret, TC3_AUTHORIZATION_MAX,
                 ALGORITHM " Credential=%s/%s/%s/tc3_request, "
                           "SignedHeaders=content-type;host, Signature=%s",
                 secret_id, date, service, hash);
    return n < 0 || n >= TC3_AUTHORIZATION_MAX ? -(int)ERR_ARG : 0;
}
