/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/db_driver.h"
#include "store/testing.h"

static void test_numbers_of_an_account(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t), got;

    assert_int_equal(strlen(a.uin), 12);
    assert_memory_equal(a.uin, "100", 3);
    assert_int_equal(strlen(a.app_id), 10);
    assert_memory_equal(a.app_id, "125", 3);
    assert_int_equal(strspn(a.uin, "0123456789"), 12);
    assert_string_not_equal(a.uin, b.uin);
    assert_true(a.created > 1600000000);
    OK(account_find(&got, &t->arena, t->db, a.name, &err));
    assert_string_equal(got.uin, a.uin);
    OK(account_find(&got, &t->arena, t->db, a.app_id, &err));
    assert_string_equal(got.uin, a.uin);
    OK(account_find(&got, &t->arena, t->db, a.uin, &err));
    assert_string_equal(got.name, a.name);
    CHECK(REFUSED_NONE, account_find(&got, &t->arena, t->db, "nobody", &err));
    CHECK(REFUSED_NONE, account_get(&got, &t->arena, t->db, a.name, &err));
}

static void test_names_are_unique(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t), got;

    CHECK(REFUSED_NAME, account_new(&got, &t->arena, t->db, &a, &err));
    b.name = a.name;
    CHECK(REFUSED_NAME, account_set(t->db, &b, &err));
    b.uin = "100000000000";
    CHECK(REFUSED_NONE, account_set(t->db, &b, &err));
}

static void test_what_is_set_is_read(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), got;
    struct account_list all;
    size_t i = 0;

    a.name = "Zürich; DROP TABLE account --'";
    a.language = "zh";
    a.state = ACCOUNT_DISABLED;
    a.is_operator = true;
    a.import_permission = PERMISSION_GRANTED;
    a.import_reason = "审核通过";
    a.image_quota = 20;
    a.share_quota = 5;
    a.balance = -12345678901;
    OK(account_set(t->db, &a, &err));
    OK(account_get(&got, &t->arena, t->db, a.uin, &err));
    assert_string_equal(got.name, a.name);
    assert_string_equal(got.language, "zh");
    assert_int_equal(got.state, ACCOUNT_DISABLED);
    assert_true(got.is_operator);
    assert_int_equal(got.import_permission, PERMISSION_GRANTED);
    assert_string_equal(got.import_reason, a.import_reason);
    assert_int_equal(got.image_quota, 20);
    assert_int_equal(got.share_quota, 5);
    assert_int_equal(got.balance, -12345678901);
    OK(account_list(&all, &t->arena, t->db, &err));
    while (i < all.n && strcmp(all.v[i].uin, a.uin) != 0)
        i++;
    assert_true(i < all.n);
    a.name = "bytes \xff";
    CHECK(-ERR_ARG, account_set(t->db, &a, &err));
}

static void test_import_permission(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), got;

    OK(account_ask_import(t->db, a.uin, "a lab", &err));
    CHECK(REFUSED_STATE, account_ask_import(t->db, a.uin, "again", &err));
    OK(account_get(&got, &t->arena, t->db, a.uin, &err));
    assert_int_equal(got.import_permission, PERMISSION_ASKED);
    assert_string_equal(got.import_reason, "a lab");
    OK(account_answer_import(t->db, a.uin, PERMISSION_REFUSED, "no", &err));
    OK(account_ask_import(t->db, a.uin, "please", &err));
    OK(account_answer_import(t->db, a.uin, PERMISSION_GRANTED, NULL, &err));
    CHECK(REFUSED_STATE, account_ask_import(t->db, a.uin, "more", &err));
    CHECK(REFUSED_NONE, account_ask_import(t->db, "1", "who", &err));
    CHECK(REFUSED_NONE,
          account_answer_import(t->db, "1", PERMISSION_GRANTED, "who", &err));
}

static void test_keys(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t), b = testing_account(t);
    struct key k, more;
    struct key_list list;
    struct key_holder h;

    OK(key_new(&k, t->db, a.uin, &err));
    assert_int_equal(strlen(k.secret_id), 36);
    assert_memory_equal(k.secret_id, "AKID", 4);
    assert_int_equal(strlen(k.secret_key), 32);
    assert_int_equal(strspn(k.secret_key, ID_ALNUM), 32);
    OK(catalog_find_key(&h, t->catalog, k.secret_id, &err));
    assert_string_equal(h.uin, a.uin);
    assert_string_equal(h.app_id, a.app_id);
    assert_string_equal(h.secret_key, k.secret_key);
    assert_string_equal(h.language, "en");
    assert_false(h.is_operator);
    assert_false(h.may_import);
    CHECK(REFUSED_NONE, catalog_find_key(&h, t->catalog, "AKIDnobody", &err));
    CHECK(REFUSED_NONE,
          catalog_find_key(&h, t->catalog, "AKID5678901234567890123456789012345678901",
                           &err));
    CHECK(REFUSED_NONE, key_new(&more, t->db, "1", &err));
    CHECK(REFUSED_NONE, key_set_active(t->db, b.uin, k.secret_id, false, &err));
    CHECK(REFUSED_NONE, key_delete(t->db, b.uin, k.secret_id, &err));
    for (int i = 1; i < KEYS_MAX; i++)
        OK(key_new(&more, t->db, a.uin, &err));
    CHECK(REFUSED_QUOTA, key_new(&more, t->db, a.uin, &err));
    OK(key_delete(t->db, a.uin, more.secret_id, &err));
    CHECK(REFUSED_NONE, catalog_find_key(&h, t->catalog, more.secret_id, &err));
    OK(key_list(&list, &t->arena, t->db, a.uin, &err));
    assert_int_equal(list.n, KEYS_MAX - 1);
}

static void test_what_is_kept_of_keys_follows_changes(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct key k;
    struct key_holder h;

    OK(key_new(&k, t->db, a.uin, &err));
    OK(catalog_find_key(&h, t->catalog, k.secret_id, &err));
    OK(key_set_active(t->db, a.uin, k.secret_id, false, &err));
    CHECK(REFUSED_NONE, catalog_find_key(&h, t->catalog, k.secret_id, &err));
    OK(key_set_active(t->db, a.uin, k.secret_id, true, &err));
    OK(catalog_find_key(&h, t->catalog, k.secret_id, &err));
    OK(account_answer_import(t->db, a.uin, PERMISSION_GRANTED, "", &err));
    OK(catalog_find_key(&h, t->catalog, k.secret_id, &err));
    assert_true(h.may_import);
    a.state = ACCOUNT_DISABLED;
    OK(account_set(t->db, &a, &err));
    CHECK(REFUSED_NONE, catalog_find_key(&h, t->catalog, k.secret_id, &err));
}

static void test_another_catalogue_notices_a_disabled_key(void **state)
{
    struct testing *t = *state;
    struct account a = testing_account(t);
    struct catalog *other = NULL;
    struct key_holder h;
    struct key k;
    int r = 0;

    OK(catalog_open(&other, t->url, NULL, &err));
    OK(key_new(&k, t->db, a.uin, &err));
    OK(catalog_find_key(&h, other, k.secret_id, &err));
    OK(key_set_active(t->db, a.uin, k.secret_id, false, &err));
    for (int i = 0; i < 30 && r == 0; i++) {
        usleep(100000);
        r = catalog_find_key(&h, other, k.secret_id, NULL);
    }
    assert_int_equal(r, REFUSED_NONE);
    catalog_close(other);
}

static void test_a_nonce_is_taken_once(void **state)
{
    struct testing *t = *state;

    OK(nonce_take(t->db, "AKIDx", 1000, 7, 600, &err));
    CHECK(REFUSED_USED, nonce_take(t->db, "AKIDx", 1000, 7, 600, &err));
    OK(nonce_take(t->db, "AKIDx", 1001, 7, 600, &err));
    OK(nonce_take(t->db, "AKIDy", 1000, 7, 600, &err));
    OK(nonce_take(t->db, "AKIDx", 1000, UINT64_MAX, 600, &err));
    CHECK(REFUSED_USED, nonce_take(t->db, "AKIDx", 1000, UINT64_MAX, 600, &err));
    OK(nonce_take(t->db, "AKIDx", INT32_MAX, 64, 600, &err));
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM nonce"), 1);
}

/* The first ids of a sequence that begins with one that is in use. */
static int calls;
static int same_at_first(void *to, size_t n, struct err *err)
{
    (void)err;
    memset(to, calls++ < 2 ? 7 : calls, n);
    return 0;
}

static void test_an_id_that_is_in_use_is_not_given_again(void **state)
{
    struct testing *t = *state;
    int (*real)(void *, size_t, struct err *) = t->db->random;
    struct account a, b;

    t->db->random = same_at_first;
    calls = 0;
    a = testing_account(t);
    calls = 0;
    b = testing_account(t);
    assert_string_not_equal(a.uin, b.uin);
    assert_true(calls > 3);
    t->db->random = real;
}

static int no_random(void *to, size_t n, struct err *err)
{
    (void)to;
    (void)n;
    return FAIL(err, ERR_IO, "no random numbers");
}

static void test_without_random_numbers_nothing_is_made(void **state)
{
    struct testing *t = *state;
    int (*real)(void *, size_t, struct err *) = t->db->random;
    struct account a = testing_account(t);
    int64_t before = testing_int(t, "SELECT COUNT(*) FROM access_key");
    struct key k;

    t->db->random = no_random;
    CHECK(-ERR_IO, key_new(&k, t->db, a.uin, &err));
    t->db->random = real;
    assert_int_equal(testing_int(t, "SELECT COUNT(*) FROM access_key"), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_an_account),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_what_is_set_is_read),
        cmocka_unit_test(test_import_permission),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_what_is_kept_of_keys_follows_changes),
        cmocka_unit_test(test_another_catalogue_notices_a_disabled_key),
        cmocka_unit_test(test_a_nonce_is_taken_once),
        cmocka_unit_test(test_an_id_that_is_in_use_is_not_given_again),
        cmocka_unit_test(test_without_random_numbers_nothing_is_made),
    };

    return cmocka_run_group_tests(tests, testing_open, testing_close);
}
