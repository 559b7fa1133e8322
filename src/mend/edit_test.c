/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "base/scoped.h"
#include "mend/edit_json.h"

static void test_round_trip(void **state)
{
    static const uint8_t bytes[] = {0, 'a', 0xff, '\n'};
    static const struct mend_edit v[] = {
        {.op = MEND_WRITE,
         .system = MEND_WINDOWS,
         .path = "/a b/c.ini",
         .content = {bytes, sizeof bytes},
         .mode = 0640},
        {.op = MEND_EMPTY, .system = MEND_LINUX, .path = "/var/lib/...x"},
        {.op = MEND_REMOVE, .path = "/.hidden"},
    };
    const struct mend_edits edits = {v, ARRAY_SIZE(v), true};
    AUTO(arena_fini) struct arena a = {.max = 1 << 20};
    struct mend_edits got;
    json_t *j;

    (void)state;
    assert_int_equal(mend_edits_to_json(&j, &edits, NULL), 0);
    assert_int_equal(mend_edits_from_json(&got, &a, j, NULL), 0);
    assert_true(got.identity);
    assert_int_equal(got.n, ARRAY_SIZE(v));
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(got.v[i].op, v[i].op);
        assert_int_equal(got.v[i].system, v[i].system);
        assert_string_equal(got.v[i].path, v[i].path);
        assert_int_equal(got.v[i].mode, v[i].mode);
        assert_int_equal(got.v[i].content.n, v[i].content.n);
        assert_memory_equal(got.v[i].content.p, v[i].content.p, v[i].content.n);
    }
    json_decref(j);
}

static void test_refused(void **state)
{
    static const struct {
        const char *name;
        struct mend_edit edit;
    } cases[] = {
        {"a relative path", {.path = "etc/x"}},
        {"the root itself", {.path = "/"}},
        {"a slash at the end", {.path = "/etc/"}},
        {"an empty name", {.path = "/etc//x"}},
        {"this folder", {.path = "/etc/./x"}},
        {"the folder above", {.path = "/etc/../x"}},
        {"the folder above at the end", {.path = "/etc/.."}},
        {"a path that is not UTF-8", {.path = "/\xff"}},
        {"bits that are no permissions", {.path = "/x", .mode = 0100644}},
        {"a file too large", {.path = "/x", .content = {NULL, MEND_CONTENT_MAX + 1}}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct mend_edits edits = {&cases[i].edit, 1, false};
        json_t *j = NULL;

        if (mend_edits_to_json(&j, &edits, NULL) != -ERR_ARG)
            fail_msg("%s: not refused", cases[i].name);
    }
}

static void test_not_of_the_form(void **state)
{
    static const struct {
        const char *name, *text;
    } cases[] = {
        {"no list", "{\"identity\": true}"},
        {"a list of no edits", "{\"identity\": true, \"list\": [1]}"},
        {"something more", "{\"identity\": true, \"list\": [], \"more\": 1}"},
        {"an unknown op",
         "{\"identity\": true, \"list\": [{\"op\": \"x\", \"system\": \"any\", "
         "\"path\": \"/x\", \"mode\": 0, \"content\": \"\"}]}"},
        {"half a byte",
         "{\"identity\": true, \"list\": [{\"op\": \"write\", \"system\": \"any\", "
         "\"path\": \"/x\", \"mode\": 0, \"content\": \"abc\"}]}"},
        {"no hexadecimal",
         "{\"identity\": true, \"list\": [{\"op\": \"write\", \"system\": \"any\", "
         "\"path\": \"/x\", \"mode\": 0, \"content\": \"AB\"}]}"},
        {"a path with a folder above",
         "{\"identity\": true, \"list\": [{\"op\": \"write\", \"system\": \"any\", "
         "\"path\": \"/../x\", \"mode\": 0, \"content\": \"\"}]}"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {.max = 1 << 20};
        json_t *j = json_loads(cases[i].text, 0, NULL);
        struct mend_edits got;

        assert_non_null(j);
        if (mend_edits_from_json(&got, &a, j, NULL) != -ERR_ARG)
            fail_msg("%s: not refused", cases[i].name);
        json_decref(j);
    }
}

static void test_report(void **state)
{
    struct mend_report report = {MEND_DIRTY, "partition 1: \x1b[1m", 3}, got;
    json_t *j = mend_report_to_json(&report);

    (void)state;
    assert_int_equal(mend_report_from_json(&got, j, NULL), 0);
    assert_int_equal(got.outcome, MEND_DIRTY);
    assert_string_equal(got.why, "partition 1: \\x1b[1m");
    assert_int_equal(got.changed, 3);
    json_object_set_new(j, "outcome", json_string("better"));
    assert_int_equal(mend_report_from_json(&got, j, NULL), -ERR_CORRUPT);
    json_decref(j);
    for (unsigned i = 0; i < MEND_OUTCOME_MAX; i++)
        assert_int_equal(mend_outcome_from_name(mend_outcome_name(i)), i);
    assert_int_equal(mend_outcome_from_name("x"), MEND_OUTCOME_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_of_the_form),
        cmocka_unit_test(test_report),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
