/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_s3_write.c: a blob on its way into a bucket
 *
 * Of a size that is known one PUT streams through; else parts of 8 MiB are kept and sent,
 * larger ones when there are many, so that 10,000 of them hold the largest image.  A
 * request whose body we still have is tried again; one that streams is not. */
#include "store/blob_s3.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "base/xml.h"

enum {
    PART = 8 << 20,
    LARGE_PART = 64 << 20,
    SMALL_PARTS = 1000, /* so many of the first size, then the other */
};

struct s3_writer {
    struct blob_writer writer;
    struct s3 *s;
    char key[BLOB_KEY_MAX];
    /* In parts: */
    uint8_t *part;
    size_t n_part, part_size;
    char upload[S3_ID_MAX]; /* "" while there is none */
    struct buf list;        /* of those that were sent */
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
    struct s3_exchange x = {.method = "PUT", .key = w->key, .text = w->said};

    curl_easy_getinfo(w->easy, CURLINFO_RESPONSE_CODE, &x.status);
    if (w->code != CURLE_OK)
        return FAIL(err, ERR_IO, "s3: %s", curl_easy_strerror(w->code));
    return x.status / 100 == 2 ? 0 : s3_refused(&x, err);
}

static int begin_stream(struct s3_writer *w, uint64_t size, struct err *err)
{
    int r;

    w->multi = curl_multi_init();
    w->easy = curl_easy_init();
    w->headers = s3_headers("PUT");
    w->said.max = S3_ANSWER_MAX;
    if (!w->multi || !w->easy || !w->headers)
        return FAIL(err, ERR_NOMEM, "s3");
    r = s3_set_up(w->s, w->easy, "PUT", w->key, NULL, 0, w->headers, err);
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

/* One PUT of S3 takes 5 GiB at most. */
#define STREAM_MAX (UINT64_C(5) << 30)

int s3_create(struct blob_writer **ret, struct blobs *b, const char *key, uint64_t size,
              struct err *err)
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
    AUTO(s3_exchange_fini)
    struct s3_exchange x = {
        .method = "POST", .key = w->key, .params = &uploads, .n_params = 1};
    AUTO(xml_fini) struct xml xml = {0};
    int r = s3_ask_good(w->s, &x, err);

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
        AUTO(s3_exchange_fini)
        struct s3_exchange x = {
            .method = "PUT",
            .key = w->key,
            .params = params,
            .n_params = 2,
            .body = w->part,
            .n_body = w->n_part,
        };

        r = s3_ask_good(w->s, &x, err);
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

int s3_write(struct blob_writer *writer, const void *p, size_t n, struct err *err)
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
    AUTO(s3_exchange_fini)
    struct s3_exchange x = {
        .method = "POST", .key = w->key, .params = &id, .n_params = 1};
    int r = w->n_part ? send_part(w, err) : 0;

    if (r == 0)
        r = buf_puts(&w->list, "</CompleteMultipartUpload>", err);
    if (r < 0)
        return r;
    x.body = w->list.p;
    x.n_body = w->list.n;
    r = s3_ask_good(w->s, &x, err);
    /* A failure may come with status 200, since the answer began before it. */
    if (r == 0 && text_find(buf_bytes(&x.text), "<Error") >= 0)
        r = s3_refused(&x, err);
    if (r == 0)
        w->upload[0] = '\0';
    return r;
}

int s3_commit(struct blob_writer *writer, struct err *err)
{
    struct s3_writer *w = CONTAINER_OF(writer, struct s3_writer, writer);
    int r;

    if (streams(w)) {
        r = drive(w, true, err);
        return r < 0 ? r : judge(w, err);
    }
    if (!*w->upload) {
        AUTO(s3_exchange_fini)
        struct s3_exchange x = {
            .method = "PUT", .key = w->key, .body = w->part, .n_body = w->n_part};

        return s3_ask_good(w->s, &x, err);
    }
    return commit_parts(w, err);
}

void s3_end(struct blob_writer *writer)
{
    struct s3_writer *w = CONTAINER_OF(writer, struct s3_writer, writer);

    if (*w->upload) {
        const struct s3_param id = {"uploadId", w->upload};
        AUTO(s3_exchange_fini)
        struct s3_exchange x = {
            .method = "DELETE", .key = w->key, .params = &id, .n_params = 1};

        (void)s3_ask(w->s, &x, NULL); /* else the sweep finds it */
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
