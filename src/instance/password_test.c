/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/password.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <crypt.h>

#include "base/scoped.h"

static void test_rules(void **state)
{
    static const struct {
        const char *name, *password;
        bool windows, good;
    } cases[] = {
        {"eight of two classes", "abcdefg1", false, true},
        {"seven", "abcdef1", false, false},
        {"thirty", "abcdefghijklmnopqrstuvwxyz1234", false, true},
        {"thirty-one", "abcdefghijklmnopqrstuvwxyz12345", false, false},
        {"one class", "abcdefgh", false, false},
        {"signs are a class", "abcdefg!", false, true},
        {"capital letters are a class", "abcdefgH", false, true},
        {"a blank", "abcdef g1", false, false},
        {"a line feed", "abcdefg1\n", false, false},
        {"not ASCII", "abcdefg1\xc3\xa9", false, false},
        {"Windows: two classes", "abcdefghijk1", true, false},
        {"Windows: three classes", "Abcdefghijk1", true, true},
        {"Windows: eleven", "Abcdefghij1", true, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (!password_fault(cases[i].password, cases[i].windows) != cases[i].good)
            fail_msg("%s", cases[i].name);
}

/* Each obeys the stricter rules, and no place of it has a favourite. */
static void test_made(void **state)
{
    char before[PASSWORD_TEXT] = "", one[PASSWORD_TEXT];
    unsigned letters_first = 0;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(password_make(one, NULL), 0);
        assert_int_equal(strlen(one), PASSWORD_MADE);
        assert_null(password_fault(one, true));
        assert_null(strpbrk(one, "0O1lI\"'\\$`<>&|; "));
        assert_string_not_equal(one, before);
        letters_first += one[0] >= 'a' && one[0] <= 'z';
        strcpy(before, one);
    }
    /* A quarter, give or take ten standard deviations. */
    assert_in_range(letters_first, 110, 390);
}

/* Another implementation reads it: glibc's interface over the same text. */
static void test_hash(void **state)
{
    char hash[PASSWORD_HASH], again[PASSWORD_HASH];
    struct crypt_data data = {0};

    (void)state;
    assert_int_equal(password_hash(hash, "Imgport-2026", NULL), 0);
    assert_int_equal(strncmp(hash, "$6$", 3), 0);
    assert_string_equal(crypt_r("Imgport-2026", hash, &data), hash);
    assert_string_not_equal(crypt_r("imgport-2026", hash, &data), hash);
    assert_int_equal(password_hash(again, "Imgport-2026", NULL), 0);
    assert_string_not_equal(hash, again); /* the salt */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_made),
        cmocka_unit_test(test_hash),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
