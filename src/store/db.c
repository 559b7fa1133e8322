/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/db.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <sys/random.h>
#include <time.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/scoped.h"
#include "store/db_driver.h"

enum { SQL_MAX = 1 << 20, PAUSE_MAX_MS = 100 };

static const struct db_driver *const drivers[] = {&db_sqlite, &db_pg};

static const char *const words[DB_WORDS] = {
    [WORD_INT] = "@INT",       [WORD_TEXT] = "@TEXT",         [WORD_BLOB] = "@BLOB",
    [WORD_SERIAL] = "@SERIAL", [WORD_TABLE] = "@TABLE",       [WORD_KEYED] = "@KEYED",
    [WORD_LOCK] = "@LOCK",     [WORD_SKIP] = "@SKIP",         [WORD_LIKE] = "@LIKE",
    [WORD_NOW] = "@NOW",       [WORD_MATERIAL] = "@MATERIAL",
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int random_bytes(void *to, size_t n, struct err *err)
{
    uint8_t *p = to;

    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return FAIL_SYS(err, errno, "getrandom");
        p += got;
        n -= (size_t)got;
    }
    return 0;
}

int db_open(struct db **ret, struct db_home *home, struct err *err)
{
    size_t n = strcspn(home->url, ":");

    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        const char *scheme = drivers[i]->scheme;
        struct db *db;
        int r;

        if (strlen(scheme) != n || strncmp(scheme, home->url, n) != 0)
            continue;
        r = drivers[i]->open(&db, home, err);
        if (r < 0)
            return r;
        db->driver = drivers[i];
        db->home = home;
        db->random = random_bytes;
        *ret = db;
        return 0;
    }
    /* Not the rest of it: it may hold a password. */
    return FAIL(err, ERR_ARG, "catalogue %.*s: need sqlite:PATH or postgresql://...",
                (int)(n < 40 ? n : 40), home->url);
}

void db_close(struct db *db)
{
    if (!db)
        return;
    assert(db->depth == 0);
    db_drop_stmts(db);
    db->driver->close(db);
}

static void stmt_free(struct db *db, struct db_stmt *s)
{
    db->driver->drop(db, s->handle);
    free(s->sql);
    free(s);
}

void db_drop_stmts(struct db *db)
{
    for (size_t i = 0; i < db->n_stmts; i++)
        stmt_free(db, db->stmts[i]);
    db->n_stmts = 0;
}

/* Length of the word at p, which starts with an @. */
static size_t word_length(const char *p)
{
    size_t n = 1;

    while (isupper((unsigned char)p[n]))
        n++;
    return n;
}

int db_translate(char **ret, const struct db_driver *driver, const char *sql,
                 struct err *err)
{
    AUTO(buf_fini) struct buf out = {.max = SQL_MAX};
    bool quoted = false;
    int r = buf_puts(&out, "", err);

    for (const char *p = sql; r == 0 && *p; p++) {
        if (*p == '\'')
            quoted = !quoted;
        if (!quoted && *p == '$' && isdigit((unsigned char)p[1])) {
            r = buf_append(&out, &driver->param, 1, err);
        } else if (!quoted && *p == '@') {
            size_t n = word_length(p), w = 0;

            while (w < DB_WORDS &&
                   (strlen(words[w]) != n || strncmp(words[w], p, n) != 0))
                w++;
            assert(w < DB_WORDS);
            r = buf_puts(&out, driver->words[w], err);
            p += n - 1;
        } else {
            r = buf_append(&out, p, 1, err);
        }
    }
    if (r < 0)
        return r;
    *ret = TAKE(out.p);
    return 0;
}

/* One that is free for this text: of the cache, or a new one in the place of the one that
 * was used longest ago. */
static int stmt_get(struct db_stmt **ret, struct db *db, const char *sql,
                    const struct db_arg *args, size_t n_args, struct err *err)
{
    uint64_t hash = xxh64(sql, strlen(sql));
    AUTO(freep) char *text = NULL;
    AUTO(freep) char *copy = NULL;
    AUTO(freep) struct db_stmt *s = NULL;
    size_t at = db->n_stmts;
    int r;

    for (size_t i = 0; i < db->n_stmts; i++) {
        struct db_stmt *had = db->stmts[i];

        if (had->hash == hash && !had->busy && strcmp(had->sql, sql) == 0) {
            had->used = ++db->count;
            *ret = had;
            return 0;
        }
    }
    r = db_translate(&text, db->driver, sql, err);
    if (r < 0)
        return r;
    s = calloc(1, sizeof *s);
    copy = strdup(sql);
    if (!s || !copy)
        return FAIL(err, ERR_NOMEM, "a statement");
    r = db->driver->prepare(&s->handle, db, text, args, n_args, err);
    if (r < 0)
        return r;
    if (at == DB_STMTS_MAX) {
        size_t oldest = DB_STMTS_MAX;

        for (size_t i = 0; i < db->n_stmts; i++)
            if (!db->stmts[i]->busy &&
                (oldest == DB_STMTS_MAX || db->stmts[i]->used < db->stmts[oldest]->used))
                oldest = i;
        assert(oldest < DB_STMTS_MAX); /* nobody holds so many queries open */
        at = oldest;
        stmt_free(db, db->stmts[at]);
    } else {
        db->n_stmts++;
    }
    s->sql = TAKE(copy);
    s->hash = hash;
    s->used = ++db->count;
    db->stmts[at] = s;
    *ret = TAKE(s);
    return 0;
}

/* RFC 3629: PostgreSQL insists on it, and what one engine refuses both do. */
static bool is_utf8(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n;) {
        uint32_t c = p[i++];
        size_t more;

        if (c < 0x80) {
            if (c == 0)
                return false;
            continue;
        }
        more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || more > n - i)
            return false;
        c &= 0x3fu >> more;
        for (size_t k = 0; k < more; k++, i++) {
            if ((p[i] & 0xc0) != 0x80)
                return false;
            c = c << 6 | (p[i] & 0x3fu);
        }
        if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000) || (more == 2 && c < 0x800) ||
            (more == 3 && c < 0x10000))
            return false;
    }
    return true;
}

static int check_args(const struct db_arg *args, size_t n, struct err *err)
{
    if (n > DB_ARGS_MAX)
        return FAIL(err, ERR_LIMIT, "%zu parameters, limit %d", n, DB_ARGS_MAX);
    for (size_t i = 0; i < n; i++)
        if (args[i].type == DB_TEXT && args[i].p && !is_utf8(args[i].p, args[i].n))
            return FAIL(err, ERR_ARG, "parameter %zu is no UTF-8 text", i + 1);
    return 0;
}

static int run_once(struct db_rows *rows, struct db *db, const char *sql,
                    const struct db_arg *args, size_t n, struct err *err)
{
    int r;

    if (db->lost && db->depth == 0) {
        r = db->driver->revive(db, err);
        if (r < 0)
            return r;
    }
    r = stmt_get(&rows->stmt, db, sql, args, n, err);
    if (r < 0)
        return r;
    rows->db = db;
    rows->stmt->busy = true;
    r = db->driver->run(rows, args, n, err);
    if (r < 0)
        rows->stmt->busy = false;
    return r;
}

/* False when the patience is at its end. */
static bool pause_again(struct db *db, int64_t started, int *pause_ms)
{
    uint8_t spread = 0;
    int ms;

    if (now_ms() - started >= db->home->patience_ms)
        return false;
    (void)random_bytes(&spread, 1, NULL);
    ms = *pause_ms + *pause_ms * spread / 256;
    nanosleep(&(struct timespec){.tv_nsec = (long)ms * 1000000}, NULL);
    *pause_ms = *pause_ms * 2 < PAUSE_MAX_MS ? *pause_ms * 2 : PAUSE_MAX_MS;
    return true;
}

int db_query(struct db_rows *ret, struct db *db, const char *sql,
             const struct db_arg *args, size_t n_args, struct err *err)
{
    int64_t started = 0;
    int pause_ms = 1;
    int r;

    r = check_args(args, n_args, err);
    if (r < 0)
        return r;
    if (db->failed)
        return FAIL(err, ERR_CONFLICT, "an earlier statement of this transaction failed");
    for (;;) {
        struct db_rows rows = {0};
        struct err e = {0};

        db->again = db->depth > 0 && db->again;
        db->duplicate = false;
        r = run_once(&rows, db, sql, args, n_args, &e);
        if (r == 0) {
            *ret = rows;
            return 0;
        }
        db->failed = db->depth > 0;
        if (!started)
            started = now_ms();
        /* In a transaction all of it has to be run again, which db_tx() does. */
        if (db->depth > 0 || !db->again || !pause_again(db, started, &pause_ms)) {
            if (err && err->code == ERR_NONE)
                *err = e;
            return r;
        }
    }
}

int db_next(struct db_rows *rows, struct err *err)
{
    int r;

    assert(rows->db);
    r = rows->db->driver->next(rows, err);
    if (r < 0)
        rows->db->failed = rows->db->depth > 0;
    return r;
}

void db_rows_end(struct db_rows *rows)
{
    if (!rows->db)
        return;
    rows->db->driver->end(rows);
    rows->stmt->busy = false;
    *rows = (struct db_rows){0};
}

bool db_col_is_null(const struct db_rows *rows, int col)
{
    return rows->db->driver->is_null(rows, col);
}

int64_t db_col_int(const struct db_rows *rows, int col)
{
    return rows->db->driver->get_int(rows, col);
}

const char *db_col_text(const struct db_rows *rows, int col)
{
    return rows->db->driver->get_text(rows, col);
}

struct bytes db_col_blob(const struct db_rows *rows, int col)
{
    return rows->db->driver->get_blob(rows, col);
}

int db_exec(int64_t *ret_changes, struct db *db, const char *sql,
            const struct db_arg *args, size_t n_args, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int r;

    assert(db->depth > 0);
    r = db_query(&rows, db, sql, args, n_args, err);
    if (r < 0)
        return r;
    r = db_next(&rows, err);
    if (r < 0)
        return r;
    assert(r == 0);
    if (ret_changes)
        *ret_changes = db->driver->changes(&rows);
    return 0;
}

int db_get_int(int64_t *ret, struct db *db, const char *sql, const struct db_arg *args,
               size_t n_args, struct err *err)
{
    AUTO(db_rows_end) struct db_rows rows = {0};
    int r;

    r = db_query(&rows, db, sql, args, n_args, err);
    if (r == 0)
        r = db_next(&rows, err);
    if (r == 1)
        *ret = db_col_int(&rows, 0);
    return r;
}

int db_now(int64_t *ret, struct db *db, struct err *err)
{
    int r = db_get_int(ret, db, "SELECT @NOW", DB_NO_ARGS, err);

    return r < 0 ? r : 0;
}

bool db_was_duplicate(const struct db *db)
{
    return db->duplicate;
}

bool db_in_tx(const struct db *db)
{
    return db->depth > 0;
}

int db_notify(struct db *db, unsigned what, struct err *err)
{
    assert(db->depth > 0);
    if ((db->told & what) == what)
        return 0;
    if (db->driver->notify) {
        int r = db->driver->notify(db, what & ~db->told, err);

        if (r < 0)
            return r;
    }
    db->told |= what;
    return 0;
}

static int savepoint(struct db *db, db_fn *fn, void *arg, struct err *err)
{
    unsigned told = db->told;
    char sql[64];
    int r;

    if (db->failed)
        return FAIL(err, ERR_CONFLICT, "an earlier statement of this transaction failed");
    snprintf(sql, sizeof sql, "SAVEPOINT s%d", db->depth);
    r = db->driver->script(db, sql, err);
    if (r < 0) {
        db->failed = true;
        return r;
    }
    db->depth++;
    r = fn(db, arg, err);
    db->depth--;
    if (r == 0 && db->failed)
        r = FAIL(err, ERR_CONFLICT, "a statement of this transaction failed");
    if (r == 0) {
        snprintf(sql, sizeof sql, "RELEASE SAVEPOINT s%d", db->depth);
        r = db->driver->script(db, sql, err);
        db->failed = r < 0;
        return r;
    }
    /* A notification that PostgreSQL forgets with the savepoint must be made again. */
    db->told = told;
    snprintf(sql, sizeof sql, "ROLLBACK TO SAVEPOINT s%d; RELEASE SAVEPOINT s%d",
             db->depth, db->depth);
    db->failed = db->driver->script(db, sql, NULL) < 0;
    return r;
}

static int attempt(struct db *db, db_fn *fn, void *arg, bool lazy, struct err *err)
{
    int r;

    db->failed = db->again = false;
    db->told = 0;
    if (db->lost) {
        r = db->driver->revive(db, err);
        if (r < 0)
            return r;
    }
    r = db->driver->begin(db, lazy, err);
    if (r < 0)
        return r;
    db->depth = 1;
    r = fn(db, arg, err);
    db->depth = 0;
    /* fn may have overlooked a failure; then nothing of it counts. */
    if (r == 0 && (db->failed || db->again))
        r = FAIL(err, ERR_CONFLICT, "a statement of this transaction failed");
    if (r == 0)
        r = db->driver->commit(db, err);
    else
        db->driver->rollback(db);
    db->failed = false;
    if (r == 0 && db->told && db->home->told)
        db->home->told(db->home->told_arg, db->told);
    return r;
}

static int transaction(struct db *db, db_fn *fn, void *arg, bool lazy, struct err *err)
{
    int64_t started = now_ms();
    int pause_ms = 1;

    if (db->depth > 0)
        return savepoint(db, fn, arg, err);
    for (;;) {
        struct err e = {0};
        int r = attempt(db, fn, arg, lazy, &e);

        if (r < 0 && db->again && pause_again(db, started, &pause_ms))
            continue;
        if (r < 0 && err && err->code == ERR_NONE)
            *err = e;
        return r;
    }
}

int db_tx(struct db *db, db_fn *fn, void *arg, struct err *err)
{
    return transaction(db, fn, arg, false, err);
}

int db_tx_lazy(struct db *db, db_fn *fn, void *arg, struct err *err)
{
    return transaction(db, fn, arg, true, err);
}

int db_random_id(char *ret, size_t n, const char *alphabet, struct db *db,
                 struct err *err)
{
    size_t letters = strlen(alphabet);
    /* Bytes past the last whole multiple would make the first letters likelier. */
    unsigned fair = 256 - 256 % (unsigned)letters;
    uint8_t bytes[32];
    size_t got = 0, at = sizeof bytes;

    assert(letters > 0 && letters <= 256);
    while (got < n) {
        if (at == sizeof bytes) {
            int r = db->random(bytes, sizeof bytes, err);

            if (r < 0)
                return r;
            at = 0;
        }
        if (bytes[at] < fair)
            ret[got++] = alphabet[bytes[at] % letters];
        at++;
    }
    ret[n] = '\0';
    return 0;
}

int db_random_int(int64_t *ret, struct db *db, struct err *err)
{
    uint64_t v = 0;

    do {
        int r = db->random(&v, sizeof v, err);

        if (r < 0)
            return r;
        v &= (UINT64_C(1) << 53) - 1;
    } while (v == 0);
    *ret = (int64_t)v;
    return 0;
}
