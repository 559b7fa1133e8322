/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/api.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "api/place.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "service/envelope.h"
#include "service/journal.h"
#include "service/limiter.h"
#include "service/metrics.h"
#include "service/params.h"

enum {
    GET_MAX = 32 * 1024, /* document 46710 */
    FORM_MAX = 1 << 20,
    JSON_MAX = 10 << 20,
    JSON_VALUES_MAX = 50000, /* more punctuation than any request has use for */
};

struct api {
    struct service *service;
    struct limiter *limiter;
    struct i18n_catalog *zh;
    struct http_handler handler;
};

static uint64_t steady_usec(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)(now.tv_nsec / 1000);
}

static bool is_zh(const char *language)
{
    return language && strncasecmp(language, "zh", 2) == 0;
}

static bool match(void *arg, const struct http_request *req)
{
    (void)arg;
    return strcmp(req->path, "/") == 0 || strcmp(req->path, "/v2/index.php") == 0;
}

/* --- the answer --- */

static void count(const struct api *a, const struct call *c)
{
    char labels[256];

    snprintf(labels, sizeof labels, "action=\"%s\",code=\"%s\"",
             c->action ? c->action->name : "", c->code);
    metric_add(metrics_series(a->service->metrics, METRIC_COUNTER,
                              "imgport_api_calls_total", "Calls by action and error code",
                              labels),
               1);
}

/* A trace id is copied back if it is no more than one. */
static bool is_trace(const char *s)
{
    size_t n = s ? strspn(s, "0123456789abcdefABCDEF-") : 0;

    return n > 0 && n <= 64 && s[n] == '\0';
}

static void answer(const struct api *a, struct http_request *req, struct http_answer *to)
{
    struct envelope *e = req->state;
    struct call *c = &e->call;
    const char *trace = http_header(req, "X-TC-TraceId");

    if (*c->code) {
        struct json_out *o = &c->reply;

        buf_clear(&o->buf);
        *o = (struct json_out){.buf = o->buf};
        json_out_begin(o, NULL);
        json_out_begin(o, "Response");
        json_out_begin(o, "Error");
        json_out_text(o, "Code", c->code);
        json_out_text(o, "Message", c->message);
        json_out_end(o);
        req->code = c->code;
    }
    json_out_text(&c->reply, "RequestId", req->id);
    json_out_end(&c->reply);
    json_out_end(&c->reply);
    if (c->reply.failed)
        return; /* status 0 becomes 500: there is no memory to say more */
    to->body = c->reply.buf;
    c->reply.buf = (struct buf){0};
    to->status = 200;
    http_answer_header(to, "Content-Type", NULL, "application/json");
    if (is_trace(trace))
        http_answer_header(to, "X-TC-TraceId", NULL, "%s", trace);
    count(a, c);
}

/* --- before the body --- */

static void begin(void *arg, struct http_request *req, struct http_plan *plan,
                  struct http_answer *to)
{
    const struct api *a = arg;
    struct envelope *e = calloc(1, sizeof *e);
    const char *type = http_header(req, "Content-Type");
    bool is_get = strcmp(req->method, "GET") == 0;

    if (!e) {
        to->status = 500;
        return;
    }
    req->state = e;
    envelope_init(e, a->service, req);
    e->zh = a->zh;
    i18n_use(e->call.zh ? a->zh : NULL);
    if (!is_get && strcmp(req->method, "POST") != 0)
        call_error(&e->call, "UnsupportedProtocol", _("only GET and POST are served"));
    else if (is_get && strlen(req->query) > GET_MAX)
        call_error(&e->call, "RequestSizeLimitExceeded",
                   _("a GET request may have %d bytes"), GET_MAX);
    else
        /* Who is unknown need not send a body. */
        envelope_head(e);
    i18n_use(NULL);
    if (*e->call.code) {
        answer(a, req, to);
        return;
    }
    plan->body = HTTP_BODY_COLLECT;
    plan->limit = is_get ? GET_MAX
                  : type && strncasecmp(type, "application/x-www-form", 22) == 0
                      ? FORM_MAX
                      : JSON_MAX;
    /* A nonce has to be written down before it counts. */
    plan->slow = e->is_v1 || (e->call.action->flags & ACTION_SLOW);
}

static void overflow(void *arg, struct http_request *req, struct http_answer *to)
{
    const struct api *a = arg;
    struct envelope *e = req->state;

    i18n_use(e->call.zh ? a->zh : NULL);
    call_error(&e->call, "RequestSizeLimitExceeded", _("the request is too large"));
    i18n_use(NULL);
    answer(a, req, to);
}

/* --- the call --- */

/* jansson makes tens of bytes of memory out of "0," */
static bool is_overgrown(struct bytes b)
{
    size_t n = 0;

    if (b.n < JSON_VALUES_MAX)
        return false;
    for (size_t i = 0; i < b.n; i++)
        n += b.p[i] == ',' || b.p[i] == '[' || b.p[i] == '{';
    return n > JSON_VALUES_MAX;
}

static int read_params(struct envelope *e, struct http_request *req)
{
    struct call *c = &e->call;
    struct err err = {0};
    json_error_t where;
    int r;

    if (!e->is_v1 && strcmp(req->method, "POST") == 0) {
        if (is_overgrown(req->body))
            return call_error(c, "RequestSizeLimitExceeded",
                              _("the request is too large"));
        e->params = json_loadb((const char *)req->body.p, req->body.n,
                               JSON_REJECT_DUPLICATES, &where);
        if (!json_is_object(e->params))
            return call_error(c, "InvalidParameter", _("the body is no JSON object"));
    } else {
        r = params_unflatten(&e->params, envelope_form(e), &err);
        if (r == 0)
            r = params_type(e->params, c->action->params, &err);
        if (r < 0)
            return call_error(c, "InvalidParameter",
                              _("the parameters cannot be read: %s"), err.msg);
    }
    c->params = e->params;
    return params_check(c, c->action->params, e->params);
}

static uint64_t rate_key(const struct call *c)
{
    uint64_t h = 0xcbf29ce484222325;

    for (const char *p = c->account.uin; *p; p++)
        h = (h ^ (unsigned char)*p) * 0x100000001b3;
    return h ^ (uint64_t)(uintptr_t)c->action;
}

static int run(const struct api *a, struct envelope *e, struct http_request *req)
{
    struct call *c = &e->call;
    struct err err = {0};
    int r = envelope_verify(e);

    if (r < 0)
        return r;
    req->account = c->account.uin;
    if (!e->language_given)
        c->zh = is_zh(c->account.language);
    i18n_use(c->zh ? a->zh : NULL);
    r = envelope_region(e);
    if (r == 0)
        r = read_params(e, req);
    if (r < 0)
        return r;
    if ((c->action->flags & ACTION_OPERATOR) && !c->account.is_operator)
        return call_error(c, "UnauthorizedOperation",
                          _("this action is for the operator only"));
    if (!limiter_take(a->limiter, rate_key(c), steady_usec()))
        return call_error(c, "RequestLimitExceeded",
                          _("more than %llu requests a second"),
                          (unsigned long long)a->service->config->rate);
    json_out_begin(&c->reply, NULL);
    json_out_begin(&c->reply, "Response");
    r = c->action->run(c);
    if (r == 0 && json_out_check(&c->reply, &err) < 0)
        return call_fail(c, &err);
    if (r != 0 && !*c->code)
        return call_fail(c, &err);
    return r;
}

static void end(void *arg, struct http_request *req, struct http_answer *to)
{
    const struct api *a = arg;
    struct envelope *e = req->state;

    i18n_use(e->call.zh ? a->zh : NULL);
    run(a, e, req);
    i18n_use(NULL);
    answer(a, req, to);
}

static void release(void *arg, struct http_request *req)
{
    (void)arg;
    envelope_free(req->state);
    req->state = NULL;
}

/* --- */

int api_new(struct api **ret, struct service *service, struct err *err)
{
    struct api *a = calloc(1, sizeof *a);
    char dir[PATH_MAX];

    if (!a)
        return FAIL(err, ERR_NOMEM, "api");
    a->service = service;
    if (service->config->rate > 0) {
        a->limiter = limiter_new(service->config->rate);
        if (!a->limiter) {
            api_free(a);
            return FAIL(err, ERR_NOMEM, "rate limits");
        }
    }
    if (place_messages(dir, err) == 0)
        a->zh = i18n_load(dir, "zh_CN");
    a->handler = (struct http_handler){
        .name = "api",
        .arg = a,
        .match = match,
        .begin = begin,
        .end = end,
        .overflow = overflow,
        .close = release,
    };
    *ret = a;
    return 0;
}

void api_free(struct api *a)
{
    if (!a)
        return;
    limiter_free(a->limiter);
    i18n_free(a->zh);
    free(a);
}

const struct http_handler *api_handler(const struct api *a)
{
    return &a->handler;
}
