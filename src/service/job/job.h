/* SPDX-License-Identifier: GPL-2.0-or-later */
/* job.h: one task being done, as the functions of its kind see it
 *
 *     static int import_run(struct job *j, struct job_failure *why, struct err *err)
 *     {
 *         job_step(j, "fetch", seconds);     from here on that long
 *         ...     while (job_goes_on(j, err) == 0) { work;  job_progress(j, n, total); }
 *         r = job_step_done(j, "fetch", result, "check", err);
 *         ...
 *         return task_finish(...);                    everything of the end at once
 *     }
 *
 * A step whose result is there is not done again; one that was cut is begun anew and must
 * do no harm by that.  Blobs are named after task and attempt (job_blob_key), so that
 * what a cut step left can be told from what is in use. */
#pragma once

#include <pthread.h>

#include "service/call.h"
#include "store/account.h"
#include "store/blob.h"
#include "store/catalog.h"
#include "store/image.h"
#include "store/task.h"

/* Beside 0, refusals and error codes. */
enum {
    JOB_FAILED = 100, /* *why says it */
    JOB_WAITS,        /* for room: asked again soon, and no try is counted */
};

enum { JOB_DETAIL_MAX = 1024 };

/* Why the task cannot succeed, for those who asked for it. */
struct job_failure {
    const char *reason;          /* "InvalidUrl"; static */
    char sub_cause[64];          /* "wrong-region", "L07" */
    char detail[JOB_DETAIL_MAX]; /* a sentence in the account's language */
};

enum job_stop {
    JOB_RUNS,
    JOB_CANCELED, /* somebody asked for it */
    JOB_LATE,     /* over the time of its step */
    JOB_LOST,     /* another has the lease: touch nothing any more */
    JOB_ENDING,   /* this daemon stops */
};

/* What the beating thread shares with the working one; under lock. */
struct job_pulse {
    pthread_mutex_t lock;
    enum job_stop stop;
    int64_t deadline;    /* CLOCK_MONOTONIC, seconds; 0: none */
    const char *phase;   /* static */
    int64_t done, total; /* bytes; -1: not known */
    int64_t began;       /* CLOCK_MONOTONIC, milliseconds: when the step did */
    int sync_percent;
};

struct job {
    struct service *service;
    struct arena *arena; /* of this claim */
    struct job_pulse *pulse;
    /* NULL, all three, for a request that fetches and judges without a task. */
    const struct task *task;
    const struct task_lease *lease;
    const struct account *account; /* whose task it is */
    bool waits; /* it did when it was claimed, and no step has begun since */
};

struct job_kind {
    enum task_kind kind;
    /* 0: finished, and the task ended.  JOB_FAILED: it cannot succeed.  JOB_WAITS.
     * Negative: could not now; it is tried again, some times. */
    int (*run)(struct job *j, struct job_failure *why, struct err *err);
    /* Ends the task as FAILED or CANCELED, with what depends on it. */
    int (*end)(struct job *j, enum task_state state, const struct job_failure *why,
               struct err *err);
};

extern const struct job_kind import_job;
extern const struct job_kind copy_job;
extern const struct job_kind export_job;
extern const struct job_kind recheck_job;
extern const struct job_kind sum_job;
extern const struct job_kind instance_job; /* of a zone's daemon, as the next */
extern const struct job_kind create_job;

/* Ends the task, with *end for what depends on it; state and reason are filled in. */
int job_end(struct job *j, struct task_end *end, enum task_state state,
            const struct job_failure *why, struct err *err);
/* The change of an image whose task ended so. */
struct image_change job_image_failed(enum image_state state,
                                     const struct job_failure *why);

/* Sets *why; its value is JOB_FAILED. */
int job_fail(struct job_failure *why, const char *reason, const char *sub_cause,
             const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* A line of the log; why and err [opt]. */
void job_log(const struct task *t, const char *event, const struct job_failure *why,
             const struct err *err);

/* The step begins, and may take so many seconds (0: any).  Phase for people: its name.
 * `name` is static. */
void job_step(struct job *j, const char *name, uint64_t seconds);
void job_progress(struct job *j, int64_t done, int64_t total);
/* Of an image that is made, 0 to 100. */
void job_sync_percent(struct job *j, int percent);
int64_t job_now_ms(void); /* CLOCK_MONOTONIC */
/* Of the step under way, from how fast it went so far; -1: not known yet. */
int64_t job_seconds_left(int64_t done, int64_t total, int64_t elapsed_ms);
enum job_stop job_stopped(const struct job *j);
/* ERR_CANCELED once it is to stop for any reason. */
int job_goes_on(const struct job *j, struct err *err);

/* A transaction that waits for a catalogue that is away, some minutes: what a step made
 * is not thrown away for it, and a link may be good for one access only. */
int job_persist(struct job *j, db_fn *fn, void *arg, struct err *err);
int job_step_done(struct job *j, const char *step, const json_t *result, const char *next,
                  struct err *err);
/* The result of a step, a new reference; NULL: it was not done. */
int job_result(json_t **ret, struct job *j, const char *step, struct err *err);

/* A string of an object; "" when there is none. */
const char *job_text(const json_t *o, const char *name);

enum { JOB_SNAPSHOT_SIZE = 64 };
/* The snapshot that disk n of the task's image shows: it follows from the image's id. */
void job_snapshot_id(char ret[JOB_SNAPSHOT_SIZE], const struct job *j, size_t n);

/* "<kind>/<task>-<attempt>-<n>" */
void job_blob_key(char ret[BLOB_KEY_MAX], const struct job *j, const char *kind,
                  size_t n);
/* Deletes the blobs of every attempt of this task but those named in `keep`; n of each
 * attempt.  What cannot be deleted now is swept later. */
void job_drop_blobs(struct job *j, const char *kind, size_t n, const char *const *keep,
                    size_t n_keep);
/* The task and attempt in such a key; false: it is none. */
bool job_blob_key_parse(int64_t *ret_task, int64_t *ret_attempt, const char *key);
