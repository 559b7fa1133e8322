/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/scoped.h"
#include "base/text.h"
#include "service/journal.h"

enum {
    RATE_MS = 1000,
    PATIENCE_S = 600, /* with a catalogue that is away */
};

int64_t job_now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t now(void)
{
    return job_now_ms() / 1000;
}

int job_fail(struct job_failure *why, const char *reason, const char *sub_cause,
             const char *fmt, ...)
{
    va_list ap;

    why->reason = reason;
    snprintf(why->sub_cause, sizeof why->sub_cause, "%s", sub_cause);
    va_start(ap, fmt);
    vsnprintf(why->detail, sizeof why->detail, fmt, ap);
    va_end(ap);
    text_cut(why->detail);
    return JOB_FAILED;
}

void job_log(const struct task *t, const char *event, const struct job_failure *why,
             const struct err *err)
{
    struct json_out line;

    journal_begin(&line, event);
    json_out_int(&line, "task", t->id);
    json_out_text(&line, "kind", task_kind_name(t->kind));
    json_out_text(&line, "image", t->image);
    json_out_text(&line, "account", t->account);
    json_out_text(&line, "request", t->request_id);
    json_out_int(&line, "attempt", t->attempt);
    if (why) {
        json_out_text(&line, "reason", why->reason);
        json_out_text(&line, "sub_cause", why->sub_cause);
        json_out_text(&line, "detail", why->detail);
    }
    if (err && err->code)
        json_out_text(&line, "error", err->msg);
    journal_end(&line);
}

void job_step(struct job *j, const char *name, uint64_t seconds)
{
    struct job_pulse *p = j->pulse;

    if (j->waits)
        job_log(j->task, "task-goes-on", NULL, NULL);
    j->waits = false;
    pthread_mutex_lock(&p->lock);
    p->phase = name;
    p->deadline = seconds ? now() + (int64_t)seconds : 0;
    p->done = 0;
    p->total = -1;
    p->began = job_now_ms();
    pthread_mutex_unlock(&p->lock);
}

void job_progress(struct job *j, int64_t done, int64_t total)
{
    struct job_pulse *p = j->pulse;

    pthread_mutex_lock(&p->lock);
    p->done = done;
    p->total = total;
    pthread_mutex_unlock(&p->lock);
}

void job_sync_percent(struct job *j, int percent)
{
    struct job_pulse *p = j->pulse;

    pthread_mutex_lock(&p->lock);
    p->sync_percent = percent;
    pthread_mutex_unlock(&p->lock);
}

int64_t job_seconds_left(int64_t done, int64_t total, int64_t elapsed_ms)
{
    /* The first moments say little of the rate. */
    if (elapsed_ms < RATE_MS || done <= 0 || total < done)
        return -1;
    return (int64_t)((double)(total - done) / (double)done * (double)elapsed_ms / 1000 +
                     0.5);
}

enum job_stop job_stopped(const struct job *j)
{
    struct job_pulse *p = j->pulse;
    enum job_stop stop;

    pthread_mutex_lock(&p->lock);
    if (p->stop == JOB_RUNS && p->deadline && now() > p->deadline)
        p->stop = JOB_LATE;
    stop = p->stop;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

int job_goes_on(const struct job *j, struct err *err)
{
    static const char *const words[] = {
        [JOB_CANCELED] = "canceled",
        [JOB_LATE] = "over the time of this step",
        [JOB_LOST] = "another daemon has the task",
        [JOB_ENDING] = "the daemon stops",
    };
    enum job_stop stop = job_stopped(j);

    return stop == JOB_RUNS ? 0 : FAIL(err, ERR_CANCELED, "%s", words[stop]);
}

int job_persist(struct job *j, db_fn *fn, void *arg, struct err *err)
{
    int64_t until = now() + PATIENCE_S;

    /* The step is done, and its time no longer runs. */
    pthread_mutex_lock(&j->pulse->lock);
    j->pulse->deadline = 0;
    pthread_mutex_unlock(&j->pulse->lock);
    for (;;) {
        struct err e = {0};
        int r = catalog_tx(j->service->catalog, fn, arg, &e);

        if (r >= 0)
            return r;
        if ((e.code != ERR_IO && e.code != ERR_CONFLICT) || now() > until ||
            job_stopped(j) != JOB_RUNS) {
            if (err)
                *err = e;
            return r;
        }
        usleep(500 * 1000);
    }
}

struct step_result {
    const struct task_lease *lease;
    const char *step, *text, *next;
};

static int write_result(struct db *db, void *arg, struct err *err)
{
    const struct step_result *s = arg;

    return task_step_done(db, s->lease, s->step, s->text, s->next, err);
}

int job_step_done(struct job *j, const char *step, const json_t *result, const char *next,
                  struct err *err)
{
    AUTO(freep) char *text = json_dumps(result, JSON_COMPACT);
    struct step_result s = {j->lease, step, text, next};

    return text ? job_persist(j, write_result, &s, err)
                : FAIL(err, ERR_NOMEM, "result of a step");
}

int job_result(json_t **ret, struct job *j, const char *step, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    const char *text;
    int r = catalog_get(&db, j->service->catalog, err);

    *ret = NULL;
    if (r == 0)
        r = task_result(&text, j->arena, db, j->task->id, step, err);
    if (r == REFUSED_NONE)
        return 0;
    if (r < 0)
        return r;
    *ret = json_loads(text, 0, NULL);
    return *ret ? 0 : FAIL(err, ERR_CORRUPT, "the result of step %s is no JSON", step);
}

struct image_change job_image_failed(enum image_state state,
                                     const struct job_failure *why)
{
    struct image_change change = IMAGE_CHANGE_NOTHING;

    change.state = (int)state;
    change.reason = why->reason;
    change.sub_cause = why->sub_cause;
    change.detail = why->detail;
    return change;
}

int job_end(struct job *j, struct task_end *end, enum task_state state,
            const struct job_failure *why, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, j->service->catalog, err);

    end->state = state;
    end->reason = why->reason;
    end->sub_cause = why->sub_cause;
    end->detail = why->detail;
    return r < 0 ? r : task_finish(db, j->lease, end, err);
}

const char *job_text(const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    return s ? s : "";
}

void job_snapshot_id(char ret[JOB_SNAPSHOT_SIZE], const struct job *j, size_t n)
{
    const char *id = j->task->image + strlen("img-");

    if (n == 0)
        snprintf(ret, JOB_SNAPSHOT_SIZE, "snap-%.20s", id);
    else
        snprintf(ret, JOB_SNAPSHOT_SIZE, "snap-%.20s%zu", id, n);
}

static void make_key(char ret[BLOB_KEY_MAX], const char *kind, int64_t task,
                     int64_t attempt, size_t n)
{
    snprintf(ret, BLOB_KEY_MAX, "%s/%" PRId64 "-%" PRId64 "-%zu", kind, task, attempt, n);
}

void job_blob_key(char ret[BLOB_KEY_MAX], const struct job *j, const char *kind, size_t n)
{
    make_key(ret, kind, j->task->id, j->lease->attempt, n);
}

void job_drop_blobs(struct job *j, const char *kind, size_t n, const char *const *keep,
                    size_t n_keep)
{
    for (int64_t attempt = 1; attempt <= j->lease->attempt; attempt++)
        for (size_t i = 0; i < n; i++) {
            char key[BLOB_KEY_MAX];
            bool kept = false;

            make_key(key, kind, j->task->id, attempt, i);
            for (size_t k = 0; k < n_keep; k++)
                kept |= strcmp(key, keep[k]) == 0;
            if (!kept)
                (void)blob_delete(j->service->blobs, key, NULL);
        }
}

bool job_blob_key_parse(int64_t *ret_task, int64_t *ret_attempt, const char *key)
{
    const char *p = strchr(key, '/');
    uint64_t task, attempt, n;
    int end = 0;

    if (!p ||
        sscanf(p + 1, "%" SCNu64 "-%" SCNu64 "-%" SCNu64 "%n", &task, &attempt, &n,
               &end) != 3 ||
        p[1 + end] != '\0' || task > INT64_MAX || attempt > INT64_MAX)
        return false;
    *ret_task = (int64_t)task;
    *ret_attempt = (int64_t)attempt;
    return true;
}
