/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/jobs.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "api/place.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "service/job/job.h"
#include "service/job/recheck.h"
#include "service/job/sum.h"
#include "service/job/sweep.h"
#include "service/job/zone_lease.h"
#include "service/journal.h"
#include "store/account.h"

enum {
    THREADS_MAX = 64,
    ZONE_THREADS_MAX = 32,
    TRIES_MAX = 5,       /* of a task that could not be done */
    CLAIMS_MAX = 50,     /* of one that takes whoever claims it along */
    WAIT_S = 10,         /* until one that waits for room asks again */
    IDLE_MS = 30 * 1000, /* a look at the table when nothing was heard */
    BEAT_MS = 500,
    LATE_MS = 3 * BEAT_MS, /* after which a round of beats is late */
};

static const struct job_kind *const kinds[] = {
    &import_job, &copy_job,     &export_job, &recheck_job,
    &sum_job,    &instance_job, &create_job,
};

struct worker {
    struct jobs *jobs;
    const char *zone; /* whose tasks it does; "": those of no zone */
    pthread_t thread;
    struct watch *watch;
    char holder[64];
    /* Under jobs->lock: what it works on now. */
    bool busy;
    struct task_lease lease;
    struct job_pulse pulse;
};

struct jobs {
    struct service *service;
    struct i18n_catalog *zh;
    unsigned kinds;
    atomic_bool ending;
    atomic_llong beaten_ms; /* when everybody who is at work was told of */
    pthread_mutex_t lock;
    pthread_cond_t wake; /* of the beating thread */
    pthread_t beater;
    bool has_beater;
    unsigned n;
    struct worker workers[THREADS_MAX + ZONE_THREADS_MAX];
};

static const struct job_kind *kind_of(const struct task *t)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (kinds[i]->kind == t->kind)
            return kinds[i];
    return NULL;
}

/* ---- beating */

static void stop_job(struct job_pulse *p, enum job_stop stop)
{
    pthread_mutex_lock(&p->lock);
    if (p->stop == JOB_RUNS)
        p->stop = stop;
    pthread_mutex_unlock(&p->lock);
}

/* False: the catalogue was not told. */
static bool beat(struct jobs *jobs, struct worker *w)
{
    struct task_beat beat;
    struct task_lease lease;
    struct err err = {0};
    bool cancel = false, busy;
    struct db *db;
    int r;

    pthread_mutex_lock(&jobs->lock);
    busy = w->busy;
    lease = w->lease;
    pthread_mutex_unlock(&jobs->lock);
    if (!busy)
        return true;
    pthread_mutex_lock(&w->pulse.lock);
    beat = (struct task_beat){
        .phase = w->pulse.phase,
        .bytes_done = w->pulse.done,
        .bytes_total = w->pulse.total,
        .sync_percent = w->pulse.sync_percent,
        .seconds_left = job_seconds_left(w->pulse.done, w->pulse.total,
                                         job_now_ms() - w->pulse.began),
    };
    pthread_mutex_unlock(&w->pulse.lock);
    r = catalog_get(&db, jobs->service->catalog, &err);
    if (r == 0) {
        r = task_beat(&cancel, db, &lease, (int64_t)jobs->service->config->lease_seconds,
                      &beat, &err);
        catalog_put(&db);
    }
    pthread_mutex_lock(&jobs->lock);
    /* It may have ended, or begun another, meanwhile. */
    if (w->busy && w->lease.id == lease.id && w->lease.attempt == lease.attempt) {
        if (r == REFUSED_LEASE)
            stop_job(&w->pulse, JOB_LOST);
        else if (r == 0 && cancel)
            stop_job(&w->pulse, JOB_CANCELED);
    }
    pthread_mutex_unlock(&jobs->lock);
    if (r < 0)
        journal_message("beat", &err, "task %" PRId64, lease.id);
    return r >= 0;
}

/* Leases run out while the catalogue is away, and whoever claims first when it is back
 * has the task: those who are at work are to beat before.  Those of a zone are its
 * host's. */
static bool may_claim(const struct worker *w)
{
    const struct jobs *jobs = w->jobs;

    return job_now_ms() - atomic_load(&jobs->beaten_ms) < LATE_MS &&
           (!*w->zone || zone_lease_held(jobs->service->zone));
}

static void *beater_main(void *arg)
{
    struct jobs *jobs = arg;

    pthread_mutex_lock(&jobs->lock);
    while (!atomic_load(&jobs->ending)) {
        struct timespec until;

        bool all = true;

        pthread_mutex_unlock(&jobs->lock);
        for (unsigned i = 0; i < jobs->n; i++)
            all &= beat(jobs, &jobs->workers[i]);
        if (all)
            atomic_store(&jobs->beaten_ms, job_now_ms());
        pthread_mutex_lock(&jobs->lock);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += BEAT_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (!atomic_load(&jobs->ending))
            pthread_cond_timedwait(&jobs->wake, &jobs->lock, &until);
    }
    pthread_mutex_unlock(&jobs->lock);
    return NULL;
}

/* ---- working */

/* Failures so far, with this one.  Claims tell nothing of them: a daemon that is started
 * again claims what it had. */
static int count_failure(int64_t *ret, struct job *j, struct err *err)
{
    json_t *had = NULL, *now;
    const char *step = j->pulse->phase ? j->pulse->phase : j->task->step;
    int r = job_result(&had, j, "put-off", err);

    if (r < 0)
        return r;
    *ret = json_integer_value(json_object_get(had, "times")) + 1;
    json_decref(had);
    now = json_pack("{s:I}", "times", (json_int_t)*ret);
    r = now ? job_step_done(j, "put-off", now, step, err)
            : FAIL(err, ERR_NOMEM, "result of a step");
    json_decref(now);
    return r;
}

/* It could not be done now: back into the queue, later each time, until it is enough. */
static int put_off(struct job *j, const struct job_kind *kind, const struct err *because,
                   struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    struct job_failure why;
    int64_t times;
    int r = count_failure(&times, j, err);

    if (r != 0)
        return r;
    if (times >= TRIES_MAX) {
        if (because->sys == ENOSPC || because->sys == EDQUOT)
            job_fail(&why, "InternalError", "no-space", "%s",
                     _("the service had no space left, also when it was tried again"));
        else
            job_fail(&why, "InternalError", err_code_name(because->code), "%s",
                     _("something failed on our side, also when it was tried again"));
        job_log(j->task, "task-gave-up", &why, because);
        return kind->end(j, TASK_FAILED, &why, err);
    }
    r = catalog_get(&db, j->service->catalog, err);
    return r < 0 ? r : task_release(db, j->lease, INT64_C(1) << times, err);
}

static int give_back(struct job *j, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, j->service->catalog, err);

    return r < 0 ? r : task_release(db, j->lease, 0, err);
}

/* Its worker does what else there is to do. */
static int set_aside(struct job *j, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, j->service->catalog, err);

    return r < 0 ? r : task_wait(db, j->lease, WAIT_S, err);
}

static int finish(struct job *j, const struct job_kind *kind, int r,
                  struct job_failure *why, const struct err *because, struct err *err)
{
    if (r == REFUSED_LEASE) {
        job_log(j->task, "task-lost", NULL, NULL);
        return 0;
    }
    if (r == 0) {
        job_log(j->task, "task-done", NULL, NULL);
        return 0;
    }
    if (r == JOB_FAILED) {
        job_log(j->task, "task-failed", why, NULL);
        return kind->end(j, TASK_FAILED, why, err);
    }
    switch (job_stopped(j)) {
    case JOB_LOST:
        job_log(j->task, "task-lost", NULL, NULL);
        return 0;
    case JOB_ENDING:
        return give_back(j, err);
    case JOB_CANCELED:
        job_fail(why, "Canceled", "", "%s", _("canceled on request"));
        job_log(j->task, "task-canceled", NULL, NULL);
        return kind->end(j, TASK_CANCELED, why, err);
    case JOB_LATE:
        job_fail(why, "InternalError", "time-limit", "%s",
                 _("a step took longer than this service allows"));
        job_log(j->task, "task-late", why, because);
        return kind->end(j, TASK_FAILED, why, err);
    case JOB_RUNS:
        break;
    }
    if (r == JOB_WAITS) {
        if (!j->waits)
            job_log(j->task, "task-waits", NULL, NULL);
        return set_aside(j, err);
    }
    job_log(j->task, "task-put-off", NULL, because);
    return put_off(j, kind, because, err);
}

static int read_account(struct account *ret, struct job *j, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, j->service->catalog, err);

    if (r == 0)
        r = account_get(ret, j->arena, db, j->task->account, err);
    return r > 0 ? FAIL(err, ERR_NOTFOUND, "the account is gone") : r;
}

static void work_on(struct worker *w, const struct task *task)
{
    AUTO(arena_fini) struct arena arena = {0};
    const struct job_kind *kind = kind_of(task);
    struct account account;
    struct job_failure why = {0};
    struct err because = {0}, err = {0};
    struct job j = {
        .service = w->jobs->service,
        .arena = &arena,
        .task = task,
        .lease = &w->lease,
        .pulse = &w->pulse,
        .account = &account,
        .waits = strcmp(task->phase, TASK_WAITS) == 0,
    };
    int r;

    if (job_stopped(&j) == JOB_ENDING) { /* another thread has just given it back */
        if (give_back(&j, &err) < 0)
            job_log(task, "task-left", NULL, &err);
        return;
    }
    if (!j.waits)
        job_log(task, "task-begins", NULL, NULL);
    r = read_account(&account, &j, &because);
    if (r == 0) {
        i18n_use(strcmp(account.language, "zh") == 0 ? w->jobs->zh : NULL);
        if (task->cancel_asked) {
            stop_job(&w->pulse, JOB_CANCELED);
            r = FAIL(&because, ERR_CANCELED, "canceled");
        } else if (task->attempt > CLAIMS_MAX) {
            r = job_fail(&why, "InternalError", "interrupted", "%s",
                         _("it was interrupted each time it was tried"));
        } else {
            r = kind->run(&j, &why, &because);
        }
    }
    r = finish(&j, kind, r, &why, &because, &err);
    i18n_use(NULL);
    /* The lease runs out, and the task is claimed again; unless another has it already.
     */
    if (r > 0 && r != REFUSED_LEASE)
        FAIL(&err, ERR_CONFLICT, "its end was refused: %s", refusal_name(r));
    if (err.code)
        job_log(task, "task-left", NULL, &err);
}

static int claim(struct worker *w, struct task *task, struct arena *arena, int *ret_wait,
                 struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int64_t due = 0, now = 0;
    struct task_lease lease;
    int r = catalog_get(&db, w->jobs->service->catalog, err);

    *ret_wait = IDLE_MS;
    if (r == 0)
        r = task_claim_zone(task, &lease, &due, arena, db, w->jobs->kinds, w->zone,
                            w->holder, (int64_t)w->jobs->service->config->lease_seconds,
                            err);
    if (r == REFUSED_NONE && due && db_now(&now, db, NULL) == 0)
        *ret_wait = due <= now                     ? 100
                    : (due - now) * 1000 > IDLE_MS ? IDLE_MS
                                                   : (int)(due - now) * 1000;
    if (r != 0)
        return r;
    pthread_mutex_lock(&w->jobs->lock);
    w->lease = lease;
    w->pulse.stop = atomic_load(&w->jobs->ending) ? JOB_ENDING : JOB_RUNS;
    w->pulse.deadline = 0;
    w->pulse.phase = NULL;
    w->pulse.done = w->pulse.total = -1;
    w->pulse.began = job_now_ms();
    w->pulse.sync_percent = -1;
    w->busy = true;
    pthread_mutex_unlock(&w->jobs->lock);
    return 0;
}

static void *worker_main(void *arg)
{
    struct worker *w = arg;

    while (!atomic_load(&w->jobs->ending)) {
        AUTO(arena_fini) struct arena arena = {0};
        struct err err = {0};
        struct task task;
        unsigned told;
        int wait, r;

        if (!may_claim(w)) {
            usleep(100 * 1000);
            continue;
        }
        r = claim(w, &task, &arena, &wait, &err);
        if (r == 0) {
            work_on(w, &task);
            pthread_mutex_lock(&w->jobs->lock);
            w->busy = false;
            pthread_mutex_unlock(&w->jobs->lock);
            continue;
        }
        if (r < 0) {
            journal_message("claim", &err, "no task could be claimed");
            wait = 1000;
        }
        if (watch_wait(&told, w->watch, wait, &err) < 0)
            usleep(200 * 1000);
    }
    return NULL;
}

/* ---- start and stop */

static int start_worker(struct jobs *jobs, const char *zone, struct err *err)
{
    struct worker *w = &jobs->workers[jobs->n];
    char host[24] = "";
    uint32_t unique = 0;
    int r;

    /* A process number alone comes again, and in every container. */
    gethostname(host, sizeof host - 1);
    if (getrandom(&unique, sizeof unique, 0) != sizeof unique)
        return FAIL_SYS(err, errno, "random number");
    snprintf(w->holder, sizeof w->holder, "%.20s:%d:%08" PRIx32 ":%u", host,
             (int)getpid(), unique, jobs->n);
    w->jobs = jobs;
    w->zone = zone;
    pthread_mutex_init(&w->pulse.lock, NULL);
    r = watch_open(&w->watch, jobs->service->catalog, WATCH_TASK, err);
    if (r == 0) {
        int e = pthread_create(&w->thread, NULL, worker_main, w);

        if (e)
            r = FAIL_SYS(err, e, "start a thread for jobs");
    }
    if (r < 0) {
        watch_close(w->watch);
        pthread_mutex_destroy(&w->pulse.lock);
        return r;
    }
    jobs->n++;
    return 0;
}

static int start_workers(struct jobs *jobs, const char *zone, uint64_t n, unsigned max,
                         struct err *err)
{
    int r = 0;

    for (uint64_t i = 0; r == 0 && i < n && i < max; i++)
        r = start_worker(jobs, zone, err);
    return r;
}

void jobs_stop(struct jobs *jobs)
{
    if (!jobs)
        return;
    pthread_mutex_lock(&jobs->lock);
    atomic_store(&jobs->ending, true);
    for (unsigned i = 0; i < jobs->n; i++)
        if (jobs->workers[i].busy)
            stop_job(&jobs->workers[i].pulse, JOB_ENDING);
    pthread_cond_broadcast(&jobs->wake);
    pthread_mutex_unlock(&jobs->lock);
    if (jobs->has_beater)
        pthread_join(jobs->beater, NULL);
    for (unsigned i = 0; i < jobs->n; i++)
        watch_wake(jobs->workers[i].watch);
    for (unsigned i = 0; i < jobs->n; i++) {
        pthread_join(jobs->workers[i].thread, NULL);
        watch_close(jobs->workers[i].watch);
        pthread_mutex_destroy(&jobs->workers[i].pulse.lock);
    }
    pthread_cond_destroy(&jobs->wake);
    pthread_mutex_destroy(&jobs->lock);
    i18n_free(jobs->zh);
    free(jobs);
}

static void jobs_stopp(struct jobs **jobs)
{
    jobs_stop(*jobs);
}

int jobs_start(struct jobs **ret, struct service *service, struct err *err)
{
    AUTO(jobs_stopp) struct jobs *jobs = calloc(1, sizeof *jobs);
    char folder[4096];
    int e, r;

    if (!jobs)
        return FAIL(err, ERR_NOMEM, "no memory for jobs");
    pthread_mutex_init(&jobs->lock, NULL);
    pthread_cond_init(&jobs->wake, NULL);
    jobs->service = service;
    atomic_store(&jobs->beaten_ms, job_now_ms());
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        jobs->kinds |= TASK_OF(kinds[i]->kind);
    if (place_messages(folder, NULL) == 0)
        jobs->zh = i18n_load(folder, "zh_CN");
    r = sweep_run(service, err);
    if (r == 0)
        r = recheck_all(service, err);
    if (r == 0)
        r = sum_all(service, err);
    if (r < 0)
        return r;
    r = start_workers(jobs, "", service->config->jobs_max, THREADS_MAX, err);
    if (r == 0 && service->host)
        r = start_workers(jobs, service->config->zone, service->config->operations_max,
                          ZONE_THREADS_MAX, err);
    if (r < 0)
        return r;
    e = pthread_create(&jobs->beater, NULL, beater_main, jobs);
    if (e)
        return FAIL_SYS(err, e, "start a thread for jobs");
    jobs->has_beater = true;
    *ret = TAKE(jobs);
    return 0;
}
