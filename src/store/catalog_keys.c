/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of requests, from memory: every request needs one, and they hardly change.
 *
 * What is kept belongs to one value of the counter 'account', which every change of an
 * account or key raises in its own transaction.  The counter is asked for every two
 * seconds at most, and at once after a change by this process. */
#include <time.h>

#include "base/hash.h"
#include "base/scoped.h"
#include "store/account.h"
#include "store/catalog_parts.h"
#include "store/sql.h"

enum { TRUST_MS = 2000 };

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct key_slot *slot_of(struct catalog *c, const char *secret_id)
{
    return &c->keys[xxh64(secret_id, strlen(secret_id)) % KEY_SLOTS];
}

/* With the lock: may what is kept be believed? */
static bool fresh(struct catalog *c)
{
    return c->keys_version > 0 && !atomic_load(&c->keys_stale) &&
           now_ms() - c->keys_checked < TRUST_MS;
}

static bool kept(struct key_holder *ret, struct catalog *c, const char *secret_id)
{
    struct key_slot *slot = slot_of(c, secret_id);
    bool found = slot->full && strcmp(slot->key.secret_id, secret_id) == 0;

    if (found)
        *ret = slot->key;
    return found;
}

static int read_version(int64_t *ret, struct db *db, struct err *err)
{
    int r = db_get_int(ret, db, "SELECT n FROM counter WHERE name = $1",
                       DB_ARGS(db_text("account")), err);

    return r == 0 ? FAIL(err, ERR_CORRUPT, "catalogue: a counter is missing") : r;
}

static int read_key(struct key_holder *ret, struct db *db, const char *secret_id,
                    struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    struct key_holder k = {0};
    int r = db_query(&rows, db,
                     "SELECT k.secret_key, a.uin, a.app_id, a.language, a.is_operator, "
                     "a.import_permission, a.image_quota, a.share_quota "
                     "FROM access_key k JOIN account a ON a.uin = k.uin "
                     "WHERE k.secret_id = $1 AND k.active = 1 AND a.state = $2",
                     DB_ARGS(db_text(secret_id), db_int(ACCOUNT_ACTIVE)), err);

    if (r == 0)
        r = db_next(&rows, err);
    if (r <= 0)
        return r < 0 ? r : REFUSED_NONE;
    snprintf(k.secret_id, sizeof k.secret_id, "%s", secret_id);
    r = sql_copy(k.secret_key, sizeof k.secret_key, &rows, 0, err);
    if (r == 0)
        r = sql_copy(k.uin, sizeof k.uin, &rows, 1, err);
    if (r == 0)
        r = sql_copy(k.app_id, sizeof k.app_id, &rows, 2, err);
    if (r == 0)
        r = sql_copy(k.language, sizeof k.language, &rows, 3, err);
    if (r < 0)
        return r;
    k.is_operator = db_col_int(&rows, 4) != 0;
    k.may_import = db_col_int(&rows, 5) == PERMISSION_GRANTED;
    k.image_quota = db_col_int(&rows, 6);
    k.share_quota = db_col_int(&rows, 7);
    *ret = k;
    return 0;
}

int catalog_find_key(struct key_holder *ret, struct catalog *c, const char *secret_id,
                     struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int64_t version = 0, asked;
    struct key_holder k;
    bool found = false;
    int r;

    if (strlen(secret_id) >= sizeof k.secret_id)
        return REFUSED_NONE;
    pthread_mutex_lock(&c->lock);
    if (fresh(c))
        found = kept(ret, c, secret_id);
    pthread_mutex_unlock(&c->lock);
    if (found)
        return 0;
    r = catalog_get(&db, c, err);
    if (r < 0)
        return r;
    /* The counter before the row: a change in between makes the row look older than it
     * is, never newer. */
    atomic_store(&c->keys_stale, 0);
    asked = now_ms();
    r = read_version(&version, db, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&c->lock);
    if (version > c->keys_version) {
        for (size_t i = 0; i < KEY_SLOTS; i++)
            c->keys[i].full = false;
        c->keys_version = version;
    }
    if (version == c->keys_version && asked > c->keys_checked)
        c->keys_checked = asked;
    found = version == c->keys_version && kept(ret, c, secret_id);
    pthread_mutex_unlock(&c->lock);
    if (found)
        return 0;
    r = read_key(&k, db, secret_id, err);
    if (r != 0)
        return r;
    pthread_mutex_lock(&c->lock);
    if (c->keys_version == version)
        *slot_of(c, secret_id) = (struct key_slot){.full = true, .key = k};
    pthread_mutex_unlock(&c->lock);
    *ret = k;
    return 0;
}
