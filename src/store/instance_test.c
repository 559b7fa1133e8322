/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/instance.h"
#include "store/task.h"
#include "store/testing.h"

#define ZONE "ap-guangzhou-1"

/* 10.0.0.0/29: five addresses. */
enum { SUBNET = 10 << 24, FIRST = SUBNET + 2 };

static int hold_zone(struct testing *t, const struct zone *z, const char *host,
                     const char *process, bool start, struct err *err)
{
    return zone_hold(t->db, z, &(struct zone_holder){host, process, 30}, start, err);
}

static struct zone some_zone(int64_t memory_mib)
{
    return (struct zone){.name = ZONE,
                         .region = REGION,
                         .memory_mib = memory_mib,
                         .disk_gib = 1000,
                         .subnet = SUBNET,
                         .prefix = 29};
}

static void have_zone(struct testing *t, int64_t memory_mib)
{
    struct zone z = some_zone(memory_mib);

    OK(hold_zone(t, &z, "host", "process", true, &err));
}

static struct instance some_instance(const struct account *owner)
{
    return (struct instance){
        .region = REGION,
        .zone = ZONE,
        .owner = owner->uin,
        .name = "web",
        .type = "S5.SMALL1",
        .cpu = 1,
        .memory_mib = 1024,
        .image = "img-00000000",
        .blob = "image/1",
        .disk_gib = 10,
        .keys = "[]",
        .key_ids = "[]",
        .state = INSTANCE_PENDING,
    };
}

static const char *add(struct testing *t, const struct instance *i)
{
    char id[INSTANCE_ID_SIZE];

    OK(instance_new(id, t->db, i, 10, NULL, 0, &err));
    return arena_str(&t->arena, id);
}

static struct instance get(struct testing *t, const char *id)
{
    struct instance i;

    OK(instance_get(&i, &t->arena, t->db, NULL, NULL, id, false, &err));
    return i;
}

static void clear(struct testing *t)
{
    testing_exec(t, "DELETE FROM instance");
    testing_exec(t, "DELETE FROM instance_left");
    testing_exec(t, "DELETE FROM zone");
}

static void addresses_are_the_lowest_free_ones(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    const char *ids[5];
    char id[INSTANCE_ID_SIZE];

    have_zone(t, 65536);
    for (int k = 0; k < 5; k++) {
        ids[k] = add(t, &i);
        assert_int_equal(get(t, ids[k]).address, FIRST + k);
    }
    CHECK(REFUSED_FULL, instance_new(id, t->db, &i, 10, NULL, 0, &err));
    OK(instance_delete(t->db, ids[2], 0, &err));
    assert_int_equal(get(t, add(t, &i)).address, FIRST + 2);
    OK(instance_delete(t->db, ids[0], 0, &err));
    i.address = FIRST + 1;
    CHECK(REFUSED_USED, instance_new(id, t->db, &i, 10, NULL, 0, &err));
    i.address = FIRST;
    add(t, &i);
    clear(t);
}

static void a_quota_and_the_memory_of_a_zone_are_limits(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    struct instance_change off = INSTANCE_CHANGE_NOTHING;
    const char *first;
    char id[INSTANCE_ID_SIZE];

    CHECK(REFUSED_NONE, instance_new(id, t->db, &i, 10, NULL, 0, &err));
    have_zone(t, 2048);
    first = add(t, &i);
    CHECK(REFUSED_QUOTA, instance_new(id, t->db, &i, 1, NULL, 0, &err));
    add(t, &i);
    CHECK(REFUSED_FULL, instance_new(id, t->db, &i, 10, NULL, 0, &err));
    off.state = INSTANCE_STOPPED;
    OK(instance_change(t->db, first, INSTANCE_IN(INSTANCE_PENDING), 0, &off, &err));
    add(t, &i);
    clear(t);
}

struct room {
    int64_t memory_mib, disk_gib;
    int ret;
};

static int ask_room(struct db *db, void *arg, struct err *e)
{
    struct room *room = arg;

    room->ret = zone_room(db, ZONE, room->memory_mib, room->disk_gib, e);
    return REFUSED_STATE; /* nothing was changed */
}

static int room(struct testing *t, int64_t memory_mib, int64_t disk_gib)
{
    struct room room = {memory_mib, disk_gib, 0};

    CHECK(REFUSED_STATE, db_tx(t->db, ask_room, &room, &err));
    return room.ret;
}

static void disks_are_promised_once(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    struct zone z = some_zone(65536);
    struct instance_change c = INSTANCE_CHANGE_NOTHING;
    const char *first;
    char id[INSTANCE_ID_SIZE];

    z.disk_gib = 25;
    OK(hold_zone(t, &z, "host", "process", true, &err));
    first = add(t, &i);
    add(t, &i);
    CHECK(REFUSED_DISK, instance_new(id, t->db, &i, 10, NULL, 0, &err));
    assert_int_equal(room(t, 1024, 5), 0);
    assert_int_equal(room(t, 1024, 6), REFUSED_DISK);
    /* A start needs no more of it. */
    z.disk_gib = 0;
    OK(hold_zone(t, &z, "host", "process", false, &err));
    assert_int_equal(room(t, 1024, 0), 0);
    z.disk_gib = 25;
    OK(hold_zone(t, &z, "host", "process", false, &err));
    /* One that is off keeps its disk; a larger one that is being made is counted, too. */
    c.state = INSTANCE_STOPPED;
    c.disk_due = 12;
    OK(instance_change(t->db, first, INSTANCE_IN_ANY, 0, &c, &err));
    assert_int_equal(room(t, 0, 3), 0);
    assert_int_equal(room(t, 0, 4), REFUSED_DISK);
    c.disk_due = 0;
    OK(instance_change(t->db, first, INSTANCE_IN_ANY, 0, &c, &err));
    assert_int_equal(room(t, 0, 5), 0);
    /* One that never ran has none. */
    c.state = INSTANCE_LAUNCH_FAILED;
    OK(instance_change(t->db, first, INSTANCE_IN_ANY, 0, &c, &err));
    assert_int_equal(room(t, 0, 15), 0);
    clear(t);
}

static struct zone the_zone(struct testing *t)
{
    struct zone *list;
    size_t n;

    OK(zone_list(&list, &n, &t->arena, t->db, REGION, &err));
    assert_int_equal(n, 1);
    return list[0];
}

static void a_zone_has_one_host(void **state)
{
    struct testing *t = *state;
    struct zone z = some_zone(1024), more = some_zone(2048);

    OK(hold_zone(t, &z, "a", "a1", true, &err));
    OK(hold_zone(t, &z, "a", "a1", false, &err));
    CHECK(REFUSED_LEASE, hold_zone(t, &more, "b", "b1", true, &err));
    CHECK(REFUSED_LEASE, hold_zone(t, &more, "b", "b1", false, &err));
    assert_int_equal(the_zone(t).memory_mib, 1024);
    /* The next process of the same host; the one before has lost it. */
    OK(hold_zone(t, &more, "a", "a2", true, &err));
    CHECK(REFUSED_LEASE, hold_zone(t, &z, "a", "a1", false, &err));
    assert_int_equal(the_zone(t).memory_mib, 2048);
    /* What somebody else holds cannot be given back. */
    OK(zone_let_go(t->db, ZONE, "a1", &err));
    CHECK(REFUSED_LEASE, hold_zone(t, &z, "b", "b1", true, &err));
    OK(zone_let_go(t->db, ZONE, "a2", &err));
    OK(hold_zone(t, &z, "b", "b1", true, &err));
    CHECK(REFUSED_LEASE, hold_zone(t, &z, "a", "a2", false, &err));
    testing_exec(t, "UPDATE zone SET held_until = held_until - 31");
    OK(hold_zone(t, &z, "a", "a2", false, &err));
    clear(t);
}

static int see_away(struct db *db, void *arg, struct err *e)
{
    return zone_is_away(arg, db, ZONE, e);
}

static int give_up(struct db *db, void *arg, struct err *e)
{
    return instance_give_up(db, arg, e);
}

static void a_host_that_stopped_keeps_a_zone_with_instances(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    struct zone z = some_zone(65536);

    OK(hold_zone(t, &z, "a", "a1", true, &err));
    i = get(t, add(t, &i));
    CHECK(REFUSED_LEASE, zone_take_over(t->db, ZONE, &err));
    OK(zone_let_go(t->db, ZONE, "a1", &err));
    CHECK(-ERR_CONFLICT, hold_zone(t, &z, "b", "b1", true, &err));
    CHECK(-ERR_CONFLICT, hold_zone(t, &z, "b", "b1", false, &err));
    OK(hold_zone(t, &z, "a", "a2", true, &err));
    testing_exec(t, "UPDATE zone SET held_until = held_until - 31");
    CHECK(-ERR_CONFLICT, hold_zone(t, &z, "b", "b1", true, &err));
    /* What was given up runs there until the host has cleared it. */
    OK(db_tx(t->db, give_up, &i, &err));
    CHECK(-ERR_CONFLICT, hold_zone(t, &z, "b", "b1", true, &err));
    OK(instance_left_cleared(t->db, i.id, &err));
    OK(hold_zone(t, &z, "b", "b1", true, &err));
    /* On purpose. */
    i = some_instance(&a);
    add(t, &i);
    OK(zone_let_go(t->db, ZONE, "b1", &err));
    CHECK(-ERR_CONFLICT, hold_zone(t, &z, "a", "a3", true, &err));
    OK(zone_take_over(t->db, ZONE, &err));
    OK(hold_zone(t, &z, "a", "a3", true, &err));
    CHECK(REFUSED_LEASE, zone_take_over(t->db, ZONE, &err));
    clear(t);
}

static void what_a_lost_host_had_is_given_up(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    struct instance_change c = INSTANCE_CHANGE_NOTHING;
    struct instance_left *list;
    struct task task;
    struct task_lease lease;
    struct task_end end = {.state = TASK_DONE};
    const char *id;
    bool away = true;
    size_t n;

    have_zone(t, 65536);
    OK(db_tx(t->db, see_away, &away, &err));
    assert_false(away || the_zone(t).away);
    testing_exec(t, "UPDATE zone SET seen = seen - 60");
    OK(db_tx(t->db, see_away, &away, &err));
    assert_true(away && the_zone(t).away);
    id = add(t, &i);
    assert_true(get(t, id).away);
    testing_exec(t, "UPDATE zone SET seen = seen + 60");
    assert_false(get(t, id).away);
    testing_exec(t, "UPDATE zone SET seen = seen - 60");
    OK(task_new(&c.task, t->db,
                &(struct task){.kind = TASK_INSTANCE,
                               .account = a.uin,
                               .region = REGION,
                               .zone = ZONE,
                               .params = "{}",
                               .step = "run"},
                &err));
    OK(instance_change(t->db, id, INSTANCE_IN_ANY, 0, &c, &err));
    OK(task_claim_zone(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, ZONE, "x", 60,
                       &err));
    i = get(t, id);
    OK(db_tx(t->db, give_up, &i, &err));
    CHECK(REFUSED_NONE, instance_get(&i, &t->arena, t->db, NULL, NULL, id, false, &err));
    /* Whoever was at it has lost it. */
    CHECK(REFUSED_LEASE, task_finish(t->db, &lease, &end, &err));
    OK(task_get(&task, &t->arena, t->db, NULL, c.task, &err));
    assert_int_equal(task.state, TASK_CANCELED);
    OK(instance_left_list(&list, &n, &t->arena, t->db, ZONE, &err));
    assert_int_equal(n, 1);
    assert_string_equal(list[0].id, id);
    assert_string_equal(list[0].blob, "image/1");
    assert_false(list[0].cleared);
    OK(instance_left_cleared(t->db, id, &err));
    OK(instance_left_list(&list, &n, &t->arena, t->db, ZONE, &err));
    assert_int_equal(n, 1);
    assert_true(list[0].cleared);
    testing_exec(t, "UPDATE instance_left SET cleared = cleared - 86401");
    OK(instance_left_cleared(t->db, id, &err));
    OK(instance_left_list(&list, &n, &t->arena, t->db, ZONE, &err));
    assert_int_equal(n, 0);
    clear(t);
}

static void what_works_on_it_alone_changes_it(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    struct instance_change c = INSTANCE_CHANGE_NOTHING, off = INSTANCE_CHANGE_NOTHING;
    struct instance seen, idle;
    const char *id;

    have_zone(t, 65536);
    id = add(t, &i);
    idle = get(t, id);
    off.state = INSTANCE_STOPPED;
    c.task = 7;
    OK(instance_change(t->db, id, INSTANCE_IN(INSTANCE_PENDING), 0, &c, &err));
    CHECK(REFUSED_BUSY,
          instance_change(t->db, id, INSTANCE_IN(INSTANCE_PENDING), 0, &c, &err));
    CHECK(REFUSED_STATE,
          instance_change(t->db, id, INSTANCE_IN(INSTANCE_RUNNING), 7, &c, &err));
    seen = get(t, id);
    CHECK(REFUSED_STATE, instance_seen(t->db, &idle, &off, &err));
    OK(instance_seen(t->db, &seen, &off, &err));
    CHECK(REFUSED_STATE, instance_seen(t->db, &seen, &off, &err));
    assert_int_equal(get(t, id).task, 7);
    seen = get(t, id);
    c.task = 0;
    c.state = INSTANCE_RUNNING;
    OK(instance_change(t->db, id, INSTANCE_IN_ANY, 7, &c, &err));
    CHECK(REFUSED_STATE, instance_seen(t->db, &seen, &off, &err));
    seen = get(t, id);
    OK(instance_seen(t->db, &seen, &off, &err));
    assert_int_equal(get(t, id).state, INSTANCE_STOPPED);
    CHECK(REFUSED_BUSY, instance_delete(t->db, id, 7, &err));
    OK(instance_delete(t->db, id, 0, &err));
    CHECK(REFUSED_NONE, instance_delete(t->db, id, 0, &err));
    clear(t);
}

static void an_image_stays_while_a_disk_stands_on_it(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct image image = testing_image(t, &a);
    struct instance i = some_instance(&a);
    struct instance_change failed = INSTANCE_CHANGE_NOTHING;
    const char *id;
    bool uses;

    image.state = IMAGE_NORMAL;
    have_zone(t, 65536);
    i.image = testing_add(t, &image);
    id = add(t, &i);
    OK(instance_uses_blob(&uses, t->db, ZONE, "image/1", &err));
    assert_true(uses);
    CHECK(REFUSED_INSTANCE, image_delete(t->db, i.image, IMAGE_IN(IMAGE_NORMAL), &err));
    failed.blob = "";
    OK(instance_change(t->db, id, INSTANCE_IN_ANY, 0, &failed, &err));
    OK(image_delete(t->db, i.image, IMAGE_IN(IMAGE_NORMAL), &err));
    clear(t);
}

static void lists_are_filtered(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), other = testing_account(t);
    struct instance i = some_instance(&a);
    const struct tag tags[] = {{"use", "test"}, {"owner", "me"}};
    char tagged[INSTANCE_ID_SIZE];
    static const struct {
        enum instance_filter_key key;
        const char *tag, *value;
        size_t want;
    } rows[] = {
        {INSTANCE_FILTER_ZONE, NULL, ZONE, 2},
        {INSTANCE_FILTER_ZONE, NULL, "ap-guangzhou-2", 0},
        {INSTANCE_FILTER_NAME, NULL, "EB", 2},
        {INSTANCE_FILTER_NAME, NULL, "%", 0},
        {INSTANCE_FILTER_STATE, NULL, "PENDING", 2},
        {INSTANCE_FILTER_STATE, NULL, "RUNNING", 0},
        {INSTANCE_FILTER_ADDRESS, NULL, "10.0.0.2", 1},
        {INSTANCE_FILTER_ADDRESS, NULL, "no address", 0},
        {INSTANCE_FILTER_PROJECT, NULL, "0", 2},
        {INSTANCE_FILTER_TYPE, NULL, "S5.SMALL1", 2},
        {INSTANCE_FILTER_IMAGE, NULL, "img-00000000", 2},
        {INSTANCE_FILTER_SINCE, NULL, "1000", 2},
        {INSTANCE_FILTER_UNTIL, NULL, "1000", 0},
        {INSTANCE_FILTER_TAG_KEY, NULL, "use", 1},
        {INSTANCE_FILTER_TAG_VALUE, NULL, "me", 1},
        {INSTANCE_FILTER_TAG, "use", "test", 1},
        {INSTANCE_FILTER_TAG, "use", "me", 0},
        {INSTANCE_FILTER_NOTHING, NULL, "x", 0},
    };

    have_zone(t, 65536);
    add(t, &i);
    OK(instance_new(tagged, t->db, &i, 10, tags, ARRAY_SIZE(tags), &err));
    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        const struct instance_filter f = {rows[k].key, rows[k].tag, &rows[k].value, 1};
        struct instance_query q = {.account = a.uin,
                                   .region = REGION,
                                   .filters = &f,
                                   .n_filters = 1,
                                   .limit = 10};
        struct instance_list list;

        OK(instance_list(&list, &t->arena, t->db, &q, &err));
        if (list.n != rows[k].want || list.total != (int64_t)rows[k].want)
            fail_msg("row %zu: %zu instances, want %zu", k, list.n, rows[k].want);
        q.account = other.uin;
        OK(instance_list(&list, &t->arena, t->db, &q, &err));
        assert_int_equal(list.n, 0);
    }
    assert_string_equal(
        get(t, tagged).tags,
        "[{\"Key\":\"use\",\"Value\":\"test\"},{\"Key\":\"owner\",\"Value\":\"me\"}]");
    clear(t);
}

static void a_token_is_answered_once(void **state)
{
    struct testing *t = *state;
    const char *ids, *request;

    CHECK(REFUSED_NONE, client_token_find(&ids, &request, &t->arena, t->db, "1", REGION,
                                          "token", &err));
    OK(client_token_add(t->db, "1", REGION, "token", "digest", "[\"ins-1\"]", &err));
    CHECK(REFUSED_USED,
          client_token_add(t->db, "1", REGION, "token", "digest", "[]", &err));
    OK(client_token_find(&ids, &request, &t->arena, t->db, "1", REGION, "token", &err));
    assert_string_equal(ids, "[\"ins-1\"]");
    assert_string_equal(request, "digest");
    CHECK(REFUSED_NONE, client_token_find(&ids, &request, &t->arena, t->db, "2", REGION,
                                          "token", &err));
    testing_exec(t, "UPDATE client_token SET created = created - 86401");
    CHECK(REFUSED_NONE, client_token_find(&ids, &request, &t->arena, t->db, "1", REGION,
                                          "token", &err));
    OK(client_token_add(t->db, "1", REGION, "token", "other", "[]", &err));
}

static void key_pairs_have_names_of_their_own(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), other = testing_account(t);
    struct key_pair k = {.owner = a.uin, .name = "mine", .public_key = "ssh-rsa AAAA"};
    struct key_pair *list;
    char id[KEY_PAIR_ID_SIZE], second[KEY_PAIR_ID_SIZE];
    size_t n;

    OK(key_pair_new(id, t->db, &k, 2, &err));
    CHECK(REFUSED_NAME, key_pair_new(second, t->db, &k, 2, &err));
    k.name = "second";
    CHECK(REFUSED_QUOTA, key_pair_new(second, t->db, &k, 1, &err));
    OK(key_pair_new(second, t->db, &k, 2, &err));
    OK(key_pair_list(&list, &n, &t->arena, t->db, a.uin, &err));
    assert_int_equal(n, 2);
    assert_string_equal(list[0].name, "second");
    CHECK(REFUSED_NONE, key_pair_get(&k, &t->arena, t->db, other.uin, id, &err));
    OK(key_pair_get(&k, &t->arena, t->db, a.uin, id, &err));
    assert_string_equal(k.public_key, "ssh-rsa AAAA");
    CHECK(REFUSED_NONE, key_pair_delete(t->db, other.uin, id, &err));
    OK(key_pair_delete(t->db, a.uin, id, &err));
    CHECK(REFUSED_NONE, key_pair_delete(t->db, a.uin, id, &err));
}

static void the_daemon_of_a_zone_does_its_tasks(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct instance i = some_instance(&a);
    struct instance_change c = INSTANCE_CHANGE_NOTHING;
    struct task task = {
        .kind = TASK_INSTANCE,
        .account = a.uin,
        .region = REGION,
        .zone = ZONE,
        .step = "start",
    };
    struct task_lease lease;
    struct task_end end = {.state = TASK_DONE, .instance_change = &c};
    int64_t id;

    testing_exec(t, "DELETE FROM task");
    have_zone(t, 65536);
    OK(task_new(&id, t->db, &task, &err));
    i.task = id;
    end.instance = add(t, &i);
    CHECK(REFUSED_NONE, task_claim(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL,
                                   "any", 60, &err));
    CHECK(REFUSED_NONE, task_claim_zone(&task, &lease, NULL, &t->arena, t->db,
                                        TASK_OF_ALL, "ap-guangzhou-2", "b", 60, &err));
    OK(task_claim_zone(&task, &lease, NULL, &t->arena, t->db, TASK_OF_ALL, ZONE, "c", 60,
                       &err));
    assert_string_equal(task.zone, ZONE);
    c.state = INSTANCE_RUNNING;
    c.task = 0;
    c.operation_state = OPERATION_SUCCESS;
    OK(task_finish(t->db, &lease, &end, &err));
    assert_int_equal(get(t, end.instance).state, INSTANCE_RUNNING);
    assert_int_equal(get(t, end.instance).task, 0);
    clear(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_the_lowest_free_ones),
        cmocka_unit_test(a_quota_and_the_memory_of_a_zone_are_limits),
        cmocka_unit_test(disks_are_promised_once),
        cmocka_unit_test(a_zone_has_one_host),
        cmocka_unit_test(a_host_that_stopped_keeps_a_zone_with_instances),
        cmocka_unit_test(what_a_lost_host_had_is_given_up),
        cmocka_unit_test(what_works_on_it_alone_changes_it),
        cmocka_unit_test(an_image_stays_while_a_disk_stands_on_it),
        cmocka_unit_test(lists_are_filtered),
        cmocka_unit_test(a_token_is_answered_once),
        cmocka_unit_test(key_pairs_have_names_of_their_own),
        cmocka_unit_test(the_daemon_of_a_zone_does_its_tasks),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
