/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "service/intake.h"

static void count_suspended(void *arg)
{
    ++*(int *)arg;
}

static size_t fill(struct intake *in, const char *text, size_t cap)
{
    struct err err = {0};
    size_t n = 0;

    assert_int_equal(intake_fill(&n, in, text, strlen(text), cap, &err), 0);
    return n;
}

static void assert_bytes(struct bytes got, const char *want)
{
    assert_int_equal(got.n, strlen(want));
    assert_memory_equal(got.p, want, got.n);
}

static void one_is_filled_while_the_other_is_worked_on(void **state)
{
    AUTO(intake_fini) struct intake in;
    int suspended = 0;

    (void)state;
    intake_init(&in);
    assert_false(intake_is_full(&in));
    assert_int_equal(fill(&in, "abc", 4), 3);
    assert_int_equal(fill(&in, "def", 4), 1); /* only as much as fits */
    assert_true(intake_is_full(&in));
    assert_true(intake_idle(&in, count_suspended, &suspended));
    intake_hand(&in);
    assert_bytes(intake_handed(&in), "abcd");
    assert_int_equal(fill(&in, "efgh", 4), 4);
    assert_bytes(intake_handed(&in), "abcd");
    assert_false(intake_idle(&in, count_suspended, &suspended));
    assert_int_equal(suspended, 1);
    assert_int_equal(intake_done(&in, false), INTAKE_RESUME);
    assert_true(intake_idle(&in, count_suspended, &suspended));
    intake_hand(&in);
    assert_bytes(intake_handed(&in), "efgh");
    assert_int_equal(intake_done(&in, true), INTAKE_NOTHING); /* nobody waits */
    assert_int_equal(fill(&in, "i", 4), 1);
    assert_bytes(intake_rest(&in), "i");
    assert_true(intake_leave(&in));
    assert_int_equal(suspended, 1);
}

static void a_full_piece_that_waits_is_taken_at_once(void **state)
{
    AUTO(intake_fini) struct intake in;
    int suspended = 0;

    (void)state;
    intake_init(&in);
    assert_int_equal(fill(&in, "abcd", 4), 4);
    intake_hand(&in);
    assert_int_equal(fill(&in, "ef", 4), 2);
    assert_false(intake_idle(&in, count_suspended, &suspended));
    assert_int_equal(intake_done(&in, true), INTAKE_RESUME); /* it is not full */
    assert_int_equal(fill(&in, "gh", 4), 2);
    intake_hand(&in);
    assert_int_equal(fill(&in, "ijkl", 4), 4);
    assert_false(intake_idle(&in, count_suspended, &suspended));
    assert_int_equal(intake_done(&in, true), INTAKE_RESUME_AND_TAKE);
    assert_bytes(intake_handed(&in), "ijkl");
    assert_int_equal(fill(&in, "m", 4), 1);
    assert_false(intake_idle(&in, count_suspended, &suspended));
    assert_int_equal(intake_done(&in, true), INTAKE_RESUME);
    assert_bytes(intake_rest(&in), "m");
    assert_int_equal(suspended, 3);
}

static void who_has_the_last_piece_ends_the_request(void **state)
{
    AUTO(intake_fini) struct intake in;

    (void)state;
    intake_init(&in);
    assert_int_equal(fill(&in, "abcd", 4), 4);
    intake_hand(&in);
    assert_false(intake_leave(&in));
    assert_int_equal(intake_done(&in, true), INTAKE_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_filled_while_the_other_is_worked_on),
        cmocka_unit_test(a_full_piece_that_waits_is_taken_at_once),
        cmocka_unit_test(who_has_the_last_piece_ends_the_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
