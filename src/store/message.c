/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/message.h"

#include <assert.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/catalog.h"
#include "store/sql.h"

/* Of a table called x. */
#define MESSAGE_COLUMNS                                                                \
    "x.id, x.account, x.type, x.subject, x.body, x.data, x.task, x.image, x.created, " \
    "x.is_read"

static struct message read_message(const struct db_rows *rows, int col,
                                   struct arena *arena)
{
    return (struct message){
        .id = db_col_int(rows, col),
        .account = sql_text(arena, rows, col + 1),
        .type = sql_text(arena, rows, col + 2),
        .subject = sql_text(arena, rows, col + 3),
        .body = sql_text(arena, rows, col + 4),
        .data = sql_text(arena, rows, col + 5),
        .task = db_col_int(rows, col + 6),
        .image = sql_text(arena, rows, col + 7),
        .created = db_col_int(rows, col + 8),
        .is_read = db_col_int(rows, col + 9) != 0,
    };
}

static int post(struct db *db, void *arg, struct err *err)
{
    const struct message_new *m = arg;
    int64_t id = 0, rows = 0;
    int r = 0;

    for (int i = 0; rows == 0; i++) {
        if (i == DB_ID_TRIES)
            return FAIL(err, ERR_LIMIT, "messages: %d ids were all taken", DB_ID_TRIES);
        r = db_random_int(&id, db, err);
        if (r == 0)
            r = db_exec(&rows, db,
                        "INSERT INTO message (id, account, type, subject, body, data, "
                        "task, image, created, is_read) VALUES ($1, $2, $3, $4, $5, $6, "
                        "$7, $8, @NOW, 0) ON CONFLICT DO NOTHING",
                        DB_ARGS(db_int(id), db_text(m->account), db_text(m->type),
                                db_text(m->subject), db_text(m->body),
                                db_text(m->data ? m->data : "{}"), db_int(m->task),
                                db_text(sql_or_empty(m->image))),
                        err);
        if (r < 0)
            return r;
    }
    /* Who subscribed to all and to this one is told once. */
    r = db_exec(&rows, db,
                "INSERT INTO outbox (message, channel, address, state, due, attempt, "
                "holder, detail) SELECT $1, channel, address, 0, @NOW, 0, '', '' "
                "FROM subscription WHERE account = $2 AND verified = 1 "
                "AND type IN ('*', $3) ON CONFLICT DO NOTHING",
                DB_ARGS(db_int(id), db_text(m->account), db_text(m->type)), err);
    if (r < 0 || rows == 0)
        return r;
    return db_notify(db, WATCH_OUTBOX, err);
}

int message_post(struct db *db, const struct message_new *m, struct err *err)
{
    return db_tx(db, post, (void *)(uintptr_t)m, err);
}

int message_list(struct message_list *ret, struct arena *arena, struct db *db,
                 const struct message_query *query, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    AUTO(sql_fini) struct sql q;
    LIST(struct message) list = {0};
    int64_t total = 0;
    int r;

    sql_init(&q, err);
    sql_page_begin(&q, "message");
    sql_add(&q, " AND t.account = ");
    sql_arg(&q, db_text(query->account));
    if (query->type) {
        sql_add(&q, " AND t.type = ");
        sql_arg(&q, db_text(query->type));
    }
    if (query->image) {
        sql_add(&q, " AND t.image = ");
        sql_arg(&q, db_text(query->image));
    }
    if (query->task) {
        sql_add(&q, " AND t.task = ");
        sql_arg(&q, db_int(query->task));
    }
    if (query->only_unread)
        sql_add(&q, " AND t.is_read = 0");
    sql_page_end(&q, "message", MESSAGE_COLUMNS, query->offset, query->limit);
    r = sql_query(&rows, db, &q);
    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct message *m;

        r = 0;
        total = db_col_int(&rows, 0);
        if (db_col_is_null(&rows, 1))
            continue;
        m = LIST_ADD(arena, &list);
        if (m)
            *m = read_message(&rows, 2, arena);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct message_list){list.v, list.n, total};
    return 0;
}

struct of_account {
    const char *account;
    int64_t id;
    const char *code;
};

/* One statement about a thing of an account: ($1 account, $2 id). */
static int change_own(struct db *db, const char *sql, const struct of_account *o,
                      struct err *err)
{
    int64_t rows;
    int r = db_exec(&rows, db, sql, DB_ARGS(db_text(o->account), db_int(o->id)), err);

    return r < 0 ? r : rows == 0 ? REFUSED_NONE : 0;
}

static int set_read(struct db *db, void *arg, struct err *err)
{
    return change_own(db, "UPDATE message SET is_read = 1 WHERE account = $1 AND id = $2",
                      arg, err);
}

int message_set_read(struct db *db, const char *account, int64_t id, struct err *err)
{
    return db_tx(db, set_read, &(struct of_account){account, id, NULL}, err);
}

struct new_subscription {
    int64_t *ret_id;
    const struct subscription *s;
};

/* 1: it is there already, as *ret. */
static int find_subscription(int64_t *ret, struct db *db, const struct subscription *s,
                             struct err *err)
{
    return db_get_int(ret, db,
                      "SELECT id FROM subscription WHERE account = $1 AND type = $2 "
                      "AND channel = $3 AND address = $4",
                      DB_ARGS(db_text(s->account), db_text(s->type), db_int(s->channel),
                              db_text(s->address)),
                      err);
}

static int add_subscription(struct db *db, void *arg, struct err *err)
{
    const struct new_subscription *a = arg;
    const struct subscription *s = a->s;
    int64_t id = 0, n = 0;
    int r;

    r = account_lock(db, s->account, err);
    if (r != 0)
        return r < 0 ? r : REFUSED_ACCOUNT;
    r = find_subscription(&id, db, s, err);
    if (r < 0)
        return r;
    if (r == 1) {
        *a->ret_id = id;
        return db_exec(NULL, db,
                       "UPDATE subscription SET code = $2 WHERE id = $1 "
                       "AND verified = 0",
                       DB_ARGS(db_int(id), db_text(sql_or_empty(s->code))), err);
    }
    r = db_get_int(&n, db, "SELECT COUNT(*) FROM subscription WHERE account = $1",
                   DB_ARGS(db_text(s->account)), err);
    if (r < 0)
        return r;
    if (n >= SUBSCRIPTIONS_MAX)
        return REFUSED_QUOTA;
    for (int i = 0; i < DB_ID_TRIES; i++) {
        int64_t rows;

        r = db_random_int(&id, db, err);
        if (r == 0)
            r = db_exec(&rows, db,
                        "INSERT INTO subscription (id, account, type, channel, address, "
                        "verified, code, created) VALUES ($1, $2, $3, $4, $5, $6, $7, "
                        "@NOW) ON CONFLICT DO NOTHING",
                        DB_ARGS(db_int(id), db_text(s->account), db_text(s->type),
                                db_int(s->channel), db_text(s->address),
                                db_int(s->verified),
                                db_text(s->verified ? "" : sql_or_empty(s->code))),
                        err);
        if (r < 0)
            return r;
        if (rows == 1) {
            *a->ret_id = id;
            return 0;
        }
    }
    return FAIL(err, ERR_LIMIT, "subscriptions: %d ids were all taken", DB_ID_TRIES);
}

int subscription_add(int64_t *ret_id, struct db *db, const struct subscription *s,
                     struct err *err)
{
    return db_tx(db, add_subscription, &(struct new_subscription){ret_id, s}, err);
}

static int remove_subscription(struct db *db, void *arg, struct err *err)
{
    return change_own(db, "DELETE FROM subscription WHERE account = $1 AND id = $2", arg,
                      err);
}

int subscription_remove(struct db *db, const char *account, int64_t id, struct err *err)
{
    return db_tx(db, remove_subscription, &(struct of_account){account, id, NULL}, err);
}

static int verify(struct db *db, void *arg, struct err *err)
{
    const struct of_account *o = arg;
    int64_t one, rows;
    int r;

    r = db_get_int(&one, db, "SELECT 1 FROM subscription WHERE account = $1 AND id = $2",
                   DB_ARGS(db_text(o->account), db_int(o->id)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    r = db_exec(&rows, db,
                "UPDATE subscription SET verified = 1, code = '' WHERE account = $1 "
                "AND id = $2 AND verified = 0 AND code = $3 AND code <> ''",
                DB_ARGS(db_text(o->account), db_int(o->id), db_text(o->code)), err);
    return r < 0 ? r : rows == 0 ? REFUSED_STATE : 0;
}

int subscription_verify(struct db *db, const char *account, int64_t id, const char *code,
                        struct err *err)
{
    return db_tx(db, verify, &(struct of_account){account, id, code}, err);
}

int subscription_list(struct subscription_list *ret, struct arena *arena, struct db *db,
                      const char *account, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct subscription) list = {0};
    int r = db_query(&rows, db,
                     "SELECT id, account, type, channel, address, verified, code, "
                     "created FROM subscription WHERE account = $1 ORDER BY no",
                     DB_ARGS(db_text(account)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct subscription *s = LIST_ADD(arena, &list);

        if (s)
            *s = (struct subscription){
                .id = db_col_int(&rows, 0),
                .account = sql_text(arena, &rows, 1),
                .type = sql_text(arena, &rows, 2),
                .channel = (enum channel)db_col_int(&rows, 3),
                .address = sql_text(arena, &rows, 4),
                .verified = db_col_int(&rows, 5) != 0,
                .code = sql_text(arena, &rows, 6),
                .created = db_col_int(&rows, 7),
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct subscription_list){list.v, list.n};
    return 0;
}

struct outbox_claim {
    struct delivery *ret;
    struct arena *arena;
    const char *holder;
    int64_t lease_s;
};

static int claim(struct db *db, void *arg, struct err *err)
{
    const struct outbox_claim *c = arg;
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct delivery d = {0};
    int64_t message;
    int r;

    r = db_query(&rows, db,
                 "UPDATE outbox SET holder = $1, due = @NOW + $2, attempt = attempt + 1 "
                 "WHERE no = (SELECT no FROM outbox WHERE due IS NOT NULL AND "
                 "due <= @NOW ORDER BY due, no LIMIT 1 @SKIP) "
                 "RETURNING no, channel, address, attempt, message",
                 DB_ARGS(db_text(c->holder), db_int(c->lease_s)), err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    d.id = db_col_int(&rows, 0);
    d.channel = (enum channel)db_col_int(&rows, 1);
    d.address = sql_text(c->arena, &rows, 2);
    d.attempt = db_col_int(&rows, 3);
    snprintf(d.holder, sizeof d.holder, "%s", c->holder);
    message = db_col_int(&rows, 4);
    db_rows_end(&rows);
    r = db_query(&rows, db,
                 "SELECT a.language, " MESSAGE_COLUMNS
                 " FROM message x JOIN account a ON a.uin = x.account WHERE x.id = $1",
                 DB_ARGS(db_int(message)), err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : FAIL(err, ERR_CORRUPT, "outbox: its message is missing");
    d.language = sql_text(c->arena, &rows, 0);
    d.message = read_message(&rows, 1, c->arena);
    r = arena_check(c->arena, err);
    if (r == 0)
        *c->ret = d;
    return r;
}

int outbox_claim(struct delivery *ret, int64_t *ret_due, struct arena *arena,
                 struct db *db, const char *holder, int64_t lease_s, struct err *err)
{
    struct outbox_claim c = {ret, arena, holder, lease_s};
    int64_t due = 0;
    int r;

    assert(strlen(holder) < sizeof ret->holder);
    r = db_get_int(&due, db,
                   "SELECT 1 FROM outbox WHERE due IS NOT NULL AND due <= @NOW LIMIT 1",
                   DB_NO_ARGS, err);
    if (r < 0)
        return r;
    r = r == 0 ? REFUSED_NONE : db_tx(db, claim, &c, err);
    if (r != REFUSED_NONE || !ret_due)
        return r;
    due = 0;
    r = db_get_int(&due, db, "SELECT MIN(due) FROM outbox WHERE due IS NOT NULL",
                   DB_NO_ARGS, err);
    if (r < 0)
        return r;
    *ret_due = due;
    return REFUSED_NONE;
}

struct settle {
    const struct delivery *d;
    int state;
    int64_t delay_s;
    const char *why;
};

static int settle(struct db *db, void *arg, struct err *err)
{
    const struct settle *s = arg;
    int64_t rows;
    int r;

    r = db_exec(&rows, db,
                "UPDATE outbox SET state = $4, detail = $5, "
                "due = CASE WHEN $4 = 0 THEN @NOW + $6 ELSE NULL END "
                "WHERE no = $1 AND attempt = $2 AND holder = $3 AND state = 0",
                DB_ARGS(db_int(s->d->id), db_int(s->d->attempt), db_text(s->d->holder),
                        db_int(s->state), db_text(sql_or_empty(s->why)),
                        db_int(s->delay_s)),
                err);
    return r < 0 ? r : rows == 0 ? REFUSED_LEASE : 0;
}

int outbox_sent(struct db *db, const struct delivery *d, struct err *err)
{
    return db_tx(db, settle, &(struct settle){d, 1, 0, ""}, err);
}

int outbox_retry(struct db *db, const struct delivery *d, int64_t delay_s,
                 const char *why, struct err *err)
{
    return db_tx(db, settle, &(struct settle){d, 0, delay_s, why}, err);
}

int outbox_give_up(struct db *db, const struct delivery *d, const char *why,
                   struct err *err)
{
    return db_tx(db, settle, &(struct settle){d, 2, 0, why}, err);
}

int outbox_count(struct outbox_counts *ret, struct db *db, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct outbox_counts c = {0};
    int r = db_query(&rows, db, "SELECT state, COUNT(*) FROM outbox GROUP BY state",
                     DB_NO_ARGS, err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        int64_t state = db_col_int(&rows, 0), n = db_col_int(&rows, 1);

        r = 0;
        c.waiting += state == 0 ? n : 0;
        c.sent += state == 1 ? n : 0;
        c.given_up += state == 2 ? n : 0;
    }
    if (r == 0)
        *ret = c;
    return r;
}
