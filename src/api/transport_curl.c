/* SPDX-License-Identifier: GPL-2.0-or-later */
/* transport_curl.c: requests through libcurl, several at a time, in the caller's thread
 */
#include <pthread.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "api/remote_address.h"
#include "api/transport.h"
#include "base/scoped.h"
#include "config.h"

enum {
    CONNECT_S = 20,
    STALL_S = 30,
    BUFFER = 128 * 1024, /* what is told at a time, at most */
    CONDITION_MAX = 512,
};

struct lane {
    struct curl_transport *transport;
    CURL *curl;
    struct curl_slist *headers;
    void *arg;
    bool guarded, went_private, busy;
};

struct curl_transport {
    struct transport transport;
    CURLM *multi;
    struct lane lanes[TRANSPORT_LANES];
};

static struct curl_transport *curl_of(struct transport *t)
{
    return CONTAINER_OF(t, struct curl_transport, transport);
}

/* ---- what libcurl calls */

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct lane *l = arg;

    (void)one;
    l->transport->transport.listener->header(l->arg, p, n);
    return n;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct lane *l = arg;

    (void)one;
    return l->transport->transport.listener->body(l->arg, (const uint8_t *)p, n) ? n : 0;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct lane *l = arg;

    (void)purpose;
    if (l->guarded && remote_address_is_private(&a->addr)) {
        l->went_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- requests */

static int begin(struct transport *t, unsigned lane, const struct transport_request *r,
                 void *arg, struct err *err)
{
    struct curl_transport *c = curl_of(t);
    struct lane *l = &c->lanes[lane];
    char condition[CONDITION_MAX];

    curl_slist_free_all(TAKE(l->headers));
    if (*r->etag) {
        snprintf(condition, sizeof condition, "If-Range: %s", r->etag);
        l->headers = curl_slist_append(NULL, condition);
        if (!l->headers)
            return FAIL(err, ERR_NOMEM, "no memory for a request");
    }
    l->arg = arg;
    l->guarded = r->guarded;
    l->went_private = false;
    curl_easy_setopt(l->curl, CURLOPT_URL, r->url);
    curl_easy_setopt(l->curl, CURLOPT_RANGE, r->range);
    curl_easy_setopt(l->curl, CURLOPT_HTTPHEADER, l->headers);
    if (curl_multi_add_handle(c->multi, l->curl) != CURLM_OK)
        return FAIL(err, ERR_NOMEM, "no memory for a request");
    l->busy = true;
    return 0;
}

static void stop(struct transport *t, unsigned lane)
{
    struct curl_transport *c = curl_of(t);
    struct lane *l = &c->lanes[lane];

    if (l->busy)
        curl_multi_remove_handle(c->multi, l->curl);
    l->busy = false;
}

static enum transport_end end_of(const struct lane *l, CURLcode code)
{
    if (l->went_private)
        return TRANSPORT_PRIVATE;
    switch (code) {
    case CURLE_OK:
        return TRANSPORT_DONE;
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return TRANSPORT_HOPELESS;
    default:
        return TRANSPORT_BROKEN;
    }
}

/* Lets libcurl do what can be done at once.  The number of lanes that ended. */
static int perform(struct curl_transport *c, struct err *err)
{
    int running, left, n = 0;
    CURLMcode code = curl_multi_perform(c->multi, &running);
    CURLMsg *m;

    if (code != CURLM_OK)
        return FAIL(err, ERR_IO, "%s", curl_multi_strerror(code));
    while ((m = curl_multi_info_read(c->multi, &left))) {
        CURLcode result = m->data.result;
        CURL *curl = m->easy_handle;

        for (unsigned i = 0; i < TRANSPORT_LANES; i++) {
            struct lane *l = &c->lanes[i];

            if (l->curl != curl || !l->busy)
                continue;
            stop(&c->transport, i);
            /* May begin another request, in this lane as well. */
            c->transport.listener->end(l->arg, end_of(l, result),
                                       curl_easy_strerror(result));
            break;
        }
        n++;
    }
    return n;
}

static int drive(struct transport *t, int fd, int ms, struct err *err)
{
    struct curl_transport *c = curl_of(t);
    struct curl_waitfd extra = {.fd = fd, .events = CURL_WAIT_POLLIN};
    int r = perform(c, err);

    if (r != 0)
        return r < 0 ? r : 0;
    curl_multi_poll(c->multi, &extra, fd >= 0, ms, NULL);
    r = perform(c, err);
    return r < 0 ? r : 0;
}

static int64_t now(struct transport *t)
{
    struct timespec s;

    (void)t;
    clock_gettime(CLOCK_MONOTONIC, &s);
    return (int64_t)s.tv_sec * 1000 + s.tv_nsec / 1000000;
}

/* ---- opening and closing */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int open_lane(struct lane *l, struct curl_transport *c, struct err *err)
{
    CURL *e = curl_easy_init();

    if (!e)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    l->transport = c;
    l->curl = e;
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, "imgport/" IMGPORT_VERSION);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, (long)BUFFER);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, l);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, l);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, l);
    return 0;
}

/* The connections live in the multi handle, so a new one knows none. */
static int forget(struct transport *t, struct err *err)
{
    struct curl_transport *c = curl_of(t);

    curl_multi_cleanup(c->multi);
    c->multi = curl_multi_init();
    if (!c->multi)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    /* A connection a lane: over one that is shared, what gets lost holds up all of them,
     * and servers bound the rate of a connection. */
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)TRANSPORT_LANES);
    return 0;
}

static void close_curl(struct transport *t)
{
    struct curl_transport *c = curl_of(t);

    for (unsigned i = 0; i < TRANSPORT_LANES; i++) {
        stop(t, i);
        curl_easy_cleanup(c->lanes[i].curl);
        curl_slist_free_all(c->lanes[i].headers);
    }
    curl_multi_cleanup(c->multi);
    free(c);
}

static const struct transport_driver curl_driver = {
    .begin = begin,
    .stop = stop,
    .forget = forget,
    .drive = drive,
    .now = now,
    .close = close_curl,
};

int transport_curl_open(struct transport **ret, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl_transport *c = calloc(1, sizeof *c);
    AUTO(transport_closep) struct transport *t = NULL;
    int r;

    if (!c)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    c->transport.driver = &curl_driver;
    t = &c->transport;
    pthread_once(&once, init_curl);
    r = forget(t, err);
    for (unsigned i = 0; r == 0 && i < TRANSPORT_LANES; i++)
        r = open_lane(&c->lanes[i], c, err);
    if (r < 0)
        return r;
    *ret = TAKE(t);
    return 0;
}
