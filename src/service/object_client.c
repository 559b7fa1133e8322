/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/object_client.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/cos/query.h"
#include "service/cos/sign.h"

enum {
    CONNECT_S = 20,
    SILENT_S = 300, /* the answer to a large part takes a while */
    SIGNED_S = 3600,
    SKEW_S = 60, /* this clock may be ahead */
    TRIES = 3,
    ANSWER_MAX = 1 << 20,
    ID_MAX = 256,
    ETAG_MAX = 80,
};

/* A request, and what became of it. */
struct exchange {
    const char *method, *key, *query; /* "uploads", "" */
    const char *body;                 /* NULL: size bytes of fd, from start on */
    int fd;
    uint64_t start, size, sent;
    uint64_t total; /* of the whole file; 0: nobody is told */
    int read_error;
    const struct object_client *c;
    struct buf answer;
    char etag[ETAG_MAX];
    long status;
};

static void exchange_fini(struct exchange *x)
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

static int make_host(struct buf *to, const struct object_client *c, struct err *err)
{
    return buf_printf(to, err, "%s.cos.%s.myqcloud.com", c->bucket, c->region);
}

/* "q-sign-algorithm=sha1&...": with the host, and good for that long. */
static int sign(struct buf *to, const struct object_client *c, const char *method,
                const char *key, const char *host, int64_t seconds, struct err *err)
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

int object_client_link(struct buf *to, const struct object_client *c, const char *key,
                       int64_t seconds, struct err *err)
{
    AUTO(buf_fini) struct buf host = {0};
    bool tls = strncmp(c->endpoint, "https:", 6) == 0;
    int r = make_host(&host, c, err);

    if (r == 0)
        r = buf_printf(to, err, "http%s://%s/", tls ? "s" : "", buf_str(&host));
    if (r == 0)
        r = cos_encode(to, key, true, err);
    if (r == 0)
        r = buf_puts(to, "?", err);
    return r < 0 ? r : sign(to, c, "GET", key, buf_str(&host), seconds, err);
}

/* ---- a request */

static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;

    return buf_append(&x->answer, p, size * n, NULL) < 0 ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    struct bytes value;

    n *= size;
    if (n < 5 || strncasecmp(p, "ETag:", 5) != 0)
        return n;
    value = text_trim(bytes_of(p + 5, n - 5));
    if (value.n < sizeof x->etag) {
        memcpy(x->etag, value.p, value.n);
        x->etag[value.n] = '\0';
    }
    return n;
}

static size_t on_read(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
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
    const struct exchange *x = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return x->total && x->c->goes_on &&
           x->c->goes_on(x->c->arg, x->start + x->sent, x->total) != 0;
}

static int add(struct curl_slist **list, const char *line, struct err *err)
{
    struct curl_slist *more = curl_slist_append(*list, line);

    *list = more ? more : *list;
    return more ? 0 : FAIL(err, ERR_NOMEM, "no memory for a request");
}

static int make_headers(struct curl_slist **ret, const struct exchange *x,
                        struct err *err)
{
    AUTO(buf_fini) struct buf host = {0}, line = {0};
    int r = make_host(&host, x->c, err);

    if (r == 0)
        r = buf_printf(&line, err, "Host: %s", buf_str(&host));
    if (r == 0)
        r = add(ret, buf_str(&line), err);
    buf_clear(&line);
    if (r == 0)
        r = buf_puts(&line, "Authorization: ", err);
    if (r == 0)
        r = sign(&line, x->c, x->method, x->key, buf_str(&host), SIGNED_S, err);
    if (r == 0)
        r = add(ret, buf_str(&line), err);
    if (r == 0)
        r = add(ret, "Content-Type:", err);
    return r < 0 ? r : add(ret, "Expect:", err); /* none: no waiting */
}

static int make_url(struct buf *to, const struct exchange *x, struct err *err)
{
    size_t n = strlen(x->c->endpoint);
    int r;

    while (n > 0 && x->c->endpoint[n - 1] == '/')
        n--;
    r = buf_printf(to, err, "%.*s/", (int)n, x->c->endpoint);
    if (r == 0)
        r = cos_encode(to, x->key, true, err);
    return r == 0 && *x->query ? buf_printf(to, err, "?%s", x->query) : r;
}

/* What the service says is wrong. */
static int refused(const struct exchange *x, struct err *err)
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
    if (!*code)
        return FAIL(err, ERR_IO, "%.100s: the server answers %ld", x->c->endpoint,
                    x->status);
    return FAIL(err, x->status >= 500 ? ERR_IO : ERR_NOTFOUND, "%.100s: %s (%s)",
                x->c->bucket, message, code);
}

/* ERR_IO: no answer, or one that it failed over there. */
static int perform(struct exchange *x, struct err *err)
{
    AUTO(easy_freep) CURL *curl = curl_easy_init();
    AUTO(slist_freep) struct curl_slist *headers = NULL;
    AUTO(buf_fini) struct buf url = {0};
    char words[CURL_ERROR_SIZE] = "";
    CURLcode e = curl ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    int r = make_url(&url, x, err);

    if (r == 0)
        r = make_headers(&headers, x, err);
    if (r < 0)
        return r;
    buf_fini(&x->answer);
    x->answer = (struct buf){.max = ANSWER_MAX};
    x->sent = 0;
#define SET(option, value) e = e ? e : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_URL, buf_str(&url));
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTPHEADER, headers);
    if (x->body) {
        SET(CURLOPT_POSTFIELDS, x->body);
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(x->body));
    } else {
        SET(CURLOPT_UPLOAD, 1L);
        SET(CURLOPT_UPLOAD_BUFFERSIZE, 1L << 20);
        SET(CURLOPT_READFUNCTION, on_read);
        SET(CURLOPT_READDATA, (void *)x);
        SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)x->size);
    }
    SET(CURLOPT_CUSTOMREQUEST, x->method);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)SILENT_S);
    SET(CURLOPT_HEADERFUNCTION, on_header);
    SET(CURLOPT_HEADERDATA, (void *)x);
    SET(CURLOPT_WRITEFUNCTION, on_answer);
    SET(CURLOPT_WRITEDATA, (void *)x);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, (void *)x);
    SET(CURLOPT_ERRORBUFFER, words);
    SET(CURLOPT_USERAGENT, "imgport");
    if (x->c->ca_file && *x->c->ca_file)
        SET(CURLOPT_CAINFO, x->c->ca_file);
#undef SET
    e = e ? e : curl_easy_perform(curl);
    if (x->read_error)
        return FAIL_SYS(err, x->read_error, "read the file");
    if (e == CURLE_ABORTED_BY_CALLBACK)
        return FAIL(err, ERR_CANCELED, "the upload was ended");
    if (e)
        return FAIL(err, e == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_IO, "%.100s: %s",
                    x->c->endpoint, *words ? words : curl_easy_strerror(e));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &x->status);
    return x->status / 100 == 2 ? 0 : refused(x, err);
}

/* ---- what is done */

int object_client_make_bucket(const struct object_client *c, struct err *err)
{
    AUTO(exchange_fini)
    struct exchange x = {.c = c, .method = "PUT", .key = "", .query = "", .body = ""};
    struct err local = {0};
    int r = perform(&x, &local);

    if (r < 0 && strstr(buf_str(&x.answer), "<Code>BucketAlreadyOwnedByYou</Code>"))
        return 0;
    if (r < 0 && err)
        *err = local;
    return r;
}

int object_client_delete(const struct object_client *c, const char *key, struct err *err)
{
    AUTO(exchange_fini)
    struct exchange x = {.c = c, .method = "DELETE", .key = key, .query = "", .body = ""};

    return perform(&x, err);
}

/* What stands in the element of that name. */
static int element(char *to, size_t cap, const struct exchange *x, const char *name,
                   struct err *err)
{
    AUTO(xml_fini) struct xml xml = XML_OF(buf_bytes(&x->answer));
    int r;

    while ((r = xml_next(&xml, err)) > 0)
        if (r == XML_CLOSE && text_is(xml.name, name) && xml.text.n > 0 &&
            xml.text.n < cap) {
            snprintf(to, cap, "%s", buf_str(&xml.text));
            return 0;
        }
    return r < 0 ? r : FAIL(err, ERR_CORRUPT, "an answer without %s", name);
}

static int put_part(struct buf *list, struct exchange *x, unsigned number, const char *id,
                    struct err *err)
{
    AUTO(buf_fini) struct buf query = {0};
    int r = buf_printf(&query, err, "partNumber=%u&uploadId=", number);

    if (r == 0)
        r = cos_encode(&query, id, false, err);
    if (r < 0)
        return r;
    x->query = buf_str(&query);
    for (int k = 1;; k++) {
        struct err local = {0};

        r = perform(x, &local);
        if (r == 0)
            break;
        if (local.code != ERR_IO || x->read_error || k == TRIES) {
            if (err)
                *err = local;
            return r;
        }
        sleep((unsigned)k);
    }
    r = buf_printf(list, err, "<Part><PartNumber>%u</PartNumber>", number);
    if (r == 0)
        r = xml_put(list, "ETag", x->etag, err);
    return r < 0 ? r : buf_puts(list, "</Part>", err);
}

static int put_parts(struct buf *list, const struct object_client *c, const char *key,
                     const char *id, int fd, uint64_t size, struct err *err)
{
    unsigned number = 1;
    int r = buf_puts(list, "<CompleteMultipartUpload>", err);

    for (uint64_t at = 0; r == 0 && at < size; at += OBJECT_PART_SIZE) {
        AUTO(exchange_fini)
        struct exchange x = {
            .c = c,
            .method = "PUT",
            .key = key,
            .fd = fd,
            .start = at,
            .size = size - at < OBJECT_PART_SIZE ? size - at : OBJECT_PART_SIZE,
            .total = size,
        };

        r = put_part(list, &x, number++, id, err);
    }
    return r < 0 ? r : buf_puts(list, "</CompleteMultipartUpload>", err);
}

static int put_large(const struct object_client *c, const char *key, int fd,
                     uint64_t size, struct err *err)
{
    AUTO(exchange_fini)
    struct exchange x = {
        .c = c, .method = "POST", .key = key, .query = "uploads", .body = ""};
    AUTO(buf_fini) struct buf list = {0}, query = {0};
    char id[ID_MAX];
    int r = perform(&x, err);

    if (r == 0)
        r = element(id, sizeof id, &x, "UploadId", err);
    if (r == 0)
        r = buf_puts(&query, "uploadId=", err);
    if (r == 0)
        r = cos_encode(&query, id, false, err);
    if (r < 0)
        return r;
    r = put_parts(&list, c, key, id, fd, size, err);
    x.query = buf_str(&query);
    if (r == 0) {
        x.body = buf_str(&list);
        r = perform(&x, err);
    }
    if (r < 0) { /* what is there of it would be kept for nothing */
        x.method = "DELETE";
        x.body = "";
        (void)perform(&x, NULL);
    }
    return r;
}

int object_client_put(const struct object_client *c, const char *key, int fd,
                      uint64_t size, struct err *err)
{
    AUTO(exchange_fini)
    struct exchange x = {.c = c,
                         .method = "PUT",
                         .key = key,
                         .query = "",
                         .fd = fd,
                         .size = size,
                         .total = size};

    return size > OBJECT_PART_SIZE ? put_large(c, key, fd, size, err) : perform(&x, err);
}
