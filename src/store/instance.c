/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/instance.h"

#include <assert.h>
#include <stdio.h>

#include <jansson.h>

#include "base/scoped.h"
#include "store/account.h"
#include "store/instance_row.h"
#include "store/sql.h"

#define TEXT(field) ", x." #field
#define INT(field)  ", x." #field
const char instance_columns[] =
    "x.no, x.id, x.tags, x.changes, x.created, "
    "COALESCE((SELECT m.license FROM image m WHERE m.id = x.image), ''), "
    "COALESCE((SELECT CASE WHEN z.seen + 60 <= @NOW THEN 1 ELSE 0 END FROM zone z "
    "WHERE z.name = x.zone), 0)"
#include "store/instance_fields.def"
    ;
#undef TEXT
#undef INT

_Static_assert((int)ZONE_AWAY_S == 60, "as instance_columns has it");

struct instance instance_read(const struct db_rows *rows, int col, struct arena *arena)
{
    struct instance i;

#define TEXT(field) i.field = sql_text(arena, rows, col++);
#define INT(field)  i.field = (__typeof__(i.field))db_col_int(rows, col++);
    INT(no)
    TEXT(id)
    TEXT(tags)
    INT(changes)
    INT(created)
    TEXT(license)
    INT(away)
#include "store/instance_fields.def"
#undef TEXT
#undef INT
    return i;
}

struct new_instance {
    char *ret_id;
    const struct instance *instance;
    int64_t quota;
    const struct tag *tags;
    size_t n_tags;
};

static int insert(int64_t *ret_rows, struct db *db, const char *id, const char *tags,
                  const struct instance *i, struct err *err)
{
#define TEXT(field) db_text(sql_or_empty(i->field)),
#define INT(field)  db_int((int64_t)i->field),
    const struct db_arg args[] = {
        db_text(id),
        db_text(tags),
#include "store/instance_fields.def"
    };
#undef TEXT
#undef INT

#define TEXT(field) ", " #field
#define INT(field)  ", " #field
    return db_exec(ret_rows, db,
                   "INSERT INTO instance (changes, created, id, tags"
#include "store/instance_fields.def"
                   ") VALUES (1, @NOW, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, "
                   "$12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, "
                   "$25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, "
                   "$38, $39, $40, $41) ON CONFLICT DO NOTHING",
                   args, ARRAY_SIZE(args), err);
#undef TEXT
#undef INT
}

/* Those that could not be started count as well: they keep an address until they are
 * terminated. */
static int check_quota(struct db *db, const struct new_instance *n, struct err *err)
{
    int64_t have = 0;
    int r = account_lock(db, n->instance->owner, err);

    if (r != 0)
        return r < 0 ? r : REFUSED_ACCOUNT;
    r = db_get_int(
        &have, db, "SELECT COUNT(*) FROM instance WHERE owner = $1 AND region = $2",
        DB_ARGS(db_text(n->instance->owner), db_text(n->instance->region)), err);
    return r < 0 ? r : have >= n->quota ? REFUSED_QUOTA : 0;
}

/* The lowest that is free: the first is the network's, the second its gateway's, the last
 * everybody's.  The zone's row is locked. */
static int take_address(int64_t *ret, struct db *db, const struct instance *i,
                        struct err *err)
{
    int64_t address = i->address, subnet, size, one;
    int r = db_get_int(&subnet, db, "SELECT subnet FROM zone WHERE name = $1",
                       DB_ARGS(db_text(i->zone)), err);

    if (r > 0)
        r = db_get_int(&size, db, "SELECT prefix FROM zone WHERE name = $1",
                       DB_ARGS(db_text(i->zone)), err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    size = INT64_C(1) << (32 - size);
    if (!address) {
        r = db_get_int(
            &address, db,
            "SELECT MIN(f.a) + 1 FROM (SELECT $2 AS a UNION ALL SELECT address FROM "
            "instance WHERE zone = $1 AND address > $2) f WHERE NOT EXISTS "
            "(SELECT 1 FROM instance i WHERE i.zone = $1 AND i.address = f.a + 1)",
            DB_ARGS(db_text(i->zone), db_int(subnet + 1)), err);
        if (r < 0)
            return r;
        if (address >= subnet + size - 1)
            return REFUSED_FULL;
    }
    r = db_get_int(&one, db, "SELECT 1 FROM instance WHERE zone = $1 AND address = $2",
                   DB_ARGS(db_text(i->zone), db_int(address)), err);
    if (r == 0)
        *ret = address;
    return r < 0 ? r : r > 0 ? REFUSED_USED : 0;
}

/* In the vendor's range for virtual machines (52:54:00), which guests know. */
static int make_mac(char ret[18], struct db *db, struct err *err)
{
    int64_t n;
    int r = db_random_int(&n, db, err);

    snprintf(ret, 18, "52:54:00:%02X:%02X:%02X", (unsigned)(n >> 16 & 0xff),
             (unsigned)(n >> 8 & 0xff), (unsigned)(n & 0xff));
    return r;
}

static int write_tags(struct db *db, const char *id, const struct new_instance *n,
                      struct err *err)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < n->n_tags; i++)
        r = db_exec(NULL, db,
                    "INSERT INTO instance_tag (instance, tag_key, tag_value) VALUES "
                    "($1, $2, $3) ON CONFLICT DO NOTHING",
                    DB_ARGS(db_text(id), db_text(n->tags[i].key),
                            db_text(sql_or_empty(n->tags[i].value))),
                    err);
    return r;
}

static char *tags_json(const struct new_instance *n)
{
    json_auto_t *list = json_array();

    for (size_t i = 0; i < n->n_tags; i++)
        json_array_append_new(list, json_pack("{s:s, s:s}", "Key", n->tags[i].key,
                                              "Value", sql_or_empty(n->tags[i].value)));
    return json_dumps(list, JSON_COMPACT);
}

static int new_instance(struct db *db, void *arg, struct err *err)
{
    const struct new_instance *n = arg;
    struct instance i = *n->instance;
    AUTO(freep) char *tags = tags_json(n);
    char id[INSTANCE_ID_SIZE] = "ins-", disk[INSTANCE_ID_SIZE] = "disk-", mac[18];
    int64_t rows = 0;
    int r = check_quota(db, n, err);

    if (r == 0)
        r = zone_room(db, i.zone, i.memory_mib, i.disk_gib, err);
    if (r == 0)
        r = take_address(&i.address, db, &i, err);
    if (r == 0 && !tags)
        r = FAIL(err, ERR_NOMEM, "tags");
    if (r != 0)
        return r;
    for (int k = 0; rows == 0; k++) {
        if (k == DB_ID_TRIES)
            return FAIL(err, ERR_LIMIT, "instances: %d ids were all taken", DB_ID_TRIES);
        r = db_random_id(id + 4, 8, ID_LOWER, db, err);
        if (r == 0)
            r = db_random_id(disk + 5, 8, ID_LOWER, db, err);
        if (r == 0)
            r = make_mac(mac, db, err);
        i.disk = disk;
        i.mac = mac;
        if (r == 0)
            r = insert(&rows, db, id, tags, &i, err);
        if (r < 0)
            return r;
    }
    r = write_tags(db, id, n, err);
    if (r == 0)
        memcpy(n->ret_id, id, sizeof id);
    return r;
}

int instance_new(char ret_id[INSTANCE_ID_SIZE], struct db *db, const struct instance *i,
                 int64_t quota, const struct tag *tags, size_t n_tags, struct err *err)
{
    return db_tx(db, new_instance, &(struct new_instance){ret_id, i, quota, tags, n_tags},
                 err);
}

int instance_get(struct instance *ret, struct arena *arena, struct db *db,
                 const char *account, const char *region, const char *id, bool lock,
                 struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct instance instance;
    char sql[1536];
    int r;

    assert(!lock || db_in_tx(db));
    r = snprintf(
        sql, sizeof sql,
        "SELECT %s FROM instance x WHERE x.id = $1 AND ($2 = '' OR x.owner = $2) "
        "AND ($3 = '' OR x.region = $3)%s",
        instance_columns, lock ? " @LOCK" : "");
    assert((size_t)r < sizeof sql);
    r = db_query(&rows, db, sql,
                 DB_ARGS(db_text(id), db_text(sql_or_empty(account)),
                         db_text(sql_or_empty(region))),
                 err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    instance = instance_read(&rows, 0, arena);
    r = arena_check(arena, err);
    if (r == 0)
        *ret = instance;
    return r;
}

/* ---- changes */

struct change {
    const char *id;
    unsigned from;
    int64_t task, changes; /* changes: 0, whatever it was */
    const struct instance_change *c;
};

static int hold(int64_t *ret_state, struct db *db, const struct change *a,
                struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int64_t state;
    int r = db_query(&rows, db,
                     "SELECT state, task, changes FROM instance WHERE id = $1 @LOCK",
                     DB_ARGS(db_text(a->id)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    if (db_col_int(&rows, 1) != a->task)
        return REFUSED_BUSY;
    state = db_col_int(&rows, 0);
    if (a->changes && db_col_int(&rows, 2) != a->changes)
        return REFUSED_STATE;
    *ret_state = state;
    return 0;
}

/* Columns of struct instance_change, in the order of its parameters from $2 on. */
#define KEEP_INT(n, column) \
#column " = CASE WHEN $" #n " < 0 THEN " #column " ELSE $" #n " END, "
#define KEEP_TEXT(n, column) #column " = COALESCE($" #n ", " #column "), "

/* clang-format off */
static const char change_sql[] =
    "UPDATE instance SET "
    KEEP_INT(2, state) KEEP_INT(3, task) KEEP_TEXT(4, operation)
    KEEP_INT(5, operation_state) KEEP_TEXT(6, operation_request)
    KEEP_TEXT(7, operation_code) KEEP_TEXT(8, operation_message) KEEP_TEXT(9, image)
    KEEP_TEXT(10, blob) KEEP_INT(11, virtual_size) KEEP_TEXT(12, os_name)
    KEEP_TEXT(13, platform) KEEP_TEXT(14, architecture) KEEP_TEXT(15, boot_mode)
    KEEP_INT(16, cloud_init) KEEP_INT(17, disk_gib) KEEP_INT(18, price)
    KEEP_TEXT(19, incarnation) KEEP_TEXT(20, hostname) KEEP_TEXT(21, password)
    KEEP_TEXT(22, secret) KEEP_TEXT(23, keys) KEEP_TEXT(24, key_ids)
    KEEP_TEXT(25, user_data) KEEP_INT(26, disk_due) KEEP_INT(27, stalled)
    "changes = changes + 1 WHERE id = $1";
/* clang-format on */

static int change_instance(struct db *db, void *arg, struct err *err)
{
    const struct change *a = arg;
    const struct instance_change *c = a->c;
    int64_t state;
    int r = hold(&state, db, a, err);

    if (r != 0)
        return r;
    if (state < 0 || state >= INSTANCE_STATES || !(a->from >> state & 1))
        return REFUSED_STATE;
    return db_exec(NULL, db, change_sql,
                   DB_ARGS(db_text(a->id), db_int(c->state), db_int(c->task),
                           db_text(c->operation), db_int(c->operation_state),
                           db_text(c->operation_request), db_text(c->operation_code),
                           db_text(c->operation_message), db_text(c->image),
                           db_text(c->blob), db_int(c->virtual_size), db_text(c->os_name),
                           db_text(c->platform), db_text(c->architecture),
                           db_text(c->boot_mode), db_int(c->cloud_init),
                           db_int(c->disk_gib), db_int(c->price), db_text(c->incarnation),
                           db_text(c->hostname), db_text(c->password), db_text(c->secret),
                           db_text(c->keys), db_text(c->key_ids), db_text(c->user_data),
                           db_int(c->disk_due), db_int(c->stalled)),
                   err);
}

int instance_change(struct db *db, const char *id, unsigned from, int64_t task,
                    const struct instance_change *change, struct err *err)
{
    return db_tx(db, change_instance, &(struct change){id, from, task, 0, change}, err);
}

int instance_seen(struct db *db, const struct instance *i,
                  const struct instance_change *change, struct err *err)
{
    struct change a = {i->id, INSTANCE_IN_ANY, i->task, i->changes, change};
    int r = db_tx(db, change_instance, &a, err);

    return r == REFUSED_BUSY ? REFUSED_STATE : r;
}

static int delete_instance(struct db *db, void *arg, struct err *err)
{
    const struct change *a = arg;
    int64_t state;
    int r = hold(&state, db, a, err);

    return r != 0 ? r
                  : db_exec(NULL, db, "DELETE FROM instance WHERE id = $1",
                            DB_ARGS(db_text(a->id)), err);
}

int instance_delete(struct db *db, const char *id, int64_t task, struct err *err)
{
    return db_tx(db, delete_instance, &(struct change){.id = id, .task = task}, err);
}

int instance_uses_blob(bool *ret, struct db *db, const char *zone, const char *blob,
                       struct err *err)
{
    int64_t one;
    int r = db_get_int(&one, db,
                       "SELECT 1 FROM instance WHERE zone = $1 AND blob = $2 UNION ALL "
                       "SELECT 1 FROM image i JOIN task_use u ON u.image = i.id JOIN "
                       "task t ON t.id = u.task WHERE i.blob = $2 AND t.zone = $1 AND "
                       "t.due IS NOT NULL LIMIT 1",
                       DB_ARGS(db_text(zone), db_text(blob)), err);

    if (r >= 0)
        *ret = r == 1;
    return r < 0 ? r : 0;
}
