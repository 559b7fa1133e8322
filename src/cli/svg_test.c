/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "cli/svg.h"

static void test_escape(void **state)
{
    static const struct {
        const char *name, *text;
        int columns;
        const char *want;
    } cases[] = {
        {"plain text stays", "a b", 9, "a b"},
        {"what XML has a meaning for", "<a href=\"x\">&'", 99,
         "&lt;a href=&quot;x&quot;&gt;&amp;'"},
        {"control characters", "a\x01\x1b\x7f", 9,
         "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"what turns the text around it",
         "a\xe2\x80\xae"
         "b",
         9,
         "a\xef\xbf\xbd"
         "b"},
        {"not UTF-8", "a\xff\xc0\xaf", 9, "a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
        {"half a character at the end", "a\xe6\x97", 9, "a\xef\xbf\xbd\xef\xbf\xbd"},
        {"a surrogate", "\xed\xa0\x80", 9, "\xef\xbf\xbd"},
        {"a character that is none", "\xef\xbf\xbf", 9, "\xef\xbf\xbd"},
        {"too long", "abcdef", 4, "abc\xe2\x80\xa6"},
        {"exactly as long", "abcd", 4, "abcd"},
        {"wide ones are two columns", "\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e", 4,
         "\xe6\x97\xa5\xe2\x80\xa6"},
        {"an entity is not cut", "&&&&", 3, "&amp;&amp;\xe2\x80\xa6"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *got = NULL;
        size_t n;
        FILE *f = open_memstream(&got, &n);

        svg_escape(f, cases[i].text, cases[i].columns);
        fclose(f);
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, got);
        free(got);
    }
}

static void test_shares(void **state)
{
    static struct svg_share s;
    const uint64_t size = (uint64_t)SVG_COLUMNS * 1000;

    (void)state;
    svg_share_add(&s, 500, 1000, size);
    svg_share_add(&s, 3000, 1000, size);
    svg_share_add(&s, size - 1, 1, size);
    assert_true(s.v[0] > 0.49 && s.v[0] < 0.51 && s.v[1] > 0.49 && s.v[1] < 0.51);
    assert_true(s.v[2] == 0 && s.v[3] > 0.99 && s.v[3] <= 1 && s.v[4] == 0);
    assert_true(s.v[SVG_COLUMNS - 1] > 0.0009);
    svg_share_add(&s, 0, size, size);
    svg_share_add(&s, 0, UINT64_MAX, 1); /* whatever it is told */
    for (int i = 0; i < SVG_COLUMNS; i++)
        assert_true(s.v[i] > 0.99 && s.v[i] <= 1);
}

static void test_columns(void **state)
{
    static struct svg_share low, high;
    char *got = NULL;
    size_t n;
    FILE *f = open_memstream(&got, &n);

    (void)state;
    low.v[0] = low.v[1] = 0.5f;
    low.v[7] = 0.0001f;
    high.v[1] = 0.5f;
    svg_columns(f, 10, 100, 20, "a", NULL, &low);
    svg_columns(f, 10, 100, 20, "b", &low, &high);
    fclose(f);
    assert_string_equal(got, "<path class=\"a\" d=\"M10 120.0h2v-10.0h-2z"
                             "M17 120.0h1v-1.5h-1z\"/>\n"
                             "<path class=\"b\" d=\"M11 110.0h1v-10.0h-1z\"/>\n");
    free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escape),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_columns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
