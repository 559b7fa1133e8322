/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hangs on an image: tags, its family, its report. */
#include <jansson.h>

#include "base/scoped.h"
#include "store/image.h"
#include "store/image_row.h"
#include "store/sql.h"
#include "store/task.h"

/* The column `tags` says again what the table image_tag says, so that lists need not
 * join. */
static int write_tags(struct db *db, const char *id, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    json_auto_t *tags = json_array();
    AUTO(freep) char *text = NULL;
    int r = db_query(&rows, db,
                     "SELECT tag_key, tag_value FROM image_tag WHERE image = $1 "
                     "ORDER BY tag_key",
                     DB_ARGS(db_text(id)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0)
        r = json_array_append_new(tags,
                                  json_pack("{s:s, s:s}", "Key", db_col_text(&rows, 0),
                                            "Value", db_col_text(&rows, 1))) < 0
                ? FAIL(err, ERR_NOMEM, "tags")
                : 0;
    if (r < 0)
        return r;
    db_rows_end(&rows);
    text = json_dumps(tags, JSON_COMPACT);
    if (!text)
        return FAIL(err, ERR_NOMEM, "tags");
    return db_exec(NULL, db, "UPDATE image SET tags = $2 WHERE id = $1",
                   DB_ARGS(db_text(id), db_text(text)), err);
}

struct tagging {
    const char *id;
    const char *key, *value; /* value NULL: away with it */
};

static int tagging(struct db *db, void *arg, struct err *err)
{
    const struct tagging *t = arg;
    int64_t n = 0;
    int r;

    r = db_get_int(&n, db, "SELECT 1 FROM image WHERE id = $1 @LOCK",
                   DB_ARGS(db_text(t->id)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    if (t->value)
        r = db_exec(NULL, db,
                    "INSERT INTO image_tag (image, tag_key, tag_value) "
                    "VALUES ($1, $2, $3) ON CONFLICT (image, tag_key) "
                    "DO UPDATE SET tag_value = excluded.tag_value",
                    DB_ARGS(db_text(t->id), db_text(t->key), db_text(t->value)), err);
    else
        r = db_exec(NULL, db, "DELETE FROM image_tag WHERE image = $1 AND tag_key = $2",
                    DB_ARGS(db_text(t->id), db_text(t->key)), err);
    if (r == 0)
        r = db_get_int(&n, db, "SELECT COUNT(*) FROM image_tag WHERE image = $1",
                       DB_ARGS(db_text(t->id)), err);
    if (r < 0)
        return r;
    return n > TAGS_MAX ? REFUSED_QUOTA : write_tags(db, t->id, err);
}

int image_tag(struct db *db, const char *id, const struct tag *tag, struct err *err)
{
    return db_tx(db, tagging, &(struct tagging){id, tag->key, tag->value}, err);
}

int image_untag(struct db *db, const char *id, const char *key, struct err *err)
{
    return db_tx(db, tagging, &(struct tagging){id, key, NULL}, err);
}

enum { FAMILY_PAGE = 100 };

int image_of_family(struct image *ret, struct arena *arena, struct db *db,
                    const char *account, const char *region, const char *family,
                    struct err *err)
{
    static const char *const normal = "NORMAL";
    const struct image_filter filters[] = {
        {.key = FILTER_FAMILY, .values = &family, .n_values = 1},
        {.key = FILTER_STATE, .values = &normal, .n_values = 1},
    };
    struct image_query q = {
        .account = account,
        .region = region,
        .filters = filters,
        .n_filters = ARRAY_SIZE(filters),
        .limit = FAMILY_PAGE,
    };
    struct image_list list;

    do {
        int r = image_list(&list, arena, db, &q, err);

        if (r < 0)
            return r;
        for (size_t i = 0; i < list.n; i++)
            if (!list.v[i].deprecated) {
                *ret = list.v[i];
                return 0;
            }
        q.offset += FAMILY_PAGE;
    } while (q.offset < list.total);
    return REFUSED_NONE;
}

struct reporting {
    const char *id, *json;
};

static int reporting(struct db *db, void *arg, struct err *err)
{
    const struct reporting *p = arg;
    int64_t one;
    int r;

    r = db_get_int(&one, db, "SELECT 1 FROM image WHERE id = $1 @LOCK",
                   DB_ARGS(db_text(p->id)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    return db_exec(NULL, db,
                   "INSERT INTO image_report (image, report) VALUES ($1, $2) "
                   "ON CONFLICT (image) DO UPDATE SET report = excluded.report",
                   DB_ARGS(db_text(p->id), db_text(p->json)), err);
}

int image_set_report(struct db *db, const char *id, const char *json, struct err *err)
{
    return db_tx(db, reporting, &(struct reporting){id, json}, err);
}

int image_get_report(const char **ret, struct arena *arena, struct db *db, const char *id,
                     struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    const char *text;
    int r = db_query(&rows, db, "SELECT report FROM image_report WHERE image = $1",
                     DB_ARGS(db_text(id)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    text = sql_text(arena, &rows, 0);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = text;
    return r;
}

/* Ends *rows. */
static int take_ids(const char ***ret, size_t *ret_n, struct arena *arena,
                    struct db_rows *rows, struct err *err)
{
    LIST(const char *) list = {0};
    int r = 0;

    while (r == 0 && (r = db_next(rows, err)) > 0) {
        const char **id = LIST_ADD(arena, &list);

        if (id)
            *id = sql_text(arena, rows, 0);
        r = arena_check(arena, err);
    }
    db_rows_end(rows);
    if (r < 0)
        return r;
    *ret = list.v;
    *ret_n = list.n;
    return 0;
}

int image_judged_otherwise(const char ***ret, size_t *ret_n, struct arena *arena,
                           struct db *db, const char *profile, const char *after,
                           size_t max, struct err *err)
{
    struct db_rows rows = {0};
    int r =
        db_query(&rows, db,
                 "SELECT r.image FROM image_report r JOIN image i ON i.id = r.image "
                 "WHERE i.state = 1 AND i.profile <> $1 AND r.image > $2 "
                 "ORDER BY r.image LIMIT $3",
                 DB_ARGS(db_text(profile), db_text(after), db_int((int64_t)max)), err);

    return r < 0 ? r : take_ids(ret, ret_n, arena, &rows, err);
}

int image_without_sum(const char ***ret, size_t *ret_n, struct arena *arena,
                      struct db *db, const char *after, size_t max, struct err *err)
{
    struct db_rows rows = {0};
    int r =
        db_query(&rows, db,
                 "SELECT i.id FROM image i WHERE i.state = 1 AND i.blob <> '' AND "
                 "i.sha256 = '' AND i.id > $1 AND NOT EXISTS (SELECT 1 FROM task t "
                 "WHERE t.image = i.id AND t.kind = $2 AND t.due IS NOT NULL) "
                 "ORDER BY i.id LIMIT $3",
                 DB_ARGS(db_text(after), db_int(TASK_SUM), db_int((int64_t)max)), err);

    return r < 0 ? r : take_ids(ret, ret_n, arena, &rows, err);
}
