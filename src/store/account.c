/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/account.h"

#include <assert.h>

#include "base/scoped.h"
#include "store/catalog.h"
#include "store/sql.h"

int account_changed(struct db *db, struct err *err)
{
    int r = db_exec(NULL, db, "UPDATE counter SET n = n + 1 WHERE name = $1",
                    DB_ARGS(db_text("account")), err);

    return r < 0 ? r : db_notify(db, WATCH_ACCOUNT, err);
}

#define ACCOUNT_COLUMNS                                                    \
    "uin, app_id, name, language, state, is_operator, import_permission, " \
    "import_reason, image_quota, share_quota, balance, created"

static struct account read_account(const struct db_rows *rows, struct arena *arena)
{
    return (struct account){
        .uin = sql_text(arena, rows, 0),
        .app_id = sql_text(arena, rows, 1),
        .name = sql_text(arena, rows, 2),
        .language = sql_text(arena, rows, 3),
        .state = (enum account_state)db_col_int(rows, 4),
        .is_operator = db_col_int(rows, 5) != 0,
        .import_permission = (enum permission)db_col_int(rows, 6),
        .import_reason = sql_text(arena, rows, 7),
        .image_quota = db_col_int(rows, 8),
        .share_quota = db_col_int(rows, 9),
        .balance = db_col_int(rows, 10),
        .created = db_col_int(rows, 11),
    };
}

static int read_one(struct account *ret, struct arena *arena, struct db *db,
                    const char *sql, const char *word, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct account a;
    int r = db_query(&rows, db, sql, DB_ARGS(db_text(word)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    a = read_account(&rows, arena);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = a;
    return r;
}

int account_get(struct account *ret, struct arena *arena, struct db *db, const char *uin,
                struct err *err)
{
    return read_one(ret, arena, db,
                    "SELECT " ACCOUNT_COLUMNS " FROM account WHERE uin = $1", uin, err);
}

int account_find(struct account *ret, struct arena *arena, struct db *db,
                 const char *word, struct err *err)
{
    static const char *const by[] = {
        "SELECT " ACCOUNT_COLUMNS " FROM account WHERE uin = $1",
        "SELECT " ACCOUNT_COLUMNS " FROM account WHERE app_id = $1",
        "SELECT " ACCOUNT_COLUMNS " FROM account WHERE name = $1",
    };
    int r = REFUSED_NONE;

    for (size_t i = 0; i < ARRAY_SIZE(by) && r == REFUSED_NONE; i++)
        r = read_one(ret, arena, db, by[i], word, err);
    return r;
}

int account_list(struct account_list *ret, struct arena *arena, struct db *db,
                 struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct account) list = {0};
    int r = db_query(&rows, db, "SELECT " ACCOUNT_COLUMNS " FROM account ORDER BY uin",
                     DB_NO_ARGS, err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct account *a = LIST_ADD(arena, &list);

        if (a)
            *a = read_account(&rows, arena);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct account_list){list.v, list.n};
    return 0;
}

static int name_is_taken(struct db *db, const char *name, const char *but_uin,
                         struct err *err)
{
    int64_t one;

    return db_get_int(&one, db, "SELECT 1 FROM account WHERE name = $1 AND uin <> $2",
                      DB_ARGS(db_text(name), db_text(but_uin)), err);
}

struct new_account {
    struct account *ret;
    struct arena *arena;
    const struct account *a;
};

static int new_account(struct db *db, void *arg, struct err *err)
{
    struct new_account *n = arg;
    const struct account *a = n->a;
    int r;

    r = name_is_taken(db, a->name, "", err);
    if (r != 0)
        return r < 0 ? r : REFUSED_NAME;
    for (int i = 0; i < DB_ID_TRIES; i++) {
        char uin[13] = "100", app_id[11] = "125";
        int64_t rows;

        r = db_random_id(uin + 3, 9, "0123456789", db, err);
        if (r == 0)
            r = db_random_id(app_id + 3, 7, "0123456789", db, err);
        if (r == 0)
            r = db_exec(&rows, db,
                        "INSERT INTO account (" ACCOUNT_COLUMNS ") VALUES "
                        "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, @NOW) "
                        "ON CONFLICT DO NOTHING",
                        DB_ARGS(db_text(uin), db_text(app_id), db_text(a->name),
                                db_text(a->language), db_int(ACCOUNT_ACTIVE),
                                db_int(a->is_operator), db_int(a->import_permission),
                                db_text(sql_or_empty(a->import_reason)),
                                db_int(a->image_quota), db_int(a->share_quota),
                                db_int(a->balance)),
                        err);
        if (r < 0)
            return r;
        if (rows == 1)
            return account_get(n->ret, n->arena, db, uin, err);
        r = name_is_taken(db, a->name, "", err); /* by another, just now */
        if (r != 0)
            return r < 0 ? r : REFUSED_NAME;
    }
    return FAIL(err, ERR_LIMIT, "accounts: %d numbers were all taken", DB_ID_TRIES);
}

int account_new(struct account *ret, struct arena *arena, struct db *db,
                const struct account *a, struct err *err)
{
    return db_tx(db, new_account, &(struct new_account){ret, arena, a}, err);
}

static int set_account(struct db *db, void *arg, struct err *err)
{
    const struct account *a = arg;
    struct err e = {0};
    int r;

    r = account_lock(db, a->uin, err);
    if (r != 0)
        return r;
    r = name_is_taken(db, a->name, a->uin, err);
    if (r != 0)
        return r < 0 ? r : REFUSED_NAME;
    r = db_exec(NULL, db,
                "UPDATE account SET name = $2, language = $3, state = $4, "
                "is_operator = $5, import_permission = $6, import_reason = $7, "
                "image_quota = $8, share_quota = $9, balance = $10 WHERE uin = $1",
                DB_ARGS(db_text(a->uin), db_text(a->name), db_text(a->language),
                        db_int(a->state), db_int(a->is_operator),
                        db_int(a->import_permission),
                        db_text(sql_or_empty(a->import_reason)), db_int(a->image_quota),
                        db_int(a->share_quota), db_int(a->balance)),
                &e);
    if (r < 0 && db_was_duplicate(db))
        return REFUSED_NAME; /* somebody took it since it was looked for */
    if (r < 0 && err)
        *err = e;
    return r < 0 ? r : account_changed(db, err);
}

int account_set(struct db *db, const struct account *a, struct err *err)
{
    return db_tx(db, set_account, (void *)a, err);
}

int account_lock(struct db *db, const char *uin, struct err *err)
{
    int64_t one;
    int r;

    assert(db_in_tx(db));
    r = db_get_int(&one, db, "SELECT 1 FROM account WHERE uin = $1 @LOCK",
                   DB_ARGS(db_text(uin)), err);
    return r < 0 ? r : r == 0 ? REFUSED_NONE : 0;
}

struct permit {
    const char *uin;
    enum permission p;
    const char *reason;
    bool ask;
};

static int permit(struct db *db, void *arg, struct err *err)
{
    const struct permit *p = arg;
    int64_t had;
    int r;

    r = db_get_int(&had, db, "SELECT import_permission FROM account WHERE uin = $1 @LOCK",
                   DB_ARGS(db_text(p->uin)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    if (p->ask && (had == PERMISSION_ASKED || had == PERMISSION_GRANTED))
        return REFUSED_STATE;
    r = db_exec(NULL, db,
                "UPDATE account SET import_permission = $2, import_reason = $3 "
                "WHERE uin = $1",
                DB_ARGS(db_text(p->uin), db_int(p->p), db_text(sql_or_empty(p->reason))),
                err);
    return r < 0 ? r : account_changed(db, err);
}

int account_ask_import(struct db *db, const char *uin, const char *reason,
                       struct err *err)
{
    return db_tx(db, permit, &(struct permit){uin, PERMISSION_ASKED, reason, true}, err);
}

int account_answer_import(struct db *db, const char *uin, enum permission p,
                          const char *reason, struct err *err)
{
    return db_tx(db, permit, &(struct permit){uin, p, reason, false}, err);
}
