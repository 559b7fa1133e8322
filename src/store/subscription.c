/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/catalog.h"
#include "store/message.h"
#include "store/sql.h"

enum {
    SECRET_CHARS = 32,
    SECONDS_OF_A_DAY = 86400,
    ASK_PAUSE_S = 60, /* between two codes for an address, under whichever types */
};

#define COLUMNS "id, account, type, channel, address, verified, secret, created"

static struct subscription read_subscription(const struct db_rows *rows,
                                             struct arena *arena)
{
    return (struct subscription){
        .id = db_col_int(rows, 0),
        .account = sql_text(arena, rows, 1),
        .type = sql_text(arena, rows, 2),
        .channel = (enum channel)db_col_int(rows, 3),
        .address = sql_text(arena, rows, 4),
        .verified = db_col_int(rows, 5) != 0,
        .secret = sql_text(arena, rows, 6),
        .created = db_col_int(rows, 7),
    };
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

/* What holds for the address under another type holds for this one: a webhook has one
 * secret, and an address is proved once. */
static int inherit(bool *verified, char secret[SECRET_CHARS + 1], struct db *db,
                   const struct subscription *s, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int r;

    *verified = s->verified;
    *secret = '\0';
    r = db_query(&rows, db,
                 "SELECT verified, secret FROM subscription WHERE account = $1 "
                 "AND channel = $2 AND address = $3 ORDER BY verified DESC, no LIMIT 1",
                 DB_ARGS(db_text(s->account), db_int(s->channel), db_text(s->address)),
                 err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r < 0)
        return r;
    if (r == 1) {
        *verified = *verified || db_col_int(&rows, 0) != 0;
        r = sql_copy(secret, SECRET_CHARS + 1, &rows, 1, err);
        if (r < 0)
            return r;
    }
    db_rows_end(&rows);
    if (s->channel != CHANNEL_WEBHOOK || *secret)
        return 0;
    return db_random_id(secret, SECRET_CHARS, ID_ALNUM, db, err);
}

static int add_subscription(struct db *db, void *arg, struct err *err)
{
    const struct new_subscription *a = arg;
    const struct subscription *s = a->s;
    char secret[SECRET_CHARS + 1];
    int64_t id = 0, n = 0;
    bool verified;
    int r;

    r = account_lock(db, s->account, err);
    if (r != 0)
        return r < 0 ? r : REFUSED_ACCOUNT;
    r = find_subscription(&id, db, s, err);
    if (r < 0)
        return r;
    if (r == 1) {
        *a->ret_id = id;
        return 0;
    }
    r = db_get_int(&n, db, "SELECT COUNT(*) FROM subscription WHERE account = $1",
                   DB_ARGS(db_text(s->account)), err);
    if (r >= 0)
        r = inherit(&verified, secret, db, s, err);
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
                        "verified, code, created, secret) VALUES ($1, $2, $3, $4, $5, "
                        "$6, '', @NOW, $7) ON CONFLICT DO NOTHING",
                        DB_ARGS(db_int(id), db_text(s->account), db_text(s->type),
                                db_int(s->channel), db_text(s->address), db_int(verified),
                                db_text(secret)),
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

struct of_account {
    const char *account;
    int64_t id;
};

static int remove_subscription(struct db *db, void *arg, struct err *err)
{
    const struct of_account *o = arg;
    int64_t rows;
    int r = db_exec(&rows, db, "DELETE FROM subscription WHERE account = $1 AND id = $2",
                    DB_ARGS(db_text(o->account), db_int(o->id)), err);

    return r < 0 ? r : rows == 0 ? REFUSED_NONE : 0;
}

int subscription_remove(struct db *db, const char *account, int64_t id, struct err *err)
{
    return db_tx(db, remove_subscription, &(struct of_account){account, id}, err);
}

int subscription_get(struct subscription *ret, struct arena *arena, struct db *db,
                     const char *account, int64_t id, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int r = db_query(&rows, db,
                     "SELECT " COLUMNS " FROM subscription WHERE account = $1 "
                     "AND id = $2",
                     DB_ARGS(db_text(account), db_int(id)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    *ret = read_subscription(&rows, arena);
    return arena_check(arena, err);
}

int subscription_list(struct subscription_list *ret, struct arena *arena, struct db *db,
                      const char *account, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct subscription) list = {0};
    int r = db_query(&rows, db,
                     "SELECT " COLUMNS " FROM subscription WHERE account = $1 ORDER BY "
                     "no",
                     DB_ARGS(db_text(account)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct subscription *s = LIST_ADD(arena, &list);

        if (s)
            *s = read_subscription(&rows, arena);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct subscription_list){list.v, list.n};
    return 0;
}

/* ---- proof */

struct ask {
    const struct subscription *s;
    const char *code;
    const struct message_new *m;
};

static int ask(struct db *db, void *arg, struct err *err)
{
    const struct ask *a = arg;
    int64_t n = 0, rows = 0;
    int r = db_get_int(
        &n, db,
        "SELECT COUNT(*) FROM message WHERE account = $1 AND type = $2 "
        "AND created > @NOW - $3",
        DB_ARGS(db_text(a->s->account), db_text(MESSAGE_PROOF), db_int(SECONDS_OF_A_DAY)),
        err);

    if (r < 0)
        return r;
    if (n >= PROOFS_PER_DAY)
        return REFUSED_DAY;
    /* By what was sent: a subscription is soon removed and added again. */
    r = db_get_int(&n, db,
                   "SELECT COUNT(*) FROM message m JOIN outbox o ON o.message = m.id "
                   "WHERE m.created > @NOW - $1 AND m.account = $2 AND m.type = $3 "
                   "AND o.channel = $4 AND o.address = $5",
                   DB_ARGS(db_int(ASK_PAUSE_S), db_text(a->s->account),
                           db_text(MESSAGE_PROOF), db_int(a->s->channel),
                           db_text(a->s->address)),
                   err);
    if (r < 0)
        return r;
    if (n > 0)
        return REFUSED_BUSY;
    r = db_exec(&rows, db,
                "UPDATE subscription SET code = $2, tries = 0, asked = @NOW "
                "WHERE id = $1 AND verified = 0",
                DB_ARGS(db_int(a->s->id), db_text(a->code)), err);
    if (r < 0)
        return r;
    if (rows == 0)
        return REFUSED_BUSY;
    return message_post_to(db, a->m, a->s->channel, a->s->address, err);
}

int subscription_ask(struct db *db, const struct subscription *s, const char *code,
                     const struct message_new *m, struct err *err)
{
    return db_tx(db, ask, &(struct ask){s, code, m}, err);
}

struct verify {
    const char *account;
    int64_t id;
    const char *code;
    bool wrong;
};

/* A wrong code is counted, so the transaction is to stand. */
static int verify(struct db *db, void *arg, struct err *err)
{
    struct verify *v = arg;
    int64_t one, rows;
    int r;

    v->wrong = false;
    r = db_get_int(&one, db, "SELECT 1 FROM subscription WHERE account = $1 AND id = $2",
                   DB_ARGS(db_text(v->account), db_int(v->id)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    r = db_exec(&rows, db,
                "UPDATE subscription SET verified = 1, code = '' WHERE id = $1 "
                "AND verified = 0 AND code = $2 AND code <> '' AND tries < $3 "
                "AND asked > @NOW - $4",
                DB_ARGS(db_int(v->id), db_text(v->code), db_int(PROOF_TRIES),
                        db_int(SECONDS_OF_A_DAY)),
                err);
    if (r < 0)
        return r;
    /* It is the address that is proved, under whichever types it stands. */
    if (rows > 0)
        return db_exec(NULL, db,
                       "UPDATE subscription SET verified = 1, code = '' WHERE "
                       "account = $1 AND verified = 0 AND EXISTS (SELECT 1 FROM "
                       "subscription x WHERE x.id = $2 AND x.channel = "
                       "subscription.channel AND x.address = subscription.address)",
                       DB_ARGS(db_text(v->account), db_int(v->id)), err);
    v->wrong = true;
    return db_exec(NULL, db, "UPDATE subscription SET tries = tries + 1 WHERE id = $1",
                   DB_ARGS(db_int(v->id)), err);
}

int subscription_verify(struct db *db, const char *account, int64_t id, const char *code,
                        struct err *err)
{
    struct verify v = {account, id, code, false};
    int r = db_tx(db, verify, &v, err);

    return r == 0 && v.wrong ? (int)REFUSED_STATE : r;
}
