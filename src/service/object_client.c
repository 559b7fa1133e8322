/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/object_client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/cos/place.h"
#include "service/cos/query.h"
#include "service/object_request.h"

enum { ID_MAX = 256 };

bool object_client_is_bucket(const char *name)
{
    return cos_is_bucket(bytes_of(name, strlen(name)));
}

int object_client_link(struct buf *to, const struct object_client *c, const char *key,
                       int64_t seconds, struct err *err)
{
    AUTO(buf_fini) struct buf host = {0};
    bool tls = strncmp(c->endpoint, "https:", 6) == 0;
    int r = object_request_host(&host, c, err);

    if (r == 0)
        r = buf_printf(to, err, "http%s://%s/", tls ? "s" : "", buf_str(&host));
    if (r == 0)
        r = cos_encode(to, key, true, err);
    if (r == 0)
        r = buf_puts(to, "?", err);
    return r < 0 ? r
                 : object_request_sign(to, c, "GET", key, buf_str(&host), seconds, err);
}

/* ---- buckets */

int object_client_make_bucket(const struct object_client *c, bool *had, struct err *err)
{
    AUTO(object_request_fini)
    struct object_request x = {
        .c = c, .method = "PUT", .key = "", .query = "", .body = ""};
    struct err local = {0};
    int r = object_request_perform(&x, &local);
    bool is_there =
        r < 0 && strstr(buf_str(&x.answer), "<Code>BucketAlreadyOwnedByYou</Code>");

    if (had && (r == 0 || is_there)) {
        *had = is_there;
        return 0;
    }
    if (r < 0 && err)
        *err = local;
    return r;
}

int object_client_drop_bucket(const struct object_client *c, struct err *err)
{
    AUTO(object_request_fini)
    struct object_request x = {
        .c = c, .method = "DELETE", .key = "", .query = "", .body = ""};

    return object_request_perform(&x, err);
}

/* ---- objects */

int object_client_has(bool *ret, const struct object_client *c, const char *key,
                      struct err *err)
{
    AUTO(object_request_fini)
    struct object_request x = {.c = c, .method = "HEAD", .key = key, .query = ""};
    struct err local = {0};
    int r = object_request_perform(&x, &local);

    if (r == 0 || x.status / 100 == 4) {
        *ret = x.status != 404;
        return 0;
    }
    if (err)
        *err = local;
    return r;
}

int object_client_delete(const struct object_client *c, const char *key, struct err *err)
{
    AUTO(object_request_fini)
    struct object_request x = {
        .c = c, .method = "DELETE", .key = key, .query = "", .body = ""};

    return object_request_perform(&x, err);
}

/* What stands in the element of that name. */
static int element(char *to, size_t cap, const struct object_request *x, const char *name,
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
    return r < 0 ? r : FAIL(err, ERR_IO, "an answer without %s", name);
}

static int put_part(struct buf *list, struct object_request *x, unsigned number,
                    const char *id, struct err *err)
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

        r = object_request_perform(x, &local);
        if (r == 0)
            break;
        if (local.code != ERR_IO || x->read_error || k == OBJECT_TRIES) {
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
        AUTO(object_request_fini)
        struct object_request x = {
            .c = c,
            .method = "PUT",
            .key = key,
            .fd = fd,
            .start = at,
            .size = size - at < OBJECT_PART_SIZE ? size - at : OBJECT_PART_SIZE,
            .total = size,
            .tells = true,
        };

        r = put_part(list, &x, number++, id, err);
    }
    return r < 0 ? r : buf_puts(list, "</CompleteMultipartUpload>", err);
}

int object_client_abort(const struct object_client *c, const char *key,
                        const char *upload, struct err *err)
{
    AUTO(buf_fini) struct buf query = {0};
    AUTO(object_request_fini)
    struct object_request x = {.c = c, .method = "DELETE", .key = key, .body = ""};
    int r = buf_puts(&query, "uploadId=", err);

    if (r == 0)
        r = cos_encode(&query, upload, false, err);
    x.query = buf_str(&query);
    return r < 0 ? r : object_request_perform(&x, err);
}

static int put_large(const struct object_client *c, const char *key, int fd,
                     uint64_t size, struct err *err)
{
    AUTO(object_request_fini)
    struct object_request x = {
        .c = c, .method = "POST", .key = key, .query = "uploads", .body = ""};
    AUTO(buf_fini) struct buf list = {0}, query = {0};
    char id[ID_MAX], line[80];
    int r;

    snprintf(line, sizeof line, OBJECT_PART_HEADER ": %" PRIu64, OBJECT_PART_SIZE);
    x.lines[0] = line;
    r = object_request_perform(&x, err);
    x.lines[0] = NULL;
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
        r = object_request_perform(&x, err);
    }
    /* What is there of it would be kept for nothing. */
    if (r < 0 && object_client_abort(c, key, id, NULL) < 0 && err) {
        struct err was = *err;

        err_clear(err);
        FAIL(err, was.code, _("%.280s; what was sent of it stays there unfinished"),
             text_short(was.msg, 280).s);
        err->sys = was.sys;
    }
    return r;
}

int object_client_put(const struct object_client *c, const char *key, int fd,
                      uint64_t size, struct err *err)
{
    AUTO(object_request_fini)
    struct object_request x = {.c = c,
                               .method = "PUT",
                               .key = key,
                               .query = "",
                               .fd = fd,
                               .size = size,
                               .total = size,
                               .tells = true};

    return size > OBJECT_PART_SIZE ? put_large(c, key, fd, size, err)
                                   : object_request_perform(&x, err);
}
