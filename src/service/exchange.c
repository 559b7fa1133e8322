/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/exchange.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <time.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "service/exchange_parts.h"
#include "service/journal.h"
#include "service/metrics.h"

enum {
    TARGET_MAX = 64 * 1024, /* of a request line; what is longer is cut, and refused by */
    DRAIN_MAX = 16 << 20,   /* of a refused body is read away, so that the client reads
                               the answer; of a longer one the connection is closed */
    SLOW_SECONDS = 30,      /* after these, a body has to come at ... */
    SLOW_BYTES_PER_SECOND = 1024, /* ... this rate */
    LOGGED_TARGET_MAX = 512,
};

/* A v4 UUID from a generator of this thread: ids have to differ, not to be secret. */
static void make_id(char ret[UUID_TEXT])
{
    static _Thread_local uint64_t state[2];
    uint8_t raw[16];

    if (!state[0] && getrandom(state, sizeof state, 0) != (ssize_t)sizeof state)
        state[0] = (uint64_t)(uintptr_t)&raw, state[1] = (uint64_t)time(NULL);
    for (int i = 0; i < 2; i++) { /* xorshift128+, Vigna 2014 */
        uint64_t a = state[0], b = state[1];

        state[0] = b;
        a ^= a << 23;
        state[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
        store_le64(raw + 8 * i, state[1] + b);
    }
    raw[6] = (uint8_t)((raw[6] & 0x0f) | 0x40);
    raw[8] = (uint8_t)((raw[8] & 0x3f) | 0x80);
    uuid_format(ret, raw);
}

void *exchange_open(void *arg, const char *uri, struct MHD_Connection *conn)
{
    struct server *s = arg;
    size_t n = strlen(uri);
    struct exchange *x;
    char *path, *query;

    if (n > TARGET_MAX)
        n = TARGET_MAX; /* the library's own limit comes first */
    x = calloc(1, sizeof *x + 2 * (n + 2));
    if (!x)
        return NULL;
    x->server = s;
    x->conn = conn;
    x->answer.fd = -1;
    intake_init(&x->in);
    clock_gettime(CLOCK_MONOTONIC, &x->since);
    make_id(x->req.id);
    memcpy(x->target, uri, n);
    path = x->target + n + 1;
    memcpy(path, uri, n);
    x->req.target = x->target;
    x->req.host = "";
    if (*path != '/') { /* "http://host/path", as through a proxy; or "*" */
        char *host = strstr(path, "://"), *slash = host ? strchr(host + 3, '/') : NULL;

        if (host && slash) {
            memmove(path, host + 3, (size_t)(slash - host - 3));
            path[slash - host - 3] = '\0';
            x->req.host = path;
            path = slash;
        }
    }
    query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    x->req.path = *path ? path : "/";
    x->req.query = query ? query : "";
    return x;
}

static struct exchange *exchange_of(const struct http_request *req)
{
    return CONTAINER_OF((struct http_request *)(uintptr_t)req, struct exchange, req);
}

const char *http_header(const struct http_request *req, const char *name)
{
    if (req->header)
        return req->header(req, name);
    return MHD_lookup_connection_value(exchange_of(req)->conn, MHD_HEADER_KIND, name);
}

struct each {
    void (*fn)(void *arg, const char *name, const char *value);
    void *arg;
};

static enum MHD_Result each_value(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    const struct each *e = arg;

    (void)kind;
    e->fn(e->arg, name, value ? value : "");
    return MHD_YES;
}

void http_each_header(const struct http_request *req,
                      void (*fn)(void *arg, const char *name, const char *value),
                      void *arg)
{
    struct each e = {fn, arg};

    MHD_get_connection_values(exchange_of(req)->conn, MHD_HEADER_KIND, each_value, &e);
}

int http_answer_header(struct http_answer *a, const char *name, struct err *err,
                       const char *fmt, ...)
{
    char *value;
    va_list ap;
    int n;

    if (a->n_headers == HTTP_HEADERS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d headers", HTTP_HEADERS_MAX);
    va_start(ap, fmt);
    n = vasprintf(&value, fmt, ap);
    va_end(ap);
    if (n < 0)
        return FAIL(err, ERR_NOMEM, "header %s", name);
    if (strpbrk(value, "\r\n")) {
        free(value);
        return FAIL(err, ERR_ARG, "header %s: a line break", name);
    }
    a->headers[a->n_headers].name = name;
    a->headers[a->n_headers++].value = value;
    return 0;
}

void http_answer_fini(struct http_answer *a)
{
    buf_fini(&a->body);
    closep(&a->fd);
    if (a->read_close)
        a->read_close(a->read_arg);
    for (size_t i = 0; i < a->n_headers; i++)
        free(a->headers[i].value);
    memset(a, 0, sizeof *a);
    a->fd = -1;
}

static void fill_request(struct exchange *x, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const char *length = http_header(&x->req, "Content-Length");
    const char *host = http_header(&x->req, "Host");

    snprintf(x->method, sizeof x->method, "%s", method);
    x->req.method = x->method;
    x->req.peer = x->peer;
    x->req.tls = *x->server->config->tls_certificate != '\0';
    if (!*x->req.host && host)
        x->req.host = host;
    /* The library has refused what is no number. */
    if (length) {
        x->req.has_length = true;
        x->req.length = strtoull(length, NULL, 10);
    } else {
        x->req.has_length = !http_header(&x->req, "Transfer-Encoding");
    }
    if (info && info->client_addr && info->client_addr->sa_family == AF_INET6)
        inet_ntop(
            AF_INET6,
            &((const struct sockaddr_in6 *)(const void *)info->client_addr)->sin6_addr,
            x->peer, sizeof x->peer);
    else if (info && info->client_addr && info->client_addr->sa_family == AF_INET)
        inet_ntop(
            AF_INET,
            &((const struct sockaddr_in *)(const void *)info->client_addr)->sin_addr,
            x->peer, sizeof x->peer);
}

/* --- work on another thread: suspended until it is done --- */

enum MHD_Result exchange_hand_over(struct exchange *x, void (*run)(struct work *w))
{
    x->work.run = run;
    MHD_suspend_connection(x->conn);
    if (!workers_add(x->server->workers, &x->work)) { /* the server stops */
        x->cut = x->read_failed = true;
        x->stage = STAGE_ANSWER;
        MHD_resume_connection(x->conn);
    }
    return MHD_YES;
}

static void resume(struct exchange *x, enum stage next)
{
    x->stage = next;
    MHD_resume_connection(x->conn);
}

static void work_begin(struct work *w)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, work);

    x->handler->begin(x->handler->arg, &x->req, &x->plan, &x->answer);
    resume(x, STAGE_BEGAN);
}

static void take_piece(struct exchange *x, struct bytes piece)
{
    if (x->handler->data(x->handler->arg, &x->req, piece, &x->answer) < 0 &&
        x->answer.status == 0)
        x->cut = true;
}

static void finish(struct exchange *x);

static void work_data(struct work *w)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, work);

    take_piece(x, intake_handed(&x->in));
    switch (intake_done(&x->in, !x->cut && x->answer.status == 0)) {
    case INTAKE_NOTHING:
        break;
    case INTAKE_RESUME:
        MHD_resume_connection(x->conn);
        break;
    case INTAKE_RESUME_AND_TAKE:
        if (!workers_add(x->server->workers, &x->work)) { /* the server stops */
            x->cut = true;
            (void)intake_done(&x->in, false);
        }
        MHD_resume_connection(x->conn);
        break;
    case INTAKE_END:
        finish(x);
        break;
    }
}

static void work_end(struct work *w)
{
    struct exchange *x = CONTAINER_OF(w, struct exchange, work);

    if (intake_rest(&x->in).n)
        take_piece(x, intake_rest(&x->in));
    if (x->answer.status == 0 && !x->cut)
        x->handler->end(x->handler->arg, &x->req, &x->answer);
    resume(x, STAGE_ENDED);
}

static void suspend(void *arg)
{
    MHD_suspend_connection(((struct exchange *)arg)->conn);
}

/* An answer before the body came: the body is read away if it is short, since a client
 * that is still sending would otherwise see a reset instead of the answer. */
static enum MHD_Result answer_early(struct exchange *x)
{
    const char *expect = http_header(&x->req, "Expect");

    if (expect || (x->req.has_length && x->req.length > DRAIN_MAX))
        return exchange_answer(x);
    x->stage = STAGE_DRAIN;
    return MHD_YES;
}

static void overflow(struct exchange *x)
{
    http_answer_fini(&x->answer);
    if (x->handler->overflow)
        x->handler->overflow(x->handler->arg, &x->req, &x->answer);
    if (x->answer.status == 0)
        x->answer.status = 413;
}

/* begin() is done: where does the body go? */
static enum MHD_Result plan_body(struct exchange *x)
{
    if (x->answer.status || x->cut)
        return answer_early(x);
    if (x->plan.body == HTTP_BODY_NONE)
        x->plan.limit = 64 * 1024;
    if (x->plan.body == HTTP_BODY_COLLECT && x->plan.limit > HTTP_COLLECT_MAX)
        x->plan.limit = HTTP_COLLECT_MAX;
    if (x->req.has_length && x->req.length > x->plan.limit) {
        overflow(x);
        return answer_early(x);
    }
    x->stage = STAGE_BODY;
    return MHD_YES;
}

static const struct http_handler *handler_of(const struct exchange *x)
{
    for (size_t i = 0; i < x->server->n_handlers; i++)
        if (x->server->handlers[i]->match(x->server->handlers[i]->arg, &x->req))
            return x->server->handlers[i];
    return NULL;
}

static enum MHD_Result first(struct exchange *x, const char *method)
{
    fill_request(x, method);
    x->handler = handler_of(x);
    if (!x->handler) {
        x->answer.status = 404;
        return answer_early(x);
    }
    x->began = true;
    atomic_fetch_add_explicit(&x->server->under_way, 1, memory_order_relaxed);
    if (x->handler->slow) {
        x->plan.slow = true;
        return exchange_hand_over(x, work_begin);
    }
    x->handler->begin(x->handler->arg, &x->req, &x->plan, &x->answer);
    return plan_body(x);
}

/* Since when, in microseconds. */
static uint64_t elapsed(const struct exchange *x)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)(now.tv_sec - x->since.tv_sec) * 1000000 +
           (uint64_t)(now.tv_nsec / 1000) - (uint64_t)(x->since.tv_nsec / 1000);
}

static bool is_too_slow(const struct exchange *x)
{
    uint64_t seconds = elapsed(x) / 1000000;

    return seconds > SLOW_SECONDS && x->received / seconds < SLOW_BYTES_PER_SECOND;
}

/* The more requests there are, and the less there is to come, the smaller the pieces. */
static size_t piece_size(const struct exchange *x)
{
    size_t many =
        (size_t)atomic_load_explicit(&x->server->under_way, memory_order_relaxed);
    size_t size = INTAKE_PIECE;

    if (x->in.cap)
        return x->in.cap;
    while (size > INTAKE_PIECE_LEAST &&
           (size * 2 * many > INTAKE_TOTAL ||
            (x->req.has_length && x->req.length <= size / 2)))
        size /= 2;
    return size;
}

/* A piece of a body for workers.  Leaves in *size what has to come again. */
static enum MHD_Result take_in(struct exchange *x, const char *data, size_t *size)
{
    for (;;) {
        size_t n = 0;

        if (intake_fill(&n, &x->in, data, *size, piece_size(x), NULL) < 0)
            return MHD_NO;
        data += n;
        *size -= n;
        x->received += n;
        if (!intake_is_full(&x->in))
            return is_too_slow(x) ? MHD_NO : MHD_YES;
        if (!intake_idle(&x->in, suspend, x))
            return MHD_YES;
        if (x->cut)
            return MHD_NO;
        if (x->answer.status) {
            x->stage = STAGE_DRAIN;
            x->received += *size;
            *size = 0;
            return MHD_YES;
        }
        intake_hand(&x->in);
        x->work.run = work_data;
        if (!workers_add(x->server->workers, &x->work)) { /* the server stops */
            (void)intake_done(&x->in, false);
            return MHD_NO;
        }
    }
}

static enum MHD_Result body(struct exchange *x, const char *data, size_t *size)
{
    size_t n = *size;

    if (x->received + n > x->plan.limit) {
        /* A worker that has a piece may be about to answer as well. */
        if (!intake_idle(&x->in, suspend, x))
            return MHD_YES;
        if (x->cut)
            return MHD_NO;
        if (x->answer.status == 0)
            overflow(x);
        x->stage = STAGE_DRAIN;
        *size = 0;
        return MHD_YES;
    }
    if (x->plan.body == HTTP_BODY_STREAM && x->plan.slow)
        return take_in(x, data, size);
    if (x->plan.body == HTTP_BODY_STREAM) {
        take_piece(x, bytes_of(data, n));
    } else if (x->plan.body == HTTP_BODY_COLLECT) {
        if (x->body.cap == 0 && x->req.has_length &&
            buf_reserve(&x->body, (size_t)x->req.length, NULL) < 0)
            return MHD_NO;
        if (buf_append(&x->body, data, n, NULL) < 0)
            return MHD_NO;
    }
    x->received += n;
    *size = 0;
    if (x->cut || is_too_slow(x))
        return MHD_NO;
    if (x->answer.status)
        x->stage = STAGE_DRAIN;
    return MHD_YES;
}

static enum MHD_Result end(struct exchange *x)
{
    x->req.body = buf_bytes(&x->body);
    if (!intake_idle(&x->in, suspend, x))
        return MHD_YES;
    if (x->cut)
        return MHD_NO;
    if (x->answer.status)
        return exchange_answer(x);
    if (x->plan.slow)
        return exchange_hand_over(x, work_end);
    x->handler->end(x->handler->arg, &x->req, &x->answer);
    return exchange_answer(x);
}

enum MHD_Result exchange_step(void *arg, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *data,
                              size_t *size, void **exchange)
{
    struct exchange *x = *exchange;

    (void)arg;
    (void)conn;
    (void)url;
    (void)version;
    if (!x)
        return MHD_NO; /* out of memory at the request line */
    switch (x->stage) {
    case STAGE_FIRST:
        return first(x, method);
    case STAGE_BEGAN:
        return plan_body(x);
    case STAGE_BODY:
        return *size ? body(x, data, size) : end(x);
    case STAGE_DRAIN:
        x->received += *size;
        if (*size == 0)
            return exchange_answer(x);
        *size = 0;
        return x->received > DRAIN_MAX || is_too_slow(x) ? MHD_NO : MHD_YES;
    case STAGE_ENDED:
        return exchange_answer(x);
    case STAGE_ANSWER:
        break;
    }
    return MHD_NO;
}

static void write_line(const struct exchange *x)
{
    const struct http_request *req = &x->req;
    char target[LOGGED_TARGET_MAX];
    struct json_out line;

    /* The query may carry a signature that is still good. */
    snprintf(target, sizeof target, "%.*s", (int)strcspn(req->target, "?"), req->target);
    journal_begin(&line, "request");
    json_out_text(&line, "request", req->id);
    json_out_text(&line, "peer", x->peer);
    json_out_text(&line, "method", req->method ? req->method : "");
    json_out_text(&line, "path", target);
    if (x->handler)
        json_out_text(&line, "handler", x->handler->name);
    if (req->subject)
        json_out_text(&line, "action", req->subject);
    if (req->account)
        json_out_text(&line, "account", req->account);
    json_out_int(&line, "status", x->status);
    if (req->code)
        json_out_text(&line, "code", req->code);
    json_out_int(&line, "received", (int64_t)x->received);
    json_out_int(&line, "sent", (int64_t)req->sent);
    json_out_bool(&line, "complete", req->complete);
    json_out_int(&line, "usec", (int64_t)x->usec);
    journal_end(&line);
}

static void count(const struct exchange *x)
{
    struct metrics *m = x->server->metrics;
    const char *name = x->handler ? x->handler->name : "none";
    char labels[96];

    snprintf(labels, sizeof labels, "handler=\"%s\",status=\"%u\"", name, x->status);
    metric_add(metrics_series(m, METRIC_COUNTER, "imgport_http_requests_total",
                              "Requests answered", labels),
               1);
    snprintf(labels, sizeof labels, "handler=\"%s\"", name);
    metric_add(metrics_series(m, METRIC_SECONDS, "imgport_http_seconds_total",
                              "Time from the request line to the last byte", labels),
               (int64_t)x->usec);
    metric_add(metrics_series(m, METRIC_COUNTER, "imgport_http_received_bytes_total",
                              "Bytes of request bodies", labels),
               (int64_t)x->received);
    metric_add(metrics_series(m, METRIC_COUNTER, "imgport_http_sent_bytes_total",
                              "Bytes of answer bodies", labels),
               (int64_t)x->req.sent);
}

static void finish(struct exchange *x)
{
    if (x->req.method) {
        write_line(x);
        count(x);
    }
    if (x->began) {
        x->handler->close(x->handler->arg, &x->req);
        atomic_fetch_sub_explicit(&x->server->under_way, 1, memory_order_relaxed);
    }
    if (x->read_close)
        x->read_close(x->read_arg);
    free(x->read_buf);
    buf_fini(&x->body);
    intake_fini(&x->in);
    http_answer_fini(&x->answer);
    free(x);
}

void exchange_close(void *arg, struct MHD_Connection *conn, void **exchange,
                    enum MHD_RequestTerminationCode why)
{
    struct exchange *x = *exchange;

    (void)arg;
    (void)conn;
    if (!x)
        return;
    *exchange = NULL;
    x->usec = elapsed(x);
    x->req.complete = why == MHD_REQUEST_TERMINATED_COMPLETED_OK && x->status != 0;
    if (x->req.complete && !x->read)
        x->req.sent = x->answer.no_body || x->answer.head_only ? 0 : x->answer.length;
    if (intake_leave(&x->in))
        finish(x);
}
