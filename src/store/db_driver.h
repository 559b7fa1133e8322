/* SPDX-License-Identifier: GPL-2.0-or-later */
/* db_driver.h: what an engine brings; for db.c, the drivers and catalog.c only */
#pragma once

#include <pthread.h>

#include "store/db.h"

/* In the order of the table in db.h. */
enum db_word {
    WORD_INT,
    WORD_TEXT,
    WORD_BLOB,
    WORD_SERIAL,
    WORD_TABLE,
    WORD_KEYED,
    WORD_LOCK,
    WORD_SKIP,
    WORD_LIKE,
    WORD_NOW,
    WORD_MATERIAL,
    DB_WORDS,
};

/* What the connections of one catalogue share. */
struct db_home {
    char *url;
    int patience_ms;
    bool opened; /* it was reached once: an engine that is away will be back */
    /* SQLite has one writer at a time: threads of this process queue here, which is fair,
     * and only processes poll for each other. */
    pthread_mutex_t write;
    /* Called after a commit with the bits of db_notify(). */
    void (*told)(void *arg, unsigned what);
    void *told_arg;
};

struct db_stmt {
    uint64_t hash;
    uint64_t used; /* when, by the connection's own count */
    char *sql;
    void *handle;
    bool busy;
};

enum { DB_STMTS_MAX = 160 };

/* A driver's connection begins with it. */
struct db {
    const struct db_driver *driver;
    struct db_home *home;
    int depth;      /* 0: no transaction; above 1: savepoints */
    bool failed;    /* a statement failed: nothing runs until its (sub)transaction ends */
    bool again;     /* it failed for a reason that passes: run the whole of it again */
    bool duplicate; /* it failed at a unique constraint */
    bool lost;      /* the connection is gone */
    unsigned told;  /* db_notify() of this transaction */
    uint64_t count;
    size_t n_stmts;
    struct db_stmt *stmts[DB_STMTS_MAX];
    /* getrandom(); tests give ids that collide. */
    int (*random)(void *to, size_t n, struct err *err);
};

struct db_driver {
    const char *scheme;
    const char *words[DB_WORDS];
    char param; /* what stands before a parameter's number */
    /* Keeps other processes from migrating at the same time, up to the commit; "" where
     * a transaction does. */
    const char *schema_lock;

    int (*open)(struct db **ret, struct db_home *home, struct err *err);
    void (*close)(struct db *db);
    /* [opt] Connects again after `lost`; the statements are gone then. */
    int (*revive)(struct db *db, struct err *err);

    /* Statements without parameters, separated by semicolons. */
    int (*script)(struct db *db, const char *sql, struct err *err);
    int (*prepare)(void **ret, struct db *db, const char *sql, const struct db_arg *args,
                   size_t n, struct err *err);
    void (*drop)(struct db *db, void *handle);
    /* Runs to the first row.  On success `end` will be called. */
    int (*run)(struct db_rows *rows, const struct db_arg *args, size_t n,
               struct err *err);
    int (*next)(struct db_rows *rows, struct err *err);
    void (*end)(struct db_rows *rows);
    int64_t (*changes)(struct db_rows *rows);

    int (*begin)(struct db *db, bool lazy, struct err *err);
    int (*commit)(struct db *db, struct err *err);
    void (*rollback)(struct db *db);
    /* [opt] Tells other processes, in the transaction. */
    int (*notify)(struct db *db, unsigned what, struct err *err);

    /* What other processes told since the last call, all of `what` when something may
     * have been missed; *ret_fd: readable when there is more, or -1: ask again soon. */
    int (*listen)(unsigned *ret, int *ret_fd, struct db *db, unsigned what,
                  struct err *err);

    bool (*is_null)(const struct db_rows *rows, int col);
    int64_t (*get_int)(const struct db_rows *rows, int col);
    const char *(*get_text)(const struct db_rows *rows, int col);
    struct bytes (*get_blob)(const struct db_rows *rows, int col);
};

extern const struct db_driver db_sqlite;
extern const struct db_driver db_pg;

/* By the scheme of home->url.  home outlives the connection. */
int db_open(struct db **ret, struct db_home *home, struct err *err);
void db_close(struct db *db);
/* For the drivers' close(): forgets what was prepared. */
void db_drop_stmts(struct db *db);

/* The words of a text replaced, and its parameters named as the engine does.  To free. */
int db_translate(char **ret, const struct db_driver *driver, const char *sql,
                 struct err *err);

/* schema/NNNN_name.sql, embedded by the build; the version is the number. */
struct migration {
    int version;
    const char *name, *sql;
};
extern const struct migration db_migrations[];
extern const int db_n_migrations;

/* Raises the schema to the newest.  schema.c. */
int db_migrate(struct db *db, struct err *err);
