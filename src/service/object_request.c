/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/object_request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/client.h"
#include "service/cos/place.h"
#include "service/cos/query.h"
#include "service/cos/sign.h"

enum {
    CONNECT_S = 20,
    SILENT_S = 300, /* the answer to a large part takes a while */
    SIGNED_S = 3600,
    SKEW_S = 60, /* this clock may be ahead */
    HOST_MAX = 300,
};

void object_request_fini(struct object_request *x)
{
    buf_fini(&x->answer);
}

static void slist_freep(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

static void easy_freep(CURL **c)
{
    curl_easy_cleanup(*c);
}

/* ---- signing */

static const char *no_header(void *arg, const char *name)
{
    (void)arg;
    (void)name;
    return NULL;
}

int object_request_host(struct buf *to, const struct object_client *c, struct err *err)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

    if (!c->bucket)
        return buf_puts(to, "service.cos.myqcloud.com", err);
    if (!object_client_is_bucket(c->bucket))
        return FAIL(err, ERR_ARG, _("\"%.100s\" is no name of a bucket"),
                    text_short(c->bucket, 100).s);
    if (!*c->region || c->region[strspn(c->region, letters)])
        return FAIL(err, ERR_ARG, _("\"%.100s\" is no name of a region"),
                    text_short(c->region, 100).s);
    return buf_printf(to, err, "%s.cos.%s.myqcloud.com", c->bucket, c->region);
}

int object_request_sign(struct buf *to, const struct object_client *c, const char *method,
                        const char *key, const char *host, int64_t seconds,
                        struct err *err)
{
    static const struct cos_query none;
    AUTO(buf_fini) struct buf path = {0};
    char times[48], signature[COS_SIGNATURE + 1];
    int64_t now = (int64_t)time(NULL);
    int r = buf_printf(&path, err, "/%s", key);

    if (r < 0)
        return r;
    snprintf(times, sizeof times, "%lld;%lld", (long long)now - SKEW_S,
             (long long)now + seconds);
    r = cos_sign_make(
        signature,
        &(struct cos_sign){
            .sign_time = times, .key_time = times, .headers = "host", .params = ""},
        &(struct cos_signed){.method = method,
                             .paths = {buf_str(&path)},
                             .hosts = {host},
                             .query = &none,
                             .header = no_header},
        c->secret_key, err);
    return r < 0 ? r
                 : buf_printf(to, err,
                              "q-sign-algorithm=sha1&q-ak=%s&q-sign-time=%s&q-key-time=%s"
                              "&q-header-list=host&q-url-param-list=&q-signature=%s",
                              c->secret_id, times, times, signature);
}

/* ---- what comes and goes */

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
    struct object_request *x = arg;

    n *= size;
    if (!x->take || x->status / 100 != 2)
        return buf_append(&x->answer, p, n, NULL) < 0 ? 0 : n;
    if (x->take(x, bytes_of(p, n), &x->take_err) < 0)
        return 0;
    x->sent += n;
    return n;
}

/* The value of a header of that name, or nothing. */
static bool is_header(struct bytes *value, struct bytes line, const char *name)
{
    size_t n = strlen(name);

    if (line.n <= n || line.p[n] != ':' ||
        strncasecmp((const char *)line.p, name, n) != 0)
        return false;
    *value = text_trim(bytes_sub(line, n + 1, line.n - n - 1));
    return true;
}

static void on_status_line(struct object_request *x, struct bytes line)
{
    const uint8_t *blank = memchr(line.p, ' ', line.n);
    uint64_t status = 0;
    size_t at = blank ? (size_t)(blank - line.p) + 1 : line.n;

    (void)text_u64(&status, bytes_sub(line, at, line.n - at < 3 ? line.n - at : 3));
    x->status = (long)status;
    x->etag[0] = '\0';
    x->length = x->range_start = UINT64_MAX;
    x->part_size = 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct object_request *x = arg;
    struct bytes line = bytes_of(p, n * size), value;

    if (text_starts(line, "HTTP/")) {
        on_status_line(x, line);
    } else if (is_header(&value, line, "ETag") && value.n < sizeof x->etag) {
        memcpy(x->etag, value.p, value.n);
        x->etag[value.n] = '\0';
    } else if (is_header(&value, line, "Content-Length")) {
        (void)text_u64(&x->length, value);
    } else if (is_header(&value, line, OBJECT_PART_HEADER)) {
        (void)text_u64(&x->part_size, value);
    } else if (is_header(&value, line, "Content-Range") && text_starts(value, "bytes ")) {
        const uint8_t *dash = memchr(value.p, '-', value.n);

        if (dash)
            (void)text_u64(&x->range_start,
                           bytes_of(value.p + 6, (size_t)(dash - value.p) - 6));
    }
    return n * size;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct object_request *x = arg;
    uint64_t left = x->size - x->sent;
    ssize_t got;

    n = n * size < left ? n * size : (size_t)left;
    do
        got = pread(x->fd, p, n, (off_t)(x->start + x->sent));
    while (got < 0 && errno == EINTR);
    if (got < 0 || (got == 0 && n > 0)) {
        x->read_error = got < 0 ? errno : ENODATA; /* it became shorter meanwhile */
        return CURL_READFUNC_ABORT;
    }
    x->sent += (uint64_t)got;
    return (size_t)got;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct object_request *x = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return x->tells && x->c->goes_on &&
           x->c->goes_on(x->c->arg, x->start + x->sent, x->total) != 0;
}

/* ---- a request */

static int add(struct curl_slist **list, const char *line, struct err *err)
{
    struct curl_slist *more;

    if (strpbrk(line, "\r\n"))
        return FAIL(err, ERR_ARG, "what is to be a header is not of one line");
    more = curl_slist_append(*list, line);
    *list = more ? more : *list;
    return more ? 0 : FAIL(err, ERR_NOMEM, "no memory for a request");
}

static int make_headers(struct curl_slist **ret, const struct object_request *x,
                        struct err *err)
{
    AUTO(buf_fini) struct buf host = {0}, line = {0};
    int r = object_request_host(&host, x->c, err);

    if (r == 0)
        r = buf_printf(&line, err, "Host: %s", buf_str(&host));
    if (r == 0)
        r = add(ret, buf_str(&line), err);
    buf_clear(&line);
    if (r == 0)
        r = buf_puts(&line, "Authorization: ", err);
    if (r == 0)
        r = object_request_sign(&line, x->c, x->method, x->key, buf_str(&host), SIGNED_S,
                                err);
    if (r == 0)
        r = add(ret, buf_str(&line), err);
    for (size_t i = 0; r == 0 && i < OBJECT_LINES_MAX && x->lines[i]; i++)
        r = add(ret, x->lines[i], err);
    if (r == 0)
        r = add(ret, "Content-Type:", err);
    return r < 0 ? r : add(ret, "Expect:", err); /* none: no waiting */
}

static int make_url(struct buf *to, const struct object_request *x, struct err *err)
{
    size_t n = strlen(x->c->endpoint);
    char host[HOST_MAX];
    int r = client_host(host, sizeof host, x->c->endpoint, err);

    if (r < 0)
        return r;
    while (n > 0 && x->c->endpoint[n - 1] == '/')
        n--;
    r = buf_printf(to, err, "%.*s/", (int)n, x->c->endpoint);
    if (r == 0)
        r = cos_encode(to, x->key, true, err);
    return r == 0 && *x->query ? buf_printf(to, err, "?%s", x->query) : r;
}

/* What is refused often is said in the user's words and language. */
static int say(const struct object_request *x, const char *code, const char *message,
               struct err *err)
{
    const struct text_short of =
        text_short(x->c->bucket ? x->c->bucket : x->c->endpoint, 80);
    const char *bucket = of.s;
    enum err_code what = x->status >= 500 ? ERR_IO : ERR_NOTFOUND;

    if (strcmp(code, "NoSuchBucket") == 0)
        return FAIL(err, what, _("there is no bucket %.80s in %.80s (%s)"), bucket,
                    text_short(x->c->region, 80).s, code);
    if (strcmp(code, "NoSuchKey") == 0)
        return FAIL(err, what, _("%.80s has no object %.150s (%s)"), bucket,
                    text_short(x->key, 150).s, code);
    if (strcmp(code, "BucketNotEmpty") == 0)
        return FAIL(err, what,
                    _("the bucket %.80s still has objects, or uploads that were not "
                      "finished (%s)"),
                    bucket, code);
    if (strcmp(code, "BucketAlreadyOwnedByYou") == 0)
        return FAIL(err, what, _("there is a bucket %.80s already (%s)"), bucket, code);
    if (strcmp(code, "BucketAlreadyExists") == 0)
        return FAIL(err, what, _("another account has the bucket %.80s (%s)"), bucket,
                    code);
    /* Of its several reasons the service may have told one. */
    if (strcmp(code, "AccessDenied") == 0 && strcmp(message, "Access Denied.") == 0)
        return FAIL(err, what, _("%.80s: this account may not do that (%s)"), bucket,
                    code);
    return FAIL(err, what, "%.100s: %s (%s)", bucket, message, code);
}

/* What the service says is wrong. */
static int refused(const struct object_request *x, struct err *err)
{
    AUTO(xml_fini) struct xml xml = XML_OF(buf_bytes(&x->answer));
    char code[64] = "", message[256] = "";

    for (int r; (r = xml_next(&xml, NULL)) > 0;) {
        char *to = text_is(xml.name, "Code")      ? code
                   : text_is(xml.name, "Message") ? message
                                                  : NULL;

        if (r == XML_CLOSE && to)
            text_clean(to, to == code ? sizeof code : sizeof message,
                       buf_bytes(&xml.text), sizeof message - 1);
    }
    return *code ? say(x, code, message, err)
                 : FAIL(err, ERR_IO, "%.100s: the server answers %ld",
                        text_short(x->c->endpoint, 100).s, x->status);
}

static CURLcode set_body(CURL *curl, struct object_request *x)
{
    CURLcode e = CURLE_OK;

#define SET(option, value) e = e ? e : curl_easy_setopt(curl, option, value)
    if (strcmp(x->method, "HEAD") == 0) {
        SET(CURLOPT_NOBODY, 1L);
    } else if (strcmp(x->method, "GET") == 0) {
        SET(CURLOPT_HTTPGET, 1L);
    } else if (x->body) {
        SET(CURLOPT_POSTFIELDS, x->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->body));
        SET(CURLOPT_CUSTOMREQUEST, x->method);
    } else {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, (void *)x);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->size);
        SET(CURLOPT_CUSTOMREQUEST, x->method);
    }
    return e;
}

static CURLcode set(CURL *curl, struct object_request *x, const char *url,
                    struct curl_slist *headers, char words[CURL_ERROR_SIZE])
{
    CURLcode e = set_body(curl, x);

    SET(CURLOPT_URL, url);
    SET(CURLOPT_PATH_AS_IS, 1L); /* a key may have a part ".." */
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)SILENT_S);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, (void *)x);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, (void *)x);
    SET(CURLOPT_BUFFERSIZE, 256L << 10);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, (void *)x);
    SET(CURLOPT_ERRORBUFFER, words);
    SET(CURLOPT_USERAGENT, "imgport");
    if (x->c->ca_file && *x->c->ca_file)
        SET(CURLOPT_CAINFO, x->c->ca_file);
#undef SET
    return e;
}

int object_request_perform(struct object_request *x, struct err *err)
{
    AUTO(easy_freep) CURL *curl = curl_easy_init();
    AUTO(slist_freep) struct curl_slist *headers = NULL;
    AUTO(buf_fini) struct buf url = {0};
    char words[CURL_ERROR_SIZE] = "";
    CURLcode e = CURLE_OUT_OF_MEMORY;
    int r = make_url(&url, x, err);

    if (r == 0)
        r = make_headers(&headers, x, err);
    if (r < 0)
        return r;
    buf_fini(&x->answer);
    x->answer = (struct buf){.max = OBJECT_ANSWER_MAX};
    x->sent = 0;
    x->status = 0;
    if (curl)
        e = set(curl, x, buf_str(&url), headers, words);
    e = e ? e : curl_easy_perform(curl);
    if (x->take_err.code) {
        if (err)
            *err = x->take_err;
        return -(int)x->take_err.code;
    }
    if (x->read_error)
        return FAIL_SYS(err, x->read_error, "read the file");
    if (e == CURLE_ABORTED_BY_CALLBACK)
        return FAIL(err, ERR_CANCELED, "the transfer was ended");
    if (e)
        return FAIL(err, e == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_IO, "%.100s: %s",
                    text_short(x->c->endpoint, 100).s,
                    *words ? words : curl_easy_strerror(e));
    return x->status / 100 == 2 ? 0 : refused(x, err);
}
