/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "store/bucket.h"
#include "store/object.h"
#include "store/sql.h"

#define UPLOAD_COLUMNS \
    "id, bucket, name, owner, content_type, headers, acl, grants, created"

static struct upload read_upload(const struct db_rows *rows, struct arena *arena)
{
    return (struct upload){
        .id = sql_text(arena, rows, 0),
        .bucket = sql_text(arena, rows, 1),
        .key = sql_text(arena, rows, 2),
        .owner = sql_text(arena, rows, 3),
        .content_type = sql_text(arena, rows, 4),
        .headers = sql_text(arena, rows, 5),
        .acl = (enum acl)db_col_int(rows, 6),
        .grants = sql_text(arena, rows, 7),
        .created = db_col_int(rows, 8),
    };
}

struct new_upload {
    char *ret_id;
    const struct upload *u;
};

static int new_upload(struct db *db, void *arg, struct err *err)
{
    const struct new_upload *n = arg;
    const struct upload *u = n->u;
    int64_t rows;
    int r = db_get_int(&rows, db, "SELECT 1 FROM bucket WHERE name = $1",
                       DB_ARGS(db_text(u->bucket)), err);

    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    r = db_random_id(n->ret_id, UPLOAD_ID_LEN, "0123456789abcdef", db, err);
    if (r < 0)
        return r;
    return db_exec(NULL, db,
                   "INSERT INTO upload (" UPLOAD_COLUMNS ") "
                   "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, @NOW)",
                   DB_ARGS(db_text(n->ret_id), db_text(u->bucket), db_text(u->key),
                           db_text(sql_or_empty(u->owner)),
                           db_text(sql_or_empty(u->content_type)),
                           db_text(sql_or_empty(u->headers)), db_int(u->acl),
                           db_text(sql_or_empty(u->grants))),
                   err);
}

int upload_new(char ret_id[UPLOAD_ID_LEN + 1], struct db *db, const struct upload *u,
               struct err *err)
{
    struct new_upload n = {ret_id, u};

    return db_tx(db, new_upload, &n, err);
}

int upload_get(struct upload *ret, struct arena *arena, struct db *db, const char *bucket,
               const char *key, const char *id, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct upload u;
    int r = db_query(&rows, db,
                     "SELECT " UPLOAD_COLUMNS " FROM upload "
                     "WHERE id = $1 AND bucket = $2 AND name = $3",
                     DB_ARGS(db_text(id), db_text(bucket), db_text(key)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    u = read_upload(&rows, arena);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = u;
    return r;
}

/* ---- lists */

struct uploads {
    struct upload_list *ret;
    struct arena *arena;
    const struct list_query *q;
    LIST(struct upload) rows;
    LIST(const char *) prefixes;
    const char *last_key, *last_id;
};

/* False: no further one belongs to the answer. */
static bool list_upload(struct uploads *l, const struct db_rows *rows)
{
    const struct list_query *q = l->q;
    const char *key = db_col_text(rows, 2);
    struct bytes common;
    bool grouped;

    if (strncmp(key, q->prefix, strlen(q->prefix)) != 0)
        return false;
    grouped = list_prefix_of(&common, key, q);
    if (grouped &&
        ((l->last_key && strlen(l->last_key) == common.n &&
          memcmp(l->last_key, common.p, common.n) == 0) ||
         (strlen(q->marker) >= common.n && memcmp(q->marker, common.p, common.n) == 0)))
        return true;
    if (l->rows.n + l->prefixes.n == q->max) {
        l->ret->next_key = l->last_key;
        l->ret->next_id = l->last_id;
        return false;
    }
    if (grouped) {
        const char **p = LIST_ADD(l->arena, &l->prefixes);

        l->last_key = arena_strn(l->arena, (const char *)common.p, common.n);
        l->last_id = "";
        if (p)
            *p = l->last_key;
    } else {
        struct upload *u = LIST_ADD(l->arena, &l->rows);

        if (u) {
            *u = read_upload(rows, l->arena);
            l->last_key = u->key;
            l->last_id = u->id;
        }
    }
    return true;
}

int upload_list(struct upload_list *ret, struct arena *arena, struct db *db,
                const struct list_query *q, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct upload_list list = {0};
    struct uploads l = {.ret = &list, .arena = arena, .q = q};
    const char *id = sql_or_empty(q->upload_marker);
    int r;

    assert(q->max <= LIST_MAX);
    /* Without a marker of ids the marker's own key is not told again. */
    r = db_query(
        &rows, db,
        "SELECT " UPLOAD_COLUMNS " FROM upload WHERE bucket = $1 AND name >= $2 "
        "AND (name > $3 OR (name = $3 AND $4 <> '' AND id > $4)) "
        "ORDER BY name, id",
        DB_ARGS(db_text(q->bucket),
                db_text(strcmp(q->prefix, q->marker) > 0 ? q->prefix : q->marker),
                db_text(q->marker), db_text(id)),
        err);
    while (r == 0 && q->max && (r = db_next(&rows, err)) > 0) {
        bool more = list_upload(&l, &rows);

        r = arena_check(arena, err);
        if (!more)
            break;
    }
    if (r < 0)
        return r;
    list.v = l.rows.v;
    list.n = l.rows.n;
    list.prefixes = l.prefixes.v;
    list.n_prefixes = l.prefixes.n;
    *ret = list;
    return 0;
}

int part_list(struct part_list *ret, struct arena *arena, struct db *db,
              const char *upload, unsigned after, size_t max, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct part) list = {0};
    bool more = false;
    int r =
        db_query(&rows, db,
                 "SELECT number, size, etag, blob, modified FROM upload_part "
                 "WHERE upload = $1 AND number > $2 ORDER BY number LIMIT $3",
                 DB_ARGS(db_text(upload), db_int(after), db_int((int64_t)max + 1)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct part *p;

        if (list.n == max) {
            more = true;
            break;
        }
        p = LIST_ADD(arena, &list);
        if (p)
            *p = (struct part){
                .number = (unsigned)db_col_int(&rows, 0),
                .size = (uint64_t)db_col_int(&rows, 1),
                .etag = sql_text(arena, &rows, 2),
                .blob = sql_text(arena, &rows, 3),
                .modified = db_col_int(&rows, 4),
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct part_list){list.v, list.n, more};
    return 0;
}

/* ---- changes: those of one upload run one after the other */

static int lock_upload(struct db *db, const char *id, struct err *err)
{
    int64_t one;
    int r = db_get_int(&one, db, "SELECT 1 FROM upload WHERE id = $1 @LOCK",
                       DB_ARGS(db_text(id)), err);

    return r < 0 ? r : r == 0 ? REFUSED_NONE : 0;
}

struct put_part {
    struct dead_blobs *dead;
    struct arena *arena;
    const char *upload;
    const struct part *p;
};

static int put_part(struct db *db, void *arg, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    const struct put_part *a = arg;
    const struct part *p = a->p;
    int r = lock_upload(db, a->upload, err);

    *a->dead = (struct dead_blobs){0};
    if (r != 0)
        return r;
    r = db_query(&rows, db,
                 "SELECT blob FROM upload_part WHERE upload = $1 AND number = $2",
                 DB_ARGS(db_text(a->upload), db_int(p->number)), err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r > 0) {
        const char **v = arena_alloc(a->arena, sizeof *v);

        if (v) {
            *v = sql_text(a->arena, &rows, 0);
            *a->dead = (struct dead_blobs){v, 1};
        }
        r = arena_check(a->arena, err);
    }
    db_rows_end(&rows);
    if (r < 0)
        return r;
    return db_exec(NULL, db,
                   "INSERT INTO upload_part (upload, number, size, etag, blob, modified) "
                   "VALUES ($1, $2, $3, $4, $5, @NOW) ON CONFLICT (upload, number) "
                   "DO UPDATE SET size = $3, etag = $4, blob = $5, modified = @NOW",
                   DB_ARGS(db_text(a->upload), db_int(p->number),
                           db_int((int64_t)p->size), db_text(p->etag), db_text(p->blob)),
                   err);
}

int part_put(struct dead_blobs *dead, struct arena *arena, struct db *db,
             const char *upload, const struct part *p, struct err *err)
{
    struct put_part a = {dead, arena, upload, p};

    assert(p->number >= 1 && p->number <= PART_MAX);
    return db_tx(db, put_part, &a, err);
}

static int delete_upload(struct db *db, const char *id, struct err *err)
{
    int r = db_exec(NULL, db, "DELETE FROM upload_part WHERE upload = $1",
                    DB_ARGS(db_text(id)), err);

    return r < 0 ? r
                 : db_exec(NULL, db, "DELETE FROM upload WHERE id = $1",
                           DB_ARGS(db_text(id)), err);
}

struct end {
    struct dead_blobs *dead;
    struct arena *arena;
    const char *upload;
    const struct object *o;
    const struct object_pieces *pieces;
};

static const char blobs_of_upload[] = "SELECT blob FROM upload_part WHERE upload = $1 "
                                      "ORDER BY number";

static int complete(struct db *db, void *arg, struct err *err)
{
    const struct end *e = arg;
    struct dead_blobs parts = {0};
    LIST(const char *) dead = {0};
    size_t used = 0;
    int r = lock_upload(db, e->upload, err);

    *e->dead = (struct dead_blobs){0};
    if (r == 0)
        r = dead_collect(&parts, e->arena, db, blobs_of_upload, db_text(e->upload), err);
    if (r == 0)
        r = object_put_in_tx(e->dead, e->arena, db, e->o, e->pieces, err);
    if (r == 0)
        r = delete_upload(db, e->upload, err);
    if (r != 0)
        return r;
    for (size_t i = 0; i < e->dead->n; i++) {
        const char **v = LIST_ADD(e->arena, &dead);

        if (v)
            *v = e->dead->v[i];
    }
    /* Both are in the order of the parts' numbers. */
    for (size_t i = 0; i < parts.n; i++) {
        const char **v;

        if (used < e->pieces->n && strcmp(e->pieces->v[used].blob, parts.v[i]) == 0) {
            used++;
            continue;
        }
        v = LIST_ADD(e->arena, &dead);
        if (v)
            *v = parts.v[i];
    }
    /* A part was sent again since the caller looked. */
    if (used != e->pieces->n)
        return REFUSED_STATE;
    *e->dead = (struct dead_blobs){dead.v, dead.n};
    return arena_check(e->arena, err);
}

int upload_complete(struct dead_blobs *dead, struct arena *arena, struct db *db,
                    const char *upload, const struct object *o,
                    const struct object_pieces *pieces, struct err *err)
{
    struct end e = {dead, arena, upload, o, pieces};

    return db_tx(db, complete, &e, err);
}

static int abandon(struct db *db, void *arg, struct err *err)
{
    const struct end *e = arg;
    int r = lock_upload(db, e->upload, err);

    *e->dead = (struct dead_blobs){0};
    if (r == 0)
        r = dead_collect(e->dead, e->arena, db, blobs_of_upload, db_text(e->upload), err);
    return r == 0 ? delete_upload(db, e->upload, err) : r;
}

int upload_abort(struct dead_blobs *dead, struct arena *arena, struct db *db,
                 const char *upload, struct err *err)
{
    struct end e = {.dead = dead, .arena = arena, .upload = upload};

    return db_tx(db, abandon, &e, err);
}
