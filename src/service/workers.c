/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/workers.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/scoped.h"

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct work *first, **last;
    bool stopping;
    unsigned n;
    unsigned taken; /* by work that runs or waits, at most one thread each */
    pthread_t threads[];
};

static void *work_loop(void *arg)
{
    struct workers *ws = arg;

    pthread_mutex_lock(&ws->lock);
    for (;;) {
        struct work *w = ws->first;

        if (w) {
            ws->first = w->next;
            if (!ws->first)
                ws->last = &ws->first;
            pthread_mutex_unlock(&ws->lock);
            w->run(w);
            pthread_mutex_lock(&ws->lock);
            ws->taken--;
        } else if (ws->stopping) {
            break;
        } else {
            pthread_cond_wait(&ws->more, &ws->lock);
        }
    }
    pthread_mutex_unlock(&ws->lock);
    return NULL;
}

int workers_start(struct workers **ret, unsigned threads, struct err *err)
{
    struct workers *ws = calloc(1, sizeof *ws + threads * sizeof ws->threads[0]);

    if (!ws)
        return FAIL(err, ERR_NOMEM, "workers");
    pthread_mutex_init(&ws->lock, NULL);
    pthread_cond_init(&ws->more, NULL);
    ws->last = &ws->first;
    while (ws->n < threads) {
        int r, e = pthread_create(&ws->threads[ws->n], NULL, work_loop, ws);

        if (e) {
            r = FAIL_SYS(err, e, "starting worker thread %u", ws->n + 1);
            workers_end(ws);
            workers_free(ws);
            return r;
        }
        ws->n++;
    }
    *ret = ws;
    return 0;
}

static bool add(struct workers *ws, struct work *w, bool only_idle)
{
    bool taken;

    w->next = NULL;
    pthread_mutex_lock(&ws->lock);
    taken = !ws->stopping && (!only_idle || ws->taken < ws->n);
    if (taken) {
        ws->taken++;
        *ws->last = w;
        ws->last = &w->next;
        pthread_cond_signal(&ws->more);
    }
    pthread_mutex_unlock(&ws->lock);
    return taken;
}

bool workers_add(struct workers *ws, struct work *w)
{
    return add(ws, w, false);
}

bool workers_add_idle(struct workers *ws, struct work *w)
{
    return add(ws, w, true);
}

void workers_end(struct workers *ws)
{
    pthread_mutex_lock(&ws->lock);
    ws->stopping = true;
    pthread_cond_broadcast(&ws->more);
    pthread_mutex_unlock(&ws->lock);
    for (unsigned i = 0; i < ws->n; i++)
        pthread_join(ws->threads[i], NULL);
    ws->n = 0;
}

void workers_free(struct workers *ws)
{
    if (!ws)
        return;
    pthread_cond_destroy(&ws->more);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}
