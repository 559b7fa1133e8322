/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two daemons with several threads each, at the same rows: what is counted stays true.
 *
 * And transactions as such: run again, undone, nested. */
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/share.h"
#include "store/task.h"
#include "store/testing.h"

enum { PROCESSES = 2, THREADS = 3, TRIES = 12, QUOTA = 10, DAY = 20 };

struct daemon {
    struct catalog *catalog;
    const char *owner;
    int number;
};

struct import {
    const char *owner, *name;
};

/* What ImportImage does: an operation of the day, an image, a task. */
static int import(struct db *db, void *arg, struct err *err)
{
    const struct import *i = arg;
    struct image image = {
        .region = REGION,
        .owner = i->owner,
        .name = i->name,
        .state = IMAGE_IMPORTING,
        .sync_percent = -1,
    };
    char id[IMAGE_ID_SIZE];
    int64_t task;
    int r;

    r = day_op_use(db, i->owner, REGION, DAY, err);
    if (r == 0)
        r = image_new(id, db, &image, QUOTA, NULL, 0, err);
    if (r == 0)
        r = task_new(
            &task, db,
            &(struct task){
                .kind = TASK_IMPORT, .image = id, .account = i->owner, .region = REGION},
            err);
    return r;
}

static void *import_many(void *arg)
{
    const struct daemon *d = arg;

    for (int i = 0; i < TRIES; i++) {
        struct err err = {0};
        char name[32];
        int r;

        /* Every name is tried by two. */
        snprintf(name, sizeof name, "image-%d", i * THREADS + d->number / PROCESSES);
        r = catalog_tx(d->catalog, import, &(struct import){d->owner, name}, &err);
        if (r != 0 && r != REFUSED_QUOTA && r != REFUSED_NAME && r != REFUSED_DAY) {
            print_error("import: %d: %s\n", r, err.msg);
            return arg;
        }
    }
    return NULL;
}

/* Exit status 0 when no thread failed. */
static int run_daemon(const char *url, const char *owner, int number,
                      void *(*work)(void *))
{
    AUTO(catalog_closep) struct catalog *c = NULL;
    struct daemon d[THREADS];
    pthread_t threads[THREADS];
    int failed = 0;

    if (catalog_open(&c, url, &testing_options, NULL) < 0)
        return 1;
    for (int i = 0; i < THREADS; i++) {
        d[i] = (struct daemon){c, owner, i * PROCESSES + number};
        if (pthread_create(&threads[i], NULL, work, &d[i]) != 0)
            return 1;
    }
    for (int i = 0; i < THREADS; i++) {
        void *said;

        pthread_join(threads[i], &said);
        failed |= said != NULL;
    }
    return failed;
}

static void run_daemons(struct testing *t, const char *owner, void *(*work)(void *))
{
    pid_t children[PROCESSES];

    /* A connection must not be shared with a child. */
    catalog_put(&t->db);
    catalog_close(t->catalog);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        assert_true(children[i] >= 0);
        if (children[i] == 0)
            _exit(run_daemon(t->url, owner, i, work));
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status;

        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    OK(catalog_open(&t->catalog, t->url, &testing_options, &err));
    OK(catalog_get(&t->db, t->catalog, &err));
}

static void test_racing_imports_keep_to_the_quota(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t n;

    run_daemons(t, a.uin, import_many);
    OK(image_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, QUOTA);
    assert_int_equal(testing_int(t, "SELECT COUNT(DISTINCT name) FROM image"), QUOTA);
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM task"), QUOTA);
    /* Refused ones were not counted as operations. */
    OK(day_op_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, QUOTA);
}

/* Without an operation of the day, whose row would make them wait for each other. */
static void *add_images(void *arg)
{
    const struct daemon *d = arg;
    AUTO(catalog_put) struct db *db = NULL;

    if (catalog_get(&db, d->catalog, NULL) < 0)
        return arg;
    for (int i = 0; i < TRIES; i++) {
        char id[IMAGE_ID_SIZE], name[32];
        const struct image image = {
            .region = "ap-quota",
            .owner = d->owner,
            .name = name,
            .state = IMAGE_IMPORTING,
        };
        int r;

        snprintf(name, sizeof name, "quota-%d-%d", d->number, i);
        r = image_new(id, db, &image, QUOTA, NULL, 0, NULL);
        if (r != 0 && r != REFUSED_QUOTA)
            return arg;
    }
    return NULL;
}

static void test_racing_images_keep_to_the_quota(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t n;

    run_daemons(t, a.uin, add_images);
    OK(image_count(&n, t->db, a.uin, "ap-quota", &err));
    assert_int_equal(n, QUOTA);
}

static void *use_days(void *arg)
{
    const struct daemon *d = arg;
    AUTO(catalog_put) struct db *db = NULL;

    if (catalog_get(&db, d->catalog, NULL) < 0)
        return arg;
    for (int i = 0; i < TRIES; i++) {
        int r = day_op_use(db, d->owner, REGION, DAY, NULL);

        if (r != 0 && r != REFUSED_DAY)
            return arg;
    }
    return NULL;
}

static void test_racing_operations_keep_to_the_day(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t n;

    assert_true(PROCESSES * THREADS * TRIES > DAY);
    run_daemons(t, a.uin, use_days);
    OK(day_op_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, DAY);
}

static void *change_state(void *arg)
{
    const struct daemon *d = arg;
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_put) struct db *db = NULL;
    struct image_list l;
    struct image_change c = IMAGE_CHANGE_NOTHING;

    if (catalog_get(&db, d->catalog, NULL) < 0 ||
        image_list(&l, &arena, db,
                   &(struct image_query){
                       .account = d->owner, .region = "ap-states", .limit = 100},
                   NULL) < 0)
        return arg;
    c.state = IMAGE_NORMAL;
    for (size_t i = 0; i < l.n; i++) {
        int r = image_change(db, l.v[i].id, IMAGE_IN(IMAGE_IMPORTING), &c, NULL);

        if (r != 0 && r != REFUSED_STATE)
            return arg;
        /* Whoever was first says so: once an image. */
        if (r == 0 && day_op_use(db, d->owner, "ap-states", 1000, NULL) != 0)
            return arg;
    }
    return NULL;
}

static void test_a_state_is_changed_by_one(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t n;

    for (int i = 0; i < 20; i++) {
        struct image image = testing_image(t, &a);

        image.region = "ap-states";
        image.state = IMAGE_IMPORTING;
        testing_add(t, &image);
    }
    run_daemons(t, a.uin, change_state);
    OK(day_op_count(&n, t->db, a.uin, "ap-states", &err));
    assert_int_equal(n, 20);
}

/* -- transactions ----------------------------------------------------------------------
 */

static int add_one(struct db *db, const char *name, struct err *err)
{
    return db_exec(NULL, db, "INSERT INTO counter (name, n) VALUES ($1, 1)",
                   DB_ARGS(db_text(name)), err);
}

static int64_t count(struct testing *t)
{
    return testing_int(t, "SELECT COUNT(*) FROM counter WHERE name <> 'account'");
}

static int inner_refuses(struct db *db, void *arg, struct err *err)
{
    int r = add_one(db, "inner", err);

    (void)arg;
    return r ? r : REFUSED_STATE;
}

static int inner_fails(struct db *db, void *arg, struct err *err)
{
    int r = add_one(db, "inner", err);

    (void)arg;
    return r ? r : add_one(db, "inner", err);
}

static int outer_goes_on(struct db *db, void *arg, struct err *err)
{
    db_fn *inner = arg;
    int r = add_one(db, "outer", err);

    if (r == 0)
        r = db_tx(db, inner, NULL, NULL);
    assert_true(inner == inner_refuses ? r == REFUSED_STATE : r == -ERR_CONFLICT);
    return add_one(db, "later", err);
}

static int overlooks_a_failure(struct db *db, void *arg, struct err *err)
{
    int r;

    (void)arg;
    (void)add_one(db, "x", NULL);
    (void)add_one(db, "x", NULL);
    r = add_one(db, "y", err);
    assert_int_equal(r, -ERR_CONFLICT);
    err_clear(err);
    return 0;
}

static int forget_all(void **state)
{
    testing_exec(*state, "DELETE FROM counter WHERE name <> 'account'");
    return 0;
}

static void test_an_inner_part_is_undone_alone(void **state)
{
    struct testing *t = *state;

    OK(db_tx(t->db, outer_goes_on, inner_refuses, &err));
    assert_int_equal(count(t), 2);
    forget_all(state);
    OK(db_tx(t->db, outer_goes_on, inner_fails, &err));
    assert_int_equal(count(t), 2);
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM counter WHERE name = 'inner'"),
                     0);
}

static void test_a_failure_that_was_overlooked_undoes_all(void **state)
{
    struct testing *t = *state;

    CHECK(-ERR_CONFLICT, db_tx(t->db, overlooks_a_failure, NULL, &err));
    assert_int_equal(count(t), 0);
    CHECK(REFUSED_STATE, db_tx(t->db, inner_refuses, NULL, &err));
    assert_int_equal(count(t), 0);
}

static void test_a_newer_catalogue_is_left_alone(void **state)
{
    struct testing *t = *state;
    struct catalog *c;

    testing_exec(t, "INSERT INTO schema_version (version, applied) VALUES (9999, 0)");
    CHECK(-ERR_UNSUPPORTED, catalog_open(&c, t->url, NULL, &err));
    testing_exec(t, "DELETE FROM schema_version WHERE version = 9999");
    CHECK(-ERR_ARG, catalog_open(&c, "mysql://secret@x/y", NULL, &err));
}

/* Another process that comes and goes, as imgport account beside imgportd. */
static int visit(const char *url)
{
    AUTO(catalog_closep) struct catalog *c = NULL;
    AUTO(catalog_put) struct db *db = NULL;

    return catalog_open(&c, url, &testing_options, NULL) < 0 ||
           catalog_get(&db, c, NULL) < 0 ||
           day_op_use(db, "visitor", REGION, 1000, NULL) != 0;
}

static void test_a_visitor_leaves_the_log_to_us(void **state)
{
    struct testing *t = *state;
    AUTO(catalog_put) struct db *second = NULL;
    AUTO(catalog_put) struct db *third = NULL;
    char *words[] = {(char *)"race", (char *)"visit", t->url, NULL};
    int64_t n;

    OK(catalog_get(&second, t->catalog, &err));
    OK(catalog_get(&third, t->catalog, &err));
    for (int i = 1; i <= 3; i++) {
        pid_t child;
        int status;

        /* Not fork() alone: a child must not use what it inherits of an open database. */
        assert_int_equal(
            posix_spawn(&child, "/proc/self/exe", NULL, NULL, words, environ), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
        OK(day_op_use(second, "visitor", REGION, 1000, &err));
        OK(day_op_count(&n, third, "visitor", REGION, &err));
        assert_int_equal(n, 2 * i);
    }
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "visit") == 0)
        return visit(argv[2]);

    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_racing_imports_keep_to_the_quota),
        cmocka_unit_test(test_racing_images_keep_to_the_quota),
        cmocka_unit_test(test_racing_operations_keep_to_the_day),
        cmocka_unit_test(test_a_state_is_changed_by_one),
        cmocka_unit_test(test_a_visitor_leaves_the_log_to_us),
        cmocka_unit_test_setup(test_an_inner_part_is_undone_alone, forget_all),
        cmocka_unit_test_setup(test_a_failure_that_was_overlooked_undoes_all, forget_all),
        cmocka_unit_test(test_a_newer_catalogue_is_left_alone),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
