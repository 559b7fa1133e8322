/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/task.h"

#include <assert.h>

#include "base/scoped.h"
#include "store/catalog.h"
#include "store/sql.h"

/* Of a table called x. */
#define TASK_COLUMNS                                                                \
    "x.id, x.kind, x.state, x.due, x.image, x.account, x.region, x.request_id, "    \
    "x.params, x.step, x.phase, x.bytes_done, x.bytes_total, x.attempt, x.holder, " \
    "x.cancel_asked, x.reason, x.sub_cause, x.detail, x.profile, x.created, "       \
    "x.started, x.ended, x.seconds_left, x.zone"

static struct task read_task(const struct db_rows *rows, int col, struct arena *arena)
{
    struct task t = {
        .id = db_col_int(rows, col),
        .kind = (enum task_kind)db_col_int(rows, col + 1),
        .state = (enum task_state)db_col_int(rows, col + 2),
        .image = sql_text(arena, rows, col + 4),
        .account = sql_text(arena, rows, col + 5),
        .region = sql_text(arena, rows, col + 6),
        .request_id = sql_text(arena, rows, col + 7),
        .params = sql_text(arena, rows, col + 8),
        .step = sql_text(arena, rows, col + 9),
        .phase = sql_text(arena, rows, col + 10),
        .bytes_done = db_col_int(rows, col + 11),
        .bytes_total = db_col_int(rows, col + 12),
        .attempt = db_col_int(rows, col + 13),
        .holder = sql_text(arena, rows, col + 14),
        .cancel_asked = db_col_int(rows, col + 15) != 0,
        .reason = sql_text(arena, rows, col + 16),
        .sub_cause = sql_text(arena, rows, col + 17),
        .detail = sql_text(arena, rows, col + 18),
        .profile = sql_text(arena, rows, col + 19),
        .created = db_col_int(rows, col + 20),
        .started = db_col_int(rows, col + 21),
        .ended = db_col_int(rows, col + 22),
        .seconds_left = db_col_int(rows, col + 23),
        .zone = sql_text(arena, rows, col + 24),
    };

    if (t.state == TASK_RUNNING)
        t.lease_until = db_col_int(rows, col + 3);
    if (t.state == TASK_QUEUED)
        t.not_before = db_col_int(rows, col + 3);
    return t;
}

struct new_task {
    int64_t *ret_id;
    const struct task *t;
};

static int write_uses(struct db *db, int64_t id, const struct task *t, struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < t->n_uses; i++)
        r = db_exec(NULL, db,
                    "INSERT INTO task_use (image, task) VALUES ($1, $2) "
                    "ON CONFLICT DO NOTHING",
                    DB_ARGS(db_text(t->uses[i]), db_int(id)), err);
    return r;
}

static int new_task(struct db *db, void *arg, struct err *err)
{
    const struct new_task *n = arg;
    const struct task *t = n->t;

    for (int i = 0; i < DB_ID_TRIES; i++) {
        int64_t id, rows;
        int r = db_random_int(&id, db, err);

        if (r == 0)
            r = db_exec(
                &rows, db,
                "INSERT INTO task (id, kind, state, due, image, account, region, "
                "request_id, params, step, phase, bytes_done, bytes_total, attempt, "
                "holder, cancel_asked, reason, sub_cause, detail, profile, created, "
                "started, ended, zone) VALUES ($1, $2, 0, CASE WHEN $3 > @NOW THEN $3 "
                "ELSE "
                "@NOW END, $4, $5, $6, $7, $8, $9, '', 0, $10, 0, '', 0, '', '', '', "
                "$11, @NOW, 0, 0, $12) ON CONFLICT DO NOTHING",
                DB_ARGS(db_int(id), db_int(t->kind), db_int(t->not_before),
                        db_text(sql_or_empty(t->image)),
                        db_text(sql_or_empty(t->account)),
                        db_text(sql_or_empty(t->region)),
                        db_text(sql_or_empty(t->request_id)),
                        db_text(sql_or_empty(t->params)), db_text(sql_or_empty(t->step)),
                        db_int(t->bytes_total), db_text(sql_or_empty(t->profile)),
                        db_text(sql_or_empty(t->zone))),
                err);
        if (r < 0)
            return r;
        if (rows == 0)
            continue;
        r = write_uses(db, id, t, err);
        if (r < 0)
            return r;
        *n->ret_id = id;
        return db_notify(db, WATCH_TASK, err);
    }
    return FAIL(err, ERR_LIMIT, "tasks: %d ids were all taken", DB_ID_TRIES);
}

int task_new(int64_t *ret_id, struct db *db, const struct task *task, struct err *err)
{
    return db_tx(db, new_task, &(struct new_task){ret_id, task}, err);
}

static void add_conditions(struct sql *q, const struct task_query *t)
{
    struct db_arg ids[TASK_IDS_MAX];

    if (t->account) {
        sql_add(q, " AND t.account = ");
        sql_arg(q, db_text(t->account));
    }
    if (t->region) {
        sql_add(q, " AND t.region = ");
        sql_arg(q, db_text(t->region));
    }
    if (t->image) {
        sql_add(q, " AND t.image <> '' AND t.image = ");
        sql_arg(q, db_text(t->image));
    }
    if (t->n_ids > 0) {
        for (size_t i = 0; i < t->n_ids; i++)
            ids[i] = db_int(t->ids[i]);
        sql_add(q, " AND ");
        sql_in(q, "t.id", ids, t->n_ids);
    }
    if (t->kinds) {
        sql_add(q, " AND ");
        sql_in_mask(q, "t.kind", t->kinds & TASK_OF_ALL);
    }
    if (t->states) {
        sql_add(q, " AND ");
        sql_in_mask(q, "t.state", t->states);
    }
}

static int check_query(const struct task_query *t, struct err *err)
{
    return t->n_ids > TASK_IDS_MAX
               ? FAIL(err, ERR_LIMIT, "tasks: %zu ids, limit %d", t->n_ids, TASK_IDS_MAX)
               : 0;
}

int task_list(struct task_list *ret, struct arena *arena, struct db *db,
              const struct task_query *query, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    AUTO(sql_fini) struct sql q;
    LIST(struct task) list = {0};
    int64_t total = 0;
    int r = check_query(query, err);

    sql_init(&q, err);
    if (r < 0)
        return r;
    sql_page_begin(&q, "task");
    add_conditions(&q, query);
    sql_page_end(&q, "task", TASK_COLUMNS, query->offset, query->limit);
    r = sql_query(&rows, db, &q);
    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct task *t;

        r = 0;
        total = db_col_int(&rows, 0);
        if (db_col_is_null(&rows, 1))
            continue;
        t = LIST_ADD(arena, &list);
        if (t)
            *t = read_task(&rows, 2, arena);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct task_list){list.v, list.n, total};
    return 0;
}

int task_count(int64_t *ret, struct db *db, const struct task_query *query,
               struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    AUTO(sql_fini) struct sql q;
    int r = check_query(query, err);

    sql_init(&q, err);
    if (r < 0)
        return r;
    sql_add(&q, "SELECT COUNT(*) FROM task t WHERE 1 = 1");
    add_conditions(&q, query);
    r = sql_query(&rows, db, &q);
    if (r == 0)
        r = db_next(&rows, err);
    if (r < 0)
        return r;
    *ret = db_col_int(&rows, 0);
    return 0;
}

int task_get(struct task *ret, struct arena *arena, struct db *db, const char *account,
             int64_t id, struct err *err)
{
    struct task_list list;
    int r = task_list(&list, arena, db,
                      &(struct task_query){
                          .account = account,
                          .ids = &id,
                          .n_ids = 1,
                          .limit = 1,
                      },
                      err);

    if (r < 0)
        return r;
    if (list.n == 0)
        return REFUSED_NONE;
    *ret = list.v[0];
    return 0;
}

struct cancel {
    const char *account;
    int64_t id;
};

static int cancel(struct db *db, void *arg, struct err *err)
{
    const struct cancel *c = arg;
    int64_t state = 0;
    int r;

    r = db_get_int(
        &state, db,
        "SELECT state FROM task WHERE id = $1 AND ($2 = '' OR account = $2) "
        "AND kind <> $3 @LOCK",
        DB_ARGS(db_int(c->id), db_text(sql_or_empty(c->account)), db_int(TASK_INSTANCE)),
        err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    if (state != TASK_QUEUED && state != TASK_RUNNING)
        return REFUSED_STATE;
    /* One that waits for a later try is put in order now. */
    r = db_exec(NULL, db,
                "UPDATE task SET cancel_asked = 1, due = CASE WHEN state = 0 AND "
                "due > @NOW THEN @NOW ELSE due END WHERE id = $1",
                DB_ARGS(db_int(c->id)), err);
    return r < 0 ? r : db_notify(db, WATCH_TASK, err);
}

int task_cancel(struct db *db, const char *account, int64_t id, struct err *err)
{
    return db_tx(db, cancel, &(struct cancel){account, id}, err);
}

struct forget {
    int64_t *ret;
    int64_t age_s, max;
};

static int forget(struct db *db, void *arg, struct err *err)
{
    const struct forget *f = arg;

    return db_exec(f->ret, db,
                   "DELETE FROM task WHERE no IN (SELECT no FROM task WHERE due IS NULL "
                   "AND ended < @NOW - $1 ORDER BY ended LIMIT $2)",
                   DB_ARGS(db_int(f->age_s), db_int(f->max)), err);
}

int task_forget(int64_t *ret, struct db *db, int64_t age_s, int64_t max, struct err *err)
{
    return db_tx_lazy(db, forget, &(struct forget){ret, age_s, max}, err);
}
