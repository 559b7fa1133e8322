/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "volume/lvm2_text.h"

enum { NODES = 64 };

static const struct {
    const char *name, *text;
    const char *tree;  /* as show() prints it; NULL: refused */
    const char *error; /* ends with this */
} cases[] = {
    {"nothing", "", "", NULL},
    {"comments and blanks", " # a\n\t\r\n#", "", NULL},
    {"a number", "a = 12", "a=12;", NULL},
    {"the largest number", "a=18446744073709551615", "a=18446744073709551615;", NULL},
    {"a number over the largest is none", "a=18446744073709551616", "a=?;", NULL},
    {"a sign and a fraction", "a = -1 b = 0.5", "a=?;b=?;", NULL},
    {"a string", "a = \"b c\"", "a='b c';", NULL},
    {"an empty string", "a = \"\"", "a='';", NULL},
    {"a quote in a string", "a = \"b\\\"c\" d = 1", "a='b\\\"c';d=1;", NULL},
    {"a comment sign in a string", "a = \"#\"", "a='#';", NULL},
    {"a comment behind a value", "a = 1 # b = 2\nc = 3", "a=1;c=3;", NULL},
    {"an empty array", "a = []", "a=[];", NULL},
    {"an array", "a = [\"b\", 2, \"c\"]", "a=['b';2;'c';];", NULL},
    {"an array over lines with a comma at its end", "a = [\n\"b\", # c\n2,\n]",
     "a=['b';2;];", NULL},
    {"sections", "a { b { c = 1 } d = 2 } e = 3", "a{b{c=1;}d=2;}e=3;", NULL},
    {"a section without blanks", "a{b{}c=1}", "a{b{}c=1;}", NULL},
    {"a quoted name", "\"a b\" = 1", "a b=1;", NULL},
    {"names with all that groups may be called", "a-b_c.d+e { }", "a-b_c.d+e{}", NULL},
    {"the same name twice", "a = 1 a = 2", "a=1;a=2;", NULL},
    {"no value", "a =", NULL, "line 1: a value is missing"},
    {"no value before the next line", "b = 1\na = }", NULL, "line 2: a value is missing"},
    {"no name", "= 1", NULL, "line 1: a name is missing"},
    {"a name alone", "a", NULL, "neither a value nor a section follows the name"},
    {"a string without an end", "a = \"b", NULL, "a string without an end"},
    {"a string that ends in a backslash", "a = \"b\\", NULL, "a string without an end"},
    {"a name without an end", "\"a", NULL, "a name without an end"},
    {"an array without an end", "a = [1", NULL, "an array without an end"},
    {"an array without commas", "a = [1 2]", NULL, "an array without an end"},
    {"an array in an array", "a = [[1]]", NULL, "a value is missing"},
    {"a section without an end", "a { b = 1", NULL, "a section without an end"},
    {"an end without a section", "a = 1 }", NULL, "a section ends that did not begin"},
    {"15 sections deep", "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{}}}}}}}}}}}}}}}",
     "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{}}}}}}}}}}}}}}}", NULL},
    {"16 sections deep", "a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{", NULL, "sections 16 deep"},
    {"more settings than there may be",
     "a=[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
     "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0]",
     NULL, "too many settings"},
};

static void show(char **to, const struct lvm2_node *section)
{
    for (const struct lvm2_node *n = section->first; n; n = n->next) {
        *to += sprintf(*to, "%.*s", (int)n->key.n, (const char *)n->key.p);
        if (n->key.n && n->kind != LVM2_SECTION)
            *to += sprintf(*to, "=");
        if (n->kind == LVM2_SECTION || n->kind == LVM2_ARRAY) {
            *to += sprintf(*to, n->kind == LVM2_ARRAY ? "[" : "{");
            show(to, n);
            *to += sprintf(*to, n->kind == LVM2_ARRAY ? "];" : "}");
        } else if (n->kind == LVM2_NUMBER) {
            *to += sprintf(*to, "%llu;", (unsigned long long)n->number);
        } else if (n->kind == LVM2_STRING) {
            *to += sprintf(*to, "'%.*s';", (int)n->text.n, (const char *)n->text.p);
        } else {
            *to += sprintf(*to, "?;");
        }
    }
}

static void check(size_t i, struct bytes text)
{
    AUTO(arena_fini) struct arena a = {0};
    const struct lvm2_node *root;
    size_t nodes = NODES;
    struct err err = {0};
    char got[1024], *to = got;
    int r = lvm2_text_parse(&root, text, &nodes, &a, &err);

    *to = '\0';
    if (r == 0)
        show(&to, root);
    if (cases[i].tree) {
        if (r < 0 || strcmp(got, cases[i].tree) != 0)
            fail_msg("%s: %s %s", cases[i].name, got, err.msg);
        return;
    }
    assert_true(r == -ERR_CORRUPT || r == -ERR_LIMIT);
    if (strlen(err.msg) < strlen(cases[i].error) ||
        strcmp(err.msg + strlen(err.msg) - strlen(cases[i].error), cases[i].error) != 0)
        fail_msg("%s: \"%s\"", cases[i].name, err.msg);
}

static void test_parse(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t n = strlen(cases[i].text);
        char *copy = malloc(n + 2); /* of the very size: a reader past it is seen */

        assert_non_null(copy);
        memcpy(copy, cases[i].text, n);
        check(i, bytes_of(copy, n));
        copy[n] = copy[n + 1] = '\0';
        check(i, bytes_of(copy, n + 2));
        free(copy);
    }
}

static void test_get(void **state)
{
    static const char text[] = "a = 1 a = \"b\" c { d = [\"e\", 2, \"f\"] } g = \"h\"";
    AUTO(arena_fini) struct arena a = {0};
    const struct lvm2_node *root, *c;
    size_t nodes = NODES;
    struct err err = {0};
    uint64_t v = 7;

    (void)state;
    assert_int_equal(
        lvm2_text_parse(&root, bytes_of(text, strlen(text)), &nodes, &a, &err), 0);
    assert_true(lvm2_number(&v, root, "a"));
    assert_int_equal(v, 1);
    assert_memory_equal(lvm2_string(root, "a").p, "b", 1);
    assert_int_equal(lvm2_string(root, "none").n, 0);
    assert_false(lvm2_number(&v, root, "g"));
    assert_int_equal(v, 1);
    c = lvm2_get(root, "c", LVM2_SECTION);
    assert_non_null(c);
    assert_true(lvm2_has(c, "d", "f"));
    assert_false(lvm2_has(c, "d", "2"));
    assert_false(lvm2_has(root, "d", "f"));
    assert_null(lvm2_get(NULL, "c", LVM2_SECTION));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_get),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
