/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include "base/scoped.h"
#include "service/metadata_http.h"

enum {
    BACKLOG = 128,
    EVENTS = 64,
    ACCEPTS = 16, /* of one instance before others have their turn */
    TICK_MS = 100,
    PIECE = 4096,
    DRAIN_MAX = 64 << 10, /* read away after the answer */
};

/* What epoll points to. */
struct source {
    enum { SOURCE_WAKE, SOURCE_LISTENER, SOURCE_CONNECTION } kind;
    bool dead;           /* an event may still be on its way */
    struct source *next; /* among the dead */
    int fd;
};

enum stage { STAGE_HEAD, STAGE_ANSWER, STAGE_LINGER };

struct connection {
    struct source source;
    struct connection *next;
    struct instance *instance;
    enum stage stage;
    struct buf in, out;
    size_t sent, drained;
    int64_t deadline;
};

struct instance {
    struct source source;
    struct instance *next;
    char *id;
    int folder; /* O_PATH */
    struct arena arena;
    struct documents tree;
    struct connection *connections;
    unsigned n_connections;
    int64_t tokens, refilled; /* thousandths of a request; ms */
    int64_t again;            /* not before, when descriptors had run out */
    bool paused;
};

struct metadata {
    pthread_mutex_t lock; /* all below, but while the thread waits */
    pthread_t thread;
    int epoll;
    struct source wake;
    bool ending;
    struct instance *instances;
    struct source *graves;
    unsigned n_connections, n_paused;
    int64_t swept;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- lives and deaths */

static void bury(struct metadata *m, struct source *s)
{
    if (s->fd >= 0)
        close(s->fd); /* which takes it out of epoll, too */
    s->fd = -1;
    s->dead = true;
    s->next = m->graves;
    m->graves = s;
}

static void free_graves(struct metadata *m)
{
    while (m->graves) {
        struct source *s = m->graves;

        m->graves = s->next;
        if (s->kind == SOURCE_CONNECTION) {
            struct connection *c = CONTAINER_OF(s, struct connection, source);

            buf_fini(&c->in);
            buf_fini(&c->out);
            free(c);
        } else {
            struct instance *i = CONTAINER_OF(s, struct instance, source);

            arena_fini(&i->arena);
            closep(&i->folder);
            free(i->id);
            free(i);
        }
    }
}

static void connection_end(struct metadata *m, struct connection *c)
{
    struct connection **at = &c->instance->connections;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    c->instance->n_connections--;
    m->n_connections--;
    bury(m, &c->source);
}

static void instance_end(struct metadata *m, struct instance **at)
{
    struct instance *i = *at;

    *at = i->next;
    while (i->connections)
        connection_end(m, i->connections);
    m->n_paused -= i->paused;
    bury(m, &i->source);
}

static void wake(struct metadata *m)
{
    uint64_t one = 1;

    /* Full means that it is awake. */
    (void)!write(m->wake.fd, &one, sizeof one);
}

/* ---- one connection */

static void watch(struct metadata *m, struct source *s, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = s};

    epoll_ctl(m->epoll, EPOLL_CTL_MOD, s->fd, &e);
}

/* What the guest still sends is of no interest; that it closes is. */
static void linger(struct metadata *m, struct connection *c)
{
    char piece[PIECE];
    ssize_t n = recv(c->source.fd, piece, sizeof piece, MSG_DONTWAIT);

    if (n > 0)
        c->drained += (size_t)n;
    if (n == 0 || c->drained > DRAIN_MAX || (n < 0 && errno != EAGAIN && errno != EINTR))
        connection_end(m, c);
}

static void send_answer(struct metadata *m, struct connection *c)
{
    ssize_t n = send(c->source.fd, c->out.p + c->sent, c->out.n - c->sent,
                     MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0 && errno != EAGAIN && errno != EINTR) {
        connection_end(m, c);
        return;
    }
    c->sent += n > 0 ? (size_t)n : 0;
    if (c->sent < c->out.n) {
        watch(m, &c->source, EPOLLOUT);
        return;
    }
    c->stage = STAGE_LINGER;
    c->deadline = now_ms() + METADATA_LINGER_MS;
    watch(m, &c->source, EPOLLIN);
}

static void read_head(struct metadata *m, struct connection *c)
{
    AUTO(buf_fini) struct buf path = {0};
    char piece[PIECE];
    ssize_t n = recv(c->source.fd, piece, sizeof piece, MSG_DONTWAIT);
    int status;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || buf_append(&c->in, piece, (size_t)n, NULL) < 0) {
        connection_end(m, c);
        return;
    }
    status = metadata_request(&path, buf_bytes(&c->in), NULL);
    if (status == 0)
        return;
    if (status < 0 || metadata_answer(&c->out, &c->instance->tree, status,
                                      buf_bytes(&path), NULL) < 0) {
        connection_end(m, c);
        return;
    }
    c->stage = STAGE_ANSWER;
    c->deadline = now_ms() + METADATA_ANSWER_MS;
    send_answer(m, c);
}

static void on_connection(struct metadata *m, struct connection *c)
{
    switch (c->stage) {
    case STAGE_HEAD:
        read_head(m, c);
        break;
    case STAGE_ANSWER:
        send_answer(m, c);
        break;
    case STAGE_LINGER:
        linger(m, c);
        break;
    }
}

/* ---- one instance */

static bool has_room(struct instance *i, int64_t now)
{
    i->tokens += (now - i->refilled) * METADATA_RATE;
    i->refilled = now;
    if (i->tokens > METADATA_BURST * 1000)
        i->tokens = METADATA_BURST * 1000;
    return i->tokens >= 1000 && i->n_connections < METADATA_CONNECTIONS_MAX &&
           now >= i->again;
}

static void pause_instance(struct metadata *m, struct instance *i, bool pause)
{
    if (i->paused == pause)
        return;
    i->paused = pause;
    m->n_paused += pause ? 1U : -1U;
    watch(m, &i->source, pause ? 0 : EPOLLIN);
}

static void accept_one(struct metadata *m, struct instance *i, int fd, int64_t now)
{
    struct connection *c = calloc(1, sizeof *c);
    struct epoll_event e = {.events = EPOLLIN};

    if (!c) {
        close(fd);
        return;
    }
    c->source = (struct source){.kind = SOURCE_CONNECTION, .fd = fd};
    c->instance = i;
    /* A piece may overshoot the head: what is more is the refusal's business. */
    c->in.max = METADATA_HEAD_MAX + PIECE;
    c->deadline = now + METADATA_HEAD_MS;
    c->next = i->connections;
    i->connections = c;
    i->n_connections++;
    m->n_connections++;
    i->tokens -= 1000;
    e.data.ptr = &c->source;
    if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, fd, &e) < 0)
        connection_end(m, c);
}

static void on_listener(struct metadata *m, struct instance *i)
{
    int64_t now = now_ms();

    for (int n = 0; n < ACCEPTS; n++) {
        int fd;

        if (!has_room(i, now)) {
            pause_instance(m, i, true);
            return;
        }
        fd = accept4(i->source.fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED) {
                i->again = now + TICK_MS;
                pause_instance(m, i, true);
            }
            return;
        }
        accept_one(m, i, fd, now);
    }
}

/* ---- the thread */

static void end_late_ones(struct metadata *m, int64_t now)
{
    m->swept = now;
    for (struct instance *i = m->instances; i; i = i->next)
        for (struct connection *c = i->connections, *next; c; c = next) {
            next = c->next;
            if (c->deadline <= now)
                connection_end(m, c);
        }
}

static void sweep(struct metadata *m)
{
    int64_t now = now_ms();

    if (now - m->swept >= TICK_MS)
        end_late_ones(m, now);
    for (struct instance *i = m->n_paused ? m->instances : NULL; i; i = i->next)
        if (i->paused && has_room(i, now))
            pause_instance(m, i, false);
}

static void *run(void *arg)
{
    struct epoll_event events[EVENTS];
    struct metadata *m = arg;

    pthread_mutex_lock(&m->lock);
    while (!m->ending) {
        int timeout = m->n_connections || m->n_paused ? TICK_MS : -1, n;

        free_graves(m);
        pthread_mutex_unlock(&m->lock);
        n = epoll_wait(m->epoll, events, EVENTS, timeout);
        pthread_mutex_lock(&m->lock);
        for (int k = 0; k < n; k++) {
            struct source *s = events[k].data.ptr;
            uint64_t count;

            if (s->dead)
                continue;
            if (s->kind == SOURCE_WAKE)
                (void)!read(s->fd, &count, sizeof count);
            else if (s->kind == SOURCE_LISTENER)
                on_listener(m, CONTAINER_OF(s, struct instance, source));
            else
                on_connection(m, CONTAINER_OF(s, struct connection, source));
        }
        sweep(m);
    }
    pthread_mutex_unlock(&m->lock);
    return NULL;
}

static void metadata_freep(struct metadata **m)
{
    if (!*m)
        return;
    while ((*m)->instances)
        instance_end(*m, &(*m)->instances);
    free_graves(*m);
    closep(&(*m)->wake.fd);
    closep(&(*m)->epoll);
    pthread_mutex_destroy(&(*m)->lock);
    free(*m);
}

int metadata_start(struct metadata **ret, struct err *err)
{
    AUTO(metadata_freep) struct metadata *m = calloc(1, sizeof *m);
    struct epoll_event e = {.events = EPOLLIN};
    int r;

    if (!m)
        return FAIL(err, ERR_NOMEM, "metadata service");
    pthread_mutex_init(&m->lock, NULL);
    m->epoll = epoll_create1(EPOLL_CLOEXEC);
    m->wake = (struct source){SOURCE_WAKE, .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};
    e.data.ptr = &m->wake;
    if (m->epoll < 0 || m->wake.fd < 0 ||
        epoll_ctl(m->epoll, EPOLL_CTL_ADD, m->wake.fd, &e) < 0)
        return FAIL_SYS(err, errno, "metadata service");
    r = pthread_create(&m->thread, NULL, run, m);
    if (r != 0)
        return FAIL_SYS(err, r, "metadata service: thread");
    *ret = TAKE(m);
    return 0;
}

void metadata_end(struct metadata *m)
{
    if (!m)
        return;
    pthread_mutex_lock(&m->lock);
    m->ending = true;
    wake(m);
    pthread_mutex_unlock(&m->lock);
    pthread_join(m->thread, NULL);
    metadata_freep(&m);
}

/* ---- sockets */

/* The way to the socket through the folder's descriptor: a path of any length, and no
 * folder on it that somebody exchanges meanwhile. */
static int bind_in(int fd, int folder, struct err *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct stat st, in;

    snprintf(a.sun_path, sizeof a.sun_path, "/proc/self/fd/%d/%s", folder,
             METADATA_SOCKET);
    if (fstatat(folder, METADATA_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0) {
        if (!S_ISSOCK(st.st_mode))
            return FAIL(err, ERR_CONFLICT, "%s is no socket", METADATA_SOCKET);
        if (unlinkat(folder, METADATA_SOCKET, 0) < 0)
            return FAIL_SYS(err, errno, "%s", METADATA_SOCKET);
    }
    /* The mode of a socket becomes that of its name. */
    if (fchmod(fd, 0600) < 0 || bind(fd, (const struct sockaddr *)&a, sizeof a) < 0 ||
        fstat(folder, &in) < 0 ||
        (in.st_uid != geteuid() && fchownat(folder, METADATA_SOCKET, in.st_uid, in.st_gid,
                                            AT_SYMLINK_NOFOLLOW) < 0) ||
        listen(fd, BACKLOG) < 0)
        return FAIL_SYS(err, errno, "%s", METADATA_SOCKET);
    return 0;
}

static void instance_freep(struct instance **i)
{
    struct metadata nobody = {0};

    if (!*i)
        return;
    bury(&nobody, &(*i)->source);
    free_graves(&nobody);
}

static int instance_new(struct instance **ret, const char *folder,
                        const struct instance_settings *s, struct err *err)
{
    AUTO(instance_freep) struct instance *i = calloc(1, sizeof *i);
    int r;

    if (!i)
        return FAIL(err, ERR_NOMEM, "metadata service");
    i->source = (struct source){SOURCE_LISTENER, .fd = -1};
    i->folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (i->folder < 0)
        return FAIL_SYS(err, errno, "%s", folder);
    i->id = strdup(s->id);
    if (!i->id)
        return FAIL(err, ERR_NOMEM, "metadata service");
    r = settings_tree(&i->tree, &i->arena, s, err);
    if (r < 0)
        return r;
    i->source.fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (i->source.fd < 0)
        return FAIL_SYS(err, errno, "%s: socket", folder);
    i->tokens = METADATA_BURST * 1000;
    i->refilled = now_ms();
    *ret = TAKE(i);
    return 0;
}

static struct instance **find(struct metadata *m, const char *id)
{
    struct instance **at = &m->instances;

    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->next;
    return at;
}

/* Does what is there listen where the new one would? */
static bool is_same_place(const struct instance *old, const struct instance *new)
{
    struct stat a, b, socket;

    return fstat(old->folder, &a) == 0 && fstat(new->folder, &b) == 0 &&
           a.st_dev == b.st_dev && a.st_ino == b.st_ino &&
           fstatat(new->folder, METADATA_SOCKET, &socket, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The socket stays, so that nobody who is just connecting is refused. */
static void exchange(struct instance *old, struct instance *new)
{
    struct documents tree = old->tree;
    struct arena arena = old->arena;

    old->tree = new->tree;
    old->arena = new->arena;
    new->tree = tree;
    new->arena = arena;
}

int metadata_add(struct metadata *m, const char *folder,
                 const struct instance_settings *s, struct err *err)
{
    AUTO(instance_freep) struct instance *i = NULL;
    struct epoll_event e = {.events = EPOLLIN};
    struct instance **at;
    int r = settings_check(s, err);

    if (r < 0 || (r = instance_new(&i, folder, s, err)) < 0)
        return r;
    pthread_mutex_lock(&m->lock);
    at = find(m, i->id);
    if (*at && is_same_place(*at, i)) {
        exchange(*at, i);
    } else if ((r = bind_in(i->source.fd, i->folder, err)) == 0) {
        e.data.ptr = &i->source;
        if (epoll_ctl(m->epoll, EPOLL_CTL_ADD, i->source.fd, &e) < 0)
            r = FAIL_SYS(err, errno, "%s", folder);
        if (r == 0 && *at)
            instance_end(m, at);
        if (r == 0) {
            i->next = m->instances;
            m->instances = TAKE(i);
        }
    }
    wake(m);
    pthread_mutex_unlock(&m->lock);
    if (r < 0)
        err_prefix(err, "%s", folder);
    return r;
}

void metadata_remove(struct metadata *m, const char *id)
{
    struct instance **at;

    pthread_mutex_lock(&m->lock);
    at = find(m, id);
    if (*at) {
        unlinkat((*at)->folder, METADATA_SOCKET, 0);
        instance_end(m, at);
        wake(m);
    }
    pthread_mutex_unlock(&m->lock);
}
