/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys of accounts, and the nonces they were used with; declared in account.h. */
#include "base/scoped.h"
#include "store/account.h"
#include "store/sql.h"

struct new_key {
    struct key *ret;
    const char *uin;
};

static int new_key(struct db *db, void *arg, struct err *err)
{
    struct new_key *n = arg;
    struct key k = {.secret_id = "AKID", .active = true};
    int64_t have = 0;
    int r;

    r = account_lock(db, n->uin, err);
    if (r != 0)
        return r;
    r = db_get_int(&have, db, "SELECT COUNT(*) FROM access_key WHERE uin = $1",
                   DB_ARGS(db_text(n->uin)), err);
    if (r < 0)
        return r;
    if (have >= KEYS_MAX)
        return REFUSED_QUOTA;
    r = db_now(&k.created, db, err);
    for (int i = 0; r == 0 && i < DB_ID_TRIES; i++) {
        int64_t rows;

        r = db_random_id(k.secret_id + 4, 32, ID_ALNUM, db, err);
        if (r == 0)
            r = db_random_id(k.secret_key, 32, ID_ALNUM, db, err);
        if (r == 0)
            r = db_exec(&rows, db,
                        "INSERT INTO access_key (secret_id, uin, secret_key, active, "
                        "created) VALUES ($1, $2, $3, 1, $4) ON CONFLICT DO NOTHING",
                        DB_ARGS(db_text(k.secret_id), db_text(n->uin),
                                db_text(k.secret_key), db_int(k.created)),
                        err);
        if (r == 0 && rows == 1) {
            *n->ret = k;
            return account_changed(db, err);
        }
    }
    return r < 0 ? r : FAIL(err, ERR_LIMIT, "keys: %d ids were all taken", DB_ID_TRIES);
}

int key_new(struct key *ret, struct db *db, const char *uin, struct err *err)
{
    return db_tx(db, new_key, &(struct new_key){ret, uin}, err);
}

int key_list(struct key_list *ret, struct arena *arena, struct db *db, const char *uin,
             struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct key) list = {0};
    int r = db_query(&rows, db,
                     "SELECT secret_id, secret_key, active, created FROM access_key "
                     "WHERE uin = $1 ORDER BY created, secret_id",
                     DB_ARGS(db_text(uin)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct key *k = LIST_ADD(arena, &list);

        r = arena_check(arena, err);
        if (r < 0)
            break;
        r = sql_copy(k->secret_id, sizeof k->secret_id, &rows, 0, err);
        if (r == 0)
            r = sql_copy(k->secret_key, sizeof k->secret_key, &rows, 1, err);
        k->active = db_col_int(&rows, 2) != 0;
        k->created = db_col_int(&rows, 3);
    }
    if (r < 0)
        return r;
    *ret = (struct key_list){list.v, list.n};
    return 0;
}

enum key_act { KEY_OFF, KEY_ON, KEY_DELETE };

struct key_change {
    const char *uin, *secret_id;
    enum key_act act;
};

static int change_key(struct db *db, void *arg, struct err *err)
{
    const struct key_change *k = arg;
    int64_t rows;
    int r;

    if (k->act == KEY_DELETE)
        r = db_exec(&rows, db, "DELETE FROM access_key WHERE uin = $1 AND secret_id = $2",
                    DB_ARGS(db_text(k->uin), db_text(k->secret_id)), err);
    else
        r = db_exec(&rows, db,
                    "UPDATE access_key SET active = $3 WHERE uin = $1 AND secret_id = $2",
                    DB_ARGS(db_text(k->uin), db_text(k->secret_id), db_int(k->act)), err);
    if (r < 0)
        return r;
    return rows == 0 ? REFUSED_NONE : account_changed(db, err);
}

int key_set_active(struct db *db, const char *uin, const char *secret_id, bool active,
                   struct err *err)
{
    return db_tx(db, change_key,
                 &(struct key_change){uin, secret_id, active ? KEY_ON : KEY_OFF}, err);
}

int key_delete(struct db *db, const char *uin, const char *secret_id, struct err *err)
{
    return db_tx(db, change_key, &(struct key_change){uin, secret_id, KEY_DELETE}, err);
}

struct nonce {
    const char *secret_id;
    int64_t timestamp, keep_s;
    uint64_t nonce;
};

static int take_nonce(struct db *db, void *arg, struct err *err)
{
    const struct nonce *n = arg;
    int64_t rows;
    int r;

    r = db_exec(
        &rows, db,
        "INSERT INTO nonce (stamp, secret_id, nonce) VALUES ($1, $2, $3) "
        "ON CONFLICT DO NOTHING",
        DB_ARGS(db_int(n->timestamp), db_text(n->secret_id), db_int((int64_t)n->nonce)),
        err);
    if (r < 0)
        return r;
    if (rows == 0)
        return REFUSED_USED;
    /* One in 64, so that hardly any request pays for it. */
    if (n->nonce % 64 == 0)
        return db_exec(NULL, db, "DELETE FROM nonce WHERE stamp < @NOW - $1",
                       DB_ARGS(db_int(n->keep_s)), err);
    return 0;
}

int nonce_take(struct db *db, const char *secret_id, int64_t timestamp, uint64_t nonce,
               int64_t keep_s, struct err *err)
{
    /* Lazy: who could make this machine lose power may not also replay what it lost, and
     * a flush for every request would cost more than all the rest. */
    return db_tx_lazy(db, take_nonce,
                      &(struct nonce){secret_id, timestamp, keep_s, nonce}, err);
}
