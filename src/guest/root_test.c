/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/facts_table.h"
#include "guest/guest_test_fs.h"

static const struct test_file debian[] = {
    {"/etc/os-release", "ID=debian\n"},
    {"/bin", "-> usr/bin"},
    {"/sbin", "-> usr/sbin"},
    {"/usr/bin/sh", "x"},
    {"/usr/sbin/init", "-> ../lib/systemd/systemd"},
    {"/usr/lib/systemd/systemd", "x"},
    {"/boot/vmlinuz-6", "x"},
    {"/boot/grub/grub.cfg", "x"},
    {0},
};

static const struct test_file usr_apart[] = {
    {"/etc/fstab", "x"},
    {"/bin", "-> usr/bin"},
    {"/sbin", "-> usr/sbin"},
    {"/usr/", NULL},
    {0},
};

static const struct test_file container[] = {
    {"/etc/os-release", "ID=debian\n"},
    {"/bin/sh", "x"},
    {0},
};

static const struct test_file boot[] = {
    {"/vmlinuz-6.1", "x"},
    {"/grub/grub.cfg", "search\nlinux /vmlinuz-6.1 root=UUID=bbbb ro\n"},
    {0},
};

static const struct test_file loader_only[] = {{"/grub/grub.cfg", "x"}, {0}};

static const struct test_file installer[] = {
    {"/.disk/info", "Debian 12\n"},
    {"/install.amd/vmlinuz", "x"},
    {"/isolinux/isolinux.bin", "x"},
    {0},
};

static const struct test_file fedora_live[] = {
    {"/LiveOS/squashfs.img", "x"},
    {"/.discinfo", "x"},
    {"/images/pxeboot/vmlinuz", "x"},
    {0},
};

static const struct test_file windows[] = {{"/Windows/System32/ntoskrnl.exe", "x"}, {0}};
static const struct test_file registry[] = {{"/Windows/System32/config/SYSTEM", "x"},
                                            {0}};
static const struct test_file data[] = {{"/photos/1", "x"}, {0}};
static const struct test_file empty[] = {{"/lost+found/", NULL}, {0}};
static const struct test_file broken[] = {{"/etc/", NULL, .fail = ERR_CORRUPT}, {0}};

static const struct test_file coreos_usr[] = {
    {"/lib/os-release", "ID=flatcar\n"},
    {"/lib/systemd/systemd", "x"},
    {"/bin/bash", "x"},
    {"/share/flatcar/release", "x"},
    {0},
};

static const struct test_file ostree[] = {
    {"/ostree/deploy/fedora/deploy/abc.0/etc/os-release", "x"},
    {"/boot/", NULL},
    {0},
};

static void check_str(const char *name, const char *what, const char *got,
                      const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s is \"%s\", want \"%s\"", name, what, got, want);
}

static void test_one(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *files;
        const char *what, *why, *role;
    } cases[] = {
        {"Debian", debian, "root", "/etc/os-release, /bin, /sbin/init", "root"},
        {"/usr on a partition of its own", usr_apart, "root",
         "/etc/fstab, /bin -> usr/bin", "root"},
        {"a container's tree starts nothing", container, "data", "no system, no kernel",
         "data"},
        {"a lone boot partition", boot, "boot", "a kernel, /grub", "boot"},
        {"a loader without kernel", loader_only, "data", "no system, no kernel", "data"},
        {"an installer", installer, "installer", "/.disk/info, /install.amd", ""},
        {"a live system", fedora_live, "installer", "/.discinfo, /images/pxeboot", ""},
        {"Windows", windows, "windows", "/Windows/System32", "root"},
        {"data", data, "data", "no system, no kernel", "data"},
        {"nothing", empty, "data", "no system, no kernel", "data"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};
        const struct fact_candidate *c;
        struct fact_partition *p;

        test_guest_init(&t, cases[i].files);
        p = FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);
        t.fs[0].partition = p;
        assert_int_equal(root_find(&t.guest, &err), 0);
        assert_int_equal(t.facts.candidates.n, 1);
        c = &t.facts.candidates.v[0];
        check_str(cases[i].name, "device", c->device, "partition 1");
        check_str(cases[i].name, "what", c->what, cases[i].what);
        check_str(cases[i].name, "why", c->why, cases[i].why);
        check_str(cases[i].name, "role", p->role, cases[i].role);
        assert_int_equal(t.facts.root != NULL, strcmp(cases[i].role, "root") == 0);
        assert_int_equal(t.guest.root != NULL, t.facts.root != NULL);
        assert_int_equal(*t.facts.disk.installer != '\0',
                         strcmp(cases[i].what, "installer") == 0);
        test_guest_fini(&t);
    }
}

static void test_broken(void **state)
{
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, broken);
    assert_int_equal(root_find(&t.guest, &err), 0);
    assert_int_equal(t.facts.candidates.n, 0);
    assert_int_equal(t.facts.problems.n, 1);
    assert_string_equal(t.facts.problems.v[0].subject, "partition 1");
    assert_string_equal(t.facts.problems.v[0].layer, "ext4");
    assert_string_equal(t.facts.problems.v[0].code, "corrupt");
    assert_false(t.facts.problems.v[0].minor);
    assert_null(t.facts.root);
    test_guest_fini(&t);
}

/* Recognised, and not read: undecided, not refused. */
static void test_unread(void **state)
{
    static const struct {
        const struct test_file *files;
        const char *what, *message;
    } cases[] = {
        {coreos_usr, "usr", "a system whose /usr is an image of its own is not read yet"},
        {ostree, "ostree", "an ostree deployment is not read yet"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, empty);
        test_guest_add(&t, cases[i].files, "partition 3", "cccc", "");
        assert_int_equal(root_find(&t.guest, &err), 0);
        assert_string_equal(t.facts.candidates.v[1].what, cases[i].what);
        assert_int_equal(t.facts.problems.n, 1);
        assert_string_equal(t.facts.problems.v[0].subject, "partition 3");
        assert_string_equal(t.facts.problems.v[0].code, "unsupported");
        assert_string_equal(t.facts.problems.v[0].message, cases[i].message);
        test_guest_fini(&t);

        test_guest_init(&t, debian);
        test_guest_add(&t, cases[i].files, "partition 3", "cccc", "");
        assert_int_equal(root_find(&t.guest, &err), 0);
        assert_int_equal(t.facts.problems.n, 0);
        test_guest_fini(&t);
    }
}

/* The Windows that has a registry, even if another one comes first; Linux beside it. */
static void test_windows(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *first, *second;
        const char *want;
        bool windows;
    } cases[] = {
        {"one without a registry", data, windows, "partition 2", true},
        {"the one with a registry", windows, registry, "partition 2", true},
        {"the first of two", registry, registry, "partition 1", true},
        {"Linux beside it", registry, debian, "partition 2", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, cases[i].first);
        test_guest_add(&t, cases[i].second, "partition 2", "bbbb", "");
        assert_int_equal(root_find(&t.guest, &err), 0);
        check_str(cases[i].name, "root", t.facts.root->device, cases[i].want);
        assert_int_equal(t.guest.windows, cases[i].windows);
        assert_int_equal(t.facts.problems.n, 0);
        test_guest_fini(&t);
    }
}

/* Two roots, and sometimes a boot partition that names the second one. */
static void test_choice(void **state)
{
    static const struct {
        const char *name;
        const struct test_file *third; /* NULL: none */
        int active;                    /* partition, or 0 */
        const char *want;
    } cases[] = {
        {"the first", NULL, 0, "partition 1"},
        {"the active one", NULL, 2, "partition 2"},
        {"what the boot partition starts", boot, 0, "partition 2"},
        {"also when another one is active", boot, 1, "partition 2"},
        {"a partition without loader changes nothing", data, 3, "partition 1"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, debian);
        test_guest_add(&t, debian, "partition 2", "bbbb", "");
        if (cases[i].third)
            test_guest_add(&t, cases[i].third, "partition 3", "cccc", "");
        for (unsigned j = 0; j < t.guest.fs_n; j++)
            FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);
        for (unsigned j = 0; j < t.guest.fs_n; j++) {
            t.fs[j].partition = &t.facts.partitions.v[j];
            t.fs[j].partition->active = cases[i].active == (int)j + 1;
        }
        assert_int_equal(root_find(&t.guest, &err), 0);
        assert_int_equal(t.facts.candidates.n, t.guest.fs_n);
        check_str(cases[i].name, "root", t.facts.root->device, cases[i].want);
        test_guest_fini(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one),    cmocka_unit_test(test_broken),
        cmocka_unit_test(test_unread), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_choice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
