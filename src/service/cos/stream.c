/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/scoped.h"
#include "service/cos/cos.h"
#include "service/journal.h"
#include "service/workers.h"
#include "store/blob.h"

enum { BESIDE_MIN = 64 << 10 }; /* bytes worth another thread */

/* Content-MD5: 16 bytes in base64. */
static bool digest_of(uint8_t ret[16], const char *base64)
{
    uint8_t raw[18];

    if (strlen(base64) != 24 || strcmp(base64 + 22, "==") != 0 ||
        EVP_DecodeBlock(raw, (const uint8_t *)base64, 24) != 18)
        return false;
    memcpy(ret, raw, 16);
    return true;
}

static void write_piece(struct work *w)
{
    struct cos_stream *s = CONTAINER_OF(w, struct cos_stream, write);

    s->write_result = blob_write(s->writer, s->piece.p, s->piece.n, &s->write_err);
    sem_post(&s->written);
}

int cos_stream_begin(struct cos_request *q)
{
    const char *md5 = http_header(q->req, "Content-MD5");
    struct cos_stream *s = &q->stream;
    uint64_t size = q->req->has_length ? q->req->length : BLOB_SIZE_UNKNOWN;
    struct err err = {0};

    if (md5 && *md5) {
        s->has_want = digest_of(s->want, md5);
        if (!s->has_want)
            return cos_error(q, COS_InvalidDigest, NULL);
    }
    if (!q->req->has_length && !http_header(q->req, "Transfer-Encoding"))
        return cos_error(q, COS_MissingContentLength, NULL);
    if (q->req->has_length && size > COS_PUT_MAX)
        return cos_error(q, COS_EntityTooLarge, NULL);
    s->write.run = write_piece;
    s->md5 = EVP_MD_CTX_new();
    if (s->md5)
        sem_init(&s->written, 0, 0);
    if (!s->md5 || EVP_DigestInit_ex(s->md5, EVP_md5(), NULL) != 1) {
        FAIL(&err, ERR_NOMEM, "md5");
        return cos_fail(q, &err);
    }
    if (blob_key_make(s->blob, COS_BLOBS, &err) < 0 ||
        blob_create(&s->writer, q->cos->service->blobs, s->blob, size, &err) < 0)
        return cos_fail(q, &err);
    return 0;
}

int cos_stream_data(struct cos_request *q, struct bytes piece)
{
    struct cos_stream *s = &q->stream;
    struct err err = {0};
    int summed;

    s->piece = piece;
    if (piece.n < BESIDE_MIN || !workers_add_idle(q->cos->writers, &s->write))
        write_piece(&s->write);
    summed = EVP_DigestUpdate(s->md5, piece.p, piece.n);
    while (sem_wait(&s->written) < 0)
        ;
    if (s->write_result < 0)
        return cos_fail(q, &s->write_err);
    if (summed != 1) {
        FAIL(&err, ERR_IO, "md5");
        return cos_fail(q, &err);
    }
    s->size += piece.n;
    return 0;
}

int cos_stream_end(struct cos_request *q)
{
    struct cos_stream *s = &q->stream;
    struct err err = {0};

    if (EVP_DigestFinal_ex(s->md5, s->digest, NULL) != 1) {
        FAIL(&err, ERR_IO, "md5");
        return cos_fail(q, &err);
    }
    if (s->has_want && memcmp(s->digest, s->want, sizeof s->want) != 0)
        return cos_error(q, COS_BadDigest, NULL);
    for (size_t i = 0; i < sizeof s->digest; i++)
        snprintf(s->etag + 2 * i, 3, "%02x", s->digest[i]);
    if (blob_commit(TAKE(s->writer), &err) < 0)
        return cos_fail(q, &err);
    return 0;
}

struct burial {
    struct work work;
    struct blob_writer *writer;
};

static void abort_writer(struct work *w)
{
    struct burial *b = CONTAINER_OF(w, struct burial, work);

    blob_abort(b->writer);
    free(b);
}

void cos_stream_drop(struct cos_request *q)
{
    struct cos_stream *s = &q->stream;
    struct burial *b;

    if (s->md5)
        sem_destroy(&s->written);
    EVP_MD_CTX_free(s->md5);
    s->md5 = NULL;
    if (!s->writer)
        return;
    b = calloc(1, sizeof *b);
    if (b)
        *b = (struct burial){{.run = abort_writer}, s->writer};
    if (!b || !workers_add(q->cos->undertaker, &b->work)) {
        free(b);
        blob_abort(s->writer);
    }
    s->writer = NULL;
}

void cos_bury(struct cos_request *q, const struct dead_blobs *dead)
{
    for (size_t i = 0; i < dead->n; i++) {
        struct err err = {0};

        if (blob_delete(q->cos->service->blobs, dead->v[i], &err) < 0)
            journal_message("cos", &err, "request %s: left to the sweep", q->req->id);
    }
}

/* ---- headers that an object keeps */

static bool is_kept(const char *name)
{
    static const char *const kept[] = {
        "Cache-Control", "Content-Disposition", "Content-Encoding", "Content-Language",
        "Expires",
    };

    for (size_t i = 0; i < ARRAY_SIZE(kept); i++)
        if (strcasecmp(name, kept[i]) == 0)
            return true;
    return strncasecmp(name, "x-cos-meta-", 11) == 0;
}

struct keeping {
    struct buf text;
    unsigned n;
    bool failed;
};

/* As many as an answer has room for beside its own. */
enum { KEPT_MAX = 10 };

static void keep(void *arg, const char *name, const char *value)
{
    struct keeping *k = arg;

    if (!*value || !is_kept(name))
        return;
    if (++k->n > KEPT_MAX || strpbrk(value, "\r\n") ||
        !cos_is_utf8(bytes_of(value, strlen(value))) ||
        buf_printf(&k->text, NULL, "%s: %s\n", name, value) < 0)
        k->failed = true;
}

int cos_keep_headers(struct cos_request *q, const char **ret_type, const char **ret)
{
    const char *type = http_header(q->req, "Content-Type");
    AUTO(buf_fini) struct buf text = {0};
    struct keeping k = {.text.max = COS_META_MAX};

    if (type && (strlen(type) > 256 || !cos_is_utf8(bytes_of(type, strlen(type)))))
        return cos_error(q, COS_InvalidArgument, "Content-Type");
    http_each_header(q->req, keep, &k);
    text = k.text;
    if (k.failed)
        return cos_error(q, COS_MetadataTooLarge, NULL);
    *ret_type = type && *type ? arena_str(&q->arena, type) : "application/octet-stream";
    *ret = arena_str(&q->arena, buf_str(&text));
    return 0;
}
