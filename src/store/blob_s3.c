/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_s3.c: blobs in a bucket of S3 or COS: the store, reading, lists
 *
 * Requests are in blob_s3_ask.c, writing in blob_s3_write.c. */
#include "store/blob_s3.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "base/text.h"
#include "base/xml.h"

enum {
    AHEAD = 4 << 20,
    SEQUENTIAL =
        64 << 10, /* a read right behind another, of at least so much, goes ahead */
};

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static void s3_stop(struct blobs *b)
{
    struct s3 *s = s3_of(b);

    for (size_t i = 0; i < s->n_idle; i++)
        curl_easy_cleanup(s->idle[i]);
    pthread_mutex_destroy(&s->lock);
    s3_place_fini(&s->place);
    free(s->key_id);
    free(s->key_secret);
    free(s);
}

static int s3_start(struct blobs **ret, const struct blobs_options *o, const char *rest,
                    struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *region = o->region && *o->region ? o->region : "us-east-1";
    struct s3 *s = calloc(1, sizeof *s);
    int r;

    pthread_once(&once, init_curl);
    if (!s)
        return FAIL(err, ERR_NOMEM, "s3");
    pthread_mutex_init(&s->lock, NULL);
    s->key_id = strdup(o->key_id ? o->key_id : "");
    s->key_secret = strdup(o->key_secret ? o->key_secret : "");
    r = snprintf(s->sign, sizeof s->sign, "aws:amz:%s:s3", region) >= (int)sizeof s->sign
            ? FAIL(err, ERR_ARG, "s3: the region's name is too long")
        : !s->key_id || !s->key_secret ? FAIL(err, ERR_NOMEM, "s3")
        : !*s->key_id || !*s->key_secret
            ? FAIL(err, ERR_ARG, "s3: s3-key-id and s3-key-secret are needed")
            : s3_place_read(&s->place, rest, region, err);
    if (r < 0) {
        s3_stop(&s->blobs);
        return r;
    }
    *ret = &s->blobs;
    return 0;
}

static int s3_check(struct blobs *b, struct err *err)
{
    AUTO(s3_exchange_fini) struct s3_exchange x = {.method = "HEAD", .key = ""};

    return s3_ask_good(s3_of(b), &x, err);
}

/* ---- reading */

struct s3_blob {
    struct blob blob;
    struct s3 *s;
    char key[BLOB_KEY_MAX];
    uint8_t *ahead;
    uint64_t at; /* the window holds [at, at + n) */
    size_t n;
    uint64_t next; /* where the last read ended */
};

static int s3_open(struct blob **ret, struct blobs *b, const char *key, struct err *err)
{
    AUTO(s3_exchange_fini) struct s3_exchange x = {.method = "HEAD", .key = key};
    struct s3_blob *o;
    int r = s3_ask_good(s3_of(b), &x, err);

    if (r < 0)
        return r;
    o = calloc(1, sizeof *o);
    if (!o)
        return FAIL(err, ERR_NOMEM, "s3");
    o->s = s3_of(b);
    snprintf(o->key, sizeof o->key, "%s", key);
    o->blob.size = x.length;
    o->blob.fd = -1;
    o->next = UINT64_MAX;
    *ret = &o->blob;
    return 0;
}

static void s3_close(struct blob *blob)
{
    struct s3_blob *o = CONTAINER_OF(blob, struct s3_blob, blob);

    free(o->ahead);
    free(o);
}

static int get_range(struct s3_blob *o, uint8_t *to, size_t n, uint64_t off,
                     struct err *err)
{
    char range[64];
    AUTO(s3_exchange_fini)
    struct s3_exchange x = {
        .method = "GET", .key = o->key, .range = range, .to = to, .room = n};
    int r;

    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, off, off + n - 1);
    r = s3_ask_good(o->s, &x, err);
    if (r < 0)
        return r;
    if (x.got != n || (x.status != 206 && n != o->blob.size))
        return FAIL(err, ERR_IO, "s3: another range came than was asked for");
    return 0;
}

static int s3_read(struct blob *blob, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct s3_blob *o = CONTAINER_OF(blob, struct s3_blob, blob);
    uint8_t *to = buf;

    while (n) {
        int r;

        if (off >= o->at && off - o->at < o->n) {
            size_t some = (size_t)min_u64(n, o->at + o->n - off);

            memcpy(to, o->ahead + (off - o->at), some);
            to += some;
            off += some;
            n -= some;
            o->next = off;
            continue;
        }
        if (off != o->next || n >= AHEAD || n < SEQUENTIAL) {
            r = get_range(o, to, n, off, err);
            o->next = off + n;
            return r;
        }
        if (!o->ahead)
            o->ahead = malloc(AHEAD);
        if (!o->ahead)
            return FAIL(err, ERR_NOMEM, "s3");
        o->n = 0;
        r = get_range(o, o->ahead, (size_t)min_u64(AHEAD, blob->size - off), off, err);
        if (r < 0)
            return r;
        o->at = off;
        o->n = (size_t)min_u64(AHEAD, blob->size - off);
    }
    return 0;
}

/* ---- the rest */

static int s3_remove(struct blobs *b, const char *key, struct err *err)
{
    AUTO(s3_exchange_fini) struct s3_exchange x = {.method = "DELETE", .key = key};
    int r = s3_ask(s3_of(b), &x, err);

    return r < 0 || x.status / 100 == 2 || x.status == 404 ? r : s3_refused(&x, err);
}

/* "2026-11-21T15:00:00.000Z": seconds since then. */
static uint64_t age_of(const char *text)
{
    struct tm tm = {0};
    time_t now = time(NULL), then;

    if (!strptime(text, "%Y-%m-%dT%H:%M:%S", &tm))
        return 0; /* the safe answer: young */
    then = timegm(&tm);
    return now > then ? (uint64_t)(now - then) : 0;
}

struct entry {
    char key[1100], upload[S3_ID_MAX];
    uint64_t size, age;
};

struct page {
    struct s3 *s;
    struct entry e;
    char token[1100];
    bool more;
    int (*fn)(void *arg, const struct entry *e, struct err *err);
    void *arg;
};

/* An answer's rows, each in an element of this name. */
static int read_page(struct page *p, struct bytes text, const char *row, struct err *err)
{
    AUTO(xml_fini) struct xml x = XML_OF(text);
    int r;

    p->more = false;
    while ((r = xml_next(&x, err)) > 0) {
        const char *s = buf_str(&x.text);

        if (r == XML_OPEN && text_is(x.name, row))
            memset(&p->e, 0, sizeof p->e);
        if (r != XML_CLOSE)
            continue;
        if (text_is(x.name, "Key"))
            snprintf(p->e.key, sizeof p->e.key, "%s", s);
        else if (text_is(x.name, "UploadId"))
            snprintf(p->e.upload, sizeof p->e.upload, "%s", s);
        else if (text_is(x.name, "Size"))
            (void)text_u64(&p->e.size, bytes_of(s, strlen(s)));
        else if (text_is(x.name, "LastModified") || text_is(x.name, "Initiated"))
            p->e.age = age_of(s);
        else if (text_is(x.name, "IsTruncated"))
            p->more = strcmp(s, "true") == 0;
        else if (text_is(x.name, "NextContinuationToken"))
            snprintf(p->token, sizeof p->token, "%s", s);
        else if (text_is(x.name, row)) {
            r = p->fn(p->arg, &p->e, err);
            if (r < 0)
                return r;
        }
    }
    return r;
}

struct listing {
    struct s3 *s;
    int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age, struct err *err);
    void *arg;
};

static int tell(void *arg, const struct entry *e, struct err *err)
{
    const struct listing *l = arg;
    size_t n = strlen(l->s->place.prefix);

    if (strncmp(e->key, l->s->place.prefix, n) != 0 || !blob_key_is_valid(e->key + n))
        return 0;
    return l->fn(l->arg, e->key + n, e->size, e->age, err);
}

static int s3_list(struct blobs *b, const char *prefix,
                   int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age,
                             struct err *err),
                   void *arg, struct err *err)
{
    struct s3 *s = s3_of(b);
    struct listing l = {s, fn, arg};
    struct page p = {.s = s, .fn = tell, .arg = &l};
    AUTO(buf_fini) struct buf full = {0};
    int r = buf_printf(&full, err, "%s%s", s->place.prefix, prefix);

    if (r < 0)
        return r;
    do {
        const struct s3_param params[] = {{"continuation-token", p.token},
                                          {"list-type", "2"},
                                          {"prefix", buf_str(&full)}};
        size_t skip = *p.token ? 0 : 1;
        AUTO(s3_exchange_fini)
        struct s3_exchange x = {
            .method = "GET", .key = "", .params = params + skip, .n_params = 3 - skip};

        r = s3_ask_good(s, &x, err);
        if (r == 0)
            r = read_page(&p, buf_bytes(&x.text), "Contents", err);
    } while (r == 0 && p.more && *p.token);
    return r;
}

struct sweeping {
    struct s3 *s;
    uint64_t age;
    unsigned n;
};

static int sweep_one(void *arg, const struct entry *e, struct err *err)
{
    struct sweeping *w = arg;
    size_t n = strlen(w->s->place.prefix);
    const struct s3_param id = {"uploadId", e->upload};
    AUTO(s3_exchange_fini)
    struct s3_exchange x = {.method = "DELETE", .params = &id, .n_params = 1};
    int r;

    if (e->age < w->age || strncmp(e->key, w->s->place.prefix, n) != 0 || !*e->upload)
        return 0;
    x.key = e->key + n;
    r = s3_ask(w->s, &x, err);
    w->n += r == 0;
    return r;
}

static int s3_sweep(struct blobs *b, uint64_t age, struct err *err)
{
    struct sweeping w = {s3_of(b), age, 0};
    struct page p = {.s = w.s, .fn = sweep_one, .arg = &w};
    int r;

    /* What is aborted is no longer on the first page. */
    do {
        const struct s3_param params[] = {{"prefix", w.s->place.prefix}, {"uploads", ""}};
        AUTO(s3_exchange_fini)
        struct s3_exchange x = {
            .method = "GET", .key = "", .params = params, .n_params = 2};

        w.n = 0;
        r = s3_ask_good(w.s, &x, err);
        if (r == 0)
            r = read_page(&p, buf_bytes(&x.text), "Upload", err);
    } while (r == 0 && p.more && w.n);
    return r;
}

const struct blob_driver blob_s3_driver = {
    .scheme = "s3://",
    .start = s3_start,
    .stop = s3_stop,
    .check = s3_check,
    .create = s3_create,
    .write = s3_write,
    .commit = s3_commit,
    .end = s3_end,
    .open = s3_open,
    .close = s3_close,
    .read = s3_read,
    .remove = s3_remove,
    .list = s3_list,
    .sweep = s3_sweep,
};
