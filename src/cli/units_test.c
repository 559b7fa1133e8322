/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "cli/term.h"
#include "cli/units.h"

static void test_bytes(void **state)
{
    static const struct {
        uint64_t n;
        const char *want;
    } cases[] = {
        {0, "0 B"},
        {1023, "1023 B"},
        {1024, "1.0 KiB"},
        {50ull << 30, "50.0 GiB"},
        {500ull << 30, "500 GiB"},
        {UINT64_MAX, "16.0 EiB"},
    };
    char text[UNITS_MAX];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_string_equal(units_bytes(text, cases[i].n), cases[i].want);
    assert_string_equal(units_time(text, 59), "59 s");
    assert_string_equal(units_time(text, 3599), "59 min 59 s");
    assert_string_equal(units_time(text, 7500), "2 h 5 min");
}

static void test_wrap(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"short text stays", "one two", "  one two\n"},
        {"a line breaks at a blank", "aaaa bbbb cccc dddd", "  aaaa bbbb\n  cccc dddd\n"},
        {"a long word is not cut", "aaaaaaaaaaaaaaaaaaaa b",
         "  aaaaaaaaaaaaaaaaaaaa\n  b\n"},
        {"lines stay lines", "a\n\nb", "  a\n  \n  b\n"},
        {"Chinese breaks anywhere",
         "\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad"
         "\xe4\xb8\xad\xe4\xb8\xad",
         "  \xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\xe4\xb8\xad\n  "
         "\xe4\xb8\xad\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char out[256] = "";
        FILE *f = fmemopen(out, sizeof out, "w");
        struct term t = {.out = f, .width = 13};

        term_wrap(&t, 2, false, STYLE_BAD, cases[i].text);
        fclose(f);
        if (strcmp(out, cases[i].want) != 0)
            fail_msg("%s: \"%s\"", cases[i].name, out);
    }
    assert_int_equal(term_columns("a\xe4\xb8\xad", 4), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
