/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/collect.h"
#include "guest/guest_test_fs.h"

static const struct test_file root[] = {
    {"/etc/text", "content"},
    {"/etc/link", "-> text"},
    {"/etc/bad", "x", .fail = ERR_CORRUPT},
    {"/etc/large", "x", .size = 1 << 20},
    {0},
};

static void test_read(void **state)
{
    static const struct {
        const char *name, *path;
        int want;
        const char *text, *code; /* code: NULL no problem */
    } cases[] = {
        {"a file", "/etc/text", 1, "content", NULL},
        {"a link to it", "/etc/link", 1, "content", NULL},
        {"no file is no problem", "/etc/none", 0, "", NULL},
        {"a folder is no file", "/etc", 0, "", NULL},
        {"what cannot be read looks absent, and is recorded", "/etc/bad", 0, "",
         "corrupt"},
        {"so is what is too large", "/etc/large", 0, "", "limit"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(buf_fini) struct buf b = {0};
        struct test_guest t;
        struct err err = {0};
        int r;

        test_guest_init(&t, root);
        r = guest_read(&t.guest, cases[i].path, 4096, true, &b, &err);
        if (r != cases[i].want || b.n != strlen(cases[i].text))
            fail_msg("%s: %d, %zu bytes", cases[i].name, r, b.n);
        assert_int_equal(t.facts.problems.n, cases[i].code != NULL);
        if (cases[i].code) {
            assert_string_equal(t.facts.problems.v[0].code, cases[i].code);
            assert_string_equal(t.facts.problems.v[0].subject, cases[i].path);
            assert_string_equal(t.facts.problems.v[0].layer, "ext4");
            assert_true(t.facts.problems.v[0].minor);
        }
        assert_int_equal(err.code, ERR_NONE);
        test_guest_fini(&t);
    }
}

/* Memory and a used-up budget end the inspection, whatever was asked for. */
static void test_fatal(void **state)
{
    AUTO(buf_fini) struct buf b = {0};
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, root);
    FAIL(&err, ERR_NOMEM, "x");
    assert_int_equal(guest_problem(&t.guest, "guest", "x", true, &err), -ERR_NOMEM);
    assert_int_equal(err.code, ERR_NOMEM);
    err_clear(&err);
    t.guest.tree.lookups = TREE_LOOKUPS_MAX;
    assert_int_equal(guest_read(&t.guest, "/etc/text", 4096, true, &b, &err), -ERR_LIMIT);
    assert_int_equal(t.facts.problems.n, 0);
    test_guest_fini(&t);
}

/* The list is bounded, and one that matters is not lost among those that do not. */
static void test_many_problems(void **state)
{
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, root);
    for (int i = 0; i < GUEST_PROBLEMS_MAX + 10; i++) {
        FAIL(&err, ERR_CORRUPT, "number %d", i);
        assert_int_equal(guest_problem(&t.guest, "guest", "x", true, &err), 0);
    }
    assert_int_equal(t.facts.problems.n, GUEST_PROBLEMS_MAX);
    assert_true(t.facts.problems.v[GUEST_PROBLEMS_MAX - 1].minor);
    FAIL(&err, ERR_CORRUPT, "the one");
    assert_int_equal(guest_problem(&t.guest, "guest", "x", false, &err), 0);
    assert_int_equal(t.facts.problems.n, GUEST_PROBLEMS_MAX);
    assert_false(t.facts.problems.v[GUEST_PROBLEMS_MAX - 1].minor);
    test_guest_fini(&t);
}

static void test_weight(void **state)
{
    static const struct {
        const char *name, *fstab, *boot_root;
        bool minor;
    } cases[] = {
        {"nothing names it", "LABEL=root / ext4\n", "LABEL=root", true},
        {"data that fstab mounts", "LABEL=other /home xfs\n", "LABEL=root", true},
        {"/usr is needed", "LABEL=other /usr xfs\n", "LABEL=root", false},
        {"/boot is needed", "LABEL=other /boot xfs\n", "", false},
        {"the boot loader starts it", "", "LABEL=other", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct test_file files[] = {{"/etc/fstab", cases[i].fstab}, {0}};
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, files);
        t.fs[1].device = "partition 2";
        t.fs[1].ident = (struct fs_ident){.type = FS_XFS, .label = "other"};
        t.guest.fs_n = 2;
        t.facts.boot = FACT_NEW(&t.arena, fact_boot);
        t.facts.boot->root = cases[i].boot_root;
        FAIL(&err, ERR_UNSUPPORTED, "xfs is not read yet");
        assert_int_equal(guest_problem(&t.guest, "xfs", "partition 2", false, &err), 0);
        FAIL(&err, ERR_CORRUPT, "x");
        assert_int_equal(guest_problem(&t.guest, "ext4", "/etc/x", false, &err), 0);
        assert_int_equal(linux_fstab(&t.guest, &err), 0);
        guest_weigh_problems(&t.guest);
        if (t.facts.problems.v[0].minor != cases[i].minor)
            fail_msg("%s", cases[i].name);
        assert_false(t.facts.problems.v[1].minor);
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),
        cmocka_unit_test(test_fatal),
        cmocka_unit_test(test_many_problems),
        cmocka_unit_test(test_weight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
