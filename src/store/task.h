/* SPDX-License-Identifier: GPL-2.0-or-later */
/* task.h: work that outlives a request
 *
 *                    task_claim              task_finish
 *     QUEUED ───────────────────► RUNNING ─────────────────► DONE, FAILED, CANCELED
 *        ▲        task_release       │
 *        └───────────────────────────┤
 *                                    └── lease over: claimed by whoever comes next
 *
 * A task is claimed for `lease` seconds by the engine's clock, and held by beating.  A
 * struct task_lease is the proof; once another has claimed the task every call with the
 * old one gives REFUSED_LEASE and changes nothing, so a daemon that was asleep does no
 * harm. A step's result is written before the next step begins.
 *
 * Cancelling only asks: whoever holds or next claims the task sees `cancel_asked`, puts
 * things in order and finishes it as CANCELED. */
#pragma once

#include "base/arena.h"
#include "store/db.h"
#include "store/image.h"
#include "store/instance.h"
#include "store/message.h"

enum task_kind {
    TASK_IMPORT,
    TASK_EXPORT,
    TASK_COPY,
    TASK_RECHECK,
    TASK_SUM,      /* of an image */
    TASK_INSTANCE, /* its step says what is done to it */
    TASK_CREATE,   /* an image of an instance */
    TASK_KINDS,
};
#define TASK_OF(kind) (1u << (kind))
#define TASK_OF_ALL   ((1u << TASK_KINDS) - 1)

enum task_state {
    TASK_QUEUED,
    TASK_RUNNING,
    TASK_DONE,
    TASK_FAILED,
    TASK_CANCELED,
    TASK_STATES,
};
#define TASK_IN(state) (1u << (state))
#define TASK_IN_OPEN   (TASK_IN(TASK_QUEUED) | TASK_IN(TASK_RUNNING))

const char *task_kind_name(enum task_kind k); /* "import" */
int task_kind_from_name(const char *name);
const char *task_state_name(enum task_state s); /* "QUEUED" */
int task_state_from_name(const char *name);

/* Strings are never NULL. */
struct task {
    int64_t id; /* 1 to 2^53 - 1 */
    enum task_kind kind;
    enum task_state state;
    const char *image; /* "" when it has none */
    const char *account, *region;
    const char *zone;                /* whose daemon does it; "": any */
    const char *request_id;          /* of the request that made it */
    const char *params;              /* JSON, the service's own form */
    const char *step;                /* being done, or to be done next */
    const char *phase;               /* a word for people within the step */
    int64_t bytes_done, bytes_total; /* -1: not known */
    int64_t seconds_left;            /* of this step; -1: not known */
    int64_t attempt;                 /* claims so far */
    const char *holder;              /* worker that has, or last had, the lease */
    int64_t lease_until, not_before;
    bool cancel_asked;
    const char *reason, *sub_cause, *detail; /* why it failed */
    const char *profile;
    int64_t created, started, ended; /* 0: not yet */
    /* Only for task_new(): other images that it reads, which stay until it has ended. */
    const char *const *uses;
    size_t n_uses;
};

struct task_list {
    struct task *v;
    size_t n;
    int64_t total;
};

/* Reads kind, image, account, region, zone, request_id, params, step, not_before,
 * bytes_total, profile and uses; NULL strings become "". */
int task_new(int64_t *ret_id, struct db *db, const struct task *task, struct err *err);

/* account NULL: any.  REFUSED_NONE. */
int task_get(struct task *ret, struct arena *arena, struct db *db, const char *account,
             int64_t id, struct err *err);

struct task_query {
    const char *account; /* NULL: every account */
    const char *region;  /* NULL: every region */
    const char *image;   /* NULL: every image */
    const int64_t *ids;
    size_t n_ids;    /* at most TASK_IDS_MAX */
    unsigned kinds;  /* TASK_OF(...); 0: all */
    unsigned states; /* TASK_IN(...); 0: all */
    int64_t offset, limit;
};
enum { TASK_IDS_MAX = 128 };

/* Newest first. */
int task_list(struct task_list *ret, struct arena *arena, struct db *db,
              const struct task_query *q, struct err *err);
int task_count(int64_t *ret, struct db *db, const struct task_query *q, struct err *err);

/* 0: asked (again).  REFUSED_NONE (what is done to an instance goes to its end, so there
 * is none of those), REFUSED_STATE: it has ended. */
int task_cancel(struct db *db, const char *account, int64_t id, struct err *err);

struct task_lease {
    int64_t id;
    int64_t attempt;
    char holder[64];
};

/* The oldest task of these kinds that is due, but TASK_SUM last, which nobody waits for:
 * queued, or running with a lease that is over. Counts an attempt.  `holder` names this
 * worker: unique among all daemons and threads, e.g. host:pid:thread.  0: *ret (in arena)
 * and *ret_lease.  REFUSED_NONE: nothing is due; *ret_due (may be NULL) is then the time
 * at which the next one will be, 0 for none. */
int task_claim(struct task *ret, struct task_lease *ret_lease, int64_t *ret_due,
               struct arena *arena, struct db *db, unsigned kinds, const char *holder,
               int64_t lease_s, struct err *err);
/* The same of the tasks of a zone, which nobody else gets. */
int task_claim_zone(struct task *ret, struct task_lease *ret_lease, int64_t *ret_due,
                    struct arena *arena, struct db *db, unsigned kinds, const char *zone,
                    const char *holder, int64_t lease_s, struct err *err);

struct task_beat {
    const char *phase;               /* NULL: as it is */
    int64_t bytes_done, bytes_total; /* negative: as it is */
    int sync_percent;                /* of the image, 0 to 100; negative: as it is */
    int64_t seconds_left;            /* -1: not known */
};

/* Holds the lease for lease_s from now, and writes the progress.  beat may be NULL. */
int task_beat(bool *ret_cancel_asked, struct db *db, const struct task_lease *lease,
              int64_t lease_s, const struct task_beat *beat, struct err *err);

/* Writes the result (JSON) of a step, and which one is next.  Of a step that is done
 * again the last result counts. */
int task_step_done(struct db *db, const struct task_lease *lease, const char *step,
                   const char *result, const char *next, struct err *err);
/* The result of a step; REFUSED_NONE: it was not done. */
int task_result(const char **ret, struct arena *arena, struct db *db, int64_t id,
                const char *step, struct err *err);

/* Proof inside a transaction that the lease still holds; nobody claims the task from here
 * to the commit.  REFUSED_LEASE. */
int task_hold(struct db *db, const struct task_lease *lease, struct err *err);

/* Back into the queue, to be claimed `delay_s` seconds from now. */
int task_release(struct db *db, const struct task_lease *lease, int64_t delay_s,
                 struct err *err);
/* The same of one that began nothing: the claim is not counted, its number comes again,
 * and TASK_WAITS is its phase until a beat or a step has another. */
#define TASK_WAITS "waits"
int task_wait(struct db *db, const struct task_lease *lease, int64_t delay_s,
              struct err *err);

struct task_end {
    enum task_state state;                   /* DONE, FAILED or CANCELED */
    const char *reason, *sub_cause, *detail; /* NULL: "" */
    /* [opt] The image's change, from the states `image_from`. */
    const char *image;
    unsigned image_from;
    const struct image_change *image_change;
    const char *report; /* [opt] of the image */
    /* [opt] The change of the instance that this task works on, in any state. */
    const char *instance;
    const struct instance_change *instance_change;
    bool instance_delete; /* instead of a change: removes the row */
    /* [opt] Told to their accounts. */
    const struct message_new *messages;
    size_t n_messages;
};

/* All of it in one transaction.  REFUSED_LEASE; REFUSED_NONE, REFUSED_STATE: the image
 * was not in such a state, REFUSED_BUSY: the instance is another task's; and the task is
 * as it was. */
int task_finish(struct db *db, const struct task_lease *lease, const struct task_end *end,
                struct err *err);

/* Forgets tasks that ended more than `age_s` seconds ago, at most `max`; how many. */
int task_forget(int64_t *ret, struct db *db, int64_t age_s, int64_t max, struct err *err);
