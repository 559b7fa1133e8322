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

struct posting {
    const struct message_new *m;
    const char *address; /* NULL: to those who subscribed */
    enum channel channel;
};

static int add_message(int64_t *ret, struct db *db, const struct message_new *m,
                       struct err *err)
{
    int64_t rows = 0;

    for (int i = 0; rows == 0; i++) {
        int r;

        if (i == DB_ID_TRIES)
            return FAIL(err, ERR_LIMIT, "messages: %d ids were all taken", DB_ID_TRIES);
        r = db_random_int(ret, db, err);
        if (r == 0)
            r = db_exec(&rows, db,
                        "INSERT INTO message (id, account, type, subject, body, data, "
                        "task, image, created, is_read) VALUES ($1, $2, $3, $4, $5, $6, "
                        "$7, $8, @NOW, 0) ON CONFLICT DO NOTHING",
                        DB_ARGS(db_int(*ret), db_text(m->account), db_text(m->type),
                                db_text(m->subject), db_text(m->body),
                                db_text(m->data ? m->data : "{}"), db_int(m->task),
                                db_text(sql_or_empty(m->image))),
                        err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int post(struct db *db, void *arg, struct err *err)
{
    const struct posting *p = arg;
    int64_t id = 0, rows = 0;
    int r = add_message(&id, db, p->m, err);

    if (r < 0)
        return r;
    if (p->address)
        r = db_exec(&rows, db,
                    "INSERT INTO outbox (message, channel, address, state, due, attempt, "
                    "holder, detail) VALUES ($1, $2, $3, 0, @NOW, 0, '', '')",
                    DB_ARGS(db_int(id), db_int(p->channel), db_text(p->address)), err);
    else
        /* Who subscribed to all and to this one is told once. */
        r = db_exec(&rows, db,
                    "INSERT INTO outbox (message, channel, address, state, due, attempt, "
                    "holder, detail) SELECT $1, channel, address, 0, @NOW, 0, '', '' "
                    "FROM subscription WHERE account = $2 AND verified = 1 "
                    "AND type IN ('*', $3) ON CONFLICT DO NOTHING",
                    DB_ARGS(db_int(id), db_text(p->m->account), db_text(p->m->type)),
                    err);
    if (r < 0 || rows == 0)
        return r;
    return db_notify(db, WATCH_OUTBOX, err);
}

int message_post(struct db *db, const struct message_new *m, struct err *err)
{
    return db_tx(db, post, &(struct posting){.m = m}, err);
}

int message_post_to(struct db *db, const struct message_new *m, enum channel channel,
                    const char *address, struct err *err)
{
    return db_tx(db, post, &(struct posting){m, address, channel}, err);
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
    sql_add(&q, " AND t.type <> '" MESSAGE_PROOF "'");
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
};

static int set_read(struct db *db, void *arg, struct err *err)
{
    const struct of_account *o = arg;
    int64_t rows;
    int r = db_exec(&rows, db,
                    "UPDATE message SET is_read = 1 WHERE account = $1 AND id = $2",
                    DB_ARGS(db_text(o->account), db_int(o->id)), err);

    return r < 0 ? r : rows == 0 ? REFUSED_NONE : 0;
}

int message_set_read(struct db *db, const char *account, int64_t id, struct err *err)
{
    return db_tx(db, set_read, &(struct of_account){account, id}, err);
}

struct forget {
    int64_t n, deliveries_s, messages_s, limit;
};

static int forget(struct db *db, void *arg, struct err *err)
{
    struct forget *f = arg;
    int64_t deliveries = 0, messages = 0;
    int r = db_exec(&deliveries, db,
                    "DELETE FROM outbox WHERE no IN (SELECT o.no FROM message m JOIN "
                    "outbox o ON o.message = m.id WHERE m.created < @NOW - $1 "
                    "AND o.state <> 0 LIMIT $2)",
                    DB_ARGS(db_int(f->deliveries_s), db_int(f->limit)), err);

    if (r == 0)
        r = db_exec(&messages, db,
                    "DELETE FROM message WHERE no IN (SELECT m.no FROM message m WHERE "
                    "m.created < @NOW - $1 AND NOT EXISTS (SELECT 1 FROM outbox o WHERE "
                    "o.message = m.id AND o.state = 0) LIMIT $2)",
                    DB_ARGS(db_int(f->messages_s), db_int(f->limit)), err);
    f->n = deliveries + messages;
    return r;
}

int message_forget(int64_t *ret, struct db *db, int64_t deliveries_s, int64_t messages_s,
                   int64_t limit, struct err *err)
{
    struct forget f = {0, deliveries_s, messages_s, limit};
    int r = db_tx_lazy(db, forget, &f, err);

    if (r == 0)
        *ret = f.n;
    return r;
}

/* ---- outbox */

struct outbox_claim {
    struct delivery *ret;
    struct arena *arena;
    const char *holder;
    int64_t lease_s;
};

static int read_wanted(struct delivery *d, struct arena *arena, struct db *db,
                       struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    bool proof = strcmp(d->message.type, MESSAGE_PROOF) == 0;
    int r =
        db_query(&rows, db,
                 "SELECT secret FROM subscription WHERE account = $1 AND channel = $2 "
                 "AND address = $3 AND ($4 = 1 OR (verified = 1 AND type IN ('*', "
                 "$5))) LIMIT 1",
                 DB_ARGS(db_text(d->message.account), db_int(d->channel),
                         db_text(d->address), db_int(proof), db_text(d->message.type)),
                 err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r < 0)
        return r;
    d->is_wanted = r == 1;
    d->secret = r == 1 ? sql_text(arena, &rows, 0) : "";
    return 0;
}

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
    db_rows_end(&rows);
    r = read_wanted(&d, c->arena, db, err);
    if (r == 0)
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

const char *delivery_state_name(int state)
{
    static const char *const names[] = {"waiting", "sent", "failed"};

    assert(state >= 0 && (size_t)state < ARRAY_SIZE(names));
    return names[state];
}

int delivery_list(struct delivery_states *ret, struct arena *arena, struct db *db,
                  int64_t message, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct delivery_state) list = {0};
    int r = db_query(&rows, db,
                     "SELECT channel, address, state, attempt, detail FROM outbox "
                     "WHERE message = $1 ORDER BY no",
                     DB_ARGS(db_int(message)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct delivery_state *d = LIST_ADD(arena, &list);

        if (d)
            *d = (struct delivery_state){
                .channel = (enum channel)db_col_int(&rows, 0),
                .address = sql_text(arena, &rows, 1),
                .state = (int)db_col_int(&rows, 2),
                .attempt = db_col_int(&rows, 3),
                .detail = sql_text(arena, &rows, 4),
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct delivery_states){list.v, list.n};
    return 0;
}
