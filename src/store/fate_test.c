/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections to PostgreSQL that are lost at COMMIT, with a proxy between: what was
 * committed is known for that, and what was not is run again. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/scoped.h"
#include "store/testing.h"

enum { LINKS = 4, HELD_MAX = 1 << 16, LATE_MS = 400, TRIES = 5, OTHERS = 20 };

/* What becomes of the COMMIT that comes next. */
enum trap {
    TRAP_NONE,
    TRAP_CRASHED, /* it does not arrive, and the engine crashes */
    TRAP_REUSED,  /* ... and others get its id before the connection is lost */
    TRAP_ENDED,   /* it does not arrive, and the engine ends the connection */
    TRAP_ANSWER,  /* its answer does not arrive */
    TRAP_LATE,    /* the connection is lost, and it arrives afterwards */
};

/* One connection and its other half. */
struct link {
    int client, server; /* -1: none */
    bool begun;         /* its first message, which has no type, has passed */
    bool mute;          /* no answer passes any more */
    int64_t late;       /* when to send COMMIT; 0: not */
    uint8_t held[HELD_MAX];
    size_t n;
};

/* A thread whose connection goes through the proxy. */
struct client {
    char url[sizeof((struct sockaddr_un *)0)->sun_path + 100];
    int before; /* transactions before */
    bool lazy;
    atomic_int trap;
    atomic_int runs;
    atomic_llong id; /* of the first run */
    atomic_bool done;
    int r;
    struct err err;
};

struct proxy {
    struct testing *t;
    struct client *client;
    struct sockaddr_un at, server;
    int listener;
    bool reused;
    struct link links[LINKS];
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int count_up(struct db *db, const char *name, int64_t *ret_id, struct err *err)
{
    int r = db_exec(NULL, db, "UPDATE counter SET n = n + 1 WHERE name = $1",
                    DB_ARGS(db_text(name)), err);

    if (r < 0)
        return r;
    r = db_get_int(ret_id, db,
                   "SELECT CAST(CAST(pg_current_xact_id() AS TEXT) AS BIGINT)",
                   DB_NO_ARGS, err);
    return r < 0 ? r : 0;
}

static int count_mine(struct db *db, void *arg, struct err *err)
{
    struct client *c = arg;
    int64_t id;
    int r = count_up(db, "mine", &id, err);

    if (r == 0 && atomic_fetch_add(&c->runs, 1) == 0)
        atomic_store(&c->id, id);
    return r;
}

static int count_others(struct db *db, void *arg, struct err *err)
{
    return count_up(db, "others", arg, err);
}

static int look(struct db *db, void *arg, struct err *err)
{
    int r = db_get_int(arg, db, "SELECT COUNT(*) FROM counter", DB_NO_ARGS, err);

    return r < 0 ? r : 0;
}

static int commit_in_a_trap(struct client *c)
{
    const struct catalog_options options = {1, testing_options.patience_ms};
    AUTO(catalog_closep) struct catalog *catalog = NULL;
    AUTO(catalog_put) struct db *db = NULL;
    enum trap trap = (enum trap)atomic_exchange(&c->trap, TRAP_NONE);
    int64_t id;
    int r = catalog_open(&catalog, c->url, &options, &c->err);

    if (r == 0)
        r = catalog_get(&db, catalog, &c->err);
    for (int i = 0; r == 0 && i < c->before; i++)
        r = db_tx(db, count_others, &id, &c->err);
    atomic_store(&c->trap, trap);
    if (r == 0)
        r = (c->lazy ? db_tx_lazy : db_tx)(db, count_mine, c, &c->err);
    return r;
}

static void *be_client(void *arg)
{
    struct client *c = arg;

    c->r = commit_in_a_trap(c);
    atomic_store(&c->done, true);
    return NULL;
}

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void drop_link(struct link *l)
{
    drop(&l->client);
    drop(&l->server);
    l->n = 0;
    l->late = 0;
    l->begun = l->mute = false;
}

static bool is_free(const struct link *l)
{
    return l->client < 0 && l->server < 0;
}

static void pass(struct link *l, int to, const uint8_t *p, size_t n)
{
    /* Who is gone is noticed by reading. */
    while (n > 0) {
        ssize_t sent = send(to, p, n, MSG_NOSIGNAL);

        if (sent <= 0) {
            drop_link(l);
            return;
        }
        p += sent;
        n -= (size_t)sent;
    }
}

static const uint8_t commit[] = "Q\0\0\0\x0b"
                                "COMMIT";

/* Ids up to that of the transaction that was lost, which one of them may get. */
static void let_others_commit(struct proxy *p)
{
    int64_t id = 0;

    for (int i = 0; i < OTHERS && id < atomic_load(&p->client->id); i++)
        OK(db_tx(p->t->db, count_others, &id, &err));
    p->reused = id == atomic_load(&p->client->id);
}

static void spring(struct proxy *p, struct link *l, enum trap trap)
{
    switch (trap) {
    case TRAP_NONE:
        break;
    case TRAP_CRASHED:
    case TRAP_REUSED:
        testing_crash_engine();
        if (trap == TRAP_REUSED)
            let_others_commit(p);
        drop_link(l);
        break;
    case TRAP_ENDED:
        testing_int(p->t, "SELECT CAST(pg_terminate_backend(pid) AS INTEGER) FROM "
                          "pg_stat_activity WHERE application_name = 'trapped'");
        break;
    case TRAP_ANSWER:
        l->mute = true;
        pass(l, l->server, commit, sizeof commit);
        break;
    case TRAP_LATE:
        drop(&l->client);
        l->mute = true;
        l->late = now_ms() + LATE_MS;
        break;
    }
}

/* The whole messages of what the client sent. */
static void pass_messages(struct proxy *p, struct link *l)
{
    while (l->client >= 0) {
        size_t type = l->begun ? 1 : 0, n;
        enum trap trap = TRAP_NONE;

        if (l->n < type + 4)
            return;
        n = type + load_be32(l->held + type);
        assert_true(n <= HELD_MAX);
        if (l->n < n)
            return;
        l->begun = true;
        if (n == sizeof commit && memcmp(l->held, commit, n) == 0)
            trap = (enum trap)atomic_exchange(&p->client->trap, TRAP_NONE);
        if (trap == TRAP_NONE)
            pass(l, l->server, l->held, n);
        else
            spring(p, l, trap);
        /* Nothing is held any more when the link was dropped. */
        l->n = l->n < n ? 0 : l->n - n;
        memmove(l->held, l->held + n, l->n);
    }
}

static void hear_client(struct proxy *p, struct link *l)
{
    ssize_t got = recv(l->client, l->held + l->n, HELD_MAX - l->n, 0);

    if (got <= 0) {
        drop_link(l);
        return;
    }
    l->n += (size_t)got;
    pass_messages(p, l);
}

static void hear_server(struct link *l)
{
    uint8_t buf[4096];
    ssize_t got = recv(l->server, buf, sizeof buf, 0);

    if (got <= 0 || l->mute)
        drop_link(l);
    else
        pass(l, l->client, buf, (size_t)got);
}

static void welcome(struct proxy *p)
{
    struct link *l = p->links;

    while (!is_free(l))
        assert_true(++l < p->links + LINKS);
    l->client = accept(p->listener, NULL, NULL);
    assert_true(l->client >= 0);
    l->server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(l->server >= 0);
    assert_int_equal(
        connect(l->server, (const struct sockaddr *)&p->server, sizeof p->server), 0);
}

static void serve(struct proxy *p)
{
    struct pollfd fds[1 + 2 * LINKS] = {{.fd = p->listener, .events = POLLIN}};

    for (size_t i = 0; i < LINKS; i++) {
        fds[1 + 2 * i] = (struct pollfd){.fd = p->links[i].client, .events = POLLIN};
        fds[2 + 2 * i] = (struct pollfd){.fd = p->links[i].server, .events = POLLIN};
    }
    poll(fds, ARRAY_SIZE(fds), 20);
    for (size_t i = 0; i < LINKS; i++) {
        struct link *l = &p->links[i];

        /* Dropped meanwhile, or another already: the next round sees it. */
        if (fds[2 + 2 * i].revents && fds[2 + 2 * i].fd == l->server)
            hear_server(l);
        if (fds[1 + 2 * i].revents && fds[1 + 2 * i].fd == l->client)
            hear_client(p, l);
        if (l->late && now_ms() >= l->late) {
            l->late = 0;
            pass(l, l->server, commit, sizeof commit);
        }
    }
    if (fds[0].revents)
        welcome(p);
}

/* The socket of the server whose folder STORE_URL names. */
static void find_server(struct sockaddr_un *ret, const char *url)
{
    const char *host = strstr(url, "host=");

    assert_non_null(host);
    host += strlen("host=");
    *ret = (struct sockaddr_un){.sun_family = AF_UNIX};
    assert_true(snprintf(ret->sun_path, sizeof ret->sun_path, "%.*s/.s.PGSQL.5432",
                         (int)strcspn(host, "&"), host) < (int)sizeof ret->sun_path);
}

/* A client through a proxy, from its first message to its last. */
static void run_client(bool *ret_reused, struct testing *t, struct client *c)
{
    char dir[] = "/tmp/imgport-fate-XXXXXX";
    struct proxy p = {.t = t, .client = c, .at = {.sun_family = AF_UNIX}};
    pthread_t thread;

    for (size_t i = 0; i < LINKS; i++)
        p.links[i].client = p.links[i].server = -1;
    find_server(&p.server, t->url);
    assert_non_null(mkdtemp(dir));
    snprintf(p.at.sun_path, sizeof p.at.sun_path, "%s/.s.PGSQL.5432", dir);
    snprintf(c->url, sizeof c->url, "%.*shost=%s&application_name=trapped",
             (int)(strstr(t->url, "host=") - t->url), t->url, dir);
    p.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(p.listener >= 0);
    assert_int_equal(bind(p.listener, (const struct sockaddr *)&p.at, sizeof p.at), 0);
    assert_int_equal(listen(p.listener, 4), 0);
    assert_int_equal(pthread_create(&thread, NULL, be_client, c), 0);
    while (!atomic_load(&c->done))
        serve(&p);
    pthread_join(thread, NULL);
    for (size_t i = 0; i < LINKS; i++)
        drop_link(&p.links[i]);
    close(p.listener);
    assert_int_equal(unlink(p.at.sun_path), 0);
    assert_int_equal(rmdir(dir), 0);
    *ret_reused = p.reused;
}

struct fate {
    const char *sentence;
    enum trap trap;
    int runs, before;
    bool lazy;
};

static void check_fate(struct testing *t, const struct fate *f)
{
    /* What the engine writes by itself may save the id from being used again. */
    for (int i = 0; i < TRIES; i++) {
        struct client c = {.trap = f->trap, .before = f->before, .lazy = f->lazy};
        int64_t before = testing_int(t, "SELECT n FROM counter WHERE name = 'mine'");
        int64_t n;
        bool reused;

        run_client(&reused, t, &c);
        n = testing_int(t, "SELECT n FROM counter WHERE name = 'mine'") - before;
        if (c.r != 0 || n != 1 || c.runs != f->runs)
            print_error("%s: %d (%s), run %d times, want %d, and done %d times\n",
                        f->sentence, c.r, c.err.msg, c.runs, f->runs, (int)n);
        assert_int_equal(c.r, 0);
        assert_int_equal(n, 1);
        assert_int_equal(c.runs, f->runs);
        if (reused || f->trap != TRAP_REUSED)
            return;
    }
    fail_msg("%s: no other transaction got the id", f->sentence);
}

static void test_a_commit_is_known_for_what_it_was(void **state)
{
    static const struct fate fates[] = {
        {"nothing happens", TRAP_NONE, 1, 0, false},
        {"a crash before COMMIT, and its id is another's", TRAP_REUSED, 2, 2, false},
        {"... the first of its session", TRAP_REUSED, 2, 0, false},
        {"... one that is not waited for", TRAP_REUSED, 2, 2, true},
        {"a crash before COMMIT, and nobody had its id", TRAP_CRASHED, 2, 2, false},
        {"the engine ends the connection before COMMIT", TRAP_ENDED, 2, 2, false},
        {"the answer to COMMIT is lost", TRAP_ANSWER, 1, 2, false},
        {"... to the first of its session", TRAP_ANSWER, 1, 0, false},
        {"... to one that is not waited for", TRAP_ANSWER, 1, 2, true},
        {"COMMIT arrives after the connection was lost", TRAP_LATE, 1, 2, false},
        {"... the first of its session", TRAP_LATE, 1, 0, false},
    };
    struct testing *t = *state;

    if (testing_is_sqlite(t))
        return; /* it has no connections */
    testing_exec(t, "INSERT INTO counter (name, n) VALUES ('mine', 0), ('others', 0)");
    for (size_t i = 0; i < ARRAY_SIZE(fates); i++)
        check_fate(t, &fates[i]);
}

static int64_t marks(struct testing *t)
{
    return testing_int(t, "SELECT COUNT(*) FROM commit_mark");
}

static void test_marks_do_not_pile_up(void **state)
{
    struct testing *t = *state;
    struct catalog *c;
    struct db *db, *second;
    int64_t had, n;

    if (testing_is_sqlite(t))
        return; /* it makes none */
    testing_exec(t,
                 "INSERT INTO commit_mark (session, n, updated) VALUES "
                 "('old', 1, @NOW - 90000), ('older', 2, 0), ('late', 3, @NOW - 80000)");
    had = marks(t);
    OK(catalog_open(&c, t->url, &testing_options, &err));
    OK(catalog_get(&db, c, &err));
    OK(catalog_get(&second, c, &err));
    /* The second is opened where there surely is a table of marks. */
    assert_int_equal(marks(t), had - 2);
    OK(db_tx(db, look, &n, &err));
    assert_int_equal(marks(t), had - 2);
    OK(db_tx(db, count_others, &n, &err));
    OK(db_tx(db, count_others, &n, &err));
    assert_int_equal(marks(t), had - 1);
    catalog_put(&second);
    catalog_put(&db);
    catalog_close(c);
    assert_int_equal(marks(t), had - 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_commit_is_known_for_what_it_was),
        cmocka_unit_test(test_marks_do_not_pile_up),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
