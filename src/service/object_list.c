/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/cos/query.h"
#include "service/object_request.h"

enum { PAGE = 1000, FIELD_MAX = 128 };

static void keep(char to[FIELD_MAX], const struct xml *x)
{
    snprintf(to, FIELD_MAX, "%s", buf_str(&x->text));
}

int object_client_buckets(const struct object_client *c,
                          int (*row)(void *arg, const struct object_bucket *b,
                                     struct err *err),
                          void *arg, struct err *err)
{
    struct object_client all = *c;
    AUTO(object_request_fini)
    struct object_request q = {.c = &all, .method = "GET", .key = "", .query = ""};
    char name[FIELD_MAX] = "", region[FIELD_MAX] = "", created[FIELD_MAX] = "";
    int r;

    all.bucket = NULL;
    r = object_request_perform(&q, err);
    if (r < 0)
        return r;

    AUTO(xml_fini) struct xml x = XML_OF(buf_bytes(&q.answer));

    while ((r = xml_next(&x, err)) > 0) {
        if (r == XML_OPEN && text_is(x.name, "Bucket")) {
            name[0] = region[0] = created[0] = '\0';
        } else if (r == XML_CLOSE && text_is(x.name, "Name")) {
            keep(name, &x);
        } else if (r == XML_CLOSE && text_is(x.name, "Location")) {
            keep(region, &x);
        } else if (r == XML_CLOSE && text_is(x.name, "CreationDate")) {
            keep(created, &x);
        } else if (r == XML_CLOSE && text_is(x.name, "Bucket")) {
            r = row(arg, &(struct object_bucket){name, region, created}, err);
            if (r < 0)
                return r;
        }
    }
    return r;
}

/* ---- objects, and uploads that were not finished */

struct listing {
    const struct object_client *c;
    const char *prefix;
    bool unfinished;
    int (*row)(void *arg, const struct object_entry *o, struct err *err);
    void *arg;
    struct buf marker;      /* the last key so far */
    char upload[FIELD_MAX]; /* and the upload of it */
    size_t rows;
    bool more;
};

static int make_query(struct buf *to, const struct listing *l, struct err *err)
{
    const char *words = l->unfinished ? "uploads&max-uploads" : "max-keys";
    int r = buf_printf(to, err, "%s=%d&encoding-type=url&prefix=", words, PAGE);

    if (r == 0)
        r = cos_encode(to, l->prefix, false, err);
    if (r == 0)
        r = buf_puts(to, l->unfinished ? "&key-marker=" : "&marker=", err);
    if (r == 0)
        r = cos_encode(to, buf_str(&l->marker), false, err);
    if (r == 0 && l->unfinished)
        r = buf_puts(to, "&upload-id-marker=", err);
    return r < 0 || !l->unfinished ? r : cos_encode(to, l->upload, false, err);
}

/* A service that lists the same again and again would be followed for ever. */
static int go_on(struct listing *l, const char *key, const char *upload, struct err *err)
{
    int order = strcmp(key, buf_str(&l->marker));

    if (order < 0 || (order == 0 && strcmp(upload, l->upload) == 0))
        return FAIL(err, ERR_IO, "%.100s: the list of objects is not in order",
                    text_short(l->c->endpoint, 100).s);
    l->rows++;
    snprintf(l->upload, sizeof l->upload, "%s", upload);
    buf_clear(&l->marker);
    return buf_puts(&l->marker, key, err);
}

struct row {
    struct buf key; /* percent-encoded */
    char modified[FIELD_MAX], etag[FIELD_MAX], upload[FIELD_MAX];
    uint64_t size;
};

static void row_fini(struct row *r)
{
    buf_fini(&r->key);
}

static int tell(struct listing *l, struct row *row, struct err *err)
{
    AUTO(arena_fini) struct arena a = {0};
    struct bytes etag = text_unquote(text_trim(bytes_of(row->etag, strlen(row->etag))));
    struct object_entry o = {.modified = row->modified,
                             .etag = arena_strn(&a, (const char *)etag.p, etag.n),
                             .size = row->size,
                             .upload = row->upload};
    int r = cos_decode(&o.key, &a, buf_bytes(&row->key), err);

    if (r == 0)
        r = arena_check(&a, err);
    if (r == 0)
        r = go_on(l, o.key, row->upload, err);
    return r < 0 ? r : l->row(l->arg, &o, err);
}

static void begin_row(struct row *row)
{
    buf_clear(&row->key);
    row->modified[0] = row->etag[0] = row->upload[0] = '\0';
    row->size = 0;
}

static int read_field(struct row *row, const struct xml *x, struct err *err)
{
    if (text_is(x->name, "Key"))
        return buf_puts(&row->key, buf_str(&x->text), err);
    if (text_is(x->name, "LastModified") || text_is(x->name, "Initiated"))
        keep(row->modified, x);
    else if (text_is(x->name, "ETag"))
        keep(row->etag, x);
    else if (text_is(x->name, "UploadId"))
        keep(row->upload, x);
    else if (text_is(x->name, "Size"))
        (void)text_u64(&row->size, text_trim(buf_bytes(&x->text)));
    return 0;
}

static int read_page(struct listing *l, struct bytes page, struct err *err)
{
    const char *entry = l->unfinished ? "Upload" : "Contents";
    AUTO(xml_fini) struct xml x = XML_OF(page);
    AUTO(row_fini) struct row row = {0};
    int r;

    l->more = false;
    while ((r = xml_next(&x, err)) > 0) {
        bool is_entry = text_is(x.name, entry);

        if (r == XML_OPEN && is_entry)
            begin_row(&row);
        if (r == XML_OPEN)
            continue;
        if (text_is(x.name, "IsTruncated"))
            l->more = strcmp(buf_str(&x.text), "true") == 0;
        r = is_entry ? tell(l, &row, err) : read_field(&row, &x, err);
        if (r < 0)
            return r;
    }
    return r;
}

static void listing_fini(struct listing *l)
{
    buf_fini(&l->marker);
}

int object_client_list(const struct object_client *c, const char *prefix, bool unfinished,
                       int (*row)(void *arg, const struct object_entry *o,
                                  struct err *err),
                       void *arg, struct err *err)
{
    AUTO(listing_fini)
    struct listing l = {.c = c,
                        .prefix = prefix,
                        .unfinished = unfinished,
                        .row = row,
                        .arg = arg,
                        .more = true};

    while (l.more) {
        AUTO(buf_fini) struct buf query = {0};
        AUTO(object_request_fini)
        struct object_request q = {.c = c, .method = "GET", .key = ""};
        size_t had = l.rows;
        int r = make_query(&query, &l, err);

        q.query = buf_str(&query);
        if (r == 0)
            r = object_request_perform(&q, err);
        if (r == 0)
            r = read_page(&l, buf_bytes(&q.answer), err);
        if (r < 0)
            return r;
        if (l.more && l.rows == had)
            return FAIL(err, ERR_IO, "%.100s: the list of objects does not go on",
                        text_short(c->endpoint, 100).s);
    }
    return 0;
}
