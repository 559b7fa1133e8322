/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "rules/profile.h"
#include "service/cos/conditions.h"
#include "service/cos/cos.h"
#include "service/journal.h"
#include "store/blob.h"

enum { READ_TRIES = 3 };

/* ---- coming in */

int cos_put_object_begin(struct cos_request *q)
{
    int r = cos_must(q, COS_WRITE, NULL);

    if (r < 0)
        return r;
    if (http_header(q->req, "x-cos-copy-source"))
        return cos_error(q, COS_NotImplemented, NULL);
    return cos_stream_begin(q);
}

int cos_put_object(struct cos_request *q)
{
    struct object o = {.bucket = q->bucket.name, .key = q->place.key, .grants = ""};
    struct object_piece piece = {.blob = q->stream.blob};
    struct object_pieces pieces = {&piece, 1};
    struct dead_blobs dead;
    struct err err = {0};
    int r = cos_acl_headers(q, COS_OF_OBJECT, &o.acl, &o.grants);

    if (r == 0)
        r = cos_keep_headers(q, &o.content_type, &o.headers);
    if (r == 0)
        r = cos_stream_end(q);
    if (r < 0)
        return r;
    o.size = piece.size = q->stream.size;
    o.etag = q->stream.etag;
    r = object_put(&dead, &q->arena, q->db, &o, &pieces, &err);
    if (r != 0) {
        cos_bury(q, &(struct dead_blobs){&piece.blob, 1});
        return r < 0 ? cos_fail(q, &err) : cos_error(q, COS_NoSuchBucket, NULL);
    }
    cos_bury(q, &dead);
    cos_header(q, "ETag", "\"%s\"", o.etag);
    return cos_answer(q, 200);
}

int cos_delete_object(struct cos_request *q)
{
    struct dead_blobs dead;
    struct err err = {0};
    int r = cos_must(q, COS_WRITE, NULL);

    if (r < 0)
        return r;
    r = object_delete(&dead, &q->arena, q->db, q->bucket.name, q->place.key, &err);
    if (r < 0)
        return cos_fail(q, &err);
    if (r == 0)
        cos_bury(q, &dead);
    q->a->no_body = true;
    return cos_answer(q, 204);
}

/* ---- going out */

/* The pieces of an answer, read one after the other. */
struct reader {
    struct service *service;
    struct arena arena;
    struct object_pieces pieces;
    uint64_t start; /* of the answer, in the object */
    size_t at;      /* the piece that is open */
    struct blob *blob;
    /* A link that serves once: spent when the first byte is asked for. */
    const char *signature;
    int64_t expires;
};

static void reader_close(void *arg)
{
    struct reader *r = arg;

    if (!r)
        return;
    blob_close(r->blob);
    arena_fini(&r->arena);
    free(r);
}

static void reader_closep(struct reader **r)
{
    reader_close(*r);
    *r = NULL;
}

static int spend(struct reader *r, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int result = catalog_get(&db, r->service->catalog, err);

    if (result == 0)
        result = link_spend(db, r->signature, r->expires, err);
    if (result > 0)
        return FAIL(err, ERR_CONFLICT, "the link was used by another request meanwhile");
    r->signature = NULL;
    return result;
}

static int64_t reader_read(void *arg, uint64_t off, void *buf, size_t n, struct err *err)
{
    struct reader *r = arg;
    const struct object_piece *p;
    int result = r->signature ? spend(r, err) : 0;

    if (result < 0)
        return result;
    off += r->start;
    while (r->at < r->pieces.n &&
           off >= r->pieces.v[r->at].offset + r->pieces.v[r->at].size) {
        blob_closep(&r->blob);
        r->at++;
    }
    if (r->at == r->pieces.n || off < r->pieces.v[r->at].offset)
        return FAIL(err, ERR_SHORT, "no piece at %" PRIu64, off);
    p = &r->pieces.v[r->at];
    n = (size_t)min_u64(n, p->offset + p->size - off);
    if (!r->blob)
        result = blob_open(&r->blob, r->service->blobs, p->blob, err);
    if (result == 0)
        result = blob_read(r->blob, buf, n, off - p->offset, err);
    return result < 0 ? result : (int64_t)n;
}

/* Opens what the answer needs before its status is told: a file, or the first of several
 * pieces. */
static int open_pieces(struct cos_request *q, const struct cos_found *f, struct err *err)
{
    const struct object_pieces *pieces = &f->pieces;
    AUTO(reader_closep) struct reader *r = calloc(1, sizeof *r);
    struct object_piece *v;
    int result, fd;

    if (!r)
        return FAIL(err, ERR_NOMEM, "answer");
    r->service = q->cos->service;
    r->start = f->first;
    result = blob_open(&r->blob, r->service->blobs, pieces->v[0].blob, err);
    if (result < 0)
        return result;
    fd = blob_fd(r->blob);
    if (fd >= 0 && pieces->n == 1 && !f->one_time) {
        q->a->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (q->a->fd < 0)
            return FAIL(err, ERR_IO, "no descriptor is left");
        q->a->offset = f->first - pieces->v[0].offset;
        q->a->length = f->length;
        return 0;
    }
    v = arena_alloc(&r->arena, pieces->n * sizeof *v);
    for (size_t i = 0; v && i < pieces->n; i++) {
        v[i] = pieces->v[i];
        v[i].blob = arena_str(&r->arena, v[i].blob);
    }
    if (f->one_time) {
        r->signature = arena_str(&r->arena, q->sign.signature);
        r->expires = q->sign.end;
    }
    result = arena_check(&r->arena, err);
    if (result < 0)
        return result;
    r->pieces = (struct object_pieces){v, pieces->n};
    q->a->read = reader_read;
    q->a->read_close = reader_close;
    q->a->read_arg = TAKE(r);
    q->a->length = f->length;
    return 0;
}

/* Parameters of a link that its signature covers; those of a header are our client's. */
static bool is_signed_param(const struct cos_request *q, const char *name)
{
    const char *list = q->sign.params;
    size_t n = strlen(name);

    if (!q->is_signed || !q->sign.in_query)
        return q->is_signed;
    for (; *list; list += strcspn(list, ";"), list += *list == ';')
        if (strcspn(list, ";") == n && strncasecmp(list, name, n) == 0)
            return true;
    return false;
}

static int put_headers(struct cos_request *q, const struct object *o)
{
    static const struct {
        const char *param, *name;
    } overrides[] = {
        {"response-content-type", "Content-Type"},
        {"response-content-language", "Content-Language"},
        {"response-expires", "Expires"},
        {"response-cache-control", "Cache-Control"},
        {"response-content-disposition", "Content-Disposition"},
        {"response-content-encoding", "Content-Encoding"},
    };
    struct bytes rest = bytes_of(o->headers, strlen(o->headers)), line;
    bool overridden[ARRAY_SIZE(overrides)] = {false};
    bool disposition = false, type = false;

    for (size_t i = 0; i < ARRAY_SIZE(overrides); i++) {
        const char *value = cos_param(q, overrides[i].param);

        if (!*value)
            continue;
        if (!is_signed_param(q, overrides[i].param))
            return cos_error(q, COS_InvalidArgument, "%s needs a signature",
                             overrides[i].param);
        if (strpbrk(value, "\r\n"))
            return cos_error(q, COS_InvalidArgument, "%s", overrides[i].param);
        overridden[i] = true;
        cos_header(q, overrides[i].name, "%s", value);
        type = type || i == 0;
        disposition =
            disposition || strcmp(overrides[i].name, "Content-Disposition") == 0;
    }
    while (text_next_line(&rest, &line)) {
        const uint8_t *colon = memchr(line.p, ':', line.n);
        size_t n = colon ? (size_t)(colon - line.p) : 0;
        const char *name = arena_strn(&q->arena, (const char *)line.p, n);
        bool hidden = n == 0 || line.n < n + 2;

        for (size_t i = 0; i < ARRAY_SIZE(overrides); i++)
            hidden =
                hidden || (overridden[i] && strcasecmp(name, overrides[i].name) == 0);
        if (hidden)
            continue;
        disposition = disposition || strcasecmp(name, "Content-Disposition") == 0;
        cos_header(q, name, "%.*s", (int)(line.n - n - 2), (const char *)line.p + n + 2);
    }
    if (!type)
        cos_header(q, "Content-Type", "%s", o->content_type);
    /* What somebody put here shall not run as a page of this host's. */
    if (!disposition)
        cos_header(q, "Content-Disposition", "attachment");
    cos_header(q, "x-cos-force-download", "true");
    cos_header(q, "X-Content-Type-Options", "nosniff");
    return 0;
}

static const char *http_date(struct cos_request *q, int64_t t)
{
    time_t when = (time_t)t;
    char text[40];
    struct tm tm;

    gmtime_r(&when, &tm);
    strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    return arena_str(&q->arena, text);
}

/* 0: go on; else answered. */
static int check_conditions(struct cos_request *q, const struct object *o)
{
    switch (cos_condition(
        &(struct cos_conditions){
            .if_match = http_header(q->req, "If-Match"),
            .if_none_match = http_header(q->req, "If-None-Match"),
            .if_modified_since = http_header(q->req, "If-Modified-Since"),
            .if_unmodified_since = http_header(q->req, "If-Unmodified-Since"),
        },
        o->etag, o->modified)) {
    case 304:
        q->a->no_body = true;
        cos_header(q, "ETag", "\"%s\"", o->etag);
        cos_header(q, "Last-Modified", "%s", http_date(q, o->modified));
        cos_answer(q, 304);
        return 1;
    case 412:
        return cos_error(q, COS_PreconditionFailed, NULL);
    }
    return 0;
}

/* Does this request use up a link? */
static bool uses_link(const struct cos_request *q)
{
    const struct service *s = q->cos->service;
    int says = q->bucket.one_time_links;

    return q->is_signed && q->sign.in_query && strcmp(q->req->method, "GET") == 0 &&
           (says < 0
                ? s->config->one_time_links || profile_service(s->profile)->one_time_links
                : says > 0);
}

static int refuse_used(struct cos_request *q)
{
    return cos_error(q, COS_AccessDenied,
                     "Request has been used: this link serves one full GET only");
}

/* The row and its pieces are two queries: between them the object may be put again. */
static int load(struct cos_request *q, struct cos_found *f)
{
    struct object *o = &f->object;
    struct err err = {0};

    for (int i = 0; i < READ_TRIES; i++) {
        const char *range = http_header(q->req, "Range");
        int r = object_get(o, &q->arena, q->db, q->bucket.name, q->place.key, &err);

        if (r < 0)
            return cos_fail(q, &err);
        if (r == REFUSED_NONE)
            return cos_may(q, COS_READ, NULL) ? cos_error(q, COS_NoSuchKey, NULL)
                                              : cos_error(q, COS_AccessDenied, NULL);
        r = cos_must(q, COS_READ, o);
        if (r == 0)
            r = check_conditions(q, o);
        if (r != 0)
            return r;
        f->partial = false;
        f->first = 0;
        f->length = o->size;
        if (range && cos_if_range(http_header(q->req, "If-Range"), o->etag)) {
            r = cos_range(range, o->size, &f->first, &f->length);
            if (r < 0) {
                cos_error(q, COS_InvalidRange, NULL);
                cos_header(q, "Content-Range", "bytes */%" PRIu64, o->size);
                return r;
            }
            f->partial = r > 0;
        }
        if (f->length == 0)
            return 0;
        r = object_pieces(&f->pieces, &q->arena, q->db, o->id, f->first, f->length, &err);
        if (r < 0)
            return cos_fail(q, &err);
        if (f->pieces.n)
            return 0;
    }
    FAIL(&err, ERR_CONFLICT, "the object %s has no pieces", q->place.key);
    return cos_fail(q, &err);
}

int cos_find_object(struct cos_request *q, struct cos_found *ret)
{
    struct err err = {0};
    int r;

    *ret = (struct cos_found){0};
    if (uses_link(q)) {
        r = link_check(q->db, q->sign.signature, &err);
        if (r != 0)
            return r < 0 ? cos_fail(q, &err) : refuse_used(q);
    }
    r = load(q, ret);
    ret->one_time =
        r == 0 && uses_link(q) && ret->length == ret->object.size && ret->length > 0;
    return r;
}

int cos_get_object(struct cos_request *q)
{
    bool head = strcmp(q->req->method, "HEAD") == 0;
    struct err err = {0};
    struct cos_found f;
    int r = cos_find_object(q, &f);

    if (r != 0)
        return r;
    if (head) {
        q->a->head_only = true;
        q->a->length = f.length;
    } else if (f.length > 0 && open_pieces(q, &f, &err) < 0) {
        return cos_fail(q, &err);
    }
    r = put_headers(q, &f.object);
    if (r < 0)
        return r;
    cos_header(q, "ETag", "\"%s\"", f.object.etag);
    cos_header(q, "Last-Modified", "%s", http_date(q, f.object.modified));
    cos_header(q, "Accept-Ranges", "bytes");
    if (f.partial)
        cos_header(q, "Content-Range", "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, f.first,
                   f.first + f.length - 1, f.object.size);
    return cos_answer(q, f.partial ? 206 : 200);
}
