/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/bucket.h"

#include <string.h>

#include "base/scoped.h"
#include "store/sql.h"

static const char *const acl_names[] = {
    [ACL_DEFAULT] = "default",
    [ACL_PRIVATE] = "private",
    [ACL_PUBLIC_READ] = "public-read",
    [ACL_PUBLIC_READ_WRITE] = "public-read-write",
};

const char *acl_name(enum acl acl)
{
    return acl_names[acl];
}

bool acl_from_name(enum acl *ret, const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(acl_names); i++) {
        if (strcmp(name, acl_names[i]) == 0) {
            *ret = (enum acl)i;
            return true;
        }
    }
    return false;
}

#define BUCKET_COLUMNS "name, region, owner, acl, grants, one_time_links, created"

static struct bucket read_bucket(const struct db_rows *rows, struct arena *arena)
{
    return (struct bucket){
        .name = sql_text(arena, rows, 0),
        .region = sql_text(arena, rows, 1),
        .owner = sql_text(arena, rows, 2),
        .acl = (enum acl)db_col_int(rows, 3),
        .grants = sql_text(arena, rows, 4),
        .one_time_links = (int)db_col_int(rows, 5),
        .created = db_col_int(rows, 6),
    };
}

static int insert_bucket(struct db *db, void *arg, struct err *err)
{
    const struct bucket *b = arg;
    int64_t n = 0;
    int r;

    r = db_get_int(&n, db, "SELECT 1 FROM bucket WHERE name = $1",
                   DB_ARGS(db_text(b->name)), err);
    if (r != 0)
        return r < 0 ? r : REFUSED_NAME;
    r = db_get_int(&n, db, "SELECT COUNT(*) FROM bucket WHERE owner = $1",
                   DB_ARGS(db_text(b->owner)), err);
    if (r < 0)
        return r;
    if (n >= BUCKETS_MAX)
        return REFUSED_QUOTA;
    r = db_exec(&n, db,
                "INSERT INTO bucket (" BUCKET_COLUMNS ") "
                "VALUES ($1, $2, $3, $4, $5, $6, @NOW) ON CONFLICT DO NOTHING",
                DB_ARGS(db_text(b->name), db_text(b->region), db_text(b->owner),
                        db_int(b->acl), db_text(sql_or_empty(b->grants)),
                        db_int(b->one_time_links)),
                err);
    return r == 0 && n == 0 ? REFUSED_NAME : r;
}

int bucket_new(struct db *db, const struct bucket *b, struct err *err)
{
    return db_tx(db, insert_bucket, (void *)b, err);
}

int bucket_get(struct bucket *ret, struct arena *arena, struct db *db, const char *name,
               struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct bucket b;
    int r = db_query(&rows, db, "SELECT " BUCKET_COLUMNS " FROM bucket WHERE name = $1",
                     DB_ARGS(db_text(name)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    b = read_bucket(&rows, arena);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = b;
    return r;
}

int bucket_list(struct bucket_list *ret, struct arena *arena, struct db *db,
                const char *owner, const char *region, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct bucket) list = {0};
    int r = db_query(&rows, db,
                     "SELECT " BUCKET_COLUMNS " FROM bucket WHERE owner = $1 "
                     "AND ($2 = '' OR region = $2) ORDER BY name",
                     DB_ARGS(db_text(owner), db_text(sql_or_empty(region))), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct bucket *b = LIST_ADD(arena, &list);

        if (b)
            *b = read_bucket(&rows, arena);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct bucket_list){list.v, list.n};
    return 0;
}

static int update_bucket(struct db *db, void *arg, struct err *err)
{
    const struct bucket *b = arg;
    int64_t n;
    int r = db_exec(&n, db,
                    "UPDATE bucket SET acl = $2, grants = $3, one_time_links = $4 "
                    "WHERE name = $1",
                    DB_ARGS(db_text(b->name), db_int(b->acl),
                            db_text(sql_or_empty(b->grants)), db_int(b->one_time_links)),
                    err);

    return r == 0 && n == 0 ? REFUSED_NONE : r;
}

int bucket_set(struct db *db, const struct bucket *b, struct err *err)
{
    return db_tx(db, update_bucket, (void *)b, err);
}

static int delete_bucket(struct db *db, void *arg, struct err *err)
{
    static const char *const holds[] = {
        "SELECT 1 FROM object WHERE bucket = $1 LIMIT 1",
        "SELECT 1 FROM upload WHERE bucket = $1 LIMIT 1",
    };
    const char *name = arg;
    int64_t n;
    int r = db_get_int(&n, db, "SELECT 1 FROM bucket WHERE name = $1 @LOCK",
                       DB_ARGS(db_text(name)), err);

    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    for (size_t i = 0; i < ARRAY_SIZE(holds); i++) {
        r = db_get_int(&n, db, holds[i], DB_ARGS(db_text(name)), err);
        if (r != 0)
            return r < 0 ? r : REFUSED_STATE;
    }
    return db_exec(NULL, db, "DELETE FROM bucket WHERE name = $1", DB_ARGS(db_text(name)),
                   err);
}

int bucket_delete(struct db *db, const char *name, struct err *err)
{
    return db_tx(db, delete_bucket, (void *)name, err);
}

/* ---- links that serve once */

struct spend {
    const char *signature;
    int64_t expires;
};

static int spend(struct db *db, void *arg, struct err *err)
{
    const struct spend *s = arg;
    int64_t n;
    int r = db_exec(NULL, db, "DELETE FROM spent_link WHERE expires < @NOW - 60",
                    DB_NO_ARGS, err);

    if (r == 0)
        r = db_exec(&n, db,
                    "INSERT INTO spent_link (signature, expires) VALUES ($1, $2) "
                    "ON CONFLICT DO NOTHING",
                    DB_ARGS(db_text(s->signature), db_int(s->expires)), err);
    return r == 0 && n == 0 ? REFUSED_USED : r;
}

int link_spend(struct db *db, const char *signature, int64_t expires, struct err *err)
{
    struct spend s = {signature, expires};

    return db_tx(db, spend, &s, err);
}

int link_check(struct db *db, const char *signature, struct err *err)
{
    int64_t one;
    int r = db_get_int(&one, db, "SELECT 1 FROM spent_link WHERE signature = $1",
                       DB_ARGS(db_text(signature)), err);

    return r > 0 ? REFUSED_USED : r;
}
