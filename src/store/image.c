/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/image.h"

#include <assert.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/image_row.h"
#include "store/sql.h"
#include "store/task.h"

#define TEXT(field) ", i." #field
#define INT(field)  ", i." #field
const char image_columns[] = "i.no, i.id, i.tags, i.shares, i.created, i.updated"
#include "store/image_fields.def"
    ;
#undef TEXT
#undef INT

struct image image_read(const struct db_rows *rows, int col, struct arena *arena)
{
    struct image i;

#define TEXT(field) i.field = sql_text(arena, rows, col++);
#define INT(field)  i.field = (__typeof__(i.field))db_col_int(rows, col++);
    INT(no)
    TEXT(id)
    TEXT(tags)
    INT(shares)
    INT(created)
    INT(updated)
#include "store/image_fields.def"
#undef TEXT
#undef INT
    i.view = i.kind == IMAGE_PUBLIC   ? VIEW_PUBLIC
             : i.kind == IMAGE_MARKET ? VIEW_MARKET
                                      : VIEW_PRIVATE;
    return i;
}

int image_count(int64_t *ret, struct db *db, const char *owner, const char *region,
                struct err *err)
{
    int r = db_get_int(ret, db,
                       "SELECT COUNT(*) FROM image WHERE owner = $1 AND region = $2 "
                       "AND kind = 0 AND state NOT IN (2, 5)",
                       DB_ARGS(db_text(owner), db_text(region)), err);

    return r < 0 ? r : 0;
}

/* 1: one that has not failed has this name. */
static int name_is_taken(struct db *db, const char *owner, const char *region,
                         const char *name, struct err *err)
{
    int64_t one;

    return db_get_int(&one, db,
                      "SELECT 1 FROM image WHERE owner = $1 AND region = $2 "
                      "AND name = $3 AND state NOT IN (2, 5)",
                      DB_ARGS(db_text(owner), db_text(region), db_text(name)), err);
}

struct new_image {
    char *ret_id;
    const struct image *image;
    int64_t quota;
    const struct tag *tags;
    size_t n_tags;
};

static int insert(int64_t *ret_rows, struct db *db, const char *id, const struct image *i,
                  struct err *err)
{
#define TEXT(field) db_text(sql_or_empty(i->field)),
#define INT(field)  db_int((int64_t)i->field),
    const struct db_arg args[] = {
        db_text(id),
#include "store/image_fields.def"
    };
#undef TEXT
#undef INT

#define TEXT(field) ", " #field
#define INT(field)  ", " #field
    return db_exec(ret_rows, db,
                   "INSERT INTO image (tags, shares, created, updated, id"
#include "store/image_fields.def"
                   ") VALUES ('[]', 0, @NOW, @NOW, $1, $2, $3, $4, $5, $6, $7, $8, $9, "
                   "$10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, "
                   "$23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34) "
                   "ON CONFLICT DO NOTHING",
                   args, ARRAY_SIZE(args), err);
#undef TEXT
#undef INT
}

static int new_image(struct db *db, void *arg, struct err *err)
{
    const struct new_image *n = arg;
    const struct image *image = n->image;
    char id[IMAGE_ID_SIZE] = "img-";
    int64_t have = 0, rows = 0;
    int r;

    /* Whoever else adds to this account waits here, so what is counted stays true. */
    r = account_lock(db, image->owner, err);
    if (r != 0)
        return r < 0 ? r : REFUSED_ACCOUNT;
    r = name_is_taken(db, image->owner, image->region, image->name, err);
    if (r != 0)
        return r < 0 ? r : REFUSED_NAME;
    if (image->kind == IMAGE_CUSTOM) {
        r = image_count(&have, db, image->owner, image->region, err);
        if (r < 0)
            return r;
        if (have >= n->quota)
            return REFUSED_QUOTA;
    }
    for (int i = 0; rows == 0; i++) {
        if (i == DB_ID_TRIES)
            return FAIL(err, ERR_LIMIT, "images: %d ids were all taken", DB_ID_TRIES);
        r = db_random_id(id + 4, 8, ID_LOWER, db, err);
        if (r == 0)
            r = insert(&rows, db, id, image, err);
        if (r < 0)
            return r;
    }
    for (size_t i = 0; i < n->n_tags; i++) {
        r = image_tag(db, id, &n->tags[i], err);
        if (r != 0)
            return r;
    }
    memcpy(n->ret_id, id, sizeof id);
    return 0;
}

int image_new(char *ret_id, struct db *db, const struct image *image, int64_t quota,
              const struct tag *tags, size_t n_tags, struct err *err)
{
    return db_tx(db, new_image, &(struct new_image){ret_id, image, quota, tags, n_tags},
                 err);
}

int image_get(struct image *ret, struct arena *arena, struct db *db, const char *id,
              bool lock, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    char sql[1024];
    struct image image;
    int r;

    assert(!lock || db_in_tx(db));
    r = snprintf(sql, sizeof sql, "SELECT %s FROM image i WHERE i.id = $1%s",
                 image_columns, lock ? " @LOCK" : "");
    assert((size_t)r < sizeof sql);
    r = db_query(&rows, db, sql, DB_ARGS(db_text(id)), err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    image = image_read(&rows, 0, arena);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = image;
    return r;
}

struct change {
    const char *id;
    unsigned from;
    const struct image_change *c;
};

/* Nobody changes it from here on. */
static int hold(int64_t *ret_state, int64_t *ret_shares, struct db *db, const char *id,
                struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int r = db_query(&rows, db, "SELECT state, shares FROM image WHERE id = $1 @LOCK",
                     DB_ARGS(db_text(id)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    *ret_state = db_col_int(&rows, 0);
    *ret_shares = db_col_int(&rows, 1);
    return 0;
}

static bool state_in(int64_t state, unsigned set)
{
    return state >= 0 && state < IMAGE_STATES && (set >> state & 1);
}

/* Columns of struct image_change, in the order of its parameters from $2 on. */
#define KEEP_INT(n, column) \
#column " = CASE WHEN $" #n " < 0 THEN " #column " ELSE $" #n " END, "
#define KEEP_TEXT(n, column) #column " = COALESCE($" #n ", " #column "), "

static const char change_sql[] = "UPDATE image SET " KEEP_INT(2, state) KEEP_INT(3, kind)
    KEEP_INT(4, publish) KEEP_INT(5, cloud_init) KEEP_INT(6, deprecated) KEEP_TEXT(
        7, name) KEEP_TEXT(8, description) KEEP_TEXT(9, family) KEEP_TEXT(10, os_name)
        KEEP_TEXT(11, platform) KEEP_TEXT(12, architecture) KEEP_TEXT(13, boot_mode)
            KEEP_INT(14, size_gib) KEEP_INT(15, virtual_size) KEEP_INT(16, file_size)
                KEEP_TEXT(17, blob) KEEP_TEXT(18, sha256) KEEP_TEXT(19, snapshots)
                    KEEP_TEXT(20, disks) KEEP_TEXT(21, reason) KEEP_TEXT(22, sub_cause)
                        KEEP_TEXT(23, detail) KEEP_TEXT(24, profile) KEEP_TEXT(25, seller)
                            KEEP_INT(26,
                                     price) "sync_percent = CASE WHEN $27 < 0 THEN "
                                            "sync_percent WHEN $27 > 100 THEN -1 "
                                            "ELSE $27 END, updated = @NOW WHERE id = $1";

static int change_image(struct db *db, void *arg, struct err *err)
{
    const struct change *a = arg;
    const struct image_change *c = a->c;
    struct err e = {0};
    int64_t state, shares;
    int r;

    r = hold(&state, &shares, db, a->id, err);
    if (r != 0)
        return r;
    if (!state_in(state, a->from))
        return REFUSED_STATE;
    r = db_exec(NULL, db, change_sql,
                DB_ARGS(db_text(a->id), db_int(c->state), db_int(c->kind),
                        db_int(c->publish), db_int(c->cloud_init), db_int(c->deprecated),
                        db_text(c->name), db_text(c->description), db_text(c->family),
                        db_text(c->os_name), db_text(c->platform),
                        db_text(c->architecture), db_text(c->boot_mode),
                        db_int(c->size_gib), db_int(c->virtual_size),
                        db_int(c->file_size), db_text(c->blob), db_text(c->sha256),
                        db_text(c->snapshots), db_text(c->disks), db_text(c->reason),
                        db_text(c->sub_cause), db_text(c->detail), db_text(c->profile),
                        db_text(c->seller), db_int(c->price), db_int(c->sync_percent)),
                &e);
    /* The index of names decides: of two who rename at once, one is told. */
    if (r < 0 && db_was_duplicate(db))
        return REFUSED_NAME;
    if (r < 0 && err)
        *err = e;
    return r;
}

int image_change(struct db *db, const char *id, unsigned from,
                 const struct image_change *change, struct err *err)
{
    return db_tx(db, change_image, &(struct change){id, from, change}, err);
}

static int delete_image(struct db *db, void *arg, struct err *err)
{
    const struct change *a = arg;
    int64_t state, shares, n;
    int r;

    r = hold(&state, &shares, db, a->id, err);
    if (r != 0)
        return r;
    if (!state_in(state, a->from))
        return REFUSED_STATE;
    if (shares > 0)
        return REFUSED_SHARED;
    r = db_get_int(
        &n, db,
        "SELECT 1 FROM task WHERE image = $1 AND due IS NOT NULL AND "
        "kind NOT IN ($2, $3) UNION ALL SELECT 1 FROM task_use u JOIN task t ON "
        "t.id = u.task WHERE u.image = $1 AND t.due IS NOT NULL LIMIT 1",
        DB_ARGS(db_text(a->id), db_int(TASK_RECHECK), db_int(TASK_SUM)), err);
    if (r != 0)
        return r < 0 ? r : REFUSED_BUSY;
    r = db_get_int(&n, db,
                   "SELECT 1 FROM instance WHERE image = $1 AND blob <> '' LIMIT 1",
                   DB_ARGS(db_text(a->id)), err);
    if (r != 0)
        return r < 0 ? r : REFUSED_INSTANCE;
    /* Who reads its bytes to sum them keeps the room that they take. */
    r = db_exec(NULL, db,
                "UPDATE task SET cancel_asked = 1 WHERE image = $1 AND kind = $2 AND "
                "due IS NOT NULL",
                DB_ARGS(db_text(a->id), db_int(TASK_SUM)), err);
    if (r < 0)
        return r;
    return db_exec(NULL, db, "DELETE FROM image WHERE id = $1", DB_ARGS(db_text(a->id)),
                   err);
}

int image_delete(struct db *db, const char *id, unsigned from, struct err *err)
{
    return db_tx(db, delete_image, &(struct change){id, from, NULL}, err);
}

int image_uses_blob(bool *ret, struct db *db, const char *blob, struct err *err)
{
    int64_t one;
    int r = db_get_int(&one, db,
                       "SELECT 1 FROM image WHERE $1 <> '' AND (blob = $1"
                       " OR disks LIKE '%\"blob\":\"' || $1 || '\"%') LIMIT 1",
                       DB_ARGS(db_text(blob)), err);

    if (r >= 0)
        *ret = r == 1;
    return r < 0 ? r : 0;
}
