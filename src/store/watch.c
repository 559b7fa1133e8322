/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Waiting for what others commit.
 *
 * Threads of one process wake each other through an eventfd of each watch, in both
 * engines. Other processes are heard by LISTEN on a connection of the watch (PostgreSQL),
 * or noticed by looking whether anybody else wrote (SQLite: PRAGMA data_version, twice a
 * second). */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>

#include "base/scoped.h"
#include "store/catalog_parts.h"

enum { LOOK_MS = 500 };

struct watch {
    struct watch *next;
    struct catalog *catalog;
    unsigned what;
    int fd;           /* eventfd */
    atomic_uint told; /* bits that threads of this process set */
    struct db *db;    /* its own connection */
    bool missed;      /* something may have been: tell everything */
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void ring(struct watch *w)
{
    uint64_t one = 1;

    /* Fails only when it rings already. */
    while (write(w->fd, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

void catalog_told(void *catalog, unsigned what)
{
    struct catalog *c = catalog;

    if (what & WATCH_ACCOUNT)
        atomic_store(&c->keys_stale, 1);
    pthread_mutex_lock(&c->lock);
    for (struct watch *w = c->watches; w; w = w->next)
        if (w->what & what) {
            atomic_fetch_or(&w->told, w->what & what);
            ring(w);
        }
    pthread_mutex_unlock(&c->lock);
}

int watch_open(struct watch **ret, struct catalog *c, unsigned what, struct err *err)
{
    AUTO(freep) struct watch *w = calloc(1, sizeof *w);
    AUTO(closep) int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r;

    if (!w)
        return FAIL(err, ERR_NOMEM, "watch");
    if (fd < 0)
        return FAIL_SYS(err, errno, "eventfd");
    r = db_open(&w->db, &c->home, err);
    if (r < 0)
        return r;
    w->catalog = c;
    w->what = what;
    w->missed = true;
    w->fd = fd;
    fd = -1;
    pthread_mutex_lock(&c->lock);
    w->next = c->watches;
    c->watches = w;
    pthread_mutex_unlock(&c->lock);
    *ret = TAKE(w);
    return 0;
}

void watch_close(struct watch *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->catalog->lock);
    for (struct watch **at = &w->catalog->watches; *at; at = &(*at)->next)
        if (*at == w) {
            *at = w->next;
            break;
        }
    pthread_mutex_unlock(&w->catalog->lock);
    db_close(w->db);
    close(w->fd);
    free(w);
}

void watch_wake(struct watch *w)
{
    ring(w);
}

int watch_wait(unsigned *ret, struct watch *w, int timeout_ms, struct err *err)
{
    int64_t until = now_ms() + timeout_ms;
    const struct db_driver *driver = w->db->driver;

    for (;;) {
        struct pollfd fds[2] = {{.fd = w->fd, .events = POLLIN}, {.fd = -1}};
        int64_t left = until - now_ms();
        unsigned heard = 0;
        uint64_t rings = 0;
        int r;

        /* What was told comes before everything, even when no time is given. */
        r = driver->listen(&heard, &fds[1].fd, w->db, w->what, err);
        if (r < 0)
            return r;
        heard |= atomic_exchange(&w->told, 0);
        if (w->missed)
            heard = w->what;
        w->missed = false;
        if ((heard & w->what) || left <= 0) {
            *ret = heard & w->what;
            return 0;
        }
        if (left > LOOK_MS && fds[1].fd < 0)
            left = LOOK_MS;
        fds[1].events = POLLIN;
        r = poll(fds, fds[1].fd >= 0 ? 2 : 1, (int)left);
        if (r < 0 && errno != EINTR)
            return FAIL_SYS(err, errno, "poll");
        if (fds[0].revents && read(w->fd, &rings, sizeof rings) > 0 &&
            !atomic_load(&w->told)) {
            *ret = 0; /* watch_wake() */
            return 0;
        }
    }
}
