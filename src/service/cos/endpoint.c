/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/endpoint.h"

#include <stdatomic.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include "base/scoped.h"
#include "service/cos/cos.h"
#include "service/journal.h"
#include "service/workers.h"
#include "store/blob.h"

enum { ARENA_MAX = 24 << 20, SWEEP_EVERY_S = 3600, WRITERS_MAX = 8 };

/* Of rows with the same method and scope the first whose parameter is there. */
static const struct cos_op ops[] = {
    {"GetService", "GET", COS_OF_SERVICE, NULL, HTTP_BODY_NONE, NULL, cos_get_service},

    {"PutBucketAcl", "PUT", COS_OF_BUCKET, "acl", HTTP_BODY_COLLECT, NULL, cos_put_acl},
    {"PutBucket", "PUT", COS_OF_BUCKET, NULL, HTTP_BODY_COLLECT, cos_put_bucket_begin,
     cos_put_bucket},
    {"HeadBucket", "HEAD", COS_OF_BUCKET, NULL, HTTP_BODY_NONE, NULL, cos_head_bucket},
    {"GetBucketAcl", "GET", COS_OF_BUCKET, "acl", HTTP_BODY_NONE, NULL, cos_get_acl},
    {"GetBucketLocation", "GET", COS_OF_BUCKET, "location", HTTP_BODY_NONE, NULL,
     cos_get_location},
    {"ListMultipartUploads", "GET", COS_OF_BUCKET, "uploads", HTTP_BODY_NONE, NULL,
     cos_list_uploads},
    {"GetBucket", "GET", COS_OF_BUCKET, NULL, HTTP_BODY_NONE, NULL, cos_list_objects},
    {"DeleteBucket", "DELETE", COS_OF_BUCKET, NULL, HTTP_BODY_NONE, NULL,
     cos_delete_bucket},
    {"DeleteMultipleObjects", "POST", COS_OF_BUCKET, "delete", HTTP_BODY_COLLECT, NULL,
     cos_delete_objects},

    {"PutObjectAcl", "PUT", COS_OF_OBJECT, "acl", HTTP_BODY_COLLECT, NULL, cos_put_acl},
    {"UploadPart", "PUT", COS_OF_OBJECT, "uploadId", HTTP_BODY_STREAM, cos_put_part_begin,
     cos_put_part},
    {"PutObject", "PUT", COS_OF_OBJECT, NULL, HTTP_BODY_STREAM, cos_put_object_begin,
     cos_put_object},
    {"GetObjectAcl", "GET", COS_OF_OBJECT, "acl", HTTP_BODY_NONE, NULL, cos_get_acl},
    {"ListParts", "GET", COS_OF_OBJECT, "uploadId", HTTP_BODY_NONE, NULL, cos_list_parts},
    {"GetObject", "GET", COS_OF_OBJECT, NULL, HTTP_BODY_NONE, NULL, cos_get_object},
    {"HeadObject", "HEAD", COS_OF_OBJECT, NULL, HTTP_BODY_NONE, NULL, cos_get_object},
    {"InitiateMultipartUpload", "POST", COS_OF_OBJECT, "uploads", HTTP_BODY_COLLECT, NULL,
     cos_begin_upload},
    {"CompleteMultipartUpload", "POST", COS_OF_OBJECT, "uploadId", HTTP_BODY_COLLECT,
     NULL, cos_complete_upload},
    {"AbortMultipartUpload", "DELETE", COS_OF_OBJECT, "uploadId", HTTP_BODY_NONE, NULL,
     cos_abort_upload},
    {"DeleteObject", "DELETE", COS_OF_OBJECT, NULL, HTTP_BODY_NONE, NULL,
     cos_delete_object},
};

/* Functions of the vendor's that are not here: a request for one must not be taken for
 * the plain method. */
static const char *const elsewhere[] = {
    "accelerate",
    "append",
    "asyncfetch",
    "cors",
    "domain",
    "encryption",
    "inventory",
    "lifecycle",
    "logging",
    "origin",
    "policy",
    "referer",
    "rename",
    "replication",
    "restore",
    "select",
    "tagging",
    "torrent",
    "versionId",
    "versioning",
    "versions",
    "website",
    "intelligenttiering",
    "object-lock",
    "metaconfig",
};

/* ---- whose request */

static const char *header_of(void *arg, const char *name)
{
    return http_header(arg, name);
}

static int check_time(struct cos_request *q)
{
    int64_t now = time(NULL);

    if (now > q->sign.end)
        return cos_error(q, COS_AccessDenied, "Request has expired");
    if (q->sign.start > now + (int64_t)q->cos->service->config->clock_window)
        return cos_error(q, COS_RequestTimeTooSkewed, NULL);
    return 0;
}

/* Clients differ: host with or without its port, path with or without the bucket. */
static int check_signature(struct cos_request *q)
{
    const char *host = q->req->host, *colon = strrchr(host, ':'), *path;
    struct cos_signed request = {
        .method = q->req->method,
        .query = &q->query,
        .hosts = {host},
        .header = header_of,
        .arg = q->req,
    };
    struct err err = {0};
    int r;

    if (colon && !strchr(colon, ']'))
        request.hosts[1] = arena_strn(&q->arena, host, (size_t)(colon - host));
    request.paths[0] = arena_printf(&q->arena, "/%s", q->place.key);
    if (q->place.form == COS_FORM_PATH &&
        cos_decode(&path, &q->arena, bytes_of(q->req->path, strlen(q->req->path)),
                   &err) == 0)
        request.paths[1] = path;
    r = cos_sign_verify(&q->sign, &request, q->caller.secret_key, &err);
    if (r < 0)
        return cos_fail(q, &err);
    return r == 1 ? 0 : cos_error(q, COS_SignatureDoesNotMatch, NULL);
}

static int find_caller(struct cos_request *q)
{
    struct err err = {0};
    int r = cos_sign_read(&q->sign, &q->arena, http_header(q->req, "Authorization"),
                          &q->query, &err);

    if (r == 0)
        return 0; /* anonymous */
    if (r < 0)
        return cos_error(q, COS_InvalidArgument, "%s", err.msg);
    r = check_time(q);
    if (r < 0)
        return r;
    r = catalog_find_key(&q->caller, q->cos->service->catalog, q->sign.ak, &err);
    if (r < 0)
        return cos_fail(q, &err);
    if (r == REFUSED_NONE) {
        q->caller.uin[0] = '\0';
        return cos_error(q, COS_InvalidAccessKeyId, NULL);
    }
    r = check_signature(q);
    if (r < 0) {
        q->caller.uin[0] = '\0';
        return r;
    }
    q->is_signed = true;
    q->req->account = q->caller.uin;
    return 0;
}

/* ---- what it asks */

static bool in_list(const char *list, const char *name)
{
    size_t n = strlen(name);

    for (; *list; list += strcspn(list, ";"), list += *list == ';')
        if (strcspn(list, ";") == n && strncasecmp(list, name, n) == 0)
            return true;
    return false;
}

/* A link is given to others: what they add to it must not make it another request. */
static int check_link(struct cos_request *q)
{
    if (!q->is_signed || !q->sign.in_query)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(ops); i++)
        if (ops[i].sub && cos_query_get(&q->query, ops[i].sub) &&
            !in_list(q->sign.params, ops[i].sub))
            return cos_error(q, COS_SignatureDoesNotMatch, "%s is not signed",
                             ops[i].sub);
    if (cos_query_get(&q->query, "partNumber") && !in_list(q->sign.params, "partNumber"))
        return cos_error(q, COS_SignatureDoesNotMatch, "partNumber is not signed");
    return 0;
}

static int find_op(struct cos_request *q)
{
    enum cos_scope scope = q->place.form == COS_FORM_SERVICE ? COS_OF_SERVICE
                           : *q->place.key                   ? COS_OF_OBJECT
                                                             : COS_OF_BUCKET;

    for (size_t i = 0; i < ARRAY_SIZE(elsewhere); i++)
        if (cos_query_get(&q->query, elsewhere[i]))
            return cos_error(q, COS_NotImplemented, "%s is not provided here",
                             elsewhere[i]);
    for (size_t i = 0; i < ARRAY_SIZE(ops) && !q->op; i++)
        if (ops[i].scope == scope && strcmp(ops[i].method, q->req->method) == 0 &&
            (!ops[i].sub || cos_query_get(&q->query, ops[i].sub)))
            q->op = &ops[i];
    if (!q->op)
        return cos_error(q, COS_MethodNotAllowed, NULL);
    q->req->subject = q->op->name;
    return strlen(q->place.key) > OBJECT_KEY_MAX ? cos_error(q, COS_KeyTooLong, NULL) : 0;
}

static int find_bucket(struct cos_request *q)
{
    struct err err = {0};
    int r;

    if (q->op->scope == COS_OF_SERVICE || q->op->run == cos_put_bucket)
        return 0;
    r = bucket_get(&q->bucket, &q->arena, q->db, q->place.bucket, &err);
    if (r < 0)
        return cos_fail(q, &err);
    if (r == REFUSED_NONE ||
        (*q->place.region && strcmp(q->place.region, q->bucket.region) != 0))
        return cos_error(q, COS_NoSuchBucket, NULL);
    return 0;
}

int cos_take_apart(struct cos_request *q)
{
    struct err err = {0};
    int r = cos_place_find(&q->place, &q->arena, q->cos->service->config, q->req->host,
                           q->req->path, &err);

    if (r == 0)
        r = cos_query_read(&q->query, &q->arena, q->req->query, &err);
    if (r < 0)
        return cos_error(q, COS_InvalidURI, "%s", err.msg);
    if (q->place.form == COS_FORM_NONE)
        return cos_error(q, COS_InvalidBucketName, NULL);
    r = find_op(q);
    if (r == 0)
        r = find_caller(q);
    if (r == 0)
        r = check_link(q);
    if (r == 0)
        r = find_bucket(q);
    if (r == 0 && q->op->begin)
        r = q->op->begin(q);
    return r;
}

/* ---- the handler */

static bool match(void *arg, const struct http_request *req)
{
    const struct cos_endpoint *c = arg;
    AUTO(arena_fini) struct arena a = {0};
    const char *authorization;
    struct cos_place p;

    if (cos_place_find(&p, &a, c->service->config, req->host, req->path, NULL) < 0)
        return true;
    if (p.form != COS_FORM_SERVICE)
        return p.form != COS_FORM_NONE;
    authorization = http_header(req, "Authorization");
    return p.named || strstr(req->query, "q-signature=") ||
           (authorization && strstr(authorization, "q-sign-algorithm="));
}

static void sweep_now(struct work *w)
{
    struct cos_endpoint *c = CONTAINER_OF(w, struct cos_endpoint, sweep);
    struct err err = {0};

    if (cos_sweep(c->service, BLOB_STALE_S, &err) < 0)
        journal_message("sweep", &err, "objects");
}

/* Who makes no requests makes no orphans: no clock of its own is needed. */
static void sweep_when_due(struct cos_endpoint *c)
{
    int64_t now = time(NULL), due = atomic_load(&c->sweep_at);

    if (now >= due &&
        atomic_compare_exchange_strong(&c->sweep_at, &due, now + SWEEP_EVERY_S))
        workers_add(c->undertaker, &c->sweep);
}

/* Nobody else writes beside a SQLite catalogue, so nothing of what is there is under way.
 */
static int sweep_at_start(struct cos_endpoint *c, struct err *err)
{
    if (strncmp(c->service->config->catalog, "sqlite:", 7) != 0)
        return 0; /* the first request sees to it */
    atomic_store(&c->sweep_at, time(NULL) + SWEEP_EVERY_S);
    return cos_sweep(c->service, 0, err);
}

static void begin(void *arg, struct http_request *req, struct http_plan *plan,
                  struct http_answer *a)
{
    struct cos_request *q = calloc(1, sizeof *q);
    struct err err = {0};

    sweep_when_due(arg);
    if (!q) {
        a->status = 503;
        return;
    }
    req->state = q;
    q->cos = arg;
    q->req = req;
    q->a = a;
    q->arena.max = ARENA_MAX;
    if (catalog_get(&q->db, q->cos->service->catalog, &err) < 0) {
        cos_fail(q, &err);
        return;
    }
    if (cos_take_apart(q) == 0) {
        plan->body = q->op->body;
        plan->limit = plan->body == HTTP_BODY_STREAM ? COS_PUT_MAX : COS_BODY_MAX;
        plan->slow = true;
    }
    catalog_put(&q->db);
}

static int data(void *arg, struct http_request *req, struct bytes piece,
                struct http_answer *a)
{
    struct cos_request *q = req->state;

    (void)arg;
    q->a = a;
    return cos_stream_data(q, piece);
}

static void end(void *arg, struct http_request *req, struct http_answer *a)
{
    struct cos_request *q = req->state;
    struct err err = {0};

    (void)arg;
    q->a = a;
    if (catalog_get(&q->db, q->cos->service->catalog, &err) < 0) {
        cos_fail(q, &err);
        return;
    }
    q->op->run(q);
    catalog_put(&q->db);
}

static void overflow(void *arg, struct http_request *req, struct http_answer *a)
{
    struct cos_request *q = req->state;

    (void)arg;
    q->a = a;
    cos_error(q, q->op->body == HTTP_BODY_COLLECT ? COS_MalformedXML : COS_EntityTooLarge,
              NULL);
}

static void done(void *arg, struct http_request *req)
{
    struct cos_request *q = req->state;

    (void)arg;
    if (!q)
        return;
    cos_stream_drop(q);
    arena_fini(&q->arena);
    free(q);
}

static void end_workers(struct workers *ws)
{
    if (ws)
        workers_end(ws);
    workers_free(ws);
}

void cos_endpoint_free(struct cos_endpoint *c)
{
    if (!c)
        return;
    end_workers(c->writers);
    end_workers(c->undertaker);
    free(c);
}

static void endpoint_freep(struct cos_endpoint **c)
{
    cos_endpoint_free(*c);
}

/* One upload alone is to use two cores; many do without. */
static unsigned writers(void)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return cores < 4 ? 1 : cores > 2 * WRITERS_MAX ? WRITERS_MAX : (unsigned)cores / 2;
}

int cos_endpoint_new(struct cos_endpoint **ret, struct service *service, struct err *err)
{
    AUTO(endpoint_freep) struct cos_endpoint *c = calloc(1, sizeof *c);
    int r;

    if (!c)
        return FAIL(err, ERR_NOMEM, "object endpoint");
    c->service = service;
    c->sweep.run = sweep_now;
    r = sweep_at_start(c, err);
    if (r == 0)
        r = workers_start(&c->undertaker, 1, err);
    if (r == 0)
        r = workers_start(&c->writers, writers(), err);
    if (r < 0)
        return r;
    c->handler = (struct http_handler){
        .name = "cos",
        .arg = c,
        .slow = true,
        .match = match,
        .begin = begin,
        .data = data,
        .end = end,
        .overflow = overflow,
        .close = done,
    };
    *ret = TAKE(c);
    return 0;
}

const struct http_handler *cos_handler(const struct cos_endpoint *c)
{
    return &c->handler;
}

/* ---- what nobody names */

struct sweep {
    struct service *service;
    struct db *db;
    uint64_t age;
};

static int sweep_one(void *arg, const char *key, uint64_t size, uint64_t age,
                     struct err *err)
{
    struct sweep *s = arg;
    bool named;
    int r;

    (void)size;
    if (age < s->age)
        return 0;
    r = blob_has_row(&named, s->db, key, err);
    if (r == 0 && !named)
        r = blob_delete(s->service->blobs, key, err);
    return r;
}

int cos_sweep(struct service *service, uint64_t age, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct sweep s = {service, NULL, age};
    int r = catalog_get(&db, service->catalog, err);

    s.db = db;
    if (r == 0)
        r = blob_list(service->blobs, COS_BLOBS "/", sweep_one, &s, err);
    if (r == 0)
        r = blobs_sweep_unfinished(service->blobs, age, err);
    return r;
}
