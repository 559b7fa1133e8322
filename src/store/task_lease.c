/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A task in the hands of a worker.  Every statement here names task, holder and attempt,
 * so that a lease that was lost changes nothing. */
#include <assert.h>

#include "base/scoped.h"
#include "store/catalog.h"
#include "store/sql.h"
#include "store/task.h"

#define IS_HELD "id = $1 AND attempt = $2 AND holder = $3 AND state = 1"

#define LEASE_ARGS(l) db_int((l)->id), db_int((l)->attempt), db_text((l)->holder)

struct claim {
    struct task *ret;
    struct task_lease *ret_lease;
    int64_t *ret_due;
    struct arena *arena;
    unsigned kinds;
    const char *zone;
    const char *holder;
    int64_t lease_s;
};

/* A kind a parameter; those that are not wanted say -1. */
#define KIND_ARG(kinds, k) db_int((kinds) >> (k)&1 ? (k) : -1)
#define KIND_ARGS(kinds)                                           \
    KIND_ARG(kinds, TASK_IMPORT), KIND_ARG(kinds, TASK_EXPORT),    \
        KIND_ARG(kinds, TASK_COPY), KIND_ARG(kinds, TASK_RECHECK), \
        KIND_ARG(kinds, TASK_SUM), KIND_ARG(kinds, TASK_INSTANCE), \
        KIND_ARG(kinds, TASK_CREATE)

static int claim(struct db *db, void *arg, struct err *err)
{
    const struct claim *c = arg;
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct task_lease lease = {0};
    int r;

    _Static_assert(TASK_KINDS == 7, "KIND_ARGS names every kind");
    r = db_query(&rows, db,
                 "UPDATE task SET state = 1, holder = $1, due = @NOW + $2, "
                 "attempt = attempt + 1, seconds_left = -1, "
                 "started = CASE WHEN started = 0 THEN @NOW ELSE started END "
                 "WHERE no = (SELECT no FROM task WHERE due IS NOT NULL AND due <= @NOW "
                 "AND kind IN ($3, $4, $5, $6, $7, $8, $9) AND zone = $10 "
                 "ORDER BY CASE WHEN kind = $11 THEN 1 ELSE 0 END, due, no "
                 "LIMIT 1 @SKIP) RETURNING id, attempt",
                 DB_ARGS(db_text(c->holder), db_int(c->lease_s), KIND_ARGS(c->kinds),
                         db_text(c->zone), db_int(TASK_SUM)),
                 err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r < 0)
        return r;
    if (r == 0)
        return REFUSED_NONE;
    lease.id = db_col_int(&rows, 0);
    lease.attempt = db_col_int(&rows, 1);
    snprintf(lease.holder, sizeof lease.holder, "%s", c->holder);
    db_rows_end(&rows);
    r = task_get(c->ret, c->arena, db, NULL, lease.id, err);
    if (r == 0)
        *c->ret_lease = lease;
    return r;
}

/* When one that is not due yet will be. */
static int next_due(const struct claim *c, struct db *db, struct err *err)
{
    int64_t due = 0;
    int r = db_get_int(&due, db,
                       "SELECT MIN(due) FROM task WHERE due IS NOT NULL "
                       "AND kind IN ($1, $2, $3, $4, $5, $6, $7) AND zone = $8",
                       DB_ARGS(KIND_ARGS(c->kinds), db_text(c->zone)), err);

    if (r < 0)
        return r;
    *c->ret_due = due;
    return REFUSED_NONE;
}

int task_claim_zone(struct task *ret, struct task_lease *ret_lease, int64_t *ret_due,
                    struct arena *arena, struct db *db, unsigned kinds, const char *zone,
                    const char *holder, int64_t lease_s, struct err *err)
{
    struct claim c = {ret, ret_lease, ret_due, arena, kinds, zone, holder, lease_s};
    int64_t due = 0;
    int r;

    assert(strlen(holder) < sizeof ret_lease->holder);
    /* A look first, which costs no lock and no flush while there is nothing to do. */
    r = db_get_int(&due, db,
                   "SELECT 1 FROM task WHERE due IS NOT NULL AND due <= @NOW "
                   "AND kind IN ($1, $2, $3, $4, $5, $6, $7) AND zone = $8 LIMIT 1",
                   DB_ARGS(KIND_ARGS(kinds), db_text(zone)), err);
    if (r < 0)
        return r;
    r = r == 0 ? REFUSED_NONE : db_tx(db, claim, &c, err);
    return r == REFUSED_NONE && ret_due ? next_due(&c, db, err) : r;
}

int task_claim(struct task *ret, struct task_lease *ret_lease, int64_t *ret_due,
               struct arena *arena, struct db *db, unsigned kinds, const char *holder,
               int64_t lease_s, struct err *err)
{
    return task_claim_zone(ret, ret_lease, ret_due, arena, db, kinds, "", holder, lease_s,
                           err);
}

int task_hold(struct db *db, const struct task_lease *lease, struct err *err)
{
    int64_t one;
    int r;

    assert(db_in_tx(db));
    r = db_get_int(&one, db, "SELECT 1 FROM task WHERE " IS_HELD " @LOCK",
                   DB_ARGS(LEASE_ARGS(lease)), err);
    return r < 0 ? r : r == 0 ? REFUSED_LEASE : 0;
}

struct beat {
    bool *ret_cancel_asked;
    const struct task_lease *lease;
    int64_t lease_s;
    const struct task_beat *b;
};

static int beat(struct db *db, void *arg, struct err *err)
{
    static const struct task_beat nothing = {
        .bytes_done = -1, .bytes_total = -1, .sync_percent = -1, .seconds_left = -1};
    const struct beat *a = arg;
    const struct task_beat *b = a->b ? a->b : &nothing;
    AUTO(db_rows_end) struct db_rows rows = {0};
    char image[IMAGE_ID_SIZE];
    bool asked;
    int r;

    r = db_query(&rows, db,
                 "UPDATE task SET due = @NOW + $4, phase = COALESCE($5, phase), "
                 "bytes_done = CASE WHEN $6 < 0 THEN bytes_done ELSE $6 END, "
                 "bytes_total = CASE WHEN $7 < 0 THEN bytes_total ELSE $7 END, "
                 "seconds_left = $8 "
                 "WHERE " IS_HELD " RETURNING cancel_asked, image",
                 DB_ARGS(LEASE_ARGS(a->lease), db_int(a->lease_s), db_text(b->phase),
                         db_int(b->bytes_done), db_int(b->bytes_total),
                         db_int(b->seconds_left)),
                 err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_LEASE;
    asked = db_col_int(&rows, 0) != 0;
    r = sql_copy(image, sizeof image, &rows, 1, err);
    db_rows_end(&rows);
    if (r < 0)
        return r;
    /* Only of an image that is being made: what is NORMAL has no progress. */
    if (b->sync_percent >= 0 && image[0])
        r = db_exec(NULL, db,
                    "UPDATE image SET sync_percent = $2 WHERE id = $1 "
                    "AND state IN (0, 3, 4)",
                    DB_ARGS(db_text(image), db_int(b->sync_percent)), err);
    if (r == 0 && a->ret_cancel_asked)
        *a->ret_cancel_asked = asked;
    return r;
}

int task_beat(bool *ret_cancel_asked, struct db *db, const struct task_lease *lease,
              int64_t lease_s, const struct task_beat *b, struct err *err)
{
    return db_tx_lazy(db, beat, &(struct beat){ret_cancel_asked, lease, lease_s, b}, err);
}

struct step {
    const struct task_lease *lease;
    const char *step, *result, *next;
};

static int step_done(struct db *db, void *arg, struct err *err)
{
    const struct step *s = arg;
    int64_t rows;
    int r;

    r = db_exec(&rows, db,
                "UPDATE task SET step = $4, phase = '', bytes_done = 0, "
                "bytes_total = -1, seconds_left = -1 WHERE " IS_HELD,
                DB_ARGS(LEASE_ARGS(s->lease), db_text(s->next)), err);
    if (r < 0)
        return r;
    if (rows == 0)
        return REFUSED_LEASE;
    return db_exec(NULL, db,
                   "INSERT INTO task_result (task, step, result) VALUES ($1, $2, $3) "
                   "ON CONFLICT (task, step) DO UPDATE SET result = excluded.result",
                   DB_ARGS(db_int(s->lease->id), db_text(s->step), db_text(s->result)),
                   err);
}

int task_step_done(struct db *db, const struct task_lease *lease, const char *step,
                   const char *result, const char *next, struct err *err)
{
    return db_tx(db, step_done, &(struct step){lease, step, result, next}, err);
}

int task_result(const char **ret, struct arena *arena, struct db *db, int64_t id,
                const char *step, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    const char *text;
    int r = db_query(&rows, db,
                     "SELECT result FROM task_result WHERE task = $1 AND step = $2",
                     DB_ARGS(db_int(id), db_text(step)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    text = sql_text(arena, &rows, 0);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = text;
    return r;
}

struct release {
    const struct task_lease *lease;
    int64_t delay_s, uncounted;
};

static int release(struct db *db, void *arg, struct err *err)
{
    const struct release *a = arg;
    int64_t rows;
    int r;

    /* One that is asked to stop is not kept waiting. */
    r = db_exec(&rows, db,
                "UPDATE task SET state = 0, attempt = attempt - $5, seconds_left = -1, "
                "phase = CASE WHEN $5 = 1 THEN '" TASK_WAITS "' ELSE phase END, "
                "due = @NOW + CASE WHEN "
                "cancel_asked = 1 "
                "THEN 0 ELSE $4 END WHERE " IS_HELD,
                DB_ARGS(LEASE_ARGS(a->lease), db_int(a->delay_s), db_int(a->uncounted)),
                err);
    if (r < 0)
        return r;
    return rows == 0 ? REFUSED_LEASE : db_notify(db, WATCH_TASK, err);
}

int task_release(struct db *db, const struct task_lease *lease, int64_t delay_s,
                 struct err *err)
{
    return db_tx(db, release, &(struct release){lease, delay_s, 0}, err);
}

int task_wait(struct db *db, const struct task_lease *lease, int64_t delay_s,
              struct err *err)
{
    return db_tx(db, release, &(struct release){lease, delay_s, 1}, err);
}

struct finish {
    const struct task_lease *lease;
    const struct task_end *end;
};

static int finish(struct db *db, void *arg, struct err *err)
{
    const struct task_lease *lease = ((const struct finish *)arg)->lease;
    const struct task_end *e = ((const struct finish *)arg)->end;
    int64_t rows;
    int r;

    r = db_exec(
        &rows, db,
        "UPDATE task SET state = $4, due = NULL, ended = @NOW, reason = $5, "
        "sub_cause = $6, detail = $7, seconds_left = -1, "
        "bytes_done = CASE WHEN $4 = 2 AND bytes_total >= 0 THEN bytes_total "
        "ELSE bytes_done END WHERE " IS_HELD,
        DB_ARGS(LEASE_ARGS(lease), db_int(e->state), db_text(sql_or_empty(e->reason)),
                db_text(sql_or_empty(e->sub_cause)), db_text(sql_or_empty(e->detail))),
        err);
    if (r < 0)
        return r;
    if (rows == 0)
        return REFUSED_LEASE;
    if (e->image && e->report)
        r = image_set_report(db, e->image, e->report, err);
    if (r == 0 && e->image && e->image_change)
        r = image_change(db, e->image, e->image_from, e->image_change, err);
    if (r == 0 && e->instance && e->instance_delete)
        r = instance_delete(db, e->instance, lease->id, err);
    else if (r == 0 && e->instance && e->instance_change)
        r = instance_change(db, e->instance, INSTANCE_IN_ANY, lease->id,
                            e->instance_change, err);
    for (size_t i = 0; r == 0 && i < e->n_messages; i++)
        r = message_post(db, &e->messages[i], err);
    return r;
}

int task_finish(struct db *db, const struct task_lease *lease, const struct task_end *end,
                struct err *err)
{
    assert(TASK_IN(end->state) & ~TASK_IN_OPEN);
    return db_tx(db, finish, &(struct finish){lease, end}, err);
}
