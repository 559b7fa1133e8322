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

/* Container Linux after its first start. */
static const struct test_file started[] = {
    {"/etc/passwd", "x"},
    {"/bin", "-> usr/bin"},
    {"/sbin", "-> usr/sbin"},
    {"/lib", "-> usr/lib"},
    {"/usr/", NULL},
    {"/var/log/", NULL},
    {0},
};

#define DEPLOYMENT(sum)                                                    \
    {"/ostree/deploy/os/deploy/" sum "/etc/os-release", "x"},              \
        {"/ostree/deploy/os/deploy/" sum "/bin", "-> usr/bin"},            \
        {"/ostree/deploy/os/deploy/" sum "/usr/bin/sh", "x"},              \
        {"/ostree/deploy/os/deploy/" sum "/usr/lib/systemd/systemd", "x"}, \
        {"/ostree/deploy/os/deploy/" sum "/var/", NULL},                   \
    {                                                                      \
        "/ostree/deploy/os/deploy/" sum "/sysroot/", NULL                  \
    }

static const struct test_file ostree[] = {
    DEPLOYMENT("aaa.0"),
    DEPLOYMENT("bbb.0"),
    {"/ostree/deploy/os/deploy/aaa.0.origin", "x"},
    {"/ostree/deploy/os/var/lib/state", "x"},
    {"/ostree/repo/", NULL},
    {"/ostree/boot.0/os/cc/0", "-> ../../../deploy/os/deploy/aaa.0"},
    {"/ostree/boot.0/os/cc/1", "-> ../../../deploy/os/deploy/bbb.0"},
    {0},
};

static const struct test_file ostree_empty[] = {
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

static void partitions(struct test_guest *t, const char *const *types)
{
    for (unsigned i = 0; i < t->guest.fs_n; i++)
        FACT_ADD(&t->arena, &t->facts.partitions, fact_partition);
    for (unsigned i = 0; i < t->guest.fs_n; i++) {
        t->fs[i].partition = &t->facts.partitions.v[i];
        t->fs[i].partition->type = types[i];
    }
}

/* /usr of Container Linux with a root that is empty, that has started, and without one.
 */
static void test_usr(void **state)
{
    static const char usr[] = "5DFBF5F4-2848-4BAC-AA5E-0D9A20B745A6";
    static const char resize[] = "3884DD41-8582-4404-B9A8-E9B84F2DF50E";
    static const struct {
        const char *name;
        const struct test_file *root;
        const char *label, *type;
        unsigned priority[2]; /* of two partitions for /usr */
        bool tried[2];        /* one has neither tries left nor started */
        const char *usr;      /* the device; NULL: no root */
    } cases[] = {
        {"an empty root", empty, "ROOT", "", {1, 0}, {true, true}, "partition 2"},
        {"a root by its type", empty, "", resize, {1, 0}, {true, true}, "partition 2"},
        {"one that has started", started, "", "", {1, 0}, {true, true}, "partition 2"},
        {"the other slot", empty, "ROOT", "", {1, 2}, {true, true}, "partition 3"},
        {"a slot that never starts",
         empty,
         "ROOT",
         "",
         {1, 2},
         {true, false},
         "partition 2"},
        {"the first of equals", empty, "ROOT", "", {1, 1}, {true, true}, "partition 2"},
        {"another root that is whole", debian, "", "", {1, 0}, {true, true}, ""},
        {"data and no root", data, "", "", {1, 0}, {true, true}, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *const types[] = {cases[i].type, usr, usr};
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, cases[i].root);
        snprintf(t.fs[0].ident.label, sizeof t.fs[0].ident.label, "%s", cases[i].label);
        test_guest_add(&t, coreos_usr, "partition 2", "bbbb", "");
        test_guest_add(&t, coreos_usr, "partition 3", "cccc", "");
        partitions(&t, types);
        for (unsigned k = 0; k < 2; k++) {
            t.fs[1 + k].partition->priority = cases[i].priority[k];
            t.fs[1 + k].partition->successful = cases[i].tried[k];
        }
        assert_int_equal(root_find(&t.guest, &err), 0);
        check_str(cases[i].name, "root", t.facts.root ? t.facts.root->device : "none",
                  cases[i].usr ? "partition 1" : "none");
        assert_int_equal(t.facts.problems.n, cases[i].usr ? 0 : 2);
        if (cases[i].usr && *cases[i].usr) {
            struct tree *tree = &t.guest.tree;

            check_str(cases[i].name, "/usr", t.facts.root->usr, cases[i].usr);
            check_str(cases[i].name, "what", t.facts.candidates.v[0].what, "root");
            assert_int_equal(tree_has_file(tree, "/usr/lib/os-release", &err), 1);
            assert_int_equal(tree_has_file(tree, "/lib/os-release", &err), 1);
            assert_int_equal(tree_has_file(tree, "/bin/bash", &err), 1);
            assert_int_equal(tree_has_dir(tree, "/boot", &err), 1);
        }
        test_guest_fini(&t);
    }
}

/* A folder as the root, by the entry that GRUB would take, by its settings, or by itself.
 */
static void test_ostree(void **state)
{
    static const struct test_file by_entry[] = {
        {"/loader", "-> loader.0"},
        {"/loader.0/entries/ostree-1-os.conf", "options ostree=/ostree/boot.0/os/cc/0\n"},
        {"/loader.0/entries/ostree-2-os.conf",
         "options rw ostree=/ostree/boot.0/os/cc/1\n"},
        {0},
    };
    static const struct test_file by_settings[] = {
        {"/vmlinuz-1", "x"},
        {"/grub/grub.cfg", "linux /v ostree=/ostree/boot.0/os/cc/1 quiet\n"},
        {0},
    };
    static const struct {
        const char *name;
        const struct test_file *files, *boot;
        const char *deployment; /* NULL: none that is a root */
    } cases[] = {
        {"the newest entry", ostree, by_entry, "/ostree/deploy/os/deploy/bbb.0"},
        {"the first in grub.cfg", ostree, by_settings, "/ostree/deploy/os/deploy/bbb.0"},
        {"the first folder", ostree, data, "/ostree/deploy/os/deploy/aaa.0"},
        {"nothing but the folder", ostree_empty, by_entry, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};

        test_guest_init(&t, cases[i].files);
        test_guest_add(&t, cases[i].boot, "partition 2", "bbbb", "");
        assert_int_equal(root_find(&t.guest, &err), 0);
        assert_int_equal(t.facts.problems.n, cases[i].deployment ? 0 : 1);
        assert_int_equal(t.facts.root != NULL, cases[i].deployment != NULL);
        if (cases[i].deployment) {
            struct tree *tree = &t.guest.tree;

            check_str(cases[i].name, "deployment", t.facts.root->deployment,
                      cases[i].deployment);
            check_str(cases[i].name, "root", t.facts.root->device, "partition 1");
            assert_int_equal(tree_has_file(tree, "/etc/os-release", &err), 1);
            assert_int_equal(tree_has_file(tree, "/var/lib/state", &err), 1);
            assert_int_equal(tree_has_dir(tree, "/sysroot/ostree/repo", &err), 1);
            assert_int_equal(tree_has_dir(tree, "/ostree", &err), 0);
        }
        test_guest_fini(&t);
    }
}

/* Recognised, and not to be put together: undecided, not refused. */
static void test_unread(void **state)
{
    static const struct {
        const struct test_file *files;
        const char *what, *message;
    } cases[] = {
        {coreos_usr, "usr", "the root that goes with this /usr is not on the disk"},
        {ostree_empty, "ostree", "no deployment of ostree could be put together"},
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
        cmocka_unit_test(test_unread), cmocka_unit_test(test_usr),
        cmocka_unit_test(test_ostree), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_choice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
