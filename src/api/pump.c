/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/pump.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "api/digest.h"
#include "base/scoped.h"

enum {
    PIECE = 128 * 1024,
    PIPE_SIZE = 1024 * 1024, /* asked for; less will do */
    TICK_MS = 100,
};

struct pump {
    int from;                      /* -1: a URL */
    struct remote_options options; /* of the URL */
    struct remote *remote;         /* it has ranges: nothing is pumped */
    int worker, out, stop;         /* both ends of the pipe; readable: stop */
    struct digest *digest;
    char sum[DIGEST_TEXT];
    pthread_t thread;
    bool runs;

    pthread_mutex_t lock;
    pthread_cond_t news;
    /* Under lock: */
    struct pump_state state;
    bool begun, over; /* the first byte came; nothing more will */
    bool unwanted;    /* it was stopped, or the worker closed the pipe */
    struct err err;
};

static bool is_stopped(const struct pump *p)
{
    struct pollfd stop = {.fd = p->stop, .events = POLLIN};

    return poll(&stop, 1, 0) > 0;
}

static int unwanted(struct pump *p, struct err *err)
{
    pthread_mutex_lock(&p->lock);
    p->unwanted = true;
    pthread_mutex_unlock(&p->lock);
    return FAIL(err, ERR_CANCELED, "nobody wants the rest");
}

/* Until fd is ready; negative when the pump is to stop. */
static int wait_for(struct pump *p, int fd, short events, struct err *err)
{
    struct pollfd both[2] = {{.fd = fd, .events = events},
                             {.fd = p->stop, .events = POLLIN}};

    while (poll(both, 2, -1) < 0)
        if (errno != EINTR)
            return FAIL_SYS(err, errno, "wait for the source");
    return both[1].revents ? unwanted(p, err) : 0;
}

static int hand_on(struct pump *p, const uint8_t *from, size_t n, struct err *err)
{
    while (n) {
        ssize_t put = write(p->out, from, n);

        if (put < 0 && errno == EAGAIN) {
            int r = wait_for(p, p->out, POLLOUT, err);

            if (r < 0)
                return r;
        } else if (put < 0 && errno == EPIPE) {
            return unwanted(p, err);
        } else if (put < 0 && errno != EINTR) {
            return FAIL_SYS(err, errno, "hand the source to the worker");
        }
        if (put > 0) {
            from += put;
            n -= (size_t)put;
        }
    }
    return 0;
}

/* object_taker */
static int take(void *arg, const void *from, size_t n, uint64_t total, struct err *err)
{
    struct pump *p = arg;
    int r;

    pthread_mutex_lock(&p->lock);
    p->begun = true;
    p->state.total = total;
    p->state.starved = false;
    pthread_cond_signal(&p->news);
    pthread_mutex_unlock(&p->lock);
    r = digest_add(p->digest, from, n, err);
    if (r == 0)
        r = hand_on(p, from, n, err);
    pthread_mutex_lock(&p->lock);
    p->state.done += n;
    p->state.starved = true;
    pthread_mutex_unlock(&p->lock);
    return r;
}

static int run_input(struct pump *p, struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory to read the source");
    for (;;) {
        int r = wait_for(p, p->from, POLLIN, err);
        ssize_t n = r < 0 ? 0 : read(p->from, buf, PIECE);

        if (r < 0)
            return r;
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            continue;
        if (n < 0)
            return FAIL_SYS(err, errno, "read");
        if (n == 0)
            return 0;
        r = take(p, buf, (size_t)n, 0, err);
        if (r < 0)
            return r;
    }
}

static int go_on(void *arg, struct err *err)
{
    struct pump *p = arg;

    return is_stopped(p) ? unwanted(p, err) : 0;
}

static int run_url(struct pump *p, struct err *err)
{
    struct object_taker taker = {take, p};
    struct frame_patience patience = {go_on, p};
    struct remote_options options = p->options;

    options.taker = &taker;
    options.patience = &patience;
    return remote_open(&p->remote, &options, err);
}

static void *run(void *arg)
{
    struct pump *p = arg;
    struct err err = {0};
    sigset_t pipes;
    int r;

    /* A worker that is gone is an error here, not a signal for our host. */
    sigemptyset(&pipes);
    sigaddset(&pipes, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipes, NULL);
    r = p->from >= 0 ? run_input(p, &err) : run_url(p, &err);
    if (r == 0)
        r = digest_end(p->sum, p->digest, &err);
    pthread_mutex_lock(&p->lock);
    p->err = err;
    p->over = true;
    p->state.starved = false;
    pthread_cond_signal(&p->news);
    pthread_mutex_unlock(&p->lock);
    closep(&p->out); /* now the end is there, and what is said of it */
    return NULL;
}

static void stop(struct pump *p)
{
    if (!p->runs)
        return;
    eventfd_write(p->stop, 1);
    closep(&p->worker);
    pthread_join(p->thread, NULL);
    p->runs = false;
}

void pump_freep(struct pump **ret)
{
    struct pump *p = *ret;

    if (!p)
        return;
    stop(p);
    remote_freep(&p->remote);
    closep(&p->worker);
    closep(&p->out);
    closep(&p->stop);
    digest_freep(&p->digest);
    pthread_cond_destroy(&p->news);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *ret = NULL;
}

static int pump_new(struct pump **ret, int from, const struct remote_options *options,
                    struct err *err)
{
    AUTO(pump_freep) struct pump *p = calloc(1, sizeof *p);
    int ends[2], r;

    if (!p)
        return FAIL(err, ERR_NOMEM, "no memory for a source");
    p->worker = p->out = p->stop = -1;
    p->from = from;
    p->state.starved = true;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->news, NULL);
    if (options)
        p->options = *options;
    r = digest_new(&p->digest, err);
    if (r < 0)
        return r;
    p->stop = eventfd(0, EFD_CLOEXEC);
    if (p->stop < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return FAIL_SYS(err, errno, "pipe");
    p->worker = ends[0];
    p->out = ends[1];
    fcntl(p->out, F_SETPIPE_SZ, PIPE_SIZE);
    if (fcntl(p->out, F_SETFL, O_NONBLOCK) < 0)
        return FAIL_SYS(err, errno, "pipe");
    r = pthread_create(&p->thread, NULL, run, p);
    if (r)
        return FAIL_SYS(err, r, "start thread");
    p->runs = true;
    *ret = TAKE(p);
    return 0;
}

int pump_open_input(struct pump **ret, int from, struct err *err)
{
    return pump_new(ret, from, NULL, err);
}

/* Until it is known whether the server has ranges. */
static int wait_for_word(struct pump *p, const struct frame_patience *patience,
                         struct err *err)
{
    struct timespec until;
    bool known = false;
    int r = 0;

    while (r == 0 && !known) {
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TICK_MS * 1000000;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        pthread_mutex_lock(&p->lock);
        if (!p->begun && !p->over)
            pthread_cond_timedwait(&p->news, &p->lock, &until);
        known = p->begun || p->over;
        if (p->over && p->err.code) {
            *err = p->err;
            r = -(int)p->err.code;
        }
        pthread_mutex_unlock(&p->lock);
        if (r == 0 && !known && patience)
            r = patience->still_wanted(patience->arg, err);
    }
    return r;
}

int pump_open_url(struct pump **ret, struct remote **ret_remote,
                  const struct remote_options *options, struct err *err)
{
    AUTO(pump_freep) struct pump *p = NULL;
    int r = pump_new(&p, -1, options, err);
    bool begun;

    if (r == 0)
        r = wait_for_word(p, options->patience, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&p->lock);
    begun = p->begun;
    pthread_mutex_unlock(&p->lock);
    if (begun) { /* and goes on: all else of it is the thread's */
        *ret = TAKE(p);
        return 0;
    }
    stop(p);
    if (p->remote && !remote_was_taken(p->remote)) {
        *ret_remote = TAKE(p->remote);
        return 0;
    }
    *ret = TAKE(p);
    return 0;
}

int pump_pipe(const struct pump *p)
{
    return p->worker;
}

struct pump_state pump_state(struct pump *p)
{
    struct pump_state s;

    pthread_mutex_lock(&p->lock);
    s = p->state;
    pthread_mutex_unlock(&p->lock);
    return s;
}

int pump_end(const char **sum, struct pump *p, struct err *err)
{
    stop(p);
    *sum = p->sum;
    if (!p->err.code || p->unwanted)
        return 0;
    if (err)
        *err = p->err;
    return -(int)p->err.code;
}
