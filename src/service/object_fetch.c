/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An object as it comes: summed, handed on, and gone on with when the connection breaks
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/checked.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/object_request.h"

enum {
    MD5_SIZE = 16,
    MD5_HEX = 2 * MD5_SIZE,
    PARTS_MAX = 10000,
};

struct fetch {
    const struct object_client *c;
    const char *key;
    int (*take)(void *arg, struct bytes piece, struct err *err);
    void *arg;
    bool begun; /* the headers of the first answer were looked at */
    uint64_t done, total;
    char etag[OBJECT_ETAG_MAX]; /* as sent */
    /* What the ETag is made of. */
    EVP_MD_CTX *md5;
    uint64_t part_size, in_part; /* UINT64_MAX: it is all one */
    struct buf parts;            /* their MD5s */
};

static void fetch_fini(struct fetch *f)
{
    EVP_MD_CTX_free(f->md5);
    buf_fini(&f->parts);
}

/* ---- sums */

static struct bytes plain_etag(const struct fetch *f)
{
    return text_unquote(text_trim(bytes_of(f->etag, strlen(f->etag))));
}

/* Digits of an MD5, alone or with "-N" behind them; anything else is nobody's sum. */
static bool is_md5(struct bytes etag, bool *in_parts)
{
    size_t n = 0;

    while (n < etag.n && etag.p[n] && strchr("0123456789abcdefABCDEF", etag.p[n]))
        n++;
    *in_parts = n < etag.n && etag.p[n] == '-';
    return n == MD5_HEX && (n == etag.n || *in_parts);
}

/* Whoever uploaded it says how large its parts are; how many there were the server does.
 */
static bool parts_are(const struct fetch *f, uint64_t part_size)
{
    struct bytes n = bytes_sub(plain_etag(f), MD5_HEX + 1, plain_etag(f).n - MD5_HEX - 1);
    uint64_t parts;

    return part_size > 0 && f->total > 0 && text_u64(&parts, n) && parts <= PARTS_MAX &&
           div_up(f->total, part_size) == parts;
}

static int begin_sum(struct fetch *f, uint64_t part_size, struct err *err)
{
    bool in_parts;

    if (!is_md5(plain_etag(f), &in_parts) || (in_parts && !parts_are(f, part_size)))
        return 0;
    f->part_size = in_parts ? part_size : UINT64_MAX;
    f->parts.max = (size_t)PARTS_MAX * MD5_SIZE;
    f->md5 = EVP_MD_CTX_new();
    return f->md5 && EVP_DigestInit_ex(f->md5, EVP_md5(), NULL) == 1
               ? 0
               : FAIL(err, ERR_NOMEM, "md5");
}

static int end_part(struct fetch *f, struct err *err)
{
    uint8_t digest[EVP_MAX_MD_SIZE];

    f->in_part = 0;
    if (EVP_DigestFinal_ex(f->md5, digest, NULL) != 1 ||
        EVP_DigestInit_ex(f->md5, EVP_md5(), NULL) != 1)
        return FAIL(err, ERR_NOMEM, "md5");
    return buf_append(&f->parts, digest, MD5_SIZE, err);
}

static int sum(struct fetch *f, struct bytes piece, struct err *err)
{
    int r = 0;

    while (f->md5 && r == 0 && piece.n > 0) {
        uint64_t left = f->part_size - f->in_part;
        size_t n = piece.n < left ? piece.n : (size_t)left;

        if (EVP_DigestUpdate(f->md5, piece.p, n) != 1)
            return FAIL(err, ERR_NOMEM, "md5");
        f->in_part += n;
        piece = bytes_sub(piece, n, piece.n - n);
        if (f->in_part == f->part_size)
            r = end_part(f, err);
    }
    return r;
}

static int end_sum(bool *checked, struct fetch *f, struct err *err)
{
    struct bytes want = plain_etag(f);
    uint8_t digest[EVP_MAX_MD_SIZE];
    char hex[MD5_HEX + 1];
    int r = 0;

    *checked = false;
    if (!f->md5)
        return 0;
    if (f->part_size == UINT64_MAX || f->in_part > 0)
        r = end_part(f, err);
    if (r < 0)
        return r;
    if (f->part_size == UINT64_MAX)
        memcpy(digest, f->parts.p, MD5_SIZE);
    else if (EVP_Digest(f->parts.p, f->parts.n, digest, NULL, EVP_md5(), NULL) != 1)
        return FAIL(err, ERR_NOMEM, "md5");
    for (size_t i = 0; i < MD5_SIZE; i++)
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    if (strncasecmp(hex, (const char *)want.p, MD5_HEX) != 0)
        return FAIL(err, ERR_CORRUPT,
                    _("%.150s did not arrive as it is: its MD5 is %s, that of the object "
                      "%.*s"),
                    text_short(f->key, 150).s, hex, MD5_HEX, (const char *)want.p);
    *checked = true;
    return 0;
}

/* ---- what comes */

static int changed(const struct fetch *f, struct err *err)
{
    return FAIL(err, ERR_CONFLICT, _("%.150s became another object while it was fetched"),
                text_short(f->key, 150).s);
}

/* The headers, when the first bytes are there, or none are. */
static int begin(struct fetch *f, struct object_request *x, struct err *err)
{
    if (f->begun) {
        if (strcmp(x->etag, f->etag) != 0)
            return changed(f, err);
        if (x->status != 206 || x->range_start != f->done)
            return FAIL(err, ERR_UNSUPPORTED,
                        _("%.150s: the connection broke, and the server has no ranges to "
                          "go on with"),
                        text_short(f->key, 150).s);
        return 0;
    }
    f->begun = true;
    f->total = x->length == UINT64_MAX ? 0 : x->length;
    x->total = f->total;
    snprintf(f->etag, sizeof f->etag, "%s", x->etag);
    return begin_sum(f, x->part_size, err);
}

static int on_piece(struct object_request *x, struct bytes piece, struct err *err)
{
    struct fetch *f = x->arg;
    int r = x->sent == 0 ? begin(f, x, err) : 0;

    if (r == 0)
        r = sum(f, piece, err);
    if (r == 0)
        r = f->take(f->arg, piece, err);
    if (r == 0)
        f->done += piece.n;
    return r;
}

/* Asks for what is not there yet. */
static int ask(struct fetch *f, struct err *err)
{
    char range[64], match[OBJECT_ETAG_MAX + 16];
    AUTO(object_request_fini)
    struct object_request x = {
        .c = f->c,
        .method = "GET",
        .key = f->key,
        .query = "",
        .start = f->done,
        .total = f->total,
        .tells = true,
        .take = on_piece,
        .arg = f,
    };
    struct err local = {0};
    int r;

    if (f->begun) {
        snprintf(range, sizeof range, "Range: bytes=%" PRIu64 "-", f->done);
        snprintf(match, sizeof match, "If-Match: %s", f->etag);
        x.lines[0] = range;
        x.lines[1] = *f->etag ? match : NULL;
    }
    r = object_request_perform(&x, &local);
    if (r < 0 && f->begun && (x.status == 412 || x.status == 404))
        return changed(f, err);
    if (r == 0 && x.sent == 0)
        r = begin(f, &x, &local); /* it has no bytes */
    if (r < 0 && err)
        *err = local;
    return r;
}

static bool is_over(const struct fetch *f)
{
    return f->begun && f->total > 0 && f->done >= f->total;
}

int object_client_get(uint64_t *size, bool *checked, const struct object_client *c,
                      const char *key,
                      int (*take)(void *arg, struct bytes piece, struct err *err),
                      void *arg, struct err *err)
{
    AUTO(fetch_fini)
    struct fetch f = {.c = c, .key = key, .take = take, .arg = arg};

    for (unsigned tries = 0;;) {
        struct err local = {0};
        uint64_t had = f.done;
        int r = ask(&f, &local);

        if (r == 0 || is_over(&f))
            break;
        tries = f.done > had ? 1 : tries + 1;
        if (local.code != ERR_IO || local.sys || f.done == 0 || tries == OBJECT_TRIES ||
            (c->goes_on && c->goes_on(c->arg, f.done, f.total) != 0)) {
            if (err)
                *err = local;
            return r;
        }
        sleep(tries);
    }
    if (f.total > 0 && f.done != f.total)
        return FAIL(err, ERR_SHORT, _("%.150s ends at byte %llu of %llu"),
                    text_short(key, 150).s, (unsigned long long)f.done,
                    (unsigned long long)f.total);
    *size = f.done;
    return end_sum(checked, &f, err);
}
