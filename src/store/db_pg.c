/* SPDX-License-Identifier: GPL-2.0-or-later */
/* db_pg.c: PostgreSQL by libpq
 *
 * READ COMMITTED with explicit locks (@LOCK on the row that is counted below): what waits
 * goes on with what it finds then, and nothing needs to be run again but after a
 * deadlock.
 *
 * A connection that breaks is made again.  One that breaks during COMMIT leaves open what
 * became of the transaction.  Its id would not tell: an engine that crashed gives ids
 * that never reached its log to others, who commit under them.  So each transaction that
 * wrote leaves a number in the row of its session, and that row is asked for afterwards.
 */
#include <assert.h>
#include <inttypes.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/scoped.h"
#include "base/uuid.h"
#include "store/catalog.h"
#include "store/db_driver.h"

/* Types of parameters: catalog/pg_type.dat of PostgreSQL. */
enum { OID_BYTEA = 17, OID_INT8 = 20, OID_TEXT = 25 };

struct pg {
    struct db db;
    PGconn *h;
    unsigned generation; /* of the connection: statements are prepared for one */
    unsigned names;      /* statements prepared so far */
    unsigned listening;  /* bits of enum watch_bits */
    /* The row of commit_mark: the same over all connections, and n never comes again. */
    char session[UUID_TEXT];
    int64_t n;
    bool marked;
    struct pg_stmt *mark; /* prepared; NULL before the first commit */
};

struct pg_stmt {
    char *sql;
    unsigned generation, name;
    size_t n_args;
    Oid types[];
};

static struct pg *pg_of(const struct db *db)
{
    return CONTAINER_OF(db, struct pg, db);
}

static void clearp(PGresult **res)
{
    PQclear(*res);
}

static void be_silent(void *arg, const char *message)
{
    (void)arg;
    (void)message;
}

/* First line of a message. */
static int line_length(const char *s)
{
    return (int)strcspn(s, "\n");
}

static int fail(struct pg *p, const PGresult *res, struct err *err)
{
    const char *state = res ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    enum err_code code = ERR_IO;

    if (!text || !*text)
        text = PQerrorMessage(p->h);
    if (!state && strstr(text, "out of memory")) {
        code = ERR_NOMEM;
    } else if (!state || PQstatus(p->h) == CONNECTION_BAD) {
        /* What libpq says by itself is about the connection, also before it knows that it
         * is lost. */
        p->db.lost = p->db.again = true;
    } else if (strncmp(state, "40", 2) == 0 || strcmp(state, "55P03") == 0 ||
               strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0) {
        p->db.again = true;
        code = ERR_CONFLICT;
    } else if (strncmp(state, "23", 2) == 0) {
        p->db.duplicate = strcmp(state, "23505") == 0;
        code = ERR_CONFLICT;
    } else if (strcmp(state, "53200") == 0) {
        code = ERR_NOMEM;
    } else if (strncmp(state, "54", 2) == 0) {
        code = ERR_LIMIT;
    } else if (strncmp(state, "XX", 2) == 0) {
        code = ERR_CORRUPT;
    }
    return FAIL(err, code, "catalogue: %.*s%s%s", line_length(text), text,
                state ? ", SQLSTATE " : "", state ? state : "");
}

static int script(struct db *db, const char *sql, struct err *err)
{
    struct pg *p = pg_of(db);
    AUTO(clearp) PGresult *res = PQexec(p->h, sql);
    ExecStatusType status = PQresultStatus(res);

    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
        status != PGRES_EMPTY_QUERY)
        return fail(p, res, err);
    return 0;
}

static int connect_once(struct pg *p, const char *url, struct err *err)
{
    /* What the URL says counts, since it comes last. */
    static const char *const names[] = {"application_name",
                                        "client_encoding",
                                        "connect_timeout",
                                        "keepalives_idle",
                                        "keepalives_interval",
                                        "keepalives_count",
                                        "tcp_user_timeout",
                                        "dbname",
                                        NULL};
    const char *const values[] = {"imgport", "UTF8",  "5", "10", "5",
                                  "3",       "15000", url, NULL};
    int r;

    PQfinish(p->h);
    p->h = PQconnectdbParams(names, values, 1);
    p->generation++;
    p->listening = 0;
    if (!p->h)
        return FAIL(err, ERR_NOMEM, "catalogue");
    if (PQstatus(p->h) != CONNECTION_OK) {
        const char *text = PQerrorMessage(p->h);

        p->db.lost = p->db.again = true;
        return FAIL(err, ERR_IO, "catalogue: %.*s", line_length(text), text);
    }
    PQsetNoticeProcessor(p->h, be_silent, NULL);
    p->db.lost = false;
    /* Whoever stands still in the middle of a transaction does not stop the others. Every
     * statement goes by an index whatever its values are, and planning the list of images
     * takes longer than running it. */
    r = script(&p->db,
               "SET lock_timeout = '10s'; SET idle_in_transaction_session_timeout = "
               "'60s'; SET default_transaction_isolation = 'read committed'; "
               "SET plan_cache_mode = force_generic_plan",
               err);
    if (r < 0)
        p->db.lost = p->db.again = true;
    return r;
}

static void pg_close(struct db *db)
{
    struct pg *p = pg_of(db);
    char sql[128];

    if (p->marked && !db->lost && PQstatus(p->h) == CONNECTION_OK) {
        snprintf(sql, sizeof sql,
                 "SET synchronous_commit = off; "
                 "DELETE FROM commit_mark WHERE session = '%s'",
                 p->session);
        (void)script(db, sql, NULL);
    }
    PQfinish(p->h);
    if (p->mark)
        free(p->mark->sql);
    free(p->mark);
    free(p);
}

/* Marks of who could not take theirs away.  Whoever is there still makes a new one. */
static void forget_marks(struct pg *p)
{
    (void)script(&p->db,
                 "DELETE FROM commit_mark WHERE session IN (SELECT session FROM "
                 "commit_mark WHERE updated < EXTRACT(EPOCH FROM now()) - 86400 "
                 "FOR UPDATE SKIP LOCKED)",
                 NULL);
}

static int pg_open(struct db **ret, struct db_home *home, struct err *err)
{
    struct pg *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return FAIL(err, ERR_NOMEM, "catalogue");
    r = uuid_make(p->session, err);
    if (r < 0) {
        free(p);
        return r;
    }
    r = connect_once(p, home->url, home->opened ? NULL : err);
    /* Once it was there it will be again: the first transaction waits for it. */
    if (r < 0 && !(home->opened && p->db.lost)) {
        pg_close(&p->db);
        return r;
    }
    if (r == 0 && home->opened)
        forget_marks(p);
    *ret = &p->db;
    return 0;
}

static int pg_revive(struct db *db, struct err *err)
{
    return connect_once(pg_of(db), db->home->url, err);
}

static int prepare(struct pg *p, struct pg_stmt *s, struct err *err)
{
    AUTO(clearp) PGresult *res = NULL;
    char name[16];

    s->name = ++p->names;
    snprintf(name, sizeof name, "s%u", s->name);
    res = PQprepare(p->h, name, s->sql, (int)s->n_args, s->types);
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        return fail(p, res, err);
    s->generation = p->generation;
    return 0;
}

static void pg_drop(struct db *db, void *handle)
{
    struct pg *p = pg_of(db);
    struct pg_stmt *s = handle;
    char sql[32];

    if (s->generation == p->generation && s->name > 0 &&
        PQstatus(p->h) == CONNECTION_OK && PQtransactionStatus(p->h) != PQTRANS_INERROR) {
        snprintf(sql, sizeof sql, "DEALLOCATE s%u", s->name);
        PQclear(PQexec(p->h, sql));
    }
    free(s->sql);
    free(s);
}

static int pg_prepare(void **ret, struct db *db, const char *sql,
                      const struct db_arg *args, size_t n, struct err *err)
{
    struct pg_stmt *s = calloc(1, sizeof *s + n * sizeof s->types[0]);
    int r;

    if (!s)
        return FAIL(err, ERR_NOMEM, "a statement");
    s->sql = strdup(sql);
    s->n_args = n;
    for (size_t i = 0; i < n; i++)
        s->types[i] = args[i].type == DB_INT    ? OID_INT8
                      : args[i].type == DB_TEXT ? OID_TEXT
                                                : OID_BYTEA;
    r = s->sql ? prepare(pg_of(db), s, err) : FAIL(err, ERR_NOMEM, "a statement");
    if (r < 0) {
        free(s->sql);
        free(s);
        return r;
    }
    *ret = s;
    return 0;
}

enum { INT_TEXT = 24 };

/* Sends it with its parameters as text, but blobs. */
static PGresult *execute(struct pg *p, const struct pg_stmt *s, const struct db_arg *args,
                         size_t n)
{
    const char *values[DB_ARGS_MAX];
    int lengths[DB_ARGS_MAX], formats[DB_ARGS_MAX];
    char ints[DB_ARGS_MAX][INT_TEXT];
    char name[16];

    for (size_t i = 0; i < n; i++) {
        formats[i] = args[i].type == DB_BLOB;
        lengths[i] = (int)args[i].n;
        values[i] = args[i].p;
        if (args[i].type == DB_INT) {
            snprintf(ints[i], INT_TEXT, "%" PRId64, args[i].i);
            values[i] = ints[i];
        }
    }
    snprintf(name, sizeof name, "s%u", s->name);
    return PQexecPrepared(p->h, name, (int)n, values, lengths, formats, 0);
}

static int pg_run(struct db_rows *rows, const struct db_arg *args, size_t n,
                  struct err *err)
{
    struct pg *p = pg_of(rows->db);
    struct pg_stmt *s = rows->stmt->handle;
    PGresult *res;
    ExecStatusType status;
    int r;

    assert(n == s->n_args);
    for (size_t i = 0; i < n; i++)
        if (args[i].n > INT32_MAX)
            return FAIL(err, ERR_LIMIT, "parameter %zu: %zu bytes", i + 1, args[i].n);
    if (s->generation != p->generation) {
        r = prepare(p, s, err);
        if (r < 0)
            return r;
    }
    res = execute(p, s, args, n);
    status = PQresultStatus(res);
    if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) {
        r = fail(p, res, err);
        PQclear(res);
        return r;
    }
    rows->result = res;
    rows->at = -1;
    rows->n = PQntuples(res);
    return 0;
}

static int pg_next(struct db_rows *rows, struct err *err)
{
    (void)err;
    if (rows->at + 1 >= rows->n)
        return 0;
    rows->at++;
    return 1;
}

static void pg_end(struct db_rows *rows)
{
    PQclear(rows->result);
}

static int64_t pg_changes(struct db_rows *rows)
{
    return strtoll(PQcmdTuples(rows->result), NULL, 10);
}

static int pg_begin(struct db *db, bool lazy, struct err *err)
{
    return script(db, lazy ? "BEGIN; SET LOCAL synchronous_commit = off" : "BEGIN", err);
}

static void pg_rollback(struct db *db)
{
    if (!db->lost)
        (void)script(db, "ROLLBACK", NULL);
}

/* Leaves the next number in the row of this session.  Nothing, when the transaction has
 * written nothing. */
static int mark(bool *ret_wrote, struct pg *p, struct err *err)
{
    static const char sql[] =
        "INSERT INTO commit_mark (session, n, updated) "
        "SELECT $1, $2, FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) "
        "WHERE pg_current_xact_id_if_assigned() IS NOT NULL "
        "ON CONFLICT (session) DO UPDATE SET n = EXCLUDED.n, updated = EXCLUDED.updated";
    const struct db_arg args[] = {db_text(p->session), db_int(++p->n)};
    AUTO(clearp) PGresult *res = NULL;
    void *made;
    int r = 0;

    if (!p->mark) {
        r = pg_prepare(&made, &p->db, sql, args, ARRAY_SIZE(args), err);
        if (r == 0)
            p->mark = made;
    } else if (p->mark->generation != p->generation) {
        r = prepare(p, p->mark, err);
    }
    if (r < 0)
        return r;
    res = execute(p, p->mark, args, ARRAY_SIZE(args));
    if (PQresultStatus(res) != PGRES_COMMAND_OK)
        return fail(p, res, err);
    *ret_wrote = strcmp(PQcmdTuples(res), "0") != 0;
    p->marked |= *ret_wrote;
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* 1: it was committed.  0: it was not, and will not be.  Negative: nobody can tell yet.
 *
 * Writing the row waits for who has it: a transaction that the engine still works on. */
static int ask_fate(struct pg *p, struct err *err)
{
    const char *values[] = {p->session};
    AUTO(clearp) PGresult *res = NULL;
    int r;

    if (p->db.lost) {
        r = pg_revive(&p->db, err);
        if (r < 0)
            return r;
    }
    res = PQexecParams(p->h,
                       "INSERT INTO commit_mark (session, n, updated) "
                       "VALUES ($1, 0, FLOOR(EXTRACT(EPOCH FROM clock_timestamp()))) "
                       "ON CONFLICT (session) DO UPDATE SET updated = EXCLUDED.updated "
                       "RETURNING n",
                       1, NULL, values, NULL, NULL, 0);
    if (PQresultStatus(res) != PGRES_TUPLES_OK)
        return fail(p, res, err);
    p->marked = true;
    return strtoll(PQgetvalue(res, 0, 0), NULL, 10) == p->n;
}

/* The connection was lost at COMMIT. */
static int settle(struct pg *p, struct err *err)
{
    int64_t until = now_ms() + p->db.home->patience_ms;
    struct err e;
    int r;

    do {
        e = (struct err){0};
        r = ask_fate(p, &e);
        if (r < 0)
            nanosleep(&(struct timespec){.tv_nsec = 50 * 1000000}, NULL);
    } while (r < 0 && now_ms() < until);
    if (r == 1)
        return 0;
    /* Known not to have happened: it may be run again.  Not known: it may not. */
    p->db.again = r == 0;
    if (r == 0)
        return FAIL(err, ERR_CONFLICT, "catalogue: the connection was lost");
    /* Who has the old row may have it for long. */
    (void)uuid_make(p->session, NULL);
    return FAIL(err, ERR_IO, "catalogue: connection lost at commit, fate not known: %s",
                e.msg);
}

/* The engine itself said no, and goes on: it has not committed. */
static bool is_refusal(const struct pg *p, const PGresult *res)
{
    const char *severity =
        res ? PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED) : NULL;

    return severity && strcmp(severity, "ERROR") == 0 && PQstatus(p->h) != CONNECTION_BAD;
}

static int pg_commit(struct db *db, struct err *err)
{
    struct pg *p = pg_of(db);
    AUTO(clearp) PGresult *res = NULL;
    bool wrote = false;
    int r;

    r = mark(&wrote, p, err);
    if (r < 0) {
        pg_rollback(db);
        return r;
    }
    res = PQexec(p->h, "COMMIT");
    if (PQresultStatus(res) == PGRES_COMMAND_OK) {
        if (strcmp(PQcmdStatus(res), "COMMIT") == 0)
            return 0;
        return FAIL(err, ERR_CONFLICT, "catalogue: the transaction was given up");
    }
    if (!is_refusal(p, res)) {
        db->lost = true;
        return wrote ? settle(p, err) : 0;
    }
    r = fail(p, res, err);
    pg_rollback(db);
    return r;
}

static const struct {
    unsigned bit;
    const char *name;
} channels[] = {
    {WATCH_TASK, "imgport_task"},
    {WATCH_OUTBOX, "imgport_outbox"},
    {WATCH_ACCOUNT, "imgport_account"},
};

/* NOTIFY or LISTEN, for each bit. */
static int for_channels(struct db *db, const char *verb, unsigned what, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(channels); i++) {
        char sql[64];
        int r;

        if (!(what & channels[i].bit))
            continue;
        snprintf(sql, sizeof sql, "%s %s", verb, channels[i].name);
        r = script(db, sql, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int pg_notify(struct db *db, unsigned what, struct err *err)
{
    return for_channels(db, "NOTIFY", what, err);
}

static unsigned heard(struct pg *p)
{
    PGnotify *n;
    unsigned bits = 0;

    while ((n = PQnotifies(p->h)) != NULL) {
        for (size_t i = 0; i < ARRAY_SIZE(channels); i++)
            if (strcmp(n->relname, channels[i].name) == 0)
                bits |= channels[i].bit;
        PQfreemem(n);
    }
    return bits;
}

static int pg_listen(unsigned *ret, int *ret_fd, struct db *db, unsigned what,
                     struct err *err)
{
    struct pg *p = pg_of(db);
    unsigned bits = 0;

    (void)err;
    *ret = 0;
    *ret_fd = -1;
    /* An engine that is away is no error for who only waits: the next look tries again.
     */
    if (!db->lost && !PQconsumeInput(p->h))
        db->lost = true;
    if (db->lost && pg_revive(db, NULL) < 0)
        return 0;
    if (p->listening != what) {
        if (for_channels(db, "LISTEN", what, NULL) < 0)
            return 0;
        p->listening = what;
        bits = what; /* what was told before LISTEN was not heard */
    }
    *ret = bits | heard(p);
    *ret_fd = PQsocket(p->h);
    return 0;
}

static bool pg_is_null(const struct db_rows *rows, int col)
{
    return PQgetisnull(rows->result, rows->at, col);
}

static int64_t pg_get_int(const struct db_rows *rows, int col)
{
    return strtoll(PQgetvalue(rows->result, rows->at, col), NULL, 10);
}

static const char *pg_get_text(const struct db_rows *rows, int col)
{
    if (pg_is_null(rows, col))
        return NULL;
    return PQgetvalue(rows->result, rows->at, col);
}

static uint8_t digit(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

/* "\x0aff" becomes its bytes in its place; the x is a B then. */
static struct bytes pg_get_blob(const struct db_rows *rows, int col)
{
    char *text = PQgetvalue(rows->result, rows->at, col);
    size_t n = (size_t)PQgetlength(rows->result, rows->at, col);

    if (pg_is_null(rows, col) || n < 2)
        return bytes_of(NULL, 0);
    n = n / 2 - 1;
    for (size_t i = 0; text[1] == 'x' && i < n; i++)
        text[2 + i] = (char)(digit(text[2 + 2 * i]) << 4 | digit(text[3 + 2 * i]));
    text[1] = 'B';
    return bytes_of(text + 2, n);
}

const struct db_driver db_pg = {
    .scheme = "postgresql",
    .words =
        {
            [WORD_INT] = "BIGINT",
            [WORD_TEXT] = "TEXT COLLATE \"C\"",
            [WORD_BLOB] = "BYTEA",
            [WORD_SERIAL] = "BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
            [WORD_TABLE] = "",
            [WORD_KEYED] = "",
            [WORD_LOCK] = "FOR NO KEY UPDATE",
            [WORD_SKIP] = "FOR NO KEY UPDATE SKIP LOCKED",
            [WORD_LIKE] = "ILIKE",
            [WORD_NOW] = "CAST(FLOOR(EXTRACT(EPOCH FROM clock_timestamp())) AS BIGINT)",
            [WORD_MATERIAL] = "MATERIALIZED",
        },
    .param = '$',
    /* A number that nobody else locks: the first letters of imgport. */
    .schema_lock = "SELECT pg_advisory_xact_lock(1768778608)",
    .open = pg_open,
    .close = pg_close,
    .revive = pg_revive,
    .script = script,
    .prepare = pg_prepare,
    .drop = pg_drop,
    .run = pg_run,
    .next = pg_next,
    .end = pg_end,
    .changes = pg_changes,
    .begin = pg_begin,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .notify = pg_notify,
    .listen = pg_listen,
    .is_null = pg_is_null,
    .get_int = pg_get_int,
    .get_text = pg_get_text,
    .get_blob = pg_get_blob,
};
