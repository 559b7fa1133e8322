/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/scoped.h"
#include "base/text.h"
#include "base/xml.h"
#include "service/cos/cos.h"

#define XML_HEAD "<?xml version='1.0' encoding='utf-8' ?>\n"

int cos_get_service(struct cos_request *q)
{
    struct bucket_list list;
    struct err err = {0};

    if (!*q->caller.uin)
        return cos_error(q, COS_AccessDenied, NULL);
    if (bucket_list(&list, &q->arena, q->db, q->caller.uin, q->place.region, &err) < 0)
        return cos_fail(q, &err);
    cos_xml_raw(q,
                XML_HEAD "<ListAllMyBucketsResult><Owner>"
                         "<ID>qcs::cam::uin/%s:uin/%s</ID><DisplayName>%s</DisplayName>"
                         "</Owner><Buckets>",
                q->caller.uin, q->caller.uin, q->caller.uin);
    for (size_t i = 0; i < list.n; i++) {
        cos_xml_raw(q, "<Bucket>");
        cos_xml(q, "Name", list.v[i].name);
        cos_xml(q, "Location", list.v[i].region);
        cos_xml_time(q, "CreationDate", list.v[i].created);
        cos_xml_raw(q, "<BucketType>cos</BucketType></Bucket>");
    }
    cos_xml_raw(q, "</Buckets></ListAllMyBucketsResult>");
    return cos_answer_xml(q);
}

int cos_put_bucket_begin(struct cos_request *q)
{
    if (!*q->caller.uin)
        return cos_error(q, COS_AccessDenied, NULL);
    if (strcmp(q->place.app_id, q->caller.app_id) != 0)
        return cos_error(q, COS_AccessDenied, "the name ends in another account's APPID");
    return 0;
}

int cos_put_bucket(struct cos_request *q)
{
    const struct config *config = q->cos->service->config;
    const char *links = http_header(q->req, "x-imgport-one-time-links");
    struct bucket b = {
        .name = q->place.bucket,
        .region = *q->place.region ? q->place.region : config->regions.v[0].id,
        .owner = q->caller.uin,
        .acl = ACL_PRIVATE,
        .grants = "",
        .one_time_links = !links                      ? -1
                          : strcmp(links, "yes") == 0 ? 1
                          : strcmp(links, "no") == 0  ? 0
                                                      : -1,
    };
    struct err err = {0};
    int r;

    if (!config_region(config, b.region))
        return cos_error(q, COS_InvalidArgument, "there is no region %s", b.region);
    r = cos_acl_headers(q, COS_OF_BUCKET, &b.acl, &b.grants);
    if (r < 0)
        return r;
    r = bucket_new(q->db, &b, &err);
    if (r < 0)
        return cos_fail(q, &err);
    if (r == REFUSED_QUOTA)
        return cos_error(q, COS_TooManyBuckets, NULL);
    if (r == REFUSED_NAME) {
        r = bucket_get(&b, &q->arena, q->db, b.name, &err);
        if (r < 0)
            return cos_fail(q, &err);
        return cos_error(q,
                         r == 0 && strcmp(b.owner, q->caller.uin) == 0
                             ? COS_BucketAlreadyOwnedByYou
                             : COS_BucketAlreadyExists,
                         NULL);
    }
    return cos_answer(q, 200);
}

int cos_head_bucket(struct cos_request *q)
{
    int r = cos_must(q, COS_READ, NULL);

    if (r < 0)
        return r;
    cos_header(q, "x-cos-bucket-region", "%s", q->bucket.region);
    cos_header(q, "x-imgport-one-time-links", "%s",
               q->bucket.one_time_links < 0   ? "default"
               : q->bucket.one_time_links > 0 ? "yes"
                                              : "no");
    q->a->head_only = true;
    return cos_answer(q, 200);
}

int cos_delete_bucket(struct cos_request *q)
{
    struct err err = {0};
    int r;

    if (!cos_is_owner(q))
        return cos_error(q, COS_AccessDenied, NULL);
    r = bucket_delete(q->db, q->bucket.name, &err);
    if (r < 0)
        return cos_fail(q, &err);
    if (r == REFUSED_STATE)
        return cos_error(q, COS_BucketNotEmpty, NULL);
    if (r == REFUSED_NONE)
        return cos_error(q, COS_NoSuchBucket, NULL);
    q->a->no_body = true;
    return cos_answer(q, 204);
}

int cos_get_location(struct cos_request *q)
{
    int r = cos_must(q, COS_READ, NULL);

    if (r < 0)
        return r;
    cos_xml_raw(q, XML_HEAD);
    cos_xml(q, "LocationConstraint", q->bucket.region);
    return cos_answer_xml(q);
}

/* ---- lists */

static void put_prefixes(struct cos_request *q, const char **prefixes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        cos_xml_raw(q, "<CommonPrefixes>");
        cos_xml_key(q, "Prefix", prefixes[i]);
        cos_xml_raw(q, "</CommonPrefixes>");
    }
}

static void put_question(struct cos_request *q, const struct list_query *l)
{
    if (*cos_param(q, "encoding-type"))
        cos_xml(q, "EncodingType", cos_param(q, "encoding-type"));
    cos_xml_key(q, "Prefix", l->prefix);
    if (*l->delimiter)
        cos_xml_key(q, "Delimiter", l->delimiter);
}

int cos_list_objects(struct cos_request *q)
{
    struct list_query l = {
        .bucket = q->bucket.name,
        .prefix = cos_param(q, "prefix"),
        .marker = cos_param(q, "marker"),
        .delimiter = cos_param(q, "delimiter"),
    };
    struct object_list list;
    struct err err = {0};
    unsigned max;
    int r = cos_must(q, COS_READ, NULL);

    if (r == 0)
        r = cos_number(&max, q, "max-keys", 0, LIST_MAX, LIST_MAX);
    if (r < 0)
        return r;
    l.max = max;
    if (object_list(&list, &q->arena, q->db, &l, &err) < 0)
        return cos_fail(q, &err);
    cos_xml_raw(q, XML_HEAD "<ListBucketResult>");
    cos_xml(q, "Name", q->bucket.name);
    put_question(q, &l);
    cos_xml_key(q, "Marker", l.marker);
    cos_xml_raw(q, "<MaxKeys>%u</MaxKeys><IsTruncated>%s</IsTruncated>", max,
                list.next ? "true" : "false");
    if (list.next)
        cos_xml_key(q, "NextMarker", list.next);
    for (size_t i = 0; i < list.n; i++) {
        const struct object *o = &list.v[i];

        cos_xml_raw(q, "<Contents>");
        cos_xml_key(q, "Key", o->key);
        cos_xml_time(q, "LastModified", o->modified);
        cos_xml_raw(q,
                    "<ETag>&quot;%s&quot;</ETag><Size>%llu</Size><Owner><ID>%s</ID>"
                    "<DisplayName>%s</DisplayName></Owner>"
                    "<StorageClass>STANDARD</StorageClass></Contents>",
                    o->etag, (unsigned long long)o->size, q->place.app_id,
                    q->place.app_id);
    }
    put_prefixes(q, list.prefixes, list.n_prefixes);
    cos_xml_raw(q, "</ListBucketResult>");
    return cos_answer_xml(q);
}

int cos_list_uploads(struct cos_request *q)
{
    struct list_query l = {
        .bucket = q->bucket.name,
        .prefix = cos_param(q, "prefix"),
        .marker = cos_param(q, "key-marker"),
        .upload_marker = cos_param(q, "upload-id-marker"),
        .delimiter = cos_param(q, "delimiter"),
    };
    struct upload_list list;
    struct err err = {0};
    unsigned max;
    int r = cos_must(q, COS_READ, NULL);

    if (r == 0)
        r = cos_number(&max, q, "max-uploads", 1, LIST_MAX, LIST_MAX);
    if (r < 0)
        return r;
    l.max = max;
    if (upload_list(&list, &q->arena, q->db, &l, &err) < 0)
        return cos_fail(q, &err);
    cos_xml_raw(q, XML_HEAD "<ListMultipartUploadsResult>");
    cos_xml(q, "Bucket", q->bucket.name);
    put_question(q, &l);
    cos_xml_key(q, "KeyMarker", l.marker);
    cos_xml(q, "UploadIdMarker", l.upload_marker);
    if (list.next_key) {
        cos_xml_key(q, "NextKeyMarker", list.next_key);
        cos_xml(q, "NextUploadIdMarker", list.next_id);
    }
    cos_xml_raw(q, "<MaxUploads>%u</MaxUploads><IsTruncated>%s</IsTruncated>", max,
                list.next_key ? "true" : "false");
    for (size_t i = 0; i < list.n; i++) {
        cos_xml_raw(q, "<Upload>");
        cos_xml_key(q, "Key", list.v[i].key);
        cos_xml(q, "UploadId", list.v[i].id);
        cos_xml_raw(q,
                    "<Initiator><ID>%s</ID><DisplayName>%s</DisplayName></Initiator>"
                    "<Owner><ID>%s</ID><DisplayName>%s</DisplayName></Owner>"
                    "<StorageClass>STANDARD</StorageClass>",
                    list.v[i].owner, list.v[i].owner, q->bucket.owner, q->bucket.owner);
        cos_xml_time(q, "Initiated", list.v[i].created);
        cos_xml_raw(q, "</Upload>");
    }
    put_prefixes(q, list.prefixes, list.n_prefixes);
    cos_xml_raw(q, "</ListMultipartUploadsResult>");
    return cos_answer_xml(q);
}

/* ---- several at once */

static int delete_one(struct cos_request *q, const char *key, bool quiet)
{
    struct dead_blobs dead;
    struct err err = {0};
    int r = object_delete(&dead, &q->arena, q->db, q->bucket.name, key, &err);

    if (r < 0)
        return cos_fail(q, &err);
    if (r == 0)
        cos_bury(q, &dead);
    if (!quiet) {
        cos_xml_raw(q, "<Deleted>");
        cos_xml(q, "Key", key);
        cos_xml_raw(q, "</Deleted>");
    }
    return 0;
}

int cos_delete_objects(struct cos_request *q)
{
    AUTO(xml_fini) struct xml x = XML_OF(q->req->body);
    LIST(const char *) keys = {0};
    struct err err = {0};
    bool quiet = false;
    int r = cos_must(q, COS_WRITE, NULL);

    if (r < 0)
        return r;
    while ((r = xml_next(&x, &err)) > 0) {
        const char **key;

        if (r == XML_OPEN && x.depth == 1 && !text_is(x.name, "Delete"))
            return cos_error(q, COS_MalformedXML, NULL);
        if (r == XML_CLOSE && text_is(x.name, "Quiet"))
            quiet = strcmp(buf_str(&x.text), "true") == 0;
        if (r != XML_CLOSE || !text_is(x.name, "Key"))
            continue;
        key = keys.n < LIST_MAX ? LIST_ADD(&q->arena, &keys) : NULL;
        if (!key || !cos_is_utf8(buf_bytes(&x.text)))
            return cos_error(q, COS_MalformedXML, NULL);
        *key = arena_str(&q->arena, buf_str(&x.text));
    }
    if (r < 0)
        return cos_error(q, COS_MalformedXML, "%s", err.msg);
    cos_xml_raw(q, XML_HEAD "<DeleteResult>");
    for (size_t i = 0; i < keys.n; i++) {
        r = delete_one(q, keys.v[i], quiet);
        if (r < 0)
            return r;
    }
    cos_xml_raw(q, "</DeleteResult>");
    return cos_answer_xml(q);
}
