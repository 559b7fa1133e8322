/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What instances need beside themselves: zones, tokens, key pairs. */
#include <assert.h>
#include <stdio.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/instance.h"
#include "store/sql.h"

enum { TOKEN_S = 24 * 3600 };

/* ---- zones */

struct holding {
    const struct zone *z;
    const struct zone_holder *by;
    bool start;
};

/* Nobody holds it, so it is what another host left running that keeps it. */
static int refuse(struct db *db, const struct zone *z, struct err *err)
{
    int64_t ignored;
    int r = db_get_int(&ignored, db,
                       "SELECT 1 FROM zone WHERE name = $1 AND held_until <= @NOW",
                       DB_ARGS(db_text(z->name)), err);

    if (r <= 0)
        return r < 0 ? r : REFUSED_LEASE;
    return FAIL(err, ERR_CONFLICT,
                "zone %s has instances on another host or in another folder: start "
                "imgportd there, or give them up there with imgportd --take-over here",
                z->name);
}

/* Another host may have it when that has nothing here any more: its machines outlive its
 * daemon.  What it has cleared already is not there. */
static int hold(struct db *db, void *arg, struct err *err)
{
    const struct holding *a = arg;
    const struct zone *z = a->z;
    int64_t rows;
    int r = db_exec(
        &rows, db,
        "INSERT INTO zone (name, region, memory_mib, disk_gib, subnet, prefix, seen, "
        "host, "
        "holder, held_until) VALUES ($1, $2, $3, $4, $5, $6, @NOW, $7, $8, @NOW + $9) "
        "ON CONFLICT (name) DO UPDATE SET memory_mib = excluded.memory_mib, "
        "disk_gib = excluded.disk_gib, subnet = excluded.subnet, "
        "prefix = excluded.prefix, seen = excluded.seen, host = excluded.host, "
        "holder = excluded.holder, held_until = excluded.held_until "
        "WHERE zone.holder = $8 OR ($10 = 1 AND zone.host = $7) OR "
        "(zone.held_until <= @NOW AND (zone.host = $7 OR zone.host = '' OR NOT "
        "(EXISTS (SELECT 1 FROM instance i WHERE i.zone = $1) OR EXISTS (SELECT 1 FROM "
        "instance_left l WHERE l.zone = $1 AND l.cleared = 0))))",
        DB_ARGS(db_text(z->name), db_text(z->region), db_int(z->memory_mib),
                db_int(z->disk_gib), db_int(z->subnet), db_int(z->prefix),
                db_text(a->by->host), db_text(a->by->process), db_int(a->by->lease_s),
                db_int(a->start)),
        err);

    return r < 0 ? r : rows == 0 ? refuse(db, z, err) : 0;
}

int zone_hold(struct db *db, const struct zone *zone, const struct zone_holder *by,
              bool start, struct err *err)
{
    struct holding a = {zone, by, start};

    return start ? db_tx(db, hold, &a, err) : db_tx_lazy(db, hold, &a, err);
}

struct held {
    const char *zone, *process;
};

static int let_go(struct db *db, void *arg, struct err *err)
{
    const struct held *a = arg;

    return db_exec(NULL, db,
                   "UPDATE zone SET held_until = 0 WHERE name = $1 AND holder = $2",
                   DB_ARGS(db_text(a->zone), db_text(a->process)), err);
}

int zone_let_go(struct db *db, const char *zone, const char *process, struct err *err)
{
    return db_tx(db, let_go, &(struct held){zone, process}, err);
}

static int take_over(struct db *db, void *arg, struct err *err)
{
    const struct held *a = arg;
    int64_t rows;
    int r = db_exec(&rows, db,
                    "UPDATE zone SET host = '' WHERE name = $1 AND held_until <= @NOW",
                    DB_ARGS(db_text(a->zone)), err);

    return r < 0 ? r : rows == 0 ? REFUSED_LEASE : 0;
}

int zone_take_over(struct db *db, const char *zone, struct err *err)
{
    return db_tx(db, take_over, &(struct held){zone, NULL}, err);
}

int zone_list(struct zone **ret, size_t *ret_n, struct arena *arena, struct db *db,
              const char *region, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct zone) list = {0};
    int r = db_query(&rows, db,
                     "SELECT name, region, memory_mib, disk_gib, subnet, prefix, seen, "
                     "CASE WHEN seen + $2 <= @NOW THEN 1 ELSE 0 END FROM zone "
                     "WHERE $1 = '' OR region = $1 ORDER BY name",
                     DB_ARGS(db_text(sql_or_empty(region)), db_int(ZONE_AWAY_S)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct zone *z = LIST_ADD(arena, &list);

        if (z)
            *z = (struct zone){
                .name = sql_text(arena, &rows, 0),
                .region = sql_text(arena, &rows, 1),
                .memory_mib = db_col_int(&rows, 2),
                .disk_gib = db_col_int(&rows, 3),
                .subnet = db_col_int(&rows, 4),
                .prefix = db_col_int(&rows, 5),
                .seen = db_col_int(&rows, 6),
                .away = db_col_int(&rows, 7) != 0,
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = list.v;
    *ret_n = list.n;
    return 0;
}

/* Of one whose start failed there is no disk. */
static int check_disk(struct db *db, const char *zone, int64_t disk_gib, struct err *err)
{
    int64_t has, used;
    int r = db_get_int(&has, db, "SELECT disk_gib FROM zone WHERE name = $1",
                       DB_ARGS(db_text(zone)), err);

    if (r >= 0)
        r = db_get_int(&used, db,
                       "SELECT COALESCE(SUM(CASE WHEN disk_due > disk_gib THEN disk_due "
                       "ELSE disk_gib END), 0) FROM instance WHERE zone = $1 "
                       "AND state <> 1",
                       DB_ARGS(db_text(zone)), err);
    return r < 0 ? r : used + disk_gib > has ? REFUSED_DISK : 0;
}

int zone_room(struct db *db, const char *zone, int64_t memory_mib, int64_t disk_gib,
              struct err *err)
{
    int64_t has, used;
    int r;

    assert(db_in_tx(db));
    r = db_get_int(&has, db, "SELECT memory_mib FROM zone WHERE name = $1 @LOCK",
                   DB_ARGS(db_text(zone)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    /* The states of INSTANCE_IN_MEMORY. */
    r = db_get_int(&used, db,
                   "SELECT COALESCE(SUM(memory_mib), 0) FROM instance WHERE zone = $1 "
                   "AND state IN (0, 2, 4, 5, 6)",
                   DB_ARGS(db_text(zone)), err);
    if (r < 0 || (memory_mib > 0 && used + memory_mib > has))
        return r < 0 ? r : REFUSED_FULL;
    return disk_gib > 0 ? check_disk(db, zone, disk_gib, err) : 0;
}

int zone_is_away(bool *ret, struct db *db, const char *zone, struct err *err)
{
    int64_t away;
    int r;

    assert(db_in_tx(db));
    r = db_get_int(&away, db,
                   "SELECT CASE WHEN seen + $2 <= @NOW THEN 1 ELSE 0 END FROM zone "
                   "WHERE name = $1 @LOCK",
                   DB_ARGS(db_text(zone), db_int(ZONE_AWAY_S)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    *ret = away != 0;
    return 0;
}

/* ---- tokens */

int client_token_find(const char **ret, const char **ret_request, struct arena *arena,
                      struct db *db, const char *account, const char *region,
                      const char *token, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    const char *text, *request;
    int r = db_query(
        &rows, db,
        "SELECT instances, request FROM client_token WHERE account = $1 "
        "AND region = $2 AND token = $3 AND created > @NOW - $4",
        DB_ARGS(db_text(account), db_text(region), db_text(token), db_int(TOKEN_S)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    text = sql_text(arena, &rows, 0);
    request = sql_text(arena, &rows, 1);
    r = arena_check(arena, err);
    if (r == 0) {
        *ret = text;
        *ret_request = request;
    }
    return r;
}

struct token {
    const char *account, *region, *token, *request, *instances;
};

static int add_token(struct db *db, void *arg, struct err *err)
{
    const struct token *t = arg;
    int64_t rows;
    int r = db_exec(NULL, db, "DELETE FROM client_token WHERE created <= @NOW - $1",
                    DB_ARGS(db_int(TOKEN_S)), err);

    if (r == 0)
        r = db_exec(&rows, db,
                    "INSERT INTO client_token (account, region, token, request, "
                    "instances, created) VALUES ($1, $2, $3, $4, $5, @NOW) "
                    "ON CONFLICT DO NOTHING",
                    DB_ARGS(db_text(t->account), db_text(t->region), db_text(t->token),
                            db_text(t->request), db_text(t->instances)),
                    err);
    return r < 0 ? r : rows == 0 ? REFUSED_USED : 0;
}

int client_token_add(struct db *db, const char *account, const char *region,
                     const char *token, const char *request, const char *instances,
                     struct err *err)
{
    struct token t = {account, region, token, request, instances};

    return db_tx(db, add_token, &t, err);
}

/* ---- key pairs */

struct new_key_pair {
    char *ret_id;
    const struct key_pair *k;
    int64_t quota;
};

static int count_key_pairs(struct db *db, const struct new_key_pair *n, struct err *err)
{
    int64_t have = 0, one;
    int r = account_lock(db, n->k->owner, err);

    if (r != 0)
        return r < 0 ? r : REFUSED_ACCOUNT;
    r = db_get_int(&one, db, "SELECT 1 FROM key_pair WHERE owner = $1 AND name = $2",
                   DB_ARGS(db_text(n->k->owner), db_text(n->k->name)), err);
    if (r != 0)
        return r < 0 ? r : REFUSED_NAME;
    r = db_get_int(&have, db, "SELECT COUNT(*) FROM key_pair WHERE owner = $1",
                   DB_ARGS(db_text(n->k->owner)), err);
    return r < 0 ? r : have >= n->quota ? REFUSED_QUOTA : 0;
}

static int new_key_pair(struct db *db, void *arg, struct err *err)
{
    const struct new_key_pair *n = arg;
    char id[KEY_PAIR_ID_SIZE] = "skey-";
    int64_t rows = 0;
    int r = count_key_pairs(db, n, err);

    if (r != 0)
        return r;
    for (int k = 0; rows == 0; k++) {
        if (k == DB_ID_TRIES)
            return FAIL(err, ERR_LIMIT, "key pairs: %d ids were all taken", DB_ID_TRIES);
        r = db_random_id(id + 5, 8, ID_LOWER, db, err);
        if (r == 0)
            r = db_exec(&rows, db,
                        "INSERT INTO key_pair (id, owner, name, public_key, created) "
                        "VALUES ($1, $2, $3, $4, @NOW) ON CONFLICT DO NOTHING",
                        DB_ARGS(db_text(id), db_text(n->k->owner), db_text(n->k->name),
                                db_text(n->k->public_key)),
                        err);
        if (r < 0)
            return r;
    }
    memcpy(n->ret_id, id, sizeof id);
    return 0;
}

int key_pair_new(char ret_id[KEY_PAIR_ID_SIZE], struct db *db, const struct key_pair *k,
                 int64_t quota, struct err *err)
{
    return db_tx(db, new_key_pair, &(struct new_key_pair){ret_id, k, quota}, err);
}

static int list_key_pairs(struct key_pair **ret, size_t *ret_n, struct arena *arena,
                          struct db *db, const char *owner, const char *id,
                          struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct key_pair) list = {0};
    int r = db_query(&rows, db,
                     "SELECT id, owner, name, public_key, created FROM key_pair WHERE "
                     "owner = $1 AND ($2 = '' OR id = $2) ORDER BY no DESC",
                     DB_ARGS(db_text(owner), db_text(id)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct key_pair *k = LIST_ADD(arena, &list);

        if (k)
            *k = (struct key_pair){
                .id = sql_text(arena, &rows, 0),
                .owner = sql_text(arena, &rows, 1),
                .name = sql_text(arena, &rows, 2),
                .public_key = sql_text(arena, &rows, 3),
                .created = db_col_int(&rows, 4),
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = list.v;
    *ret_n = list.n;
    return 0;
}

int key_pair_get(struct key_pair *ret, struct arena *arena, struct db *db,
                 const char *owner, const char *id, struct err *err)
{
    struct key_pair *list;
    size_t n;
    int r = list_key_pairs(&list, &n, arena, db, owner, id, err);

    if (r < 0)
        return r;
    if (n == 0)
        return REFUSED_NONE;
    *ret = list[0];
    return 0;
}

int key_pair_list(struct key_pair **ret, size_t *ret_n, struct arena *arena,
                  struct db *db, const char *owner, struct err *err)
{
    return list_key_pairs(ret, ret_n, arena, db, owner, "", err);
}

struct key_pair_ids {
    const char *owner, *id;
};

static int delete_key_pair(struct db *db, void *arg, struct err *err)
{
    const struct key_pair_ids *k = arg;
    int64_t rows;
    int r = db_exec(&rows, db, "DELETE FROM key_pair WHERE owner = $1 AND id = $2",
                    DB_ARGS(db_text(k->owner), db_text(k->id)), err);

    return r < 0 ? r : rows == 0 ? REFUSED_NONE : 0;
}

int key_pair_delete(struct db *db, const char *owner, const char *id, struct err *err)
{
    return db_tx(db, delete_key_pair, &(struct key_pair_ids){owner, id}, err);
}
