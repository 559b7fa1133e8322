/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/catalog.h"

#include <assert.h>
#include <stdlib.h>

#include "base/scoped.h"
#include "store/catalog_parts.h"

enum { CONNECTIONS = 8, CONNECTIONS_MAX = 64, PATIENCE_MS = 10000 };

int catalog_open(struct catalog **ret, const char *url,
                 const struct catalog_options *opts, struct err *err)
{
    AUTO(catalog_closep) struct catalog *c = calloc(1, sizeof *c);
    struct db *db;
    int r;

    if (!c)
        return FAIL(err, ERR_NOMEM, "catalogue");
    pthread_mutex_init(&c->home.write, NULL);
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->returned, NULL);
    c->max = opts && opts->connections ? opts->connections : CONNECTIONS;
    if (c->max > CONNECTIONS_MAX)
        c->max = CONNECTIONS_MAX;
    c->home.patience_ms = opts && opts->patience_ms > 0 ? opts->patience_ms : PATIENCE_MS;
    c->home.told = catalog_told;
    c->home.told_arg = c;
    c->home.url = strdup(url);
    c->idle = calloc(c->max, sizeof(struct db *));
    c->keys = calloc(KEY_SLOTS, sizeof *c->keys);
    if (!c->home.url || !c->idle || !c->keys)
        return FAIL(err, ERR_NOMEM, "catalogue");
    r = catalog_get(&db, c, err);
    if (r < 0)
        return r;
    r = db_migrate(db, err);
    catalog_put(&db);
    if (r < 0)
        return r;
    c->home.opened = true;
    *ret = TAKE(c);
    return 0;
}

void catalog_close(struct catalog *c)
{
    if (!c)
        return;
    assert(c->n_idle == c->n_open);
    assert(!c->watches);
    for (unsigned i = 0; i < c->n_idle; i++)
        db_close(c->idle[i]);
    free(c->idle);
    free(c->keys);
    free(c->home.url);
    pthread_cond_destroy(&c->returned);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->home.write);
    free(c);
}

int catalog_get(struct db **ret, struct catalog *c, struct err *err)
{
    struct db *db = NULL;
    int r;

    pthread_mutex_lock(&c->lock);
    while (c->n_idle == 0 && c->n_open == c->max)
        pthread_cond_wait(&c->returned, &c->lock);
    if (c->n_idle > 0)
        db = c->idle[--c->n_idle];
    else
        c->n_open++;
    pthread_mutex_unlock(&c->lock);
    if (db) {
        *ret = db;
        return 0;
    }
    r = db_open(&db, &c->home, err);
    if (r < 0) {
        pthread_mutex_lock(&c->lock);
        c->n_open--;
        pthread_cond_signal(&c->returned);
        pthread_mutex_unlock(&c->lock);
        return r;
    }
    *ret = db;
    return 0;
}

void catalog_put(struct db **db)
{
    struct catalog *c;

    if (!*db)
        return;
    assert((*db)->depth == 0);
    c = CONTAINER_OF((*db)->home, struct catalog, home);
    pthread_mutex_lock(&c->lock);
    /* The one used last is used next: its cache is warm. */
    c->idle[c->n_idle++] = TAKE(*db);
    pthread_cond_signal(&c->returned);
    pthread_mutex_unlock(&c->lock);
}

int catalog_tx(struct catalog *c, db_fn *fn, void *arg, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, c, err);

    return r < 0 ? r : db_tx(db, fn, arg, err);
}

int catalog_tx_lazy(struct catalog *c, db_fn *fn, void *arg, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, c, err);

    return r < 0 ? r : db_tx_lazy(db, fn, arg, err);
}

int catalog_ping(struct catalog *c, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int64_t n;
    int r = catalog_get(&db, c, err);

    if (r == 0)
        r = db_get_int(&n, db, "SELECT n FROM counter WHERE name = $1",
                       DB_ARGS(db_text("account")), err);
    if (r == 0)
        return FAIL(err, ERR_CORRUPT, "catalogue: a counter is missing");
    return r < 0 ? r : 0;
}
