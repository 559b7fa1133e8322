/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/status.h"

#include <string.h>

#include "base/scoped.h"
#include "service/journal.h"
#include "service/metrics.h"

static bool match(void *arg, const struct http_request *req)
{
    (void)arg;
    return strcmp(req->path, "/healthz") == 0 || strcmp(req->path, "/metrics") == 0;
}

static void begin(void *arg, struct http_request *req, struct http_plan *plan,
                  struct http_answer *a)
{
    (void)arg;
    if (strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0)
        a->status = 405;
    plan->body = HTTP_BODY_NONE;
}

static void healthz(const struct service *s, struct http_answer *a)
{
    struct err err = {0};
    bool well = catalog_ping(s->catalog, &err) == 0;

    if (!well)
        journal_message("health", &err, "the catalogue does not answer");
    a->status = well ? 200 : 503;
    buf_puts(&a->body, well ? "ok\n" : "catalog\n", NULL);
    http_answer_header(a, "Content-Type", NULL, "text/plain; charset=utf-8");
}

static void end(void *arg, struct http_request *req, struct http_answer *a)
{
    const struct service *s = arg;

    if (strcmp(req->path, "/healthz") == 0) {
        healthz(s, a);
        return;
    }
    if (metrics_print(s->metrics, &a->body, NULL) < 0)
        return;
    a->status = 200;
    http_answer_header(a, "Content-Type", NULL, "text/plain; version=0.0.4");
}

static void release(void *arg, struct http_request *req)
{
    (void)arg;
    (void)req;
}

struct http_handler status_handler(struct service *service)
{
    return (struct http_handler){
        .name = "status",
        .arg = service,
        .slow = true, /* it asks the catalogue */
        .match = match,
        .begin = begin,
        .end = end,
        .close = release,
    };
}
