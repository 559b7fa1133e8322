/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/task.h"
#include "store/testing.h"

static int64_t add(struct testing *t, enum task_kind kind, const char *image)
{
    int64_t id;

    OK(task_new(&id, t->db,
                &(struct task){
                    .kind = kind,
                    .account = "100000000001",
                    .region = REGION,
                    .image = image,
                    .request_id = "req-1",
                    .params = "{\"a\":1}",
                    .step = "fetch",
                    .bytes_total = -1,
                    .profile = "tencent-2022 1",
                },
                &err));
    return id;
}

static struct task get(struct testing *t, int64_t id)
{
    struct task task;

    OK(task_get(&task, &t->arena, t->db, NULL, id, &err));
    return task;
}

/* Ends whatever other tests left. */
static int empty(void **state)
{
    testing_exec(*state, "DELETE FROM task");
    return 0;
}

static void test_life_of_a_task(void **state)
{
    struct testing *t = *state;
    struct task_lease lease;
    struct task task;
    const char *text;
    int64_t id, due = -1;
    bool asked = true;

    CHECK(REFUSED_NONE,
          task_claim(&task, &lease, &due, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    assert_int_equal(due, 0);
    id = add(t, TASK_IMPORT, "");
    assert_true(id > 0 && id < INT64_C(1) << 53);
    task = get(t, id);
    assert_int_equal(task.state, TASK_QUEUED);
    assert_string_equal(task.step, "fetch");
    assert_string_equal(task.params, "{\"a\":1}");
    assert_string_equal(task.profile, "tencent-2022 1");
    assert_int_equal(task.bytes_total, -1);
    CHECK(REFUSED_NONE, task_claim(&task, &lease, &due, &t->arena, t->db,
                                   TASK_OF(TASK_COPY), "me", 60, &err));
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db,
                  TASK_OF(TASK_COPY) | TASK_OF(TASK_IMPORT), "me", 60, &err));
    assert_int_equal(task.id, id);
    assert_int_equal(task.state, TASK_RUNNING);
    assert_int_equal(task.attempt, 1);
    assert_string_equal(task.holder, "me");
    assert_int_equal(task.lease_until, task.started + 60);
    CHECK(REFUSED_NONE, task_claim(&task, &lease, &due, &t->arena, t->db, TASK_OF_ALL,
                                   "another", 60, &err));
    assert_int_equal(due, task.lease_until);
    OK(task_beat(&asked, t->db, &lease, 90, &(struct task_beat){"fetching", 5, 10, -1},
                 &err));
    assert_false(asked);
    task = get(t, id);
    assert_string_equal(task.phase, "fetching");
    assert_int_equal(task.bytes_done, 5);
    assert_int_equal(task.bytes_total, 10);
    assert_int_equal(task.seconds_left, 0);
    OK(task_beat(&asked, t->db, &lease, 90, &(struct task_beat){NULL, 6, -1, -1, 44},
                 &err));
    assert_int_equal(get(t, id).seconds_left, 44);
    assert_true(task.lease_until >= task.started + 90);
    CHECK(REFUSED_NONE, task_result(&text, &t->arena, t->db, id, "fetch", &err));
    OK(task_step_done(t->db, &lease, "fetch", "{\"n\":1}", "check", &err));
    OK(task_step_done(t->db, &lease, "fetch", "{\"n\":2}", "check", &err));
    OK(task_result(&text, &t->arena, t->db, id, "fetch", &err));
    assert_string_equal(text, "{\"n\":2}");
    assert_string_equal(get(t, id).step, "check");
    assert_int_equal(get(t, id).seconds_left, -1);
    OK(task_finish(t->db, &lease,
                   &(struct task_end){.state = TASK_FAILED,
                                      .reason = "InvalidUrl",
                                      .sub_cause = "gone",
                                      .detail = "the object is gone"},
                   &err));
    task = get(t, id);
    assert_int_equal(task.state, TASK_FAILED);
    assert_string_equal(task.reason, "InvalidUrl");
    assert_string_equal(task.sub_cause, "gone");
    assert_string_equal(task.detail, "the object is gone");
    assert_true(task.ended >= task.started);
    CHECK(REFUSED_LEASE, task_beat(&asked, t->db, &lease, 90, NULL, &err));
    CHECK(REFUSED_LEASE,
          task_finish(t->db, &lease, &(struct task_end){.state = TASK_DONE}, &err));
    CHECK(REFUSED_STATE, task_cancel(t->db, NULL, id, &err));
}

static void test_a_lease_that_is_over_is_taken(void **state)
{
    struct testing *t = *state;
    struct task_lease old, new;
    struct task task;
    int64_t id = add(t, TASK_IMPORT, "");
    bool asked;

    OK(task_claim(&task, &old, NULL, &t->arena, t->db, TASK_OF_ALL, "first", 60, &err));
    testing_exec(t, "UPDATE task SET due = @NOW - 1");
    /* Nobody took it yet: it may be held on to. */
    OK(task_beat(&asked, t->db, &old, 60, NULL, &err));
    CHECK(REFUSED_NONE, task_claim(&task, &new, NULL, &t->arena, t->db, TASK_OF_ALL,
                                   "second", 60, &err));
    testing_exec(t, "UPDATE task SET due = @NOW - 1");
    OK(task_claim(&task, &new, NULL, &t->arena, t->db, TASK_OF_ALL, "second", 60, &err));
    assert_int_equal(task.id, id);
    assert_int_equal(task.attempt, 2);
    CHECK(REFUSED_LEASE, task_beat(&asked, t->db, &old, 60, NULL, &err));
    CHECK(REFUSED_LEASE, task_step_done(t->db, &old, "fetch", "{}", "check", &err));
    CHECK(REFUSED_LEASE, task_release(t->db, &old, 0, &err));
    CHECK(REFUSED_LEASE,
          task_finish(t->db, &old, &(struct task_end){.state = TASK_DONE}, &err));
    assert_int_equal(get(t, id).state, TASK_RUNNING);
    assert_string_equal(get(t, id).step, "fetch");
    OK(task_finish(t->db, &new, &(struct task_end){.state = TASK_DONE}, &err));
}

static void test_the_same_worker_does_not_mistake_an_old_lease(void **state)
{
    struct testing *t = *state;
    struct task_lease old, new;
    struct task task;

    add(t, TASK_IMPORT, "");
    OK(task_claim(&task, &old, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    OK(task_release(t->db, &old, 0, &err));
    OK(task_claim(&task, &new, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    CHECK(REFUSED_LEASE, task_release(t->db, &old, 0, &err));
    OK(task_release(t->db, &new, 0, &err));
}

static void test_tasks_are_claimed_in_their_order(void **state)
{
    struct testing *t = *state;
    struct task_lease lease;
    struct task task;
    int64_t ids[5], due;

    for (size_t i = 0; i < 5; i++)
        ids[i] = add(t, TASK_COPY, "");
    for (size_t i = 0; i < 5; i++) {
        OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60,
                      &err));
        assert_int_equal(task.id, ids[i]);
    }
    OK(task_release(t->db, &lease, 100, &err));
    CHECK(REFUSED_NONE,
          task_claim(&task, &lease, &due, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    task = get(t, ids[4]);
    assert_int_equal(task.state, TASK_QUEUED);
    assert_true(task.not_before >= task.started + 100);
    assert_int_equal(task.attempt, 1);
}

static void test_waiting_is_no_attempt(void **state)
{
    struct testing *t = *state;
    struct task_lease lease, old = {0};
    struct task task;
    int64_t id = add(t, TASK_IMPORT, "");

    for (int i = 0; i < 3; i++) {
        OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60,
                      &err));
        assert_int_equal(task.attempt, 1);
        old = lease;
        OK(task_wait(t->db, &lease, 0, &err));
        CHECK(REFUSED_LEASE, task_wait(t->db, &lease, 0, &err));
        assert_int_equal(get(t, id).state, TASK_QUEUED);
        assert_string_equal(get(t, id).phase, TASK_WAITS);
    }
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "other", 60, &err));
    assert_string_equal(task.phase, TASK_WAITS);
    OK(task_step_done(t->db, &lease, "boot", "{}", "convert", &err));
    assert_string_equal(get(t, id).phase, "");
    CHECK(REFUSED_LEASE, task_wait(t->db, &old, 0, &err));
}

static void test_cancel_asks(void **state)
{
    struct testing *t = *state;
    struct task_lease lease;
    struct task task;
    int64_t id = add(t, TASK_IMPORT, "");
    bool asked = false;

    CHECK(REFUSED_NONE, task_cancel(t->db, "100000000002", id, &err));
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    assert_false(task.cancel_asked);
    OK(task_cancel(t->db, "100000000001", id, &err));
    OK(task_cancel(t->db, NULL, id, &err));
    OK(task_beat(&asked, t->db, &lease, 60, NULL, &err));
    assert_true(asked);
    /* Released for later, it is put in order at once. */
    OK(task_release(t->db, &lease, 1000, &err));
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    assert_true(task.cancel_asked);
    OK(task_finish(t->db, &lease, &(struct task_end){.state = TASK_CANCELED}, &err));
    CHECK(REFUSED_STATE, task_cancel(t->db, NULL, id, &err));
    id = add(t, TASK_IMPORT, "");
    testing_exec(t, "UPDATE task SET due = @NOW + 1000 WHERE due IS NOT NULL");
    OK(task_cancel(t->db, NULL, id, &err));
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    assert_int_equal(task.id, id);
}

static void test_lists(void **state)
{
    struct testing *t = *state;
    int64_t ids[4], n;
    struct task_list l;
    struct task_query q = {.account = "100000000001", .region = REGION, .limit = 10};

    for (size_t i = 0; i < 4; i++)
        ids[i] = add(t, i < 2 ? TASK_IMPORT : TASK_EXPORT, i == 3 ? "img-3" : "");
    OK(task_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 4);
    assert_int_equal(l.v[0].id, ids[3]);
    q.kinds = TASK_OF(TASK_IMPORT);
    OK(task_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 2);
    q.offset = 1;
    OK(task_list(&l, &t->arena, t->db, &q, &err));
    assert_int_equal(l.total, 2);
    assert_int_equal(l.n, 1);
    assert_int_equal(l.v[0].id, ids[0]);
    q = (struct task_query){.ids = ids + 1, .n_ids = 3, .limit = 10, .image = "img-3"};
    OK(task_count(&n, t->db, &q, &err));
    assert_int_equal(n, 1);
    q.states = TASK_IN(TASK_DONE);
    OK(task_count(&n, t->db, &q, &err));
    assert_int_equal(n, 0);
    q.n_ids = TASK_IDS_MAX + 1;
    CHECK(-ERR_LIMIT, task_count(&n, t->db, &q, &err));
    CHECK(-ERR_LIMIT, task_list(&l, &t->arena, t->db, &q, &err));
    CHECK(REFUSED_NONE,
          task_get(&(struct task){0}, &t->arena, t->db, "100000000002", ids[0], &err));
}

/* Image, message and task in one transaction, or none of it. */
static void test_finishing_is_one_transaction(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image image = testing_image(t, &a), got;
    struct image_change change = IMAGE_CHANGE_NOTHING;
    struct message_list messages;
    struct task_lease lease;
    struct task task;
    const char *id, *report;
    struct message_new said = {
        .account = a.uin,
        .type = "import-succeeded",
        .subject = "done",
        .body = "your image is ready",
    };
    struct task_end end = {
        .state = TASK_DONE,
        .image_from = IMAGE_IN(IMAGE_SYNCING),
        .image_change = &change,
        .report = "{\"verdict\":\"accepted\"}",
        .messages = &said,
        .n_messages = 1,
    };
    struct message_query q = {.account = a.uin, .limit = 10};

    image.state = IMAGE_IMPORTING;
    id = testing_add(t, &image);
    add(t, TASK_IMPORT, id);
    end.image = said.image = id;
    change.state = IMAGE_NORMAL;
    change.blob = "images/x";
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    CHECK(REFUSED_BUSY, image_delete(t->db, id, IMAGE_IN_WORK, &err));
    OK(task_beat(NULL, t->db, &lease, 60, &(struct task_beat){NULL, -1, -1, 37}, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_int_equal(got.sync_percent, 37);
    /* Not in such a state: the task and the messages are as they were. */
    CHECK(REFUSED_STATE, task_finish(t->db, &lease, &end, &err));
    assert_int_equal(get(t, task.id).state, TASK_RUNNING);
    CHECK(REFUSED_NONE, image_get_report(&report, &t->arena, t->db, id, &err));
    OK(message_list(&messages, &t->arena, t->db, &q, &err));
    assert_int_equal(messages.total, 0);
    end.image_from = IMAGE_IN(IMAGE_IMPORTING);
    /* Nor is anything done when the last of it fails. */
    said.account = "100000000000";
    CHECK(-ERR_CONFLICT, task_finish(t->db, &lease, &end, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_int_equal(got.state, IMAGE_IMPORTING);
    said.account = a.uin;
    OK(task_finish(t->db, &lease, &end, &err));
    OK(image_get(&got, &t->arena, t->db, id, false, &err));
    assert_int_equal(got.state, IMAGE_NORMAL);
    OK(image_get_report(&report, &t->arena, t->db, id, &err));
    OK(message_list(&messages, &t->arena, t->db, &q, &err));
    assert_int_equal(messages.total, 1);
    assert_string_equal(messages.v[0].image, id);
    assert_int_equal(get(t, task.id).state, TASK_DONE);
}

static void test_what_ended_long_ago_is_forgotten(void **state)
{
    struct testing *t = *state;
    struct task_lease lease;
    struct task task;
    int64_t n;

    add(t, TASK_IMPORT, "");
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    OK(task_step_done(t->db, &lease, "fetch", "{}", "check", &err));
    OK(task_finish(t->db, &lease, &(struct task_end){.state = TASK_DONE}, &err));
    add(t, TASK_IMPORT, "");
    OK(task_forget(&n, t->db, 100, 10, &err));
    assert_int_equal(n, 0);
    testing_exec(t, "UPDATE task SET ended = ended - 101 WHERE due IS NULL");
    OK(task_forget(&n, t->db, 100, 10, &err));
    assert_int_equal(n, 1);
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM task"), 1);
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM task_result"), 0);
}

enum { WORKERS = 4, TASKS = 60 };

struct worker {
    struct testing *t;
    int number, did;
};

/* Claims, beats, finishes; as many at once as there are workers. */
static void *work(void *arg)
{
    struct worker *w = arg;
    AUTO(arena_fini) struct arena arena = {0};
    AUTO(catalog_put) struct db *db = NULL;
    struct task_lease lease;
    struct task task;
    char holder[32];
    int r;

    snprintf(holder, sizeof holder, "worker %d", w->number);
    if (catalog_get(&db, w->t->catalog, NULL) < 0)
        return w;
    while ((r = task_claim(&task, &lease, NULL, &arena, db, TASK_OF_ALL, holder, 60,
                           NULL)) == 0) {
        if (task_beat(NULL, db, &lease, 60, NULL, NULL) != 0 ||
            task_finish(db, &lease, &(struct task_end){.state = TASK_DONE}, NULL) != 0)
            return w;
        w->did++;
    }
    return r == REFUSED_NONE ? NULL : w;
}

static void test_no_task_is_claimed_twice(void **state)
{
    struct testing *t = *state;
    struct worker workers[WORKERS];
    pthread_t threads[WORKERS];
    int did = 0;

    for (int i = 0; i < TASKS; i++)
        add(t, TASK_IMPORT, "");
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = (struct worker){t, i, 0};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
        did += workers[i].did;
    }
    assert_int_equal(did, TASKS);
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM task WHERE state = 2 "
                                    "AND attempt = 1"),
                     TASKS);
}

static void *add_later(void *arg)
{
    usleep(100000);
    add(arg, TASK_IMPORT, "");
    return NULL;
}

static void test_who_waits_is_woken(void **state)
{
    struct testing *t = *state;
    AUTO(watch_closep) struct watch *w = NULL, *other = NULL;
    pthread_t thread;
    unsigned got;

    OK(watch_open(&w, t->catalog, WATCH_TASK, &err));
    OK(watch_open(&other, t->catalog, WATCH_OUTBOX, &err));
    /* The first time everything may have been missed. */
    OK(watch_wait(&got, w, 10000, &err));
    assert_int_equal(got, WATCH_TASK);
    OK(watch_wait(&got, other, 10000, &err));
    OK(watch_wait(&got, w, 0, &err));
    assert_int_equal(got, 0);
    add(t, TASK_IMPORT, "");
    OK(watch_wait(&got, w, 10000, &err));
    assert_int_equal(got, WATCH_TASK);
    assert_int_equal(pthread_create(&thread, NULL, add_later, t), 0);
    do
        OK(watch_wait(&got, w, 10000, &err));
    while (got == 0);
    pthread_join(thread, NULL);
    watch_wake(w);
    OK(watch_wait(&got, w, 10000, &err));
}

static void test_another_process_is_heard(void **state)
{
    struct testing *t = *state;
    AUTO(catalog_closep) struct catalog *other = NULL;
    AUTO(watch_closep) struct watch *w = NULL;
    unsigned got;

    /* A catalogue of its own has nothing in common with ours but the engine. */
    OK(catalog_open(&other, t->url, NULL, &err));
    OK(watch_open(&w, other, WATCH_TASK, &err));
    OK(watch_wait(&got, w, 0, &err));
    OK(watch_wait(&got, w, 0, &err));
    assert_int_equal(got, 0);
    add(t, TASK_IMPORT, "");
    OK(watch_wait(&got, w, 10000, &err));
    assert_int_equal(got, WATCH_TASK);
}

/* A copy reads another image than the one it makes. */
static void test_images_that_a_task_reads(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image image = testing_image(t, &a);
    const char *read = testing_add(t, &image), *made, *uses[2];
    struct task_lease lease;
    struct task task;
    int64_t id;

    image = testing_image(t, &a);
    made = testing_add(t, &image);
    uses[0] = uses[1] = read;
    OK(task_new(&id, t->db,
                &(struct task){
                    .kind = TASK_COPY,
                    .account = a.uin,
                    .image = made,
                    .bytes_total = -1,
                    .uses = uses,
                    .n_uses = 2,
                },
                &err));
    CHECK(REFUSED_BUSY, image_delete(t->db, read, IMAGE_IN(IMAGE_NORMAL), &err));
    OK(task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, "me", 60, &err));
    OK(task_finish(t->db, &lease, &(struct task_end){.state = TASK_DONE}, &err));
    OK(image_delete(t->db, read, IMAGE_IN(IMAGE_NORMAL), &err));
    /* A re-check is no reason to keep an image, nor is a sum, which is canceled. */
    add(t, TASK_RECHECK, made);
    add(t, TASK_SUM, made);
    OK(image_delete(t->db, made, IMAGE_IN(IMAGE_NORMAL), &err));
    assert_int_equal(testing_int(t, "SELECT SUM(cancel_asked) FROM task"), 1);
    assert_int_equal(testing_int(t, "SELECT cancel_asked FROM task WHERE kind = 4"), 1);
    testing_exec(t, "UPDATE task SET ended = 1 WHERE due IS NULL");
    OK(task_forget(&id, t->db, 60, 10, &err));
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM task_use"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_life_of_a_task, empty),
        cmocka_unit_test_setup(test_images_that_a_task_reads, empty),
        cmocka_unit_test_setup(test_a_lease_that_is_over_is_taken, empty),
        cmocka_unit_test_setup(test_the_same_worker_does_not_mistake_an_old_lease, empty),
        cmocka_unit_test_setup(test_tasks_are_claimed_in_their_order, empty),
        cmocka_unit_test_setup(test_waiting_is_no_attempt, empty),
        cmocka_unit_test_setup(test_cancel_asks, empty),
        cmocka_unit_test_setup(test_lists, empty),
        cmocka_unit_test_setup(test_finishing_is_one_transaction, empty),
        cmocka_unit_test_setup(test_what_ended_long_ago_is_forgotten, empty),
        cmocka_unit_test_setup(test_no_task_is_claimed_twice, empty),
        cmocka_unit_test_setup(test_who_waits_is_woken, empty),
        cmocka_unit_test_setup(test_another_process_is_heard, empty),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
