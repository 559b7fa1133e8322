/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/boot/boot.h"
#include "guest/guest_test_fs.h"
#include "guest/subvolume.h"

#define SYSTEM                                                                 \
    {"/etc/os-release", "ID=debian\n"}, {"/bin/sh", "x"}, {"/sbin/init", "x"}, \
    {                                                                          \
        "/var/", NULL                                                          \
    }

static const struct test_file system_files[] = {SYSTEM, {0}};
static const struct test_file other_files[] = {SYSTEM, {"/other", "x"}, {0}};
static const struct test_file names_other[] = {
    SYSTEM,
    {"/boot/grub/grub.cfg",
     "linux /other/boot/k root=UUID=1 rootflags=subvol=/other ro\n"},
    {0},
};
static const struct test_file var_files[] = {{"/lib/dpkg/status", "x"}, {0}};
static const struct test_file nothing[] = {{"/lost+found/", NULL}, {0}};
static const struct test_file loader[] = {
    {"/vmlinuz", "x"},
    {"/grub/grub.cfg", "linux /vmlinuz root=UUID=1 quiet rootflags=subvol=other\n"},
    {0},
};

static void test_root(void **state)
{
    static const struct {
        const char *name;
        struct test_subvolume v[6];
        const struct test_file *boot; /* NULL: no /boot of its own */
        const char *want;             /* NULL: no root is found */
    } cases[] = {
        {"the default is the root",
         {{5, "", system_files, true}, {256, "@", other_files, false}},
         NULL,
         ""},
        {"Debian's, found by its name",
         {{5, "", nothing, true},
          {256, "old", system_files, false},
          {257, "@rootfs", system_files, false}},
         NULL,
         "@rootfs"},
        {"one without a usual name",
         {{5, "", nothing, true},
          {256, "data", nothing, false},
          {300, "mine/system", system_files, false}},
         NULL,
         "mine/system"},
        {"what /boot names comes before the default",
         {{5, "", system_files, true}, {256, "other", other_files, false}},
         loader,
         "other"},
        {"what its own /boot names comes before the usual name",
         {{5, "", nothing, true},
          {256, "@", names_other, false},
          {257, "other", other_files, false}},
         NULL,
         "other"},
        {"a name that leads nowhere changes nothing",
         {{5, "", nothing, true}, {256, "@", names_other, false}},
         NULL,
         "@"},
        {"nothing in any of them",
         {{5, "", nothing, true}, {256, "@", nothing, false}},
         NULL,
         NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct test_guest t;
        struct err err = {0};
        struct fact_root *root;

        test_guest_init(&t, cases[i].v[0].files);
        test_fs_set_subvolumes(t.fs[0].fs, cases[i].v);
        if (cases[i].boot)
            test_guest_add(&t, cases[i].boot, "partition 2", "2", "");
        assert_int_equal(root_find(&t.guest, &err), 0);
        root = t.facts.root;
        if (!cases[i].want && root)
            fail_msg("%s: %s", cases[i].name, root->subvolume);
        if (cases[i].want && (!root || strcmp(root->subvolume, cases[i].want) != 0))
            fail_msg("%s: \"%s\"", cases[i].name, root ? root->subvolume : "no root");
        test_guest_fini(&t);
    }
}

static void test_mounts(void **state)
{
    static const char fstab[] = "UUID=1 / btrfs subvol=@ 0 0\n"
                                "UUID=1 /var btrfs compress=zstd,subvol=/@var/ 0 0\n"
                                "UUID=1 /srv btrfs subvol=@gone 0 0\n"
                                "UUID=1 /top btrfs subvolid=5 0 0\n";
    static const struct test_file root[] = {
        SYSTEM, {"/etc/fstab", fstab}, {"/srv/mine", "x"}, {"/top/", NULL}, {0},
    };
    static const struct test_file top[] = {{"/above", "x"}, {0}};
    static const struct test_subvolume subvolumes[] = {{5, "", top, true},
                                                       {256, "@", root, false},
                                                       {257, "@var", var_files, false},
                                                       {0}};
    static const struct {
        const char *path;
        int want;
    } files[] = {
        {"/etc/fstab", 1},
        {"/var/lib/dpkg/status", 1},
        {"/srv/mine", 1},
        {"/top/above", 1},
    };
    const char *path = "/@/etc/fstab";
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, top);
    test_fs_set_subvolumes(t.fs[0].fs, subvolumes);
    snprintf(t.fs[0].ident.uuid, sizeof t.fs[0].ident.uuid, "1");
    assert_int_equal(root_find(&t.guest, &err), 0);
    assert_int_equal(linux_fstab(&t.guest, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++)
        if (tree_has_file(&t.guest.tree, files[i].path, &err) != files[i].want)
            fail_msg("%s: %s", files[i].path, err.msg);
    assert_int_equal(t.facts.linux_->fstab.n, 4);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(t.facts.linux_->fstab.v[i].resolves, i != 2);
    assert_int_equal(t.facts.problems.n, 0);
    /* GRUB begins at the top level. */
    assert_ptr_equal(subvolume_enter(&t.guest, t.guest.root, &path), t.guest.root);
    assert_string_equal(path, "/etc/fstab");
    path = "/@var/lib";
    assert_string_equal(subvolume_enter(&t.guest, t.guest.root, &path)->subvolume,
                        "@var");
    assert_string_equal(path, "/lib");
    path = "/boot/grub";
    assert_ptr_equal(subvolume_enter(&t.guest, t.guest.root, &path), t.guest.root);
    assert_string_equal(path, "/boot/grub");
    test_guest_fini(&t);
}

/* More lines than there is room for are a problem, and no more. */
static void test_many(void **state)
{
    static struct test_subvolume subvolumes[TEST_GUEST_FS_MAX + 3];
    static char paths[TEST_GUEST_FS_MAX + 2][8];
    struct guest_fs *gf;
    struct test_guest t;
    struct err err = {0};

    (void)state;
    subvolumes[0] = (struct test_subvolume){5, "", nothing, true};
    for (unsigned i = 1; i < TEST_GUEST_FS_MAX + 2; i++) {
        snprintf(paths[i], sizeof paths[i], "s%u", i);
        subvolumes[i] = (struct test_subvolume){256 + i, paths[i], nothing, false};
    }
    test_guest_init(&t, nothing);
    test_fs_set_subvolumes(t.fs[0].fs, subvolumes);
    for (unsigned i = 1; i < TEST_GUEST_FS_MAX + 2; i++) {
        char options[24];
        int r, want = i < TEST_GUEST_FS_MAX ? 1 : -ERR_LIMIT;

        snprintf(options, sizeof options, "subvolid=%u", 256 + i);
        r = subvolume_mount(&gf, &t.guest, &t.fs[0], bytes_of(options, strlen(options)),
                            &err);
        assert_int_equal(r, want);
        err_clear(&err);
    }
    assert_int_equal(
        subvolume_mount(&gf, &t.guest, &t.fs[0], bytes_of("subvol=s3", 9), &err), 1);
    assert_ptr_equal(gf, &t.fs[3]);
    test_guest_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
