/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upload.c: objects that come in parts, in any order and several at a time */
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"
#include "base/text.h"
#include "service/cos/cos.h"
#include "service/cos/parts.h"

#define XML_HEAD "<?xml version='1.0' encoding='utf-8' ?>\n"

int cos_begin_upload(struct cos_request *q)
{
    struct upload u = {
        .bucket = q->bucket.name,
        .key = q->place.key,
        .owner = *q->caller.uin ? q->caller.uin : q->bucket.owner,
        .grants = "",
    };
    char id[UPLOAD_ID_LEN + 1];
    struct err err = {0};
    int r = cos_must(q, COS_WRITE, NULL);

    if (r == 0)
        r = cos_acl_headers(q, COS_OF_OBJECT, &u.acl, &u.grants);
    if (r == 0)
        r = cos_keep_headers(q, &u.content_type, &u.headers);
    if (r < 0)
        return r;
    r = upload_new(id, q->db, &u, &err);
    if (r != 0)
        return r < 0 ? cos_fail(q, &err) : cos_error(q, COS_NoSuchBucket, NULL);
    cos_xml_raw(q, XML_HEAD "<InitiateMultipartUploadResult>");
    cos_xml(q, "Bucket", q->bucket.name);
    cos_xml_key(q, "Key", q->place.key);
    cos_xml(q, "UploadId", id);
    cos_xml_raw(q, "</InitiateMultipartUploadResult>");
    return cos_answer_xml(q);
}

static int find_upload(struct cos_request *q, struct upload *ret)
{
    struct err err = {0};
    int r = upload_get(ret, &q->arena, q->db, q->bucket.name, q->place.key,
                       cos_param(q, "uploadId"), &err);

    if (r < 0)
        return cos_fail(q, &err);
    return r == REFUSED_NONE ? cos_error(q, COS_NoSuchUpload, NULL) : 0;
}

int cos_put_part_begin(struct cos_request *q)
{
    struct upload u;
    int r = cos_must(q, COS_WRITE, NULL);

    if (r == 0 && http_header(q->req, "x-cos-copy-source"))
        r = cos_error(q, COS_NotImplemented, NULL);
    if (r == 0)
        r = cos_number(&q->part, q, "partNumber", 1, PART_MAX, 0);
    if (r == 0 && q->part == 0)
        r = cos_error(q, COS_InvalidArgument, "partNumber is missing");
    if (r == 0)
        r = find_upload(q, &u);
    if (r < 0)
        return r;
    q->upload = u.id;
    return cos_stream_begin(q);
}

int cos_put_part(struct cos_request *q)
{
    const char *blob = q->stream.blob;
    struct part p = {.number = q->part, .etag = q->stream.etag, .blob = blob};
    struct dead_blobs dead;
    struct err err = {0};
    int r = cos_stream_end(q);

    if (r < 0)
        return r;
    p.size = q->stream.size;
    r = part_put(&dead, &q->arena, q->db, q->upload, &p, &err);
    if (r != 0) {
        cos_bury(q, &(struct dead_blobs){&blob, 1});
        return r < 0 ? cos_fail(q, &err) : cos_error(q, COS_NoSuchUpload, NULL);
    }
    cos_bury(q, &dead);
    cos_header(q, "ETag", "\"%s\"", p.etag);
    return cos_answer(q, 200);
}

int cos_list_parts(struct cos_request *q)
{
    unsigned max, after;
    struct part_list list;
    struct upload u;
    struct err err = {0};
    int r = cos_must(q, COS_READ, NULL);

    if (r == 0)
        r = cos_number(&max, q, "max-parts", 1, LIST_MAX, LIST_MAX);
    if (r == 0)
        r = cos_number(&after, q, "part-number-marker", 0, PART_MAX, 0);
    if (r == 0)
        r = find_upload(q, &u);
    if (r < 0)
        return r;
    if (part_list(&list, &q->arena, q->db, u.id, after, max, &err) < 0)
        return cos_fail(q, &err);
    cos_xml_raw(q, XML_HEAD "<ListPartsResult>");
    cos_xml(q, "Bucket", q->bucket.name);
    if (*cos_param(q, "encoding-type"))
        cos_xml(q, "EncodingType", cos_param(q, "encoding-type"));
    cos_xml_key(q, "Key", q->place.key);
    cos_xml(q, "UploadId", u.id);
    cos_xml_raw(q,
                "<Owner><ID>%s</ID><DisplayName>%s</DisplayName></Owner>"
                "<Initiator><ID>%s</ID><DisplayName>%s</DisplayName></Initiator>"
                "<StorageClass>STANDARD</StorageClass>",
                q->bucket.owner, q->bucket.owner, u.owner, u.owner);
    cos_xml_raw(q, "<PartNumberMarker>%u</PartNumberMarker>", after);
    if (list.more)
        cos_xml_raw(q, "<NextPartNumberMarker>%u</NextPartNumberMarker>",
                    list.v[list.n - 1].number);
    cos_xml_raw(q, "<MaxParts>%u</MaxParts><IsTruncated>%s</IsTruncated>", max,
                list.more ? "true" : "false");
    for (size_t i = 0; i < list.n; i++) {
        cos_xml_raw(q, "<Part><PartNumber>%u</PartNumber>", list.v[i].number);
        cos_xml_time(q, "LastModified", list.v[i].modified);
        cos_xml_raw(q, "<ETag>&quot;%s&quot;</ETag><Size>%llu</Size></Part>",
                    list.v[i].etag, (unsigned long long)list.v[i].size);
    }
    cos_xml_raw(q, "</ListPartsResult>");
    return cos_answer_xml(q);
}

int cos_abort_upload(struct cos_request *q)
{
    struct dead_blobs dead;
    struct upload u;
    struct err err = {0};
    int r = cos_must(q, COS_WRITE, NULL);

    if (r == 0)
        r = find_upload(q, &u);
    if (r < 0)
        return r;
    r = upload_abort(&dead, &q->arena, q->db, u.id, &err);
    if (r != 0)
        return r < 0 ? cos_fail(q, &err) : cos_error(q, COS_NoSuchUpload, NULL);
    cos_bury(q, &dead);
    q->a->no_body = true;
    return cos_answer(q, 204);
}

/* ---- putting it together */

/* "<md5 of the parts' md5s>-<parts>" */
static int etag_of(char ret[64], const struct cos_parts *parts, struct err *err)
{
    AUTO(buf_fini) struct buf all = {0};
    uint8_t digest[EVP_MAX_MD_SIZE];
    int r = 0;

    for (size_t i = 0; r == 0 && i < parts->n; i++) {
        uint8_t raw[16];

        for (size_t j = 0; j < sizeof raw; j++) {
            const char *two = parts->v[i].etag + 2 * j;
            const char pair[] = {two[0], two[1], '\0'};

            raw[j] = (uint8_t)strtoul(pair, NULL, 16);
        }
        r = buf_append(&all, raw, sizeof raw, err);
    }
    if (r < 0)
        return r;
    if (EVP_Digest(all.p, all.n, digest, NULL, EVP_md5(), NULL) != 1)
        return FAIL(err, ERR_IO, "md5");
    for (size_t i = 0; i < 16; i++)
        snprintf(ret + 2 * i, 3, "%02x", digest[i]);
    snprintf(ret + 32, 32, "-%zu", parts->n);
    return 0;
}

/* The parts that were named, found among those that came. */
static int gather(struct cos_request *q, const char *upload, const struct cos_parts *want,
                  struct object_pieces *ret, uint64_t *ret_size)
{
    struct object_piece *v = arena_alloc(&q->arena, want->n * sizeof *v);
    struct part_list have;
    struct err err = {0};
    uint64_t size = 0;
    size_t at = 0;

    if (part_list(&have, &q->arena, q->db, upload, 0, PART_MAX, &err) < 0)
        return cos_fail(q, &err);
    for (size_t i = 0; v && i < want->n; i++) {
        const struct part *p;

        while (at < have.n && have.v[at].number < want->v[i].number)
            at++;
        p = &have.v[at];
        if (at == have.n || p->number != want->v[i].number ||
            strcmp(p->etag, want->v[i].etag) != 0)
            return cos_error(q, COS_InvalidPart, "part %u", want->v[i].number);
        if (i + 1 < want->n && p->size < COS_PART_MIN)
            return cos_error(q, COS_EntityTooSmall, "part %u has %llu bytes", p->number,
                             (unsigned long long)p->size);
        v[i] = (struct object_piece){size, p->size, p->blob};
        size += p->size;
    }
    if (arena_check(&q->arena, &err) < 0)
        return cos_fail(q, &err);
    /* A last part may be empty; a piece may not: nothing lies in it. */
    *ret = (struct object_pieces){v, want->n};
    *ret_size = size;
    return 0;
}

int cos_complete_upload(struct cos_request *q)
{
    struct object_pieces pieces;
    struct dead_blobs dead;
    struct cos_parts parts;
    struct object o = {0};
    struct upload u;
    struct err err = {0};
    char etag[64];
    int r = cos_must(q, COS_WRITE, NULL);

    if (r == 0)
        r = find_upload(q, &u);
    if (r < 0)
        return r;
    r = cos_parts_read(&parts, &q->arena, q->req->body, &err);
    if (r < 0)
        return cos_error(q, COS_MalformedXML, "%s", err.msg);
    for (size_t i = 1; i < parts.n; i++)
        if (parts.v[i].number <= parts.v[i - 1].number)
            return cos_error(q, COS_InvalidPartOrder, NULL);
    r = gather(q, u.id, &parts, &pieces, &o.size);
    if (r < 0)
        return r;
    if (etag_of(etag, &parts, &err) < 0)
        return cos_fail(q, &err);
    o.bucket = q->bucket.name;
    o.key = q->place.key;
    o.etag = etag;
    o.content_type = u.content_type;
    o.headers = u.headers;
    o.acl = u.acl;
    o.grants = u.grants;
    r = upload_complete(&dead, &q->arena, q->db, u.id, &o, &pieces, &err);
    if (r < 0)
        return cos_fail(q, &err);
    if (r > 0)
        return r == REFUSED_STATE ? cos_error(q, COS_InvalidPart, "a part was sent again")
                                  : cos_error(q, COS_NoSuchUpload, NULL);
    cos_bury(q, &dead);
    cos_xml_raw(q, XML_HEAD "<CompleteMultipartUploadResult><Location>http://");
    cos_xml_raw(q, "%s.cos.%s.myqcloud.com", q->bucket.name, q->bucket.region);
    (void)buf_puts(&q->a->body, "/", NULL);
    (void)cos_encode(&q->a->body, q->place.key, true, NULL);
    cos_xml_raw(q, "</Location>");
    cos_xml(q, "Bucket", q->bucket.name);
    cos_xml_key(q, "Key", q->place.key);
    cos_xml_raw(q, "<ETag>&quot;%s&quot;</ETag></CompleteMultipartUploadResult>", etag);
    return cos_answer_xml(q);
}
