/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/share.h"
#include "store/testing.h"

static void test_who_an_image_is_shown_to(void **state)
{
    struct testing *t = *state;
    struct account owner = testing_account(t), friend = testing_account(t),
                   stranger = testing_account(t);
    struct image image = testing_image(t, &owner), got;
    const char *id = testing_add(t, &image), *both[] = {friend.uin, stranger.uin};
    struct share_list l;
    struct image_list seen;
    struct image_query q = {.account = friend.uin, .region = REGION, .limit = 100};

    OK(share_add(NULL, t->db, id, both, 1, 50, &err));
    OK(image_see(&got, &t->arena, t->db, friend.uin, REGION, id, false, &err));
    assert_int_equal(got.view, VIEW_SHARED);
    assert_int_equal(got.shares, 1);
    CHECK(REFUSED_NONE,
          image_see(&got, &t->arena, t->db, stranger.uin, REGION, id, false, &err));
    CHECK(REFUSED_NONE,
          image_see(&got, &t->arena, t->db, friend.uin, "ap-beijing", id, false, &err));
    OK(image_list(&seen, &t->arena, t->db, &q, &err));
    assert_int_equal(seen.total, 1);
    OK(share_list(&l, &t->arena, t->db, id, &err));
    assert_int_equal(l.n, 1);
    assert_string_equal(l.v[0].account, friend.uin);
    assert_true(l.v[0].created > 1600000000);
    CHECK(REFUSED_SHARED, image_delete(t->db, id, IMAGE_IN(IMAGE_NORMAL), &err));
    OK(share_cancel(t->db, id, both, 2, &err));
    OK(image_list(&seen, &t->arena, t->db, &q, &err));
    assert_int_equal(seen.total, 0);
    OK(image_delete(t->db, id, IMAGE_IN(IMAGE_NORMAL), &err));
    CHECK(REFUSED_NONE, share_cancel(t->db, id, both, 2, &err));
    CHECK(REFUSED_NONE, share_add(NULL, t->db, id, both, 2, 50, &err));
}

static void test_shown_to_all_of_them_or_to_none(void **state)
{
    struct testing *t = *state;
    struct account owner = testing_account(t), a[3];
    struct image image = testing_image(t, &owner);
    const char *id = testing_add(t, &image), *uins[3];
    struct share_list l;
    size_t which = 9;

    for (size_t i = 0; i < 3; i++) {
        a[i] = testing_account(t);
        uins[i] = a[i].uin;
    }
    uins[1] = owner.uin;
    CHECK(REFUSED_SELF, share_add(&which, t->db, id, uins, 3, 50, &err));
    assert_int_equal(which, 1);
    uins[1] = a[1].uin;
    uins[2] = "100000000000";
    CHECK(REFUSED_ACCOUNT, share_add(&which, t->db, id, uins, 3, 50, &err));
    assert_int_equal(which, 2);
    uins[2] = a[2].uin;
    CHECK(REFUSED_SHARE_LIMIT, share_add(&which, t->db, id, uins, 3, 2, &err));
    OK(share_list(&l, &t->arena, t->db, id, &err));
    assert_int_equal(l.n, 0);
    OK(share_add(&which, t->db, id, uins, 2, 2, &err));
    CHECK(REFUSED_SHARE_LIMIT, share_add(&which, t->db, id, uins + 2, 1, 2, &err));
    CHECK(REFUSED_SHARED, share_add(&which, t->db, id, uins, 1, 50, &err));
    assert_int_equal(which, 0);
}

static void test_only_what_is_ready_is_shared(void **state)
{
    struct testing *t = *state;
    struct account owner = testing_account(t), a = testing_account(t);
    struct image made = testing_image(t, &owner), public = testing_image(t, &owner);

    made.state = IMAGE_IMPORTING;
    CHECK(REFUSED_STATE,
          share_add(NULL, t->db, testing_add(t, &made), &a.uin, 1, 50, &err));
    public.kind = IMAGE_PUBLIC;
    CHECK(REFUSED_STATE,
          share_add(NULL, t->db, testing_add(t, &public), &a.uin, 1, 50, &err));
}

static void test_operations_of_a_day(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    int64_t n;

    for (int i = 0; i < 5; i++)
        OK(day_op_use(t->db, a.uin, REGION, 5, &err));
    CHECK(REFUSED_DAY, day_op_use(t->db, a.uin, REGION, 5, &err));
    OK(day_op_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, 5);
    OK(day_op_use(t->db, a.uin, "ap-beijing", 5, &err));
    OK(day_op_use(t->db, b.uin, REGION, 5, &err));
    CHECK(REFUSED_DAY, day_op_use(t->db, b.uin, REGION, 0, &err));
    /* The next day begins at zero, and forgets the one before. */
    testing_exec(t, "UPDATE day_op SET day = day - 1");
    OK(day_op_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, 0);
    OK(day_op_use(t->db, a.uin, REGION, 5, &err));
    OK(day_op_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, 1);
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM day_op"), 3);
}

/* Midnight of Shanghai is four in the afternoon of UTC. */
static void test_the_day_is_of_shanghai(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t now, day;

    OK(db_now(&now, t->db, &err));
    OK(day_op_use(t->db, a.uin, "ap-day", 5, &err));
    day = testing_int(t, "SELECT day FROM day_op WHERE region = 'ap-day'");
    assert_true(day == (now + 8 * 3600) / 86400 || day == (now + 8 * 3600 + 60) / 86400);
}

struct refused_later {
    const char *account;
};

static int use_and_refuse(struct db *db, void *arg, struct err *err)
{
    struct refused_later *r = arg;
    int got = day_op_use(db, r->account, REGION, 5, err);

    return got ? got : REFUSED_NAME;
}

static void test_what_is_refused_later_is_not_counted(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    int64_t n;

    for (int i = 0; i < 7; i++)
        CHECK(REFUSED_NAME,
              db_tx(t->db, use_and_refuse, &(struct refused_later){a.uin}, &err));
    OK(day_op_count(&n, t->db, a.uin, REGION, &err));
    assert_int_equal(n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_who_an_image_is_shown_to),
        cmocka_unit_test(test_shown_to_all_of_them_or_to_none),
        cmocka_unit_test(test_only_what_is_ready_is_shared),
        cmocka_unit_test(test_operations_of_a_day),
        cmocka_unit_test(test_the_day_is_of_shanghai),
        cmocka_unit_test(test_what_is_refused_later_is_not_counted),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
