/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/inside.h"

#include <string.h>
#include <strings.h>

#include "base/scoped.h"
#include "service/cos/cos.h"

static const char *only_host(const struct http_request *req, const char *name)
{
    return strcasecmp(name, "Host") == 0 ? req->host : NULL;
}

static void copy_found(struct cos_inside *ret, struct arena *arena,
                       const struct cos_request *q, const struct cos_found *f)
{
    size_t n = f->pieces.n;
    struct object_piece *v = n ? arena_alloc(arena, n * sizeof *v) : NULL;

    for (size_t i = 0; v && i < n; i++) {
        v[i] = f->pieces.v[i];
        v[i].blob = arena_str(arena, v[i].blob);
    }
    ret->status = 200;
    ret->size = f->object.size;
    ret->pieces = (struct object_pieces){v, v ? n : 0};
    if (f->one_time) {
        ret->signature = arena_str(arena, q->sign.signature);
        ret->expires = q->sign.end;
    }
}

static void ask(struct cos_inside *ret, struct arena *arena, struct cos_request *q)
{
    struct cos_found f = {0};

    if (cos_take_apart(q) == 0) {
        if (q->op->run != cos_get_object)
            (void)cos_error(q, COS_MethodNotAllowed, NULL);
        else if (cos_find_object(q, &f) == 0)
            copy_found(ret, arena, q, &f);
    }
    if (ret->status == 200)
        return;
    ret->status = q->a->status;
    ret->told = arena_strn(arena, (const char *)q->a->body.p, q->a->body.n);
}

int cos_get_inside(struct cos_inside *ret, struct arena *arena, struct service *service,
                   const char *host, const char *target, struct err *err)
{
    struct http_answer answer = HTTP_ANSWER_NONE;
    struct cos_endpoint endpoint = {.service = service};
    size_t n = strcspn(target, "?");
    struct http_request req = {
        .method = "GET",
        .target = target,
        .path = n ? arena_strn(arena, target, n) : "/",
        .query = target[n] ? target + n + 1 : "",
        .host = host,
        .peer = "",
        .has_length = true,
        .header = only_host,
    };
    struct cos_request q = {.cos = &endpoint, .req = &req, .a = &answer};
    int r = arena_check(arena, err);

    *ret = (struct cos_inside){.told = ""};
    if (r == 0)
        r = catalog_get(&q.db, service->catalog, err);
    if (r == 0) {
        ask(ret, arena, &q);
        catalog_put(&q.db);
        r = arena_check(arena, err);
    }
    if (r == 0 && ret->status / 100 == 5)
        r = FAIL(err, ERR_IO, "the object endpoint answers %u: %s", ret->status,
                 ret->told);
    arena_fini(&q.arena);
    http_answer_fini(&answer);
    return r;
}
