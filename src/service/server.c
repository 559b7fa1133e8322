/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/server.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/scoped.h"
#include "service/exchange.h"
#include "service/journal.h"
#include "service/metrics.h"

enum {
    /* One buffer a connection, for headers and pieces of bodies.  The library clears all
     * of it after each request, so its size is paid each time. */
    CONNECTION_MEMORY = 256 * 1024,
    CONNECTION_STEP = 128 * 1024,
    BACKLOG = 1024,
    PEM_MAX = 64 * 1024,
};

static void freeaddrinfop(struct addrinfo **a)
{
    if (*a)
        freeaddrinfo(*a);
}

/* "127.0.0.1:8780", "[::1]:8780", "localhost:0". */
static int split_listen(char host[256], char port[16], const char *listen_at,
                        struct err *err)
{
    const char *colon = strrchr(listen_at, ':');
    size_t n = colon ? (size_t)(colon - listen_at) : 0;
    const char *from = listen_at;

    if (n >= 2 && from[0] == '[' && from[n - 1] == ']')
        from++, n -= 2;
    if (!colon || n >= 256 || strlen(colon + 1) >= 16 || !colon[1])
        return FAIL(err, ERR_ARG, "listen: \"%s\" is not address:port", listen_at);
    snprintf(host, 256, "%.*s", (int)n, from);
    snprintf(port, 16, "%s", colon + 1);
    return 0;
}

static int listen_on(struct server *s, const char *listen_at, struct err *err)
{
    AUTO(freeaddrinfop) struct addrinfo *list = NULL;
    struct addrinfo want = {.ai_socktype = SOCK_STREAM,
                            .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct sockaddr_storage bound;
    socklen_t size = sizeof bound;
    char host[256], port[16], service[16];
    int on = 1, r = split_listen(host, port, listen_at, err);

    if (r < 0)
        return r;
    r = getaddrinfo(*host ? host : NULL, port, &want, &list);
    if (r != 0)
        return FAIL(err, ERR_ARG, "listen on %s: %s", listen_at, gai_strerror(r));
    s->listener = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s->listener < 0)
        return FAIL_SYS(err, errno, "socket for %s", listen_at);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(s->listener, list->ai_addr, list->ai_addrlen) < 0)
        return FAIL_SYS(err, errno, "bind to %s", listen_at);
    if (listen(s->listener, BACKLOG) < 0)
        return FAIL_SYS(err, errno, "listen on %s", listen_at);
    if (getsockname(s->listener, (struct sockaddr *)&bound, &size) < 0 ||
        getnameinfo((struct sockaddr *)&bound, size, NULL, 0, service, sizeof service,
                    NI_NUMERICSERV) != 0)
        return FAIL(err, ERR_IO, "the port of %s cannot be found out", listen_at);
    s->port = (unsigned)strtoul(service, NULL, 10);
    return 0;
}

static int read_pem(struct buf *ret, const char *path, struct err *err)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return FAIL_SYS(err, errno, "%s", path);
    if (buf_reserve(ret, PEM_MAX + 1, err) < 0)
        return -(int)ERR_NOMEM;
    n = read(fd, ret->p, PEM_MAX + 1);
    if (n < 0)
        return FAIL_SYS(err, errno, "%s", path);
    if (n > PEM_MAX)
        return FAIL(err, ERR_LIMIT, "%s: more than %d bytes", path, PEM_MAX);
    ret->n = (size_t)n;
    ret->p[n] = '\0';
    return 0;
}

__attribute__((format(printf, 2, 0))) static void library_says(void *arg, const char *fmt,
                                                               va_list ap)
{
    char text[512];
    size_t n;

    (void)arg;
    vsnprintf(text, sizeof text, fmt, ap);
    n = strlen(text);
    while (n > 0 && text[n - 1] == '\n')
        text[--n] = '\0';
    journal_message("http", NULL, "%s", text);
}

/* Paths stay as they were sent: signatures are made over them. */
static size_t keep_escapes(void *arg, struct MHD_Connection *conn, char *s)
{
    (void)arg;
    (void)conn;
    return strlen(s);
}

static void connection_changed(void *arg, struct MHD_Connection *conn, void **socket_arg,
                               enum MHD_ConnectionNotificationCode code)
{
    struct server *s = arg;

    (void)conn;
    (void)socket_arg;
    metric_add(s->connections, code == MHD_CONNECTION_NOTIFY_STARTED ? 1 : -1);
}

static int start_daemon(struct server *s, const char *cert, const char *key,
                        struct err *err)
{
    const struct config *c = s->config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    unsigned threads = c->threads  ? (unsigned)c->threads
                       : cores > 0 ? (unsigned)cores
                                   : 1;
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, s->listener, NULL},
        {MHD_OPTION_CONNECTION_LIMIT, (intptr_t)c->connections_max, NULL},
        {MHD_OPTION_PER_IP_CONNECTION_LIMIT, (intptr_t)c->connections_per_address, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, (intptr_t)c->idle_seconds, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_INCREMENT, CONNECTION_STEP, NULL},
        {MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL},
        {MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)keep_escapes, NULL},
        {MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)exchange_open, s},
        {MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)exchange_close, s},
        {MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)connection_changed, s},
        /* A pool of one is refused. */
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads,
         NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, (void *)(uintptr_t)cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_END, 0, NULL},
    };
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
                     MHD_USE_ERROR_LOG | (cert ? (unsigned)MHD_USE_TLS : 0U);

    s->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, exchange_step, s,
                         MHD_OPTION_EXTERNAL_LOGGER, library_says, NULL, MHD_OPTION_ARRAY,
                         options, MHD_OPTION_ARRAY, cert ? tls : tls + 2, MHD_OPTION_END);
    return s->daemon
               ? 0
               : FAIL(err, ERR_IO, "the HTTP server does not start on %s", c->listen);
}

static void server_free(struct server *s)
{
    if (!s)
        return;
    if (s->workers)
        workers_end(s->workers);
    workers_free(s->workers);
    closep(&s->listener);
    free(s);
}

static void server_freep(struct server **s)
{
    server_free(*s);
}

int server_start(struct server **ret, const struct server_options *options,
                 struct err *err)
{
    AUTO(server_freep) struct server *s = calloc(1, sizeof *s);
    AUTO(buf_fini) struct buf cert = {0}, key = {0};
    const struct config *c = options->config;
    int r;

    if (!s)
        return FAIL(err, ERR_NOMEM, "server");
    s->listener = -1;
    s->config = c;
    s->handlers = options->handlers;
    s->n_handlers = options->n_handlers;
    s->metrics = options->metrics;
    s->connections = metrics_series(s->metrics, METRIC_GAUGE, "imgport_http_connections",
                                    "Connections that are open", "");
    if (*c->tls_certificate) {
        if ((r = read_pem(&cert, c->tls_certificate, err)) < 0 ||
            (r = read_pem(&key, c->tls_key, err)) < 0)
            return r;
    }
    r = listen_on(s, c->listen, err);
    if (r < 0)
        return r;
    r = workers_start(&s->workers, (unsigned)c->workers, err);
    if (r < 0)
        return r;
    r = start_daemon(s, cert.p, key.p, err);
    if (r < 0)
        return r;
    *ret = TAKE(s);
    return 0;
}

unsigned server_port(const struct server *s)
{
    return s->port;
}

void server_stop(struct server *s)
{
    struct timespec step = {.tv_nsec = 20 * 1000 * 1000};

    atomic_store(&s->stopping, true);
    MHD_quiesce_daemon(s->daemon);
    for (uint64_t i = 0; i < s->config->stop_seconds * 50; i++) {
        if (atomic_load(&s->under_way) == 0)
            break;
        nanosleep(&step, NULL);
    }
    /* What a worker has in hand is finished and its connection resumed, as the library
     * asks before it stops. */
    workers_end(s->workers);
    MHD_stop_daemon(s->daemon);
    server_free(s);
}
