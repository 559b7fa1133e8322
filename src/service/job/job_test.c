/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "service/job/job.h"
#include "service/job/verdict.h"

static void test_seconds_left(void **state)
{
    static const struct {
        const char *what;
        int64_t done, total, elapsed, left;
    } cases[] = {
        {"half of it in ten seconds", 50, 100, 10000, 10},
        {"a hundredth", 1, 100, 2000, 198},
        {"all of it", 100, 100, 5000, 0},
        {"nothing yet", 0, 100, 5000, -1},
        {"how much is not known", 50, -1, 5000, -1},
        {"more than there was to be", 120, 100, 5000, -1},
        {"the first moment says nothing", 50, 100, 900, -1},
        {"as large as it gets", INT64_MAX / 2, INT64_MAX, 4000, 4},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int64_t got = job_seconds_left(cases[i].done, cases[i].total, cases[i].elapsed);

        if (got != cases[i].left)
            print_error("%s: %lld\n", cases[i].what, (long long)got);
        assert_int_equal(got, cases[i].left);
    }
}

static void test_keys_of_blobs(void **state)
{
    static const struct {
        const char *key;
        bool good;
    } cases[] = {
        {"image/12-3-0", true},    {"export/9007199254740991-50-20", true},
        {"image/12-3", false},     {"image/12-3-0x", false},
        {"object/ab/abcd", false}, {"12-3-0", false},
        {"image/", false},
    };
    int64_t task, attempt;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(job_blob_key_parse(&task, &attempt, cases[i].key),
                         cases[i].good);
    assert_true(job_blob_key_parse(&task, &attempt, "image/12-3-0"));
    assert_int_equal(task, 12);
    assert_int_equal(attempt, 3);
}

static void test_verdicts(void **state)
{
    static const struct {
        const char *report, *reason, *sub_cause, *detail;
    } cases[] = {
        {"{\"verdict\": \"accepted\"}", NULL, NULL, NULL},
        {"{\"verdict\": \"refused\", \"code\": \"VirtioNotInstall\", \"findings\": ["
         "{\"id\": \"L01\", \"level\": \"error\", \"code\": null, \"detail\": \"a\"},"
         "{\"id\": \"L07\", \"level\": \"error\", \"code\": \"VirtioNotInstall\","
         " \"subject\": \"/boot/x\", \"detail\": \"b\"}]}",
         "VirtioNotInstall", "L07", "/boot/x: b"},
        {"{\"verdict\": \"refused\", \"code\": null, \"findings\": ["
         "{\"id\": \"L01\", \"level\": \"error\", \"code\": null, \"detail\": \"a\"}]}",
         "InternalError", "L01", "a"},
        {"{\"verdict\": \"undecided\", \"error\": {\"layer\": \"xfs\", \"code\": "
         "\"corrupt\", \"message\": \"c\"}}",
         "InternalError", "undecided:xfs:corrupt", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *report = json_loads(cases[i].report, 0, NULL);
        struct job_failure why = {0};

        assert_non_null(report);
        assert_int_equal(verdict_judge(report, &why), cases[i].reason ? JOB_FAILED : 0);
        if (!cases[i].reason)
            continue;
        assert_string_equal(why.reason, cases[i].reason);
        assert_string_equal(why.sub_cause, cases[i].sub_cause);
        if (cases[i].detail)
            assert_string_equal(why.detail, cases[i].detail);
    }
}

static void test_starts_that_were_cut(void **state)
{
    static const struct {
        const char *report;
        bool cut;
    } cases[] = {
        {"{\"verdict\": \"undecided\", \"error\": {\"layer\": \"boot\", \"code\": "
         "\"io\"}}",
         true},
        {"{\"verdict\": \"undecided\", \"error\": {\"layer\": \"boot\", \"code\": "
         "\"nomem\"}}",
         true},
        {"{\"verdict\": \"undecided\", \"error\": {\"layer\": \"boot\", \"code\": "
         "\"limit\"}}",
         false},
        {"{\"verdict\": \"undecided\", \"error\": {\"layer\": \"xfs\", \"code\": "
         "\"io\"}}",
         false},
        {"{\"verdict\": \"undecided\", \"stopped\": \"time\", \"error\": null}", false},
        {"{\"verdict\": \"accepted\", \"error\": null}", false},
        {"{\"verdict\": \"undecided\", \"error\": {\"layer\": \"boot\", \"code\": "
         "\"unsupported\"}}",
         false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_auto_t *report = json_loads(cases[i].report, 0, NULL);

        assert_non_null(report);
        assert_int_equal(verdict_boot_was_cut(report), cases[i].cut);
    }
}

static void test_a_step_is_late(void **state)
{
    struct job_pulse pulse = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct job j = {.pulse = &pulse};

    (void)state;
    job_step(&j, "check", 60);
    assert_int_equal(job_stopped(&j), JOB_RUNS);
    pulse.deadline = 1; /* long ago */
    assert_int_equal(job_stopped(&j), JOB_LATE);
    /* And stays so. */
    job_step(&j, "convert", 0);
    assert_int_equal(job_stopped(&j), JOB_LATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seconds_left),
        cmocka_unit_test(test_keys_of_blobs),
        cmocka_unit_test(test_verdicts),
        cmocka_unit_test(test_starts_that_were_cut),
        cmocka_unit_test(test_a_step_is_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
