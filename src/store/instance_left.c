/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Instances that are given up while their host is away. */
#include <assert.h>

#include "base/scoped.h"
#include "store/instance.h"
#include "store/sql.h"
#include "store/task.h"

enum { DAY_S = 24 * 3600 };

/* As if somebody had asked for it and it had been done: who holds the task loses it. */
static int end_task(struct db *db, int64_t id, struct err *err)
{
    return db_exec(NULL, db,
                   "UPDATE task SET state = 4, due = NULL, ended = @NOW, "
                   "reason = 'Canceled', seconds_left = -1 "
                   "WHERE id = $1 AND state IN (0, 1)",
                   DB_ARGS(db_int(id)), err);
}

static int give_up(struct db *db, void *arg, struct err *err)
{
    const struct instance *i = arg;
    int r = i->task ? end_task(db, i->task, err) : 0;

    if (r == 0)
        r = db_exec(NULL, db,
                    "INSERT INTO instance_left (id, zone, blob, since, cleared) VALUES "
                    "($1, $2, $3, @NOW, 0) ON CONFLICT DO NOTHING",
                    DB_ARGS(db_text(i->id), db_text(i->zone), db_text(i->blob)), err);
    return r == 0 ? instance_delete(db, i->id, i->task, err) : r;
}

int instance_give_up(struct db *db, const struct instance *i, struct err *err)
{
    struct instance copy = *i;

    assert(db_in_tx(db));
    return db_tx(db, give_up, &copy, err);
}

int instance_left_list(struct instance_left **ret, size_t *ret_n, struct arena *arena,
                       struct db *db, const char *zone, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct instance_left) list = {0};
    /* A new one may have got the same id. */
    int r = db_query(
        &rows, db,
        "SELECT l.id, l.blob, l.cleared FROM instance_left l WHERE l.zone = $1 AND NOT "
        "EXISTS (SELECT 1 FROM instance i WHERE i.id = l.id) "
        "ORDER BY l.cleared, l.id LIMIT 100",
        DB_ARGS(db_text(zone)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct instance_left *l = LIST_ADD(arena, &list);

        if (l)
            *l = (struct instance_left){
                .id = sql_text(arena, &rows, 0),
                .blob = sql_text(arena, &rows, 1),
                .cleared = db_col_int(&rows, 2) != 0,
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = list.v;
    *ret_n = list.n;
    return 0;
}

struct left_id {
    const char *id;
};

static int cleared(struct db *db, void *arg, struct err *err)
{
    const char *id = ((const struct left_id *)arg)->id;
    int r = db_exec(NULL, db,
                    "UPDATE instance_left SET cleared = @NOW WHERE id = $1 "
                    "AND cleared = 0",
                    DB_ARGS(db_text(id)), err);

    if (r == 0)
        r = db_exec(NULL, db,
                    "DELETE FROM instance_left WHERE id = $1 AND cleared < @NOW - $2",
                    DB_ARGS(db_text(id), db_int(DAY_S)), err);
    return r;
}

int instance_left_cleared(struct db *db, const char *id, struct err *err)
{
    return db_tx_lazy(db, cleared, &(struct left_id){id}, err);
}
