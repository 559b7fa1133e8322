/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Writers that are killed, and an engine that is killed: nothing is half done, and what
 * was committed stays. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/share.h"
#include "store/task.h"
#include "store/testing.h"

enum { ROUNDS = 20, THREADS = 3, CRASHES = 3 };

struct writer {
    struct catalog *catalog;
    const char *owner;
    const char *prefix;
    int number;
    int ack; /* a byte for every import that was committed; -1: none */
    atomic_bool *stop;
    int64_t imported;
    struct err err;
};

struct import {
    const char *owner, *name;
};

static int import(struct db *db, void *arg, struct err *err)
{
    const struct import *i = arg;
    const struct image image = {
        .region = REGION,
        .owner = i->owner,
        .name = i->name,
        .state = IMAGE_IMPORTING,
        .sync_percent = -1,
    };
    const struct tag tags[] = {{"a", "1"}, {"b", "2"}};
    char id[IMAGE_ID_SIZE];
    int64_t task;
    int r;

    r = day_op_use(db, i->owner, REGION, 1000000, err);
    if (r == 0)
        r = image_new(id, db, &image, 1000000, tags, 2, err);
    if (r == 0)
        r = task_new(
            &task, db,
            &(struct task){
                .kind = TASK_IMPORT, .image = id, .account = i->owner, .region = REGION},
            err);
    return r;
}

static int work_off_one(struct writer *w, struct db *db, struct arena *arena)
{
    struct image_change change = IMAGE_CHANGE_NOTHING;
    struct task_lease lease;
    struct task task;
    char holder[32];
    int r;

    snprintf(holder, sizeof holder, "%s-%d", w->prefix, w->number);
    r = task_claim(&task, &lease, NULL, arena, db, TASK_OF_ALL, holder, 60, &w->err);
    if (r != 0)
        return r < 0 ? r : 0;
    r = task_beat(NULL, db, &lease, 60, NULL, &w->err);
    if (r == 0)
        r = task_step_done(db, &lease, "fetch", "{}", "check", &w->err);
    change.state = IMAGE_NORMAL;
    if (r == 0)
        r = task_finish(db, &lease,
                        &(struct task_end){
                            .state = TASK_DONE,
                            .image = task.image,
                            .image_from = IMAGE_IN(IMAGE_IMPORTING),
                            .image_change = &change,
                            .report = "{}",
                            .messages =
                                &(struct message_new){
                                    .account = task.account,
                                    .type = "import-succeeded",
                                    .subject = "done",
                                    .body = "",
                                    .image = task.image,
                                },
                            .n_messages = 1,
                        },
                        &w->err);
    /* A commit whose answer was lost with the engine is settled, so no lease is lost. */
    return r > 0 ? FAIL(&w->err, ERR_CONFLICT, "%s", refusal_name(r)) : r;
}

static void *write_much(void *arg)
{
    struct writer *w = arg;
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_put) struct db *db = NULL;

    if (catalog_get(&db, w->catalog, &w->err) < 0)
        return w;
    while (!atomic_load(w->stop)) {
        char name[64];

        snprintf(name, sizeof name, "%s-%d-%d", w->prefix, w->number, (int)w->imported);
        if (db_tx(db, import, &(struct import){w->owner, name}, &w->err) != 0)
            return w;
        w->imported++;
        if (w->ack >= 0 && write(w->ack, "x", 1) != 1)
            return w;
        if (work_off_one(w, db, &arena) < 0)
            return w;
    }
    return NULL;
}

/* In a child, until it is killed. */
static void be_killed(const char *url, const char *owner, int round, int ack)
{
    static struct writer w[THREADS];
    static atomic_bool stop;
    pthread_t threads[THREADS];
    struct catalog *c;
    char prefix[16];

    if (catalog_open(&c, url, &testing_options, NULL) < 0)
        _exit(1);
    snprintf(prefix, sizeof prefix, "round-%d", round);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct writer){c, owner, prefix, i, ack, &stop, 0, {0}};
        if (pthread_create(&threads[i], NULL, write_much, &w[i]) != 0)
            _exit(1);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < THREADS; i++)
        fprintf(stderr, "writer %d: %s\n", i, w[i].err.msg);
    _exit(2);
}

/* What holds whenever one looks. */
static void check_invariants(struct testing *t)
{
    static const struct {
        const char *name, *sql;
    } none[] = {
        {"an image in work without its task",
         "SELECT COUNT(*) FROM image i WHERE state = 4 AND NOT EXISTS (SELECT 1 FROM "
         "task "
         "k WHERE k.image = i.id AND k.due IS NOT NULL)"},
        {"a task without its image", "SELECT COUNT(*) FROM task k WHERE NOT EXISTS "
                                     "(SELECT 1 FROM image i WHERE i.id = "
                                     "k.image)"},
        {"a task that is done, and its image is not",
         "SELECT COUNT(*) FROM task k JOIN image i ON i.id = k.image WHERE (k.state = 2) "
         "<> (i.state = 1)"},
        {"an image that is ready without exactly one message",
         "SELECT COUNT(*) FROM image i WHERE i.state = 1 AND (SELECT COUNT(*) FROM "
         "message "
         "m WHERE m.image = i.id) <> 1"},
        {"a message of an image that is not ready",
         "SELECT COUNT(*) FROM message m JOIN image i ON i.id = m.image WHERE i.state <> "
         "1"},
        {"an image that is ready without its report",
         "SELECT COUNT(*) FROM image i WHERE i.state = 1 AND NOT EXISTS (SELECT 1 FROM "
         "image_report r WHERE r.image = i.id)"},
        {"a task at the second step without the result of the first",
         "SELECT COUNT(*) FROM task k WHERE step = 'check' AND NOT EXISTS (SELECT 1 FROM "
         "task_result r WHERE r.task = k.id)"},
        {"an image without its two tags",
         "SELECT COUNT(*) FROM image i WHERE (SELECT COUNT(*) FROM image_tag g WHERE "
         "g.image = i.id) <> 2 OR tags NOT LIKE '%\"b\"%'"},
        {"operations of the day that are not the images",
         /* Of the last day: at midnight of Shanghai it begins again. */
         "SELECT (SELECT COALESCE(SUM(n), 0) FROM day_op WHERE day = (SELECT MAX(day) "
         "FROM "
         "day_op)) - (SELECT COUNT(*) FROM image WHERE (created + 28800) / 86400 = "
         "(SELECT "
         "MAX(day) FROM day_op))"},
    };

    for (size_t i = 0; i < ARRAY_SIZE(none); i++) {
        int64_t n = testing_int(t, none[i].sql);

        if (n != 0)
            print_error("%s: %d\n", none[i].name, (int)n);
        assert_int_equal(n, 0);
    }
    if (testing_is_sqlite(t)) {
        AUTO(db_rows_end) struct db_rows rows = {0};

        OK(db_query(&rows, t->db, "PRAGMA integrity_check", DB_NO_ARGS, &err));
        CHECK(1, db_next(&rows, &err));
        assert_string_equal(db_col_text(&rows, 0), "ok");
    }
}

static int64_t read_acks(int fd)
{
    char buf[4096];
    int64_t n = 0;
    ssize_t got;

    while ((got = read(fd, buf, sizeof buf)) > 0)
        n += got;
    return n;
}

static void pause_ms(int ms)
{
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000},
              NULL);
}

static void test_writers_are_killed(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t acks = 0;

    for (int round = 0; round < ROUNDS; round++) {
        int fds[2], status;
        pid_t child;

        catalog_put(&t->db);
        catalog_close(t->catalog);
        assert_int_equal(pipe(fds), 0);
        child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(fds[0]);
            be_killed(t->url, a.uin, round, fds[1]);
        }
        close(fds[1]);
        /* From its first commit on, at moments that have nothing to do with what it does.
         */
        poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 60000);
        pause_ms(3 + round * 37 % 151);
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        assert_true(WIFSIGNALED(status));
        acks += read_acks(fds[0]);
        close(fds[0]);
        OK(catalog_open(&t->catalog, t->url, &testing_options, &err));
        OK(catalog_get(&t->db, t->catalog, &err));
        check_invariants(t);
        assert_true(testing_int(t, "SELECT COUNT(*) FROM image") >= acks);
        /* What it held is taken over when the lease is over. */
        testing_exec(t, "UPDATE task SET due = @NOW - 1 WHERE due IS NOT NULL");
    }
    print_message("%d imports in %d lives\n", (int)acks, ROUNDS);
    assert_true(acks >= ROUNDS);
}

static void test_the_engine_is_killed(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    AUTO(watch_closep) struct watch *watch = NULL;
    struct writer w[THREADS];
    pthread_t threads[THREADS];
    atomic_bool stop = false;
    int64_t imported = 0, before;
    unsigned told;

    if (testing_is_sqlite(t))
        return; /* it has no life of its own */
    before = testing_int(t, "SELECT COUNT(*) FROM image");
    OK(watch_open(&watch, t->catalog, WATCH_ACCOUNT, &err));
    OK(watch_wait(&told, watch, 0, &err));
    OK(watch_wait(&told, watch, 0, &err));
    assert_int_equal(told, 0);
    for (int i = 0; i < THREADS; i++) {
        w[i] = (struct writer){t->catalog, a.uin, "engine", i, -1, &stop, 0, {0}};
        assert_int_equal(pthread_create(&threads[i], NULL, write_much, &w[i]), 0);
    }
    for (int i = 0; i < CRASHES; i++) {
        pause_ms(200);
        testing_crash_engine();
        /* Nothing was told, but something may have been missed. */
        OK(watch_wait(&told, watch, 60000, &err));
        assert_int_equal(told, WATCH_ACCOUNT);
    }
    pause_ms(200);
    atomic_store(&stop, true);
    for (int i = 0; i < THREADS; i++) {
        void *failed;

        pthread_join(threads[i], &failed);
        if (failed)
            print_error("writer %d: %s\n", i, w[i].err.msg);
        assert_null(failed);
        imported += w[i].imported;
    }
    check_invariants(t);
    /* Each commit is known for what it was: none was lost, and none done twice. */
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM image") - before, imported);
    print_message("%d imports over %d crashes\n", (int)imported, CRASHES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_writers_are_killed),
        cmocka_unit_test(test_the_engine_is_killed),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
