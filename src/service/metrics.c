/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"

enum { METRICS_ASKED_MAX = 64 };

struct metric {
    struct metric *_Atomic next; /* in its slot */
    const char *name, *help;
    char *labels;
    enum metric_kind kind;
    bool told; /* metrics_print()'s */
    atomic_int_fast64_t value;
};

struct asked {
    const char *name, *help;
    int64_t (*fn)(void *arg);
    void *arg;
};

enum { SLOTS = 512 };

struct metrics {
    pthread_mutex_t lock;
    struct metric *_Atomic slots[SLOTS];
    struct metric *all[METRICS_SERIES_MAX]; /* in the order they were made */
    size_t n;
    struct asked asked[METRICS_ASKED_MAX];
    size_t n_asked;
    struct metric spill; /* what had no room */
};

int metrics_new(struct metrics **ret, struct err *err)
{
    struct metrics *m = calloc(1, sizeof *m);

    if (!m)
        return FAIL(err, ERR_NOMEM, "metrics");
    pthread_mutex_init(&m->lock, NULL);
    *ret = m;
    return 0;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++) {
        free(m->all[i]->labels);
        free(m->all[i]);
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static unsigned slot_of(const char *name, const char *labels)
{
    unsigned h = 5381;

    for (; *name; name++)
        h = h * 33 + (unsigned char)*name;
    for (; *labels; labels++)
        h = h * 33 + (unsigned char)*labels;
    return h % SLOTS;
}

static struct metric *find(struct metrics *m, unsigned slot, const char *name,
                           const char *labels)
{
    struct metric *s = atomic_load_explicit(&m->slots[slot], memory_order_acquire);

    while (s && (strcmp(s->name, name) != 0 || strcmp(s->labels, labels) != 0))
        s = atomic_load_explicit(&s->next, memory_order_acquire);
    return s;
}

struct metric *metrics_series(struct metrics *m, enum metric_kind kind, const char *name,
                              const char *help, const char *labels)
{
    unsigned slot = slot_of(name, labels);
    struct metric *s = find(m, slot, name, labels);

    if (s)
        return s;
    pthread_mutex_lock(&m->lock);
    s = find(m, slot, name, labels);
    if (!s && m->n < METRICS_SERIES_MAX)
        s = calloc(1, sizeof *s);
    if (s && !s->name) {
        s->labels = strdup(labels);
        if (s->labels) {
            s->name = name;
            s->help = help;
            s->kind = kind;
            atomic_store(&s->next, atomic_load(&m->slots[slot]));
            atomic_store_explicit(&m->slots[slot], s, memory_order_release);
            m->all[m->n++] = s;
        } else {
            free(s);
            s = NULL;
        }
    }
    pthread_mutex_unlock(&m->lock);
    return s ? s : &m->spill;
}

void metric_add(struct metric *s, int64_t n)
{
    atomic_fetch_add_explicit(&s->value, n, memory_order_relaxed);
}

void metric_set(struct metric *s, int64_t n)
{
    atomic_store_explicit(&s->value, n, memory_order_relaxed);
}

int metrics_ask(struct metrics *m, const char *name, const char *help,
                int64_t (*fn)(void *arg), void *arg, struct err *err)
{
    int r = 0;

    pthread_mutex_lock(&m->lock);
    if (m->n_asked < METRICS_ASKED_MAX)
        m->asked[m->n_asked++] = (struct asked){name, help, fn, arg};
    else
        r = FAIL(err, ERR_LIMIT, "more than %d gauges", METRICS_ASKED_MAX);
    pthread_mutex_unlock(&m->lock);
    return r;
}

static int print_series(struct buf *to, const struct metric *s, struct err *err)
{
    int64_t v = atomic_load_explicit(&s->value, memory_order_relaxed);
    const char *open = *s->labels ? "{" : "", *close = *s->labels ? "}" : "";

    if (s->kind == METRIC_SECONDS)
        return buf_printf(to, err, "%s%s%s%s %" PRId64 ".%06" PRId64 "\n", s->name, open,
                          s->labels, close, v / 1000000, v % 1000000);
    return buf_printf(to, err, "%s%s%s%s %" PRId64 "\n", s->name, open, s->labels, close,
                      v);
}

static int print_head(struct buf *to, const char *name, const char *help,
                      enum metric_kind kind, struct err *err)
{
    return buf_printf(to, err, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                      kind == METRIC_GAUGE ? "gauge" : "counter");
}

/* All series of a name stand together, as the format asks. */
static int print_locked(struct metrics *m, struct buf *to, struct err *err)
{
    int r = 0;

    for (size_t i = 0; i < m->n; i++)
        m->all[i]->told = false;
    for (size_t i = 0; r == 0 && i < m->n; i++) {
        const struct metric *s = m->all[i];

        if (s->told)
            continue;
        r = print_head(to, s->name, s->help, s->kind, err);
        for (size_t k = i; r == 0 && k < m->n; k++) {
            if (strcmp(m->all[k]->name, s->name) != 0)
                continue;
            m->all[k]->told = true;
            r = print_series(to, m->all[k], err);
        }
    }
    return r;
}

int metrics_print(struct metrics *m, struct buf *to, struct err *err)
{
    struct asked asked[METRICS_ASKED_MAX];
    size_t n;
    int r;

    pthread_mutex_lock(&m->lock);
    r = print_locked(m, to, err);
    n = m->n_asked;
    memcpy(asked, m->asked, sizeof asked);
    pthread_mutex_unlock(&m->lock);
    for (size_t i = 0; r == 0 && i < n; i++) {
        r = print_head(to, asked[i].name, asked[i].help, METRIC_GAUGE, err);
        if (r == 0)
            r = buf_printf(to, err, "%s %" PRId64 "\n", asked[i].name,
                           asked[i].fn(asked[i].arg));
    }
    return r;
}
