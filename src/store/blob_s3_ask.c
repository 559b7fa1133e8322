/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_s3_ask.c: requests to a bucket, by libcurl
 *
 * libcurl signs (AWS SigV4).  What it wants was found by trying 7.88:
 * x-amz-content-sha256 has to be given, and queries have to be sorted and encoded already
 * (s3_url.c). */
#include "store/blob_s3.h"

#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/checked.h"
#include "base/text.h"

enum { ATTEMPTS = 4, CONNECT_S = 10, STALL_S = 30 };

void s3_exchange_fini(struct s3_exchange *x)
{
    buf_fini(&x->text);
}

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
    struct s3_exchange *x = arg;
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
    struct s3_exchange *x = arg;

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
    struct s3_exchange *x = arg;
    size_t some = (size_t)min_u64(one * n, x->n_body - x->sent);

    memcpy(p, (const char *)x->body + x->sent, some);
    x->sent += some;
    return some;
}

static int on_seek(void *arg, curl_off_t off, int origin)
{
    struct s3_exchange *x = arg;

    if (origin != SEEK_SET || off < 0 || (uint64_t)off > x->n_body)
        return CURL_SEEKFUNC_FAIL;
    x->sent = (uint64_t)off;
    return CURL_SEEKFUNC_OK;
}

struct curl_slist *s3_headers(const char *method)
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

int s3_set_up(struct s3 *s, CURL *c, const char *method, const char *key,
              const struct s3_param *params, size_t n_params, struct curl_slist *headers,
              struct err *err)
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

static int ask_once(struct s3 *s, struct s3_exchange *x, bool *again, struct err *err)
{
    struct curl_slist *headers = s3_headers(x->method);
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
    x->text.max = S3_ANSWER_MAX;
    r = s3_set_up(s, c, x->method, x->key, x->params, x->n_params, headers, err);
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

int s3_ask(struct s3 *s, struct s3_exchange *x, struct err *err)
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

int s3_refused(const struct s3_exchange *x, struct err *err)
{
    char code[64];

    code_of(code, buf_bytes(&x->text));
    return FAIL(err, x->status == 404 ? ERR_NOTFOUND : ERR_IO,
                "s3: %s %s answered %ld %s", x->method, x->key, x->status, code);
}

int s3_ask_good(struct s3 *s, struct s3_exchange *x, struct err *err)
{
    int r = s3_ask(s, x, err);

    if (r == 0 && x->status / 100 != 2)
        r = s3_refused(x, err);
    return r;
}
