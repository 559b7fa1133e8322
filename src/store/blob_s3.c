/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_s3.c: blobs in a bucket of S3 or COS, by libcurl
 *
 * Of a size that is known one PUT streams through; else parts of 8 MiB are kept and sent,
 * larger ones when there are many, so that 10,000 of them hold the largest image.  A
 * request whose body we still have is tried again; one that streams is not.
 *
 * libcurl signs (AWS SigV4).  What it wants was found by trying 7.88:
 * x-amz-content-sha256 has to be given, and queries have to be sorted and encoded already
 * (s3_url.c). */
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "store/blob_driver.h"
#include "store/s3_url.h"

enum {
    PART = 8 << 20,
    LARGE_PART = 64 << 20,
    SMALL_PARTS = 1000, /* so many of the first size, then the other */
    AHEAD = 4 << 20,
    SEQUENTIAL =
        64 << 10, /* a read right behind another, of at least so much, goes ahead */
    ANSWER_MAX = 8 << 20, /* of a list */
    ATTEMPTS = 4,
    CONNECT_S = 10,
    STALL_S = 30,
    ID_MAX = 512,
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
struct exchange {
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
    char etag[ID_MAX];
    uint64_t length;
};

static void exchange_fini(struct exchange *x)
{
    buf_fini(&x->text);
}

static struct s3 *s3_of(struct blobs *b)
{
    return CONTAINER_OF(b, struct s3, blobs);
}

/* ---- connections */

static CURL *take_curl(struct s3 *s)
{
    CURL *c = NULL;

    pthread_mutex_lock(&s->lock);
    if (s->n_idle)
        c = s->idle[--s->n_idle];
    pthread_mutex_unlock(&s->lock);
    if (c)
        curl_easy_reset(c); /* keeps the connection */
    return c ? c : curl_easy_init();
}

static void give_curl(struct s3 *s, CURL *c)
{
    pthread_mutex_lock(&s->lock);
    if (s->n_idle < ARRAY_SIZE(s->idle)) {
        s->idle[s->n_idle++] = c;
        c = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    if (c)
        curl_easy_cleanup(c);
}

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct bytes line = text_trim(bytes_of(p, n));

    (void)one;
    while (line.n && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == '\n'))
        line.n--;
    if (line.n > 5 && strncasecmp((const char *)line.p, "etag:", 5) == 0) {
        line = text_trim(bytes_sub(line, 5, line.n - 5));
        if (line.n < sizeof x->etag) {
            memcpy(x->etag, line.p, line.n);
            x->etag[line.n] = '\0';
        }
    } else if (line.n > 15 &&
               strncasecmp((const char *)line.p, "content-length:", 15) == 0) {
        (void)text_u64(&x->length, text_trim(bytes_sub(line, 15, line.n - 15)));
    }
    return n;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct exchange *x = arg;

    (void)one;
    curl_easy_getinfo(x->curl, CURLINFO_RESPONSE_CODE, &x->status);
    if (x->to && x->status / 100 == 2) {
        if (n > x->room - x->got)
            return 0;
        memcpy(x->to + x->got, p, n);
        x->got += n;
        return n;
    }
    return buf_append(&x->text, p, n, NULL) < 0 ? 0 : n;
}

static size_t on_send(char *p, size_t one, size_t n, void *arg)
{
    struct exchange *x = arg;
    size_t some = (size_t)min_u64(one * n, x->n_body - x->sent);

    memcpy(p, (const char *)x->body + x->sent, some);
    x->sent += some;
    return some;
}

static int on_seek(void *arg, curl_off_t off, int origin)
{
    struct exchange *x = arg;

    if (origin != SEEK_SET || off < 0 || (uint64_t)off > x->n_body)
        return CURL_SEEKFUNC_FAIL;
    x->sent = (uint64_t)off;
    return CURL_SEEKFUNC_OK;
}

/* The headers of every request.  Given ones are signed, and so is one that is taken away:
 * "Expect:" would be refused. */
static struct curl_slist *headers_of(const char *method)
{
    struct curl_slist *h =
        curl_slist_append(NULL, "x-amz-content-sha256: UNSIGNED-PAYLOAD");
    struct curl_slist *more = h;

    if (h && strcmp(method, "POST") == 0)
        more = curl_slist_append(h, "Content-Type: application/xml");
    if (!more)
        curl_slist_free_all(h);
    return more;
}

static int set_up(struct s3 *s, CURL *c, const char *method, const char *key,
                  const struct s3_param *params, size_t n_params,
                  struct curl_slist *headers, struct err *err)
{
    AUTO(buf_fini) struct buf url = {0};
    int r = s3_url(&url, &s->place, key, params, n_params, err);

    if (r < 0)
        return r;
    curl_easy_setopt(c, CURLOPT_URL, buf_str(&url));
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, method);
    curl_easy_setopt(c, CURLOPT_AWS_SIGV4, s->sign);
    curl_easy_setopt(c, CURLOPT_USERNAME, s->key_id);
    curl_easy_setopt(c, CURLOPT_PASSWORD, s->key_secret);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(c, CURLOPT_BUFFERSIZE, 256 * 1024L);
    curl_easy_setopt(c, CURLOPT_UPLOAD_BUFFERSIZE, 256 * 1024L);
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    return 0;
}

static int ask_once(struct s3 *s, struct exchange *x, bool *again, struct err *err)
{
    struct curl_slist *headers = headers_of(x->method);
    CURL *c = take_curl(s);
    CURLcode code;
    int r;

    *again = false;
    if (!c || !headers) {
        curl_slist_free_all(headers);
        if (c)
            give_curl(s, c);
        return FAIL(err, ERR_NOMEM, "s3");
    }
    x->curl = c;
    x->status = 0;
    x->sent = x->length = 0;
    x->got = 0;
    buf_clear(&x->text);
    x->text.max = ANSWER_MAX;
    r = set_up(s, c, x->method, x->key, x->params, x->n_params, headers, err);
    if (r == 0) {
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, 1L);
        curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
        curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(c, CURLOPT_HEADERDATA, x);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, x);
        if (strcmp(x->method, "HEAD") == 0)
            curl_easy_setopt(c, CURLOPT_NOBODY, 1L);
        if (x->range)
            curl_easy_setopt(c, CURLOPT_RANGE, x->range);
        if (strcmp(x->method, "PUT") == 0 || strcmp(x->method, "POST") == 0) {
            curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
            curl_easy_setopt(c, CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->n_body);
            curl_easy_setopt(c, CURLOPT_READFUNCTION, on_send);
            curl_easy_setopt(c, CURLOPT_READDATA, x);
            curl_easy_setopt(c, CURLOPT_SEEKFUNCTION, on_seek);
            curl_easy_setopt(c, CURLOPT_SEEKDATA, x);
        }
        code = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &x->status);
        if (code != CURLE_OK) {
            *again = true;
            r = FAIL(err, ERR_IO, "s3: %s", curl_easy_strerror(code));
        } else if (x->status >= 500 || x->status == 429 || x->status == 408) {
            *again = true;
            r = FAIL(err, ERR_IO, "s3: %s answered %ld", x->method, x->status);
        }
    }
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    give_curl(s, c);
    return r;
}

static void nap(unsigned attempt)
{
    struct timespec t = {.tv_nsec = (100L << attempt) * 1000000};

    nanosleep(&t, NULL);
}

/* The server's word on it is in x->status; it may be a refusal. */
static int ask(struct s3 *s, struct exchange *x, struct err *err)
{
    for (unsigned attempt = 0;; attempt++) {
        struct err why = {0};
        bool again;
        int r = ask_once(s, x, &again, &why);

        if (r == 0)
            return 0;
        if (!again || attempt + 1 == ATTEMPTS) {
            if (err)
                *err = why;
            return r;
        }
        nap(attempt);
    }
}

/* "<Code>NoSuchBucket</Code>" of an error document. */
static void code_of(char ret[64], struct bytes xml)
{
    long from = text_find(xml, "<Code>");
    struct bytes rest;
    long n;

    ret[0] = '\0';
    if (from < 0)
        return;
    rest = bytes_sub(xml, (size_t)from + 6, xml.n - (size_t)from - 6);
    n = text_find(rest, "<");
    if (n > 0)
        text_clean(ret, 64, bytes_sub(rest, 0, (size_t)n), 60);
}

static int refused(const struct exchange *x, struct err *err)
{
    char code[64];

    code_of(code, buf_bytes(&x->text));
    return FAIL(err, x->status == 404 ? ERR_NOTFOUND : ERR_IO,
                "s3: %s %s answered %ld %s", x->method, x->key, x->status, code);
}

static int ask_good(struct s3 *s, struct exchange *x, struct err *err)
{
    int r = ask(s, x, err);

    if (r == 0 && x->status / 100 != 2)
        r = refused(x, err);
    return r;
}

/* ---- the store itself */

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
    AUTO(exchange_fini) struct exchange x = {.method = "HEAD", .key = ""};

    return ask_good(s3_of(b), &x, err);
}

/* ---- writing */

struct s3_writer {
    struct blob_writer writer;
    struct s3 *s;
    char key[BLOB_KEY_MAX];
    /* In parts: */
    uint8_t *part;
    size_t n_part, part_size;
    char upload[ID_MAX]; /* "" while there is none */
    struct buf list;     /* of those that were sent */
    unsigned parts;
    /* In one request: */
    CURLM *multi;
    CURL *easy;
    struct curl_slist *headers;
    const uint8_t *from;
    size_t left;
    bool paused, done;
    CURLcode code;
    struct buf said;
};

/* Hands what write() brought to libcurl; nothing there: wait for the next one. */
static size_t on_stream(char *p, size_t one, size_t n, void *arg)
{
    struct s3_writer *w = arg;
    size_t some = min_size(one * n, w->left);

    if (some == 0) {
        w->paused = true;
        return CURL_READFUNC_PAUSE;
    }
    memcpy(p, w->from, some);
    w->from += some;
    w->left -= some;
    return some;
}

static size_t on_said(char *p, size_t one, size_t n, void *arg)
{
    struct s3_writer *w = arg;

    (void)one;
    return buf_append(&w->said, p, n, NULL) < 0 ? 0 : n;
}

static void look(struct s3_writer *w)
{
    CURLMsg *m;
    int more;

    while ((m = curl_multi_info_read(w->multi, &more))) {
        if (m->msg == CURLMSG_DONE) {
            w->done = true;
            w->code = m->data.result;
        }
    }
}

/* Runs the transfer until `until` bytes are left to be taken, or it is over. */
static int drive(struct s3_writer *w, bool to_the_end, struct err *err)
{
    while (!w->done && (to_the_end || w->left)) {
        int running;

        if (w->paused && w->left) {
            w->paused = false;
            curl_easy_pause(w->easy, CURLPAUSE_CONT);
        }
        if (curl_multi_perform(w->multi, &running) != CURLM_OK)
            return FAIL(err, ERR_IO, "s3: the transfer failed");
        look(w);
        if (!w->done && (to_the_end || w->left) && !(w->paused && w->left) &&
            curl_multi_poll(w->multi, NULL, 0, 1000, NULL) != CURLM_OK)
            return FAIL(err, ERR_IO, "s3: the transfer failed");
    }
    return 0;
}

/* What a transfer that is over came to. */
static int judge(struct s3_writer *w, struct err *err)
{
    struct exchange x = {.method = "PUT", .key = w->key, .text = w->said};

    curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &x.status);
    if (w->code != CURLE_OK)
        return FAIL(err, ERR_IO, "s3: %s", curl_easy_strerror(w->code));
    return x.status / 100 == 2 ? 0 : refused(&x, err);
}

static int begin_stream(struct s3_writer *w, uint64_t size, struct err *err)
{
    int r;

    w->multi = curl_multi_init();
    w->easy = curl_easy_init();
    w->headers = headers_of("PUT");
    w->said.max = ANSWER_MAX;
    if (!w->multi || !w->easy || !w->headers)
        return FAIL(err, ERR_NOMEM, "s3");
    r = set_up(w->s, w->easy, "PUT", w->key, NULL, 0, w->headers, err);
    if (r < 0)
        return r;
    curl_easy_setopt(w->easy, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(w->easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)size);
    curl_easy_setopt(w->easy, CURLOPT_READFUNCTION, on_stream);
    curl_easy_setopt(w->easy, CURLOPT_READDATA, w);
    curl_easy_setopt(w->easy, CURLOPT_WRITEFUNCTION, on_said);
    curl_easy_setopt(w->easy, CURLOPT_WRITEDATA, w);
    if (curl_multi_add_handle(w->multi, w->easy) != CURLM_OK)
        return FAIL(err, ERR_NOMEM, "s3");
    return 0;
}

static bool streams(const struct s3_writer *w)
{
    return w->multi != NULL;
}

static void s3_end(struct blob_writer *writer);

/* One PUT of S3 takes 5 GiB at most. */
#define STREAM_MAX (UINT64_C(5) << 30)

static int s3_create(struct blob_writer **ret, struct blobs *b, const char *key,
                     uint64_t size, struct err *err)
{
    struct s3_writer *w = calloc(1, sizeof *w);
    int r = 0;

    if (!w)
        return FAIL(err, ERR_NOMEM, "s3");
    w->writer.fd = -1;
    w->s = s3_of(b);
    snprintf(w->key, sizeof w->key, "%s", key);
    w->part_size = PART;
    if (size <= STREAM_MAX && size > 0) {
        r = begin_stream(w, size, err);
    } else {
        w->part = malloc(w->part_size);
        if (!w->part)
            r = FAIL(err, ERR_NOMEM, "s3");
    }
    if (r < 0) {
        s3_end(&w->writer);
        return r;
    }
    *ret = &w->writer;
    return 0;
}

static int begin_parts(struct s3_writer *w, struct err *err)
{
    const struct s3_param uploads = {"uploads", ""};
    AUTO(exchange_fini)
    struct exchange x = {
        .method = "POST", .key = w->key, .params = &uploads, .n_params = 1};
    AUTO(xml_fini) struct xml xml = {0};
    int r = ask_good(w->s, &x, err);

    if (r < 0)
        return r;
    xml = (struct xml)XML_OF(buf_bytes(&x.text));
    while ((r = xml_next(&xml, err)) > 0)
        if (r == XML_CLOSE && text_is(xml.name, "UploadId"))
            snprintf(w->upload, sizeof w->upload, "%s", buf_str(&xml.text));
    if (r == 0 && !*w->upload)
        r = FAIL(err, ERR_IO, "s3: an upload without an id");
    return r < 0 ? r : buf_puts(&w->list, "<CompleteMultipartUpload>", err);
}

static int send_part(struct s3_writer *w, struct err *err)
{
    char number[16];
    int r = *w->upload ? 0 : begin_parts(w, err);

    snprintf(number, sizeof number, "%u", w->parts + 1);
    if (r == 0) {
        const struct s3_param params[] = {{"partNumber", number},
                                          {"uploadId", w->upload}};
        AUTO(exchange_fini)
        struct exchange x = {
            .method = "PUT",
            .key = w->key,
            .params = params,
            .n_params = 2,
            .body = w->part,
            .n_body = w->n_part,
        };

        r = ask_good(w->s, &x, err);
        if (r == 0 && !*x.etag)
            r = FAIL(err, ERR_IO, "s3: a part without an ETag");
        if (r == 0)
            r = buf_printf(&w->list, err, "<Part><PartNumber>%s</PartNumber>", number);
        if (r == 0)
            r = xml_put(&w->list, "ETag", x.etag, err);
        if (r == 0)
            r = buf_puts(&w->list, "</Part>", err);
    }
    if (r < 0)
        return r;
    w->n_part = 0;
    if (++w->parts == SMALL_PARTS) {
        uint8_t *large = realloc(w->part, LARGE_PART);

        if (!large)
            return FAIL(err, ERR_NOMEM, "s3");
        w->part = large;
        w->part_size = LARGE_PART;
    }
    return 0;
}

static int s3_write(struct blob_writer *writer, const void *p, size_t n, struct err *err)
{
    struct s3_writer *w = CONTAINER_OF(writer, struct s3_writer, writer);

    if (streams(w)) {
        int r;

        w->from = p;
        w->left = n;
        r = drive(w, false, err);
        if (r == 0 && w->left)
            r = judge(w, err);
        return r == 0 && w->left ? FAIL(err, ERR_IO, "s3: answered before it had all")
                                 : r;
    }
    while (n) {
        size_t some = min_size(n, w->part_size - w->n_part);

        /* A full part waits for the next byte: one part alone needs no upload. */
        if (some == 0) {
            int r = send_part(w, err);

            if (r < 0)
                return r;
            continue;
        }
        memcpy(w->part + w->n_part, p, some);
        w->n_part += some;
        p = (const char *)p + some;
        n -= some;
    }
    return 0;
}

static int commit_parts(struct s3_writer *w, struct err *err)
{
    const struct s3_param id = {"uploadId", w->upload};
    AUTO(exchange_fini)
    struct exchange x = {.method = "POST", .key = w->key, .params = &id, .n_params = 1};
    int r = w->n_part ? send_part(w, err) : 0;

    if (r == 0)
        r = buf_puts(&w->list, "</CompleteMultipartUpload>", err);
    if (r < 0)
        return r;
    x.body = w->list.p;
    x.n_body = w->list.n;
    r = ask_good(w->s, &x, err);
    /* A failure may come with status 200, since the answer began before it. */
    if (r == 0 && text_find(buf_bytes(&x.text), "<Error") >= 0)
        r = refused(&x, err);
    if (r == 0)
        w->upload[0] = '\0';
    return r;
}

static int s3_commit(struct blob_writer *writer, struct err *err)
{
    struct s3_writer *w = CONTAINER_OF(writer, struct s3_writer, writer);
    int r;

    if (streams(w)) {
        r = drive(w, true, err);
        return r < 0 ? r : judge(w, err);
    }
    if (!*w->upload) {
        AUTO(exchange_fini)
        struct exchange x = {
            .method = "PUT", .key = w->key, .body = w->part, .n_body = w->n_part};

        return ask_good(w->s, &x, err);
    }
    return commit_parts(w, err);
}

static void s3_end(struct blob_writer *writer)
{
    struct s3_writer *w = CONTAINER_OF(writer, struct s3_writer, writer);

    if (*w->upload) {
        const struct s3_param id = {"uploadId", w->upload};
        AUTO(exchange_fini)
        struct exchange x = {
            .method = "DELETE", .key = w->key, .params = &id, .n_params = 1};

        (void)ask(w->s, &x, NULL); /* else the sweep finds it */
    }
    if (w->multi && w->easy)
        curl_multi_remove_handle(w->multi, w->easy);
    if (w->easy)
        curl_easy_cleanup(w->easy);
    if (w->multi)
        curl_multi_cleanup(w->multi);
    curl_slist_free_all(w->headers);
    buf_fini(&w->said);
    buf_fini(&w->list);
    free(w->part);
    free(w);
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
    AUTO(exchange_fini) struct exchange x = {.method = "HEAD", .key = key};
    struct s3_blob *o;
    int r = ask_good(s3_of(b), &x, err);

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
    AUTO(exchange_fini)
    struct exchange x = {
        .method = "GET", .key = o->key, .range = range, .to = to, .room = n};
    int r;

    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, off, off + n - 1);
    r = ask_good(o->s, &x, err);
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
    AUTO(exchange_fini) struct exchange x = {.method = "DELETE", .key = key};
    int r = ask(s3_of(b), &x, err);

    return r < 0 || x.status / 100 == 2 || x.status == 404 ? r : refused(&x, err);
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
    char key[1100], upload[ID_MAX];
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
        AUTO(exchange_fini)
        struct exchange x = {
            .method = "GET", .key = "", .params = params + skip, .n_params = 3 - skip};

        r = ask_good(s, &x, err);
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
    AUTO(exchange_fini)
    struct exchange x = {.method = "DELETE", .params = &id, .n_params = 1};
    int r;

    if (e->age < w->age || strncmp(e->key, w->s->place.prefix, n) != 0 || !*e->upload)
        return 0;
    x.key = e->key + n;
    r = ask(w->s, &x, err);
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
        AUTO(exchange_fini)
        struct exchange x = {.method = "GET", .key = "", .params = params, .n_params = 2};

        w.n = 0;
        r = ask_good(w.s, &x, err);
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
