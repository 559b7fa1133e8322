/* SPDX-License-Identifier: GPL-2.0-or-later */
/* catalog.h: the catalogue as a program sees it: connections, keys at hand, waiting
 *
 * Everything the service knows is here but the bytes of images and objects (blob.h).  The
 * subjects have a header each (account, image, share, task, message, bucket); their
 * functions take a struct db, so that several of them make one transaction:
 *
 *     static int import_begin(struct db *db, void *arg, struct err *err)
 *     {
 *         r = day_op_use(db, account, region, limit, err);
 *         if (r == 0)
 *             r = image_new(db, &image, quota, id, err);
 *         if (r == 0)
 *             r = task_new(db, &task, &task_id, err);
 *         return r;
 *     }
 *     r = catalog_tx(catalog, import_begin, &args, err);
 *
 * Nothing of it is half done, whatever happens.  Any thread. */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "store/db.h"

struct catalog;

struct catalog_options {
    unsigned connections; /* 0: 8.  Further threads wait for one */
    int patience_ms;      /* 0: 10,000.  How long busy and lost connections are retried */
};

/* Opens, creates or migrates.  url: db.h.  A catalogue of a newer imgport is
 * ERR_UNSUPPORTED.  opts may be NULL. */
int catalog_open(struct catalog **ret, const char *url,
                 const struct catalog_options *opts, struct err *err);
/* Every connection and watch must have been given back. */
void catalog_close(struct catalog *c);
static inline void catalog_closep(struct catalog **c)
{
    catalog_close(*c);
    *c = NULL;
}

/* A connection of the pool; give it back with AUTO(catalog_put) on the variable. */
int catalog_get(struct db **ret, struct catalog *c, struct err *err);
void catalog_put(struct db **db);

/* get, db_tx (or db_tx_lazy), put. */
int catalog_tx(struct catalog *c, db_fn *fn, void *arg, struct err *err);
int catalog_tx_lazy(struct catalog *c, db_fn *fn, void *arg, struct err *err);

/* Schema version this build makes; what the catalogue had is always raised to it. */
int catalog_schema_version(void);

/* Answers when the engine does: for /healthz. */
int catalog_ping(struct catalog *c, struct err *err);

/* -- keys, at hand --------------------------------------------------------------------
 */

/* What a request's signature is checked with; a copy. */
struct key_holder {
    char secret_id[40];
    char secret_key[40];
    char uin[16];
    char app_id[16];
    char language[4]; /* "zh", "en" */
    bool is_operator;
    bool may_import;     /* import permission granted */
    int64_t image_quota; /* -1: what the profile says */
    int64_t share_quota; /* -1: what the profile says */
};

/* The active key of an active account, from memory when it was seen lately.  0: found.
 * REFUSED_NONE: no such key, or it or its account is disabled.  What this process changes
 * counts at once, what another changes within two seconds. */
int catalog_find_key(struct key_holder *ret, struct catalog *c, const char *secret_id,
                     struct err *err);

/* -- waiting --------------------------------------------------------------------------
 */

enum watch_bits {
    WATCH_TASK = 1,    /* a task may be claimed, or is asked to stop */
    WATCH_OUTBOX = 2,  /* a message waits for delivery */
    WATCH_ACCOUNT = 4, /* accounts or keys changed (the catalogue itself listens) */
};

struct watch;

/* One waiting thread's ear. */
int watch_open(struct watch **ret, struct catalog *c, unsigned what, struct err *err);
void watch_close(struct watch *w);
static inline void watch_closep(struct watch **w)
{
    watch_close(*w);
    *w = NULL;
}

/* Waits up to timeout_ms.  Sets *ret to the bits that were told, or to all of them when
 * something may have been missed (connection lost, first call): then look at the tables.
 * 0 bits: time is up, or watch_wake().  Other processes are heard at once on PostgreSQL,
 * within half a second on SQLite. */
int watch_wait(unsigned *ret, struct watch *w, int timeout_ms, struct err *err);

/* Ends a watch_wait() now, from any thread; the next one when none is running. */
void watch_wake(struct watch *w);
