/* SPDX-License-Identifier: GPL-2.0-or-later */
/* db_sqlite.c: SQLite in WAL mode
 *
 * synchronous=FULL, so that a commit that was answered is on disk; what that costs stands
 * in ARCHITECTURE.md.  Writers begin with BEGIN IMMEDIATE: nobody finds out half way that
 * another was first. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>

#include "base/scoped.h"
#include "store/db_driver.h"

struct sqlite {
    struct db db;
    sqlite3 *h;
    bool lazy; /* synchronous=NORMAL is set */
    bool holds_write;
    int64_t version; /* that listen() saw */
};

static struct sqlite *sqlite_of(const struct db *db)
{
    return CONTAINER_OF(db, struct sqlite, db);
}

/* Its statistics take a global lock at every allocation. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static int fail(struct sqlite *s, int code, struct err *err)
{
    const char *text = sqlite3_errmsg(s->h);

    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        s->db.again = true;
        return FAIL(err, ERR_CONFLICT, "catalogue: %s", text);
    case SQLITE_CONSTRAINT:
        s->db.duplicate =
            code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_PRIMARYKEY;
        return FAIL(err, ERR_CONFLICT, "catalogue: %s", text);
    case SQLITE_NOMEM:
        return FAIL(err, ERR_NOMEM, "catalogue: %s", text);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FAIL(err, ERR_CORRUPT, "catalogue: %s", text);
    case SQLITE_TOOBIG:
        return FAIL(err, ERR_LIMIT, "catalogue: %s", text);
    default:
        return FAIL(err, ERR_IO, "catalogue: %s (%d)", text, code);
    }
}

static int sqlite_script(struct db *db, const char *sql, struct err *err)
{
    struct sqlite *s = sqlite_of(db);
    int code = sqlite3_exec(s->h, sql, NULL, NULL, NULL);

    return code == SQLITE_OK ? 0 : fail(s, code, err);
}

static void sqlite_close(struct db *db)
{
    struct sqlite *s = sqlite_of(db);
    int code = sqlite3_close(s->h);

    assert(code == SQLITE_OK);
    (void)code;
    free(s);
}

static void sqlite_closep(struct sqlite **s)
{
    if (*s)
        sqlite_close(&(*s)->db);
}

/* It holds the secrets of accounts; the files beside it get the same mode.  A file that
 * is there must not be opened here: to close it would give up every lock that this
 * process has on it (POSIX), and another process would then take the log away under our
 * hands. */
static int make_file(const char *path, struct err *err)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    int fd, sys;

    pthread_mutex_lock(&lock);
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    sys = fd < 0 ? errno : 0;
    closep(&fd);
    pthread_mutex_unlock(&lock);
    return sys && sys != EEXIST ? FAIL_SYS(err, sys, "catalogue %s", path) : 0;
}

static int set_wal(struct sqlite *s, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v2(s->h, "PRAGMA journal_mode=WAL", -1, &st, NULL);
    bool wal = false;

    if (code == SQLITE_OK)
        code = sqlite3_step(st);
    if (code == SQLITE_ROW)
        wal = strcmp((const char *)sqlite3_column_text(st, 0), "wal") == 0;
    sqlite3_finalize(st);
    if (code != SQLITE_ROW)
        return fail(s, code, err);
    if (!wal)
        return FAIL(err, ERR_UNSUPPORTED,
                    "catalogue: this filesystem cannot share memory, which WAL needs");
    return 0;
}

static int sqlite_open(struct db **ret, struct db_home *home, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    AUTO(sqlite_closep) struct sqlite *s = NULL;
    const char *path = strchr(home->url, ':') + 1;
    int code, r;

    if (!*path)
        return FAIL(err, ERR_ARG, "catalogue sqlite: no path");
    pthread_once(&once, configure_once);
    r = make_file(path, err);
    if (r < 0)
        return r;
    s = calloc(1, sizeof *s);
    if (!s)
        return FAIL(err, ERR_NOMEM, "catalogue");
    code = sqlite3_open_v2(
        path, &s->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
        NULL);
    if (code != SQLITE_OK)
        return s->h ? fail(s, code, err) : FAIL(err, ERR_NOMEM, "catalogue");
    sqlite3_busy_timeout(s->h, home->patience_ms);
    r = set_wal(s, err);
    if (r == 0)
        r = sqlite_script(&s->db,
                          "PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
                          "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY;"
                          "PRAGMA cache_size=-1024",
                          err);
    if (r < 0)
        return r;
    *ret = &TAKE(s)->db;
    return 0;
}

static int sqlite_prepare(void **ret, struct db *db, const char *sql,
                          const struct db_arg *args, size_t n, struct err *err)
{
    struct sqlite *s = sqlite_of(db);
    sqlite3_stmt *st = NULL;
    int code = sqlite3_prepare_v3(s->h, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL);

    (void)args;
    (void)n;
    if (code != SQLITE_OK)
        return fail(s, code, err);
    *ret = st;
    return 0;
}

static void sqlite_drop(struct db *db, void *handle)
{
    (void)db;
    sqlite3_finalize(handle);
}

static int bind(sqlite3_stmt *st, int i, const struct db_arg *a)
{
    if (a->type == DB_INT)
        return sqlite3_bind_int64(st, i, a->i);
    if (!a->p)
        return sqlite3_bind_null(st, i);
    if (a->type == DB_TEXT)
        return sqlite3_bind_text64(st, i, a->p, a->n, SQLITE_STATIC, SQLITE_UTF8);
    return sqlite3_bind_blob64(st, i, a->p, a->n, SQLITE_STATIC);
}

static void sqlite_end(struct db_rows *rows)
{
    sqlite3_reset(rows->stmt->handle);
    sqlite3_clear_bindings(rows->stmt->handle);
}

/* rows->n: a row stands ready; rows->at: it was handed out already. */
static int step(struct db_rows *rows, struct err *err)
{
    int code = sqlite3_step(rows->stmt->handle);

    if (code != SQLITE_ROW && code != SQLITE_DONE)
        return fail(sqlite_of(rows->db), code, err);
    rows->n = code == SQLITE_ROW;
    rows->at = 0;
    return 0;
}

static int sqlite_run(struct db_rows *rows, const struct db_arg *args, size_t n,
                      struct err *err)
{
    struct sqlite *s = sqlite_of(rows->db);
    sqlite3_stmt *st = rows->stmt->handle;
    int r;

    assert(sqlite3_bind_parameter_count(st) == (int)n);
    assert(s->db.depth > 0 || sqlite3_stmt_readonly(st));
    /* Some errors end the transaction without a word (disk full, no memory). */
    if (s->db.depth > 0 && sqlite3_get_autocommit(s->h))
        return FAIL(err, ERR_IO, "catalogue: the transaction was given up");
    for (size_t i = 0; i < n; i++) {
        int code = bind(st, (int)i + 1, &args[i]);

        if (code != SQLITE_OK) {
            sqlite_end(rows);
            return fail(s, code, err);
        }
    }
    r = step(rows, err);
    if (r < 0)
        sqlite_end(rows);
    return r;
}

static int sqlite_next(struct db_rows *rows, struct err *err)
{
    if (rows->n && rows->at) {
        int r = step(rows, err);

        if (r < 0)
            return r;
    }
    rows->at = 1;
    return rows->n;
}

static int64_t sqlite_changes(struct db_rows *rows)
{
    return sqlite3_changes64(sqlite_of(rows->db)->h);
}

static void release_write(struct sqlite *s)
{
    if (s->holds_write)
        pthread_mutex_unlock(&s->db.home->write);
    s->holds_write = false;
}

static int sqlite_begin(struct db *db, bool lazy, struct err *err)
{
    struct sqlite *s = sqlite_of(db);
    int r = 0;

    if (lazy != s->lazy)
        r = sqlite_script(
            db, lazy ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err);
    if (r < 0)
        return r;
    s->lazy = lazy;
    pthread_mutex_lock(&db->home->write);
    s->holds_write = true;
    r = sqlite_script(db, "BEGIN IMMEDIATE", err);
    if (r < 0)
        release_write(s);
    return r;
}

static void sqlite_rollback(struct db *db)
{
    struct sqlite *s = sqlite_of(db);

    /* Fails only where an error has rolled back already. */
    if (!sqlite3_get_autocommit(s->h))
        (void)sqlite_script(db, "ROLLBACK", NULL);
    release_write(s);
}

static int sqlite_commit(struct db *db, struct err *err)
{
    struct sqlite *s = sqlite_of(db);
    int r;

    if (sqlite3_get_autocommit(s->h))
        r = FAIL(err, ERR_IO, "catalogue: the transaction was given up");
    else
        r = sqlite_script(db, "COMMIT", err);
    if (r < 0)
        sqlite_rollback(db);
    release_write(s);
    return r;
}

/* Nobody says what was written, so all of it may have been. */
static int sqlite_listen(unsigned *ret, int *ret_fd, struct db *db, unsigned what,
                         struct err *err)
{
    struct sqlite *s = sqlite_of(db);
    int64_t version = 0;
    int r = db_get_int(&version, db, "PRAGMA data_version", DB_NO_ARGS, err);

    if (r < 0)
        return r;
    *ret_fd = -1;
    *ret = version == s->version ? 0 : what;
    s->version = version;
    return 0;
}

static bool sqlite_is_null(const struct db_rows *rows, int col)
{
    return sqlite3_column_type(rows->stmt->handle, col) == SQLITE_NULL;
}

static int64_t sqlite_get_int(const struct db_rows *rows, int col)
{
    return sqlite3_column_int64(rows->stmt->handle, col);
}

static const char *sqlite_get_text(const struct db_rows *rows, int col)
{
    return (const char *)sqlite3_column_text(rows->stmt->handle, col);
}

static struct bytes sqlite_get_blob(const struct db_rows *rows, int col)
{
    const void *p = sqlite3_column_blob(rows->stmt->handle, col);

    return bytes_of(p, (size_t)sqlite3_column_bytes(rows->stmt->handle, col));
}

const struct db_driver db_sqlite = {
    .scheme = "sqlite",
    .words =
        {
            [WORD_INT] = "INTEGER",
            [WORD_TEXT] = "TEXT",
            [WORD_BLOB] = "BLOB",
            [WORD_SERIAL] = "INTEGER PRIMARY KEY",
            [WORD_TABLE] = "STRICT",
            [WORD_KEYED] = "STRICT, WITHOUT ROWID",
            [WORD_LOCK] = "",
            [WORD_SKIP] = "",
            [WORD_LIKE] = "LIKE",
            [WORD_NOW] = "unixepoch()",
            [WORD_MATERIAL] = "MATERIALIZED",
        },
    .param = '?',
    .schema_lock = "",
    .open = sqlite_open,
    .close = sqlite_close,
    .script = sqlite_script,
    .prepare = sqlite_prepare,
    .drop = sqlite_drop,
    .run = sqlite_run,
    .next = sqlite_next,
    .end = sqlite_end,
    .changes = sqlite_changes,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .listen = sqlite_listen,
    .is_null = sqlite_is_null,
    .get_int = sqlite_get_int,
    .get_text = sqlite_get_text,
    .get_blob = sqlite_get_blob,
};
