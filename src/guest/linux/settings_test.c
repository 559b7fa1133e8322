/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/linux/settings.h"

static struct bytes bytes_str(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void check_is(const char *name, struct bytes got, const char *want)
{
    if (!text_is(got, want))
        fail_msg("%s: \"%.*s\", want \"%s\"", name, (int)got.n, (const char *)got.p,
                 want);
}

static void test_shell(void **state)
{
    static const struct {
        const char *name, *text, *want; /* NULL: no such key */
    } cases[] = {
        {"a plain word", "ID=debian\n", "debian"},
        {"double quotes keep blanks", "ID=\"Debian GNU\"\n", "Debian GNU"},
        {"single quotes too", "ID='x y'\n", "x y"},
        {"the last one wins", "ID=a\nID=b\n", "b"},
        {"blanks around the sign are taken", "ID = 11\n", "11"},
        {"export is taken", "export ID=x\n", "x"},
        {"a comment line is none", "#ID=x\n", NULL},
        {"a longer key is another", "IDX=x\nVERSION_ID=y\n", NULL},
        {"a comment ends a word", "ID=x # y\n", "x"},
        {"a quote may stay open", "ID=\"x y\n", "x y"},
        {"nothing is a value", "ID=\n", ""},
        {"an escaped quote does not end it", "ID=\"a\\\"b\"\n", "a\\\"b"},
        {"lines may end as in DOS", "ID=x\r\n", "x"},
        {"one quote is an open one", "ID=\"", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes v = {0};
        bool found = settings_shell(bytes_str(cases[i].text), "ID", &v);

        if (found != (cases[i].want != NULL))
            fail_msg("%s", cases[i].name);
        if (found)
            check_is(cases[i].name, v, cases[i].want);
    }
}

static void test_ini(void **state)
{
    struct ini i = {.rest = bytes_str("stray=1\n[a]\n# no=1\n; no=2\nx = 1 \nnothing\n"
                                      "[b\ny=2=3\n[]\n")};

    (void)state;
    assert_true(ini_next(&i));
    check_is("before any section", i.section, "");
    assert_true(ini_next(&i));
    check_is("section", i.section, "a");
    check_is("key", i.key, "x");
    check_is("value", i.value, "1");
    assert_true(ini_next(&i));
    check_is("an open bracket", i.section, "b");
    check_is("the first sign parts", i.value, "2=3");
    assert_false(ini_next(&i));
}

static void test_yaml(void **state)
{
    static const char text[] = "# comment\n"
                               "---\n"
                               "network:\n"
                               "  version: 2   # two\n"
                               "  ethernets:\n"
                               "    \"eth0\":\n"
                               "      addresses:\n"
                               "      - 10.0.0.2/24\n"
                               "      - \"fd00::2/64\"\n"
                               "      routes:\n"
                               "        - to: default\n"
                               "          via: 10.0.0.1\n"
                               "      dhcp4: no\n"
                               "    eth1: {dhcp4: true,\n"
                               "      dhcp6: true}\n"
                               "top: 'it''s'\n";
    static const struct {
        const char *path, *key, *value;
        bool item;
    } want[] = {
        {"", "network", "", false},
        {"network", "version", "2", false},
        {"network", "ethernets", "", false},
        {"network/ethernets", "eth0", "", false},
        {"network/ethernets/eth0", "addresses", "", false},
        {"network/ethernets/eth0/addresses", "", "10.0.0.2/24", true},
        {"network/ethernets/eth0/addresses", "", "fd00::2/64", true},
        {"network/ethernets/eth0", "routes", "", false},
        {"network/ethernets/eth0/routes", "to", "default", true},
        {"network/ethernets/eth0/routes", "via", "10.0.0.1", false},
        {"network/ethernets/eth0", "dhcp4", "no", false},
        {"network/ethernets", "eth1", "{dhcp4: true,\n      dhcp6: true}", false},
        {"", "top", "it''s", false},
    };
    struct yaml y = {.rest = bytes_str(text)};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        char path[256] = "";

        assert_true(yaml_next(&y));
        for (unsigned j = 0; j < y.depth; j++)
            snprintf(path + strlen(path), sizeof path - strlen(path), "%s%.*s",
                     j ? "/" : "", (int)y.path[j].key.n, (const char *)y.path[j].key.p);
        check_is("path", bytes_str(path), want[i].path);
        check_is("key", y.key, want[i].key);
        check_is("value", y.value, want[i].value);
        assert_int_equal(y.item, want[i].item);
    }
    assert_false(yaml_next(&y));
}

static void test_yaml_depth_is_bounded(void **state)
{
    char text[64 * 64 + 1] = "";
    struct yaml y;
    int lines = 0;

    (void)state;
    for (int i = 0; i < 40; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%*sk:\n", i, "");
    y = (struct yaml){.rest = bytes_str(text)};
    while (yaml_next(&y)) {
        assert_true(y.depth <= YAML_DEPTH_MAX);
        lines++;
    }
    assert_int_equal(lines, 40);
}

static void test_flow(void **state)
{
    static const struct {
        const char *name, *text, *want;
    } cases[] = {
        {"a list", "[ NoCloud, 'Config Drive', \"None\" ]", "NoCloud|Config Drive|None|"},
        {"one value", "NoCloud", "NoCloud|"},
        {"nothing", "[]", ""},
        {"nothing at all", "", ""},
        {"over lines, with a comment", "[ a, # first\n  b ]", "a|b|"},
        {"nested", "[a, [b, {c}]]", "a|b|c|"},
        {"a quote that stays open", "[ 'a", "'a|"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct bytes rest = bytes_str(cases[i].text), item;
        char got[128] = "";

        while (yaml_flow_next(&rest, &item))
            snprintf(got + strlen(got), sizeof got - strlen(got), "%.*s|", (int)item.n,
                     (const char *)item.p);
        check_is(cases[i].name, bytes_str(got), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shell), cmocka_unit_test(test_ini),
        cmocka_unit_test(test_yaml),  cmocka_unit_test(test_yaml_depth_is_bounded),
        cmocka_unit_test(test_flow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
