/* SPDX-License-Identifier: GPL-2.0-or-later */
/* db.h: one connection to the catalogue, and SQL that two engines understand
 *
 *     sqlite:/path/catalog.db        postgresql://user@host/name (any libpq URL)
 *
 * SQL is a constant text with parameters $1, $2, ... in both; a value never becomes part
 * of a text.  Where the engines differ, a text has a word that is replaced when it is
 * prepared:
 *
 *     word       SQLite                          PostgreSQL
 *     @INT       INTEGER                         BIGINT
 *     @TEXT      TEXT                            TEXT COLLATE "C"    (bytewise order)
 *     @BLOB      BLOB                            BYTEA
 *     @SERIAL    INTEGER PRIMARY KEY             BIGINT GENERATED ALWAYS AS IDENTITY
 * PRIMARY KEY
 *     @TABLE     STRICT                          (nothing)
 *     @KEYED     STRICT, WITHOUT ROWID           (nothing)     primary key is text
 *     @LOCK      (nothing)                       FOR NO KEY UPDATE
 *     @SKIP      (nothing)                       FOR NO KEY UPDATE SKIP LOCKED
 *     @LIKE      LIKE                            ILIKE
 *     @NOW       unixepoch()                     now as BIGINT, not frozen in a
 * transaction
 *     @MATERIAL  MATERIALIZED                    MATERIALIZED
 *
 * Text between single quotes is left alone.  Times are UTC seconds.
 *
 *     AUTO(db_rows_end) struct db_rows rows = {0};
 *     r = db_query(&rows, db, "SELECT id, size FROM t WHERE owner = $1",
 *                  DB_ARGS(db_text(owner)), err);
 *     while (r == 0 && (r = db_next(&rows, err)) > 0) {
 *         use(db_col_text(&rows, 0), db_col_int(&rows, 1));
 *         r = 0;
 *     }
 *
 * A struct db is used by one thread at a time; catalog.h hands them out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

struct db;
struct db_stmt;

/* Functions of the catalogue return 0 (done), a negative enum err_code (could not), or
 * one of these: looked, refused, and nothing was changed. */
enum refusal {
    REFUSED_NONE = 10,   /* there is no such thing, or it is not theirs to see */
    REFUSED_STATE,       /* its state does not allow it, or somebody changed it first */
    REFUSED_NAME,        /* the name is taken */
    REFUSED_QUOTA,       /* as many as the account may have */
    REFUSED_DAY,         /* as many operations as a day allows */
    REFUSED_SHARED,      /* it is shared (already) */
    REFUSED_SHARE_LIMIT, /* shared with as many accounts as are allowed */
    REFUSED_ACCOUNT,     /* no such account */
    REFUSED_SELF,        /* one's own account */
    REFUSED_USED,        /* was accepted once, and once only */
    REFUSED_LEASE,       /* the lease is another's by now: stop at once */
    REFUSED_BUSY,        /* a task works on it */
    REFUSED_INSTANCE,    /* an instance's disk stands on it */
    REFUSED_FULL,        /* the zone has no room for it */
    REFUSED_DISK,        /* ... for its disk */
};

const char *refusal_name(int refusal);

enum db_type { DB_INT, DB_TEXT, DB_BLOB };

/* A parameter.  Borrowed until db_exec() returns or db_rows_end(). */
struct db_arg {
    enum db_type type;
    int64_t i;
    const void *p; /* NULL with a text or blob: SQL's NULL */
    size_t n;
};

static inline struct db_arg db_int(int64_t i)
{
    return (struct db_arg){.type = DB_INT, .i = i};
}

/* NULL gives SQL's NULL. */
static inline struct db_arg db_text(const char *s)
{
    return (struct db_arg){.type = DB_TEXT, .p = s, .n = s ? strlen(s) : 0};
}

static inline struct db_arg db_blob(struct bytes b)
{
    return (struct db_arg){.type = DB_BLOB, .p = b.p ? (const void *)b.p : "", .n = b.n};
}

/* The two parameters (args, n_args) of the functions below. */
#define DB_ARGS(...)                      \
    (const struct db_arg[]){__VA_ARGS__}, \
        sizeof((const struct db_arg[]){__VA_ARGS__}) / sizeof(struct db_arg)
#define DB_NO_ARGS NULL, 0

enum { DB_ARGS_MAX = 500 };

/* Rows of a query.  Zero-initialise; columns are valid until the next db_next(). */
struct db_rows {
    struct db *db;
    struct db_stmt *stmt;
    void *result; /* the driver's */
    int at, n;
};

int db_query(struct db_rows *ret, struct db *db, const char *sql,
             const struct db_arg *args, size_t n_args, struct err *err);
/* 1: a row.  0: no more. */
int db_next(struct db_rows *rows, struct err *err);
void db_rows_end(struct db_rows *rows);

bool db_col_is_null(const struct db_rows *rows, int col);
int64_t db_col_int(const struct db_rows *rows, int col);      /* NULL is 0 */
const char *db_col_text(const struct db_rows *rows, int col); /* NULL is NULL */
struct bytes db_col_blob(const struct db_rows *rows, int col);

/* A statement without rows; inside db_tx() only.  ret_changes (may be NULL): rows
 * touched. A broken unique or check constraint is ERR_CONFLICT. */
int db_exec(int64_t *ret_changes, struct db *db, const char *sql,
            const struct db_arg *args, size_t n_args, struct err *err);

bool db_was_duplicate(const struct db *db);

/* First column of the first row.  1: there was one; 0: none (*ret untouched). */
int db_get_int(int64_t *ret, struct db *db, const char *sql, const struct db_arg *args,
               size_t n_args, struct err *err);

/* Runs fn in one transaction.  fn's 0 commits; anything else rolls back and is returned.
 *
 * fn may be run again from its start (busy, deadlock, serialisation failure, connection
 * lost), so it changes nothing but the database and what it recomputes each time.  When
 * db_tx() fails nothing has happened; when it returns 0 the commit is on disk.  (A
 * PostgreSQL connection lost during COMMIT is settled by the number that the transaction
 * would have left.)
 *
 * Inside another db_tx() it is a savepoint: fn's refusal undoes fn's part only, and the
 * outer function decides.
 *
 * db_tx_lazy: the commit may be lost when the machine loses power (never when only the
 * process dies), and never half of it.  For heartbeats and the like.  The outermost
 * decides: within a db_tx() it is flushed with it. */
typedef int db_fn(struct db *db, void *arg, struct err *err);
int db_tx(struct db *db, db_fn *fn, void *arg, struct err *err);
int db_tx_lazy(struct db *db, db_fn *fn, void *arg, struct err *err);
bool db_in_tx(const struct db *db);

/* The engine's clock, by which leases end. */
int db_now(int64_t *ret, struct db *db, struct err *err);

/* Wakes whoever waits for `what` (bits of enum watch in catalog.h), when the running
 * transaction has been committed. */
int db_notify(struct db *db, unsigned what, struct err *err);

/* Ids nobody can guess: n characters of `alphabet` and a NUL to ret (n + 1 bytes).  An id
 * may be in use already: insert with ON CONFLICT DO NOTHING and try again. */
#define ID_LOWER "0123456789abcdefghijklmnopqrstuvwxyz"
#define ID_ALNUM ID_LOWER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
int db_random_id(char *ret, size_t n, const char *alphabet, struct db *db,
                 struct err *err);
/* From 1 to 2^53 - 1: what JSON's readers keep exactly. */
int db_random_int(int64_t *ret, struct db *db, struct err *err);
enum { DB_ID_TRIES = 20 };
