/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "store/bucket.h"
#include "store/object.h"
#include "store/sql.h"

#define OBJECT_COLUMNS \
    "id, bucket, name, size, etag, content_type, headers, acl, grants, modified"

static struct object read_object(const struct db_rows *rows, struct arena *arena)
{
    return (struct object){
        .id = db_col_int(rows, 0),
        .bucket = sql_text(arena, rows, 1),
        .key = sql_text(arena, rows, 2),
        .size = (uint64_t)db_col_int(rows, 3),
        .etag = sql_text(arena, rows, 4),
        .content_type = sql_text(arena, rows, 5),
        .headers = sql_text(arena, rows, 6),
        .acl = (enum acl)db_col_int(rows, 7),
        .grants = sql_text(arena, rows, 8),
        .modified = db_col_int(rows, 9),
    };
}

int dead_collect(struct dead_blobs *dead, struct arena *arena, struct db *db,
                 const char *sql, struct db_arg arg, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(const char *) list = {dead->v, dead->n, dead->n};
    int r = db_query(&rows, db, sql, DB_ARGS(arg), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        const char **blob = LIST_ADD(arena, &list);

        if (blob)
            *blob = sql_text(arena, &rows, 0);
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *dead = (struct dead_blobs){list.v, list.n};
    return 0;
}

/* Puts and deletes of a bucket run one after the other. */
static int lock_bucket(struct db *db, const char *name, struct err *err)
{
    int64_t one;
    int r = db_get_int(&one, db, "SELECT 1 FROM bucket WHERE name = $1 @LOCK",
                       DB_ARGS(db_text(name)), err);

    return r < 0 ? r : r == 0 ? REFUSED_NONE : 0;
}

/* REFUSED_NONE: there was none. */
static int remove_row(struct dead_blobs *dead, struct arena *arena, struct db *db,
                      const char *bucket, const char *key, struct err *err)
{
    int64_t id;
    int r = db_get_int(&id, db, "SELECT id FROM object WHERE bucket = $1 AND name = $2",
                       DB_ARGS(db_text(bucket), db_text(key)), err);

    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    r = dead_collect(dead, arena, db, "SELECT blob FROM object_piece WHERE object = $1",
                     db_int(id), err);
    if (r == 0)
        r = db_exec(NULL, db, "DELETE FROM object_piece WHERE object = $1",
                    DB_ARGS(db_int(id)), err);
    if (r == 0)
        r = db_exec(NULL, db, "DELETE FROM object WHERE id = $1", DB_ARGS(db_int(id)),
                    err);
    return r;
}

struct put {
    struct dead_blobs *dead;
    struct arena *arena;
    const struct object *o;
    const struct object_pieces *pieces;
};

int object_put_in_tx(struct dead_blobs *dead, struct arena *arena, struct db *db,
                     const struct object *o, const struct object_pieces *pieces,
                     struct err *err)
{
    uint64_t end = 0;
    int64_t id;
    int r = lock_bucket(db, o->bucket, err);

    if (r != 0)
        return r;
    r = remove_row(dead, arena, db, o->bucket, o->key, err);
    if (r < 0)
        return r;
    r = db_random_int(&id, db, err);
    if (r == 0)
        r = db_exec(NULL, db,
                    "INSERT INTO object (" OBJECT_COLUMNS ") "
                    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, @NOW)",
                    DB_ARGS(db_int(id), db_text(o->bucket), db_text(o->key),
                            db_int((int64_t)o->size), db_text(o->etag),
                            db_text(sql_or_empty(o->content_type)),
                            db_text(sql_or_empty(o->headers)), db_int(o->acl),
                            db_text(sql_or_empty(o->grants))),
                    err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < pieces->n; i++) {
        const struct object_piece *p = &pieces->v[i];

        assert(p->offset == end);
        end += p->size;
        r = db_exec(NULL, db,
                    "INSERT INTO object_piece (object, start, size, blob) "
                    "VALUES ($1, $2, $3, $4)",
                    DB_ARGS(db_int(id), db_int((int64_t)p->offset),
                            db_int((int64_t)p->size), db_text(p->blob)),
                    err);
        if (r < 0)
            return r;
    }
    assert(end == o->size);
    return 0;
}

static int put(struct db *db, void *arg, struct err *err)
{
    const struct put *p = arg;

    *p->dead = (struct dead_blobs){0};
    return object_put_in_tx(p->dead, p->arena, db, p->o, p->pieces, err);
}

int object_put(struct dead_blobs *dead, struct arena *arena, struct db *db,
               const struct object *o, const struct object_pieces *pieces,
               struct err *err)
{
    struct put p = {dead, arena, o, pieces};

    return db_tx(db, put, &p, err);
}

int object_get(struct object *ret, struct arena *arena, struct db *db, const char *bucket,
               const char *key, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct object o;
    int r = db_query(&rows, db,
                     "SELECT " OBJECT_COLUMNS " FROM object "
                     "WHERE bucket = $1 AND name = $2",
                     DB_ARGS(db_text(bucket), db_text(key)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    o = read_object(&rows, arena);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = o;
    return r;
}

int object_pieces(struct object_pieces *ret, struct arena *arena, struct db *db,
                  int64_t object, uint64_t offset, uint64_t length, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    LIST(struct object_piece) list = {0};
    int r = db_query(&rows, db,
                     "SELECT start, size, blob FROM object_piece WHERE object = $1 "
                     "AND start < $2 AND start + size > $3 ORDER BY start",
                     DB_ARGS(db_int(object), db_int((int64_t)(offset + length)),
                             db_int((int64_t)offset)),
                     err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        struct object_piece *p = LIST_ADD(arena, &list);

        if (p)
            *p = (struct object_piece){
                .offset = (uint64_t)db_col_int(&rows, 0),
                .size = (uint64_t)db_col_int(&rows, 1),
                .blob = sql_text(arena, &rows, 2),
            };
        r = arena_check(arena, err);
    }
    if (r < 0)
        return r;
    *ret = (struct object_pieces){list.v, list.n};
    return 0;
}

struct set_acl {
    const char *bucket, *key, *grants;
    enum acl acl;
};

static int set_acl(struct db *db, void *arg, struct err *err)
{
    const struct set_acl *s = arg;
    int64_t n;
    int r = db_exec(&n, db,
                    "UPDATE object SET acl = $3, grants = $4 "
                    "WHERE bucket = $1 AND name = $2",
                    DB_ARGS(db_text(s->bucket), db_text(s->key), db_int(s->acl),
                            db_text(sql_or_empty(s->grants))),
                    err);

    return r == 0 && n == 0 ? REFUSED_NONE : r;
}

int object_set_acl(struct db *db, const char *bucket, const char *key, enum acl acl,
                   const char *grants, struct err *err)
{
    struct set_acl s = {bucket, key, grants, acl};

    return db_tx(db, set_acl, &s, err);
}

struct removal {
    struct dead_blobs *dead;
    struct arena *arena;
    const char *bucket, *key;
};

static int delete_object(struct db *db, void *arg, struct err *err)
{
    const struct removal *d = arg;
    int r = lock_bucket(db, d->bucket, err);

    *d->dead = (struct dead_blobs){0};
    return r ? r : remove_row(d->dead, d->arena, db, d->bucket, d->key, err);
}

int object_delete(struct dead_blobs *dead, struct arena *arena, struct db *db,
                  const char *bucket, const char *key, struct err *err)
{
    struct removal d = {dead, arena, bucket, key};

    return db_tx(db, delete_object, &d, err);
}

/* ---- lists */

bool list_prefix_of(struct bytes *ret, const char *key, const struct list_query *q)
{
    size_t n = strlen(q->prefix);
    const char *at = *q->delimiter ? strstr(key + n, q->delimiter) : NULL;

    if (!at)
        return false;
    *ret = bytes_of(key, (size_t)(at - key) + strlen(q->delimiter));
    return true;
}

/* The first key behind all that begin with `common`, when that can be said in UTF-8. */
static const char *behind(struct arena *arena, struct bytes common)
{
    char *s;

    if (common.p[common.n - 1] >= 0x7f)
        return NULL;
    s = arena_alloc(arena, common.n + 1);
    if (s) {
        memcpy(s, common.p, common.n);
        s[common.n - 1]++;
    }
    return s;
}

struct listing {
    struct object_list *ret;
    struct arena *arena;
    const struct list_query *q;
    LIST(struct object) rows;
    LIST(const char *) prefixes;
    const char *last; /* of what was listed so far, a key or a prefix */
    const char *from; /* where to look on */
    bool from_inclusive;
    bool over;
};

enum { LIST_ON, LIST_SEEK, LIST_STOP };

/* One key in order. */
static int list_key(struct listing *l, const struct db_rows *rows)
{
    const struct list_query *q = l->q;
    const char *key = db_col_text(rows, 2);
    struct bytes common;
    bool grouped;

    if (strncmp(key, q->prefix, strlen(q->prefix)) != 0)
        return LIST_STOP;
    grouped = list_prefix_of(&common, key, q);
    /* Its group was listed already, or the marker lies in it. */
    if (grouped &&
        ((l->last && strlen(l->last) == common.n &&
          memcmp(l->last, common.p, common.n) == 0) ||
         (strlen(q->marker) >= common.n && memcmp(q->marker, common.p, common.n) == 0))) {
        l->from = behind(l->arena, common);
        l->from_inclusive = true;
        if (l->from)
            return LIST_SEEK;
        l->from = arena_str(l->arena, key);
        l->from_inclusive = false;
        return LIST_ON;
    }
    if (l->rows.n + l->prefixes.n == q->max) {
        l->ret->next = l->last;
        return LIST_STOP;
    }
    if (grouped) {
        const char **p = LIST_ADD(l->arena, &l->prefixes);

        l->last = arena_strn(l->arena, (const char *)common.p, common.n);
        if (p)
            *p = l->last;
    } else {
        struct object *o = LIST_ADD(l->arena, &l->rows);

        if (o) {
            *o = read_object(rows, l->arena);
            l->last = o->key;
        }
    }
    l->from = arena_str(l->arena, key);
    l->from_inclusive = false;
    return LIST_ON;
}

static int list_some(struct listing *l, struct db *db, struct err *err)
{
    static const char *const after =
        "SELECT " OBJECT_COLUMNS " FROM object WHERE bucket = $1 AND name > $2 "
        "ORDER BY name LIMIT $3";
    static const char *const from =
        "SELECT " OBJECT_COLUMNS " FROM object WHERE bucket = $1 AND name >= $2 "
        "ORDER BY name LIMIT $3";
    AUTO(db_rows_end) struct db_rows rows = {0};
    int64_t limit = (int64_t)l->q->max + 1;
    int r =
        db_query(&rows, db, l->from_inclusive ? from : after,
                 DB_ARGS(db_text(l->q->bucket), db_text(l->from), db_int(limit)), err);

    while (r == 0 && (r = db_next(&rows, err)) > 0) {
        int what = list_key(l, &rows);

        r = arena_check(l->arena, err);
        limit--;
        if (what == LIST_SEEK)
            return r;
        if (what == LIST_STOP) {
            l->over = true;
            return r;
        }
    }
    if (limit > 0)
        l->over = true;
    return r;
}

int object_list(struct object_list *ret, struct arena *arena, struct db *db,
                const struct list_query *q, struct err *err)
{
    struct object_list list = {0};
    struct listing l = {.ret = &list, .arena = arena, .q = q};
    int r = 0;

    assert(q->max <= LIST_MAX);
    /* Nothing is asked for, so nothing is cut. */
    l.over = q->max == 0;
    l.from_inclusive = strcmp(q->marker, q->prefix) < 0;
    l.from = l.from_inclusive ? q->prefix : q->marker;
    while (r == 0 && !l.over)
        r = list_some(&l, db, err);
    if (r < 0)
        return r;
    list.v = l.rows.v;
    list.n = l.rows.n;
    list.prefixes = l.prefixes.v;
    list.n_prefixes = l.prefixes.n;
    *ret = list;
    return 0;
}

int blob_has_row(bool *ret, struct db *db, const char *blob, struct err *err)
{
    int64_t one;
    int r = db_get_int(&one, db, "SELECT 1 FROM object_piece WHERE blob = $1 LIMIT 1",
                       DB_ARGS(db_text(blob)), err);

    if (r == 0)
        r = db_get_int(&one, db, "SELECT 1 FROM upload_part WHERE blob = $1 LIMIT 1",
                       DB_ARGS(db_text(blob)), err);
    if (r < 0)
        return r;
    *ret = r > 0;
    return 0;
}
