/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/share.h"

#include <assert.h>

#include "base/scoped.h"
#include "store/image.h"
#include "store/sql.h"

struct sharing {
    size_t *ret_which;
    const char *image;
    const char *const *accounts;
    size_t n;
    int64_t limit;
};

/* Of the image, which nobody changes from here on. */
struct shown {
    char owner[16], region[64];
    int64_t kind, state, shares;
};

static int lock_image(struct shown *ret, struct db *db, const char *id, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int r = db_query(&rows, db,
                     "SELECT owner, region, kind, state, shares FROM image WHERE id = $1 "
                     "@LOCK",
                     DB_ARGS(db_text(id)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    r = sql_copy(ret->owner, sizeof ret->owner, &rows, 0, err);
    if (r == 0)
        r = sql_copy(ret->region, sizeof ret->region, &rows, 1, err);
    ret->kind = db_col_int(&rows, 2);
    ret->state = db_col_int(&rows, 3);
    ret->shares = db_col_int(&rows, 4);
    return r;
}

static int add_one(struct db *db, const struct shown *i, const struct sharing *s,
                   const char *account, struct err *err)
{
    int64_t one, rows;
    int r;

    if (strcmp(account, i->owner) == 0)
        return REFUSED_SELF;
    r = db_get_int(&one, db, "SELECT 1 FROM account WHERE uin = $1",
                   DB_ARGS(db_text(account)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_ACCOUNT;
    r = db_exec(&rows, db,
                "INSERT INTO image_share (account, region, image, created) "
                "VALUES ($1, $2, $3, @NOW) ON CONFLICT DO NOTHING",
                DB_ARGS(db_text(account), db_text(i->region), db_text(s->image)), err);
    return r < 0 ? r : rows == 0 ? REFUSED_SHARED : 0;
}

/* The column `shares` says how many rows there are, for lists and for deleting. */
static int write_count(struct db *db, const char *image, struct err *err)
{
    return db_exec(NULL, db,
                   "UPDATE image SET shares = (SELECT COUNT(*) FROM image_share "
                   "WHERE image = $1) WHERE id = $1",
                   DB_ARGS(db_text(image)), err);
}

static int add(struct db *db, void *arg, struct err *err)
{
    const struct sharing *s = arg;
    struct shown i;
    int r = lock_image(&i, db, s->image, err);

    if (r != 0)
        return r;
    if (i.kind != IMAGE_CUSTOM || i.state != IMAGE_NORMAL)
        return REFUSED_STATE;
    for (size_t k = 0; k < s->n; k++) {
        r = add_one(db, &i, s, s->accounts[k], err);
        if (r > 0 && s->ret_which)
            *s->ret_which = k;
        if (r != 0)
            return r;
    }
    if (i.shares + (int64_t)s->n > s->limit)
        return REFUSED_SHARE_LIMIT;
    return write_count(db, s->image, err);
}

int share_add(size_t *ret_which, struct db *db, const char *image,
              const char *const *accounts, size_t n, int64_t limit, struct err *err)
{
    return db_tx(db, add, &(struct sharing){ret_which, image, accounts, n, limit}, err);
}

static int cancel(struct db *db, void *arg, struct err *err)
{
    const struct sharing *s = arg;
    struct shown i;
    int r = lock_image(&i, db, s->image, err);

    for (size_t k = 0; r == 0 && k < s->n; k++)
        r = db_exec(NULL, db, "DELETE FROM image_share WHERE image = $1 AND account = $2",
                    DB_ARGS(db_text(s->image), db_text(s->accounts[k])), err);
    return r != 0 ? r : write_count(db, s->image, err);
}

int share_cancel(struct db *db, const char *image, const char *const *accounts, size_t n,
                 struct err *err)
{
    return db_tx(db, cancel, &(struct sharing){NULL, image, accounts, n, 0}, err);
}

int share_list(struct share_list *ret, struct arena *arena, struct db *db,
               const char *image, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct share) list = {0};
    int r = db_query(&rows, db,
                     "SELECT account, created FROM image_share WHERE image = $1 "
                     "ORDER BY created, account",
                     DB_ARGS(db_text(image)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct share *s = LIST_ADD(arena, &list);

        if (s)
            *s = (struct share){sql_text(arena, &rows, 0), db_col_int(&rows, 1)};
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct share_list){list.v, list.n};
    return 0;
}

/* Asia/Shanghai has been eight hours ahead, all year, since 1991. */
#define TODAY "(@NOW + 28800) / 86400"

struct day_op {
    const char *account, *region;
    int64_t limit;
};

static int use(struct db *db, void *arg, struct err *err)
{
    const struct day_op *d = arg;
    int64_t rows;
    int r;

    if (d->limit <= 0)
        return REFUSED_DAY;
    /* The row is locked from here to the commit: who comes next counts on top of it. */
    r = db_exec(&rows, db,
                "INSERT INTO day_op (account, region, day, n) VALUES ($1, $2, " TODAY
                ", 1) ON CONFLICT (account, region, day) DO UPDATE SET n = day_op.n + 1 "
                "WHERE day_op.n < $3",
                DB_ARGS(db_text(d->account), db_text(d->region), db_int(d->limit)), err);
    if (r < 0)
        return r;
    if (rows == 0)
        return REFUSED_DAY;
    /* Yesterday's are of no use; the key begins with the account, so this is a short
     * look. */
    return db_exec(
        NULL, db,
        "DELETE FROM day_op WHERE account = $1 AND region = $2 AND day < " TODAY,
        DB_ARGS(db_text(d->account), db_text(d->region)), err);
}

int day_op_use(struct db *db, const char *account, const char *region, int64_t limit,
               struct err *err)
{
    return db_tx(db, use, &(struct day_op){account, region, limit}, err);
}

int day_op_count(int64_t *ret, struct db *db, const char *account, const char *region,
                 struct err *err)
{
    int64_t n = 0;
    int r = db_get_int(&n, db,
                       "SELECT n FROM day_op WHERE account = $1 AND region = $2 "
                       "AND day = " TODAY,
                       DB_ARGS(db_text(account), db_text(region)), err);

    if (r >= 0)
        *ret = n;
    return r < 0 ? r : 0;
}
