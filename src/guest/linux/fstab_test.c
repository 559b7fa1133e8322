/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "base/text.h"
#include "guest/facts_table.h"
#include "guest/guest_test_fs.h"
#include "guest/linux/fstab.h"

static struct bytes bytes_str(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void test_line(void **state)
{
    static const struct {
        const char *name, *line, *want; /* NULL: no entry */
    } cases[] = {
        {"six fields", "UUID=1 / ext4 errors=remount-ro 0 1",
         "UUID=1|/|ext4|errors=remount-ro|disk"},
        {"four fields", "/dev/sda1\t/boot  ext3 ro", "/dev/sda1|/boot|ext3|ro|disk"},
        {"three fields have default options", "/dev/sda1 / ext3",
         "/dev/sda1|/|ext3|defaults|disk"},
        {"two are none", "/dev/sda1 /", NULL},
        {"a comment", " # / / ext4", NULL},
        {"nothing", "  \t", NULL},
        {"octal escapes", "LABEL=a\\040b /x\\011y\\134 ext4 rw",
         "LABEL=a b|/x\ty\\|ext4|rw|disk"},
        {"half an escape stays", "LABEL=a\\04 /x\\9 ext4 rw",
         "LABEL=a\\04|/x\\9|ext4|rw|disk"},
        {"quotes around the value", "\"LABEL=a\" / ext4", "LABEL=a|/|ext4|defaults|disk"},
        {"swap", "UUID=1 none swap sw 0 0", "UUID=1|none|swap|sw|swap"},
        {"proc", "proc /proc proc defaults", "proc|/proc|proc|defaults|pseudo"},
        {"a bind mount", "/a /b none bind", "/a|/b|none|bind|pseudo"},
        {"NFS", "srv:/x /mnt nfs4 rw", "srv:/x|/mnt|nfs4|rw|network"},
        {"a Windows share", "//srv/x /mnt auto rw", "//srv/x|/mnt|auto|rw|network"},
        {"a block device of the network", "/dev/sdb1 /m ext4 _netdev",
         "/dev/sdb1|/m|ext4|_netdev|network"},
        {"VirtualBox", "share /mnt vboxsf rw", "share|/mnt|vboxsf|rw|shared-folder"},
        {"VMware", ".host:/ /mnt fuse.vmhgfs-fuse rw",
         ".host:/|/mnt|fuse.vmhgfs-fuse|rw|shared-folder"},
        {"sshfs in its old form", "sshfs#u@h:/ /mnt fuse rw",
         "sshfs#u@h:/|/mnt|fuse|rw|network"},
        {"a CD", "/dev/sr0 /media/cdrom0 udf,iso9660 user,noauto",
         "/dev/sr0|/media/cdrom0|udf,iso9660|user,noauto|removable"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct fstab_line l;
        char got[256];

        if (fstab_line_parse(&l, &a, bytes_str(cases[i].line)) != (cases[i].want != NULL))
            fail_msg("%s", cases[i].name);
        if (!cases[i].want)
            continue;
        snprintf(got, sizeof got, "%.*s|%.*s|%.*s|%.*s|%s", (int)l.spec.n,
                 (const char *)l.spec.p, (int)l.target.n, (const char *)l.target.p,
                 (int)l.type.n, (const char *)l.type.p, (int)l.options.n,
                 (const char *)l.options.p, fstab_kind(&l));
        if (strcmp(got, cases[i].want) != 0)
            fail_msg("%s: %s", cases[i].name, got);
    }
}

static void test_option(void **state)
{
    (void)state;
    assert_true(fstab_has_option(bytes_str("rw,nofail,x"), "nofail"));
    assert_true(fstab_has_option(bytes_str("nofail"), "nofail"));
    assert_false(fstab_has_option(bytes_str("rw,nofailx"), "nofail"));
    assert_false(fstab_has_option(bytes_str(",,"), "nofail"));
}

static const struct test_file root[] = {
    {"/etc/fstab", "# <file system> <mount point> <type> <options>\n"
                   "UUID=11111111-2222-3333-4444-555555555555 / ext4 defaults 0 1\n"
                   "LABEL=inner /boot//grub/ ext4 defaults 0 2\n"
                   "UUID=22222222-2222-3333-4444-555555555555 /boot ext4 noauto 0 2\n"
                   "LABEL=srv /srv ext4 noauto,nofail 0 2\n"
                   "LABEL=home /home ext4 nofail 0 2\n"
                   "LABEL=gone /var ext4 defaults 0 2\n"
                   "LABEL=up /a/../etc ext4 defaults 0 2\n"
                   "/swapfile none swap sw 0 0\n"
                   "/swapgone none swap sw 0 0\n"
                   "tmpfs /tmp tmpfs defaults 0 0\n"},
    {"/boot/", NULL},
    {"/srv/", NULL},
    {"/home/", NULL},
    {"/var/", NULL},
    {"/a/", NULL},
    {"/swapfile", "x", .size = 1 << 20},
    {0},
};
static const struct test_file boot[] = {{"/vmlinuz", "x"}, {"/grub/", NULL}, {0}};
static const struct test_file inner[] = {{"/grub.cfg", "x"}, {0}};
static const struct test_file other[] = {{"/seen", "x"}, {0}};

static void test_mounts(void **state)
{
    static const struct {
        const char *target;
        bool resolves, by_id, nofail;
    } want[] = {
        {"/", true, true, false},         {"/boot//grub/", true, true, false},
        {"/boot", true, true, true},      {"/srv", true, true, true},
        {"/home", true, true, true},      {"/var", false, true, false},
        {"/a/../etc", true, true, false}, {"none", true, true, false},
        {"none", false, true, false},     {"/tmp", false, false, false},
    };
    struct test_guest t;
    struct err err = {0};
    const struct fact_linux *l;
    const char *roles[] = {"", "boot", "data", "data", "data", "data"};

    (void)state;
    test_guest_init(&t, root);
    test_guest_add(&t, boot, "partition 2", "22222222-2222-3333-4444-555555555555", "");
    test_guest_add(&t, inner, "partition 3", "3", "inner");
    test_guest_add(&t, other, "partition 4", "4", "srv");
    test_guest_add(&t, other, "partition 5", "5", "home");
    test_guest_add(&t, other, "partition 6", "6", "up");
    for (unsigned i = 0; i < t.guest.fs_n; i++)
        FACT_ADD(&t.arena, &t.facts.partitions, fact_partition);
    for (unsigned i = 0; i < t.guest.fs_n; i++)
        t.fs[i].partition = &t.facts.partitions.v[i];

    assert_int_equal(linux_fstab(&t.guest, &err), 0);
    l = t.facts.linux_;
    assert_int_equal(l->fstab.n, ARRAY_SIZE(want));
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        const struct fact_mount *m = &l->fstab.v[i];

        assert_int_equal(m->line, i + 2);
        assert_string_equal(m->target, want[i].target);
        if (m->resolves != want[i].resolves || m->by_id != want[i].by_id ||
            m->nofail != want[i].nofail)
            fail_msg("%s: resolves %d, by id %d, nofail %d", m->target, m->resolves,
                     m->by_id, m->nofail);
    }
    assert_int_equal(l->swap_on_disk, 1 << 20);
    for (size_t i = 1; i < ARRAY_SIZE(roles) - 1; i++)
        assert_string_equal(t.facts.partitions.v[i].role, roles[i]);

    /* /boot is there though noauto, and what lies in it was mounted after it */
    assert_int_equal(tree_has_file(&t.guest.tree, "/boot/vmlinuz", &err), 1);
    assert_int_equal(tree_has_file(&t.guest.tree, "/boot/grub/grub.cfg", &err), 1);
    assert_int_equal(tree_has_file(&t.guest.tree, "/home/seen", &err), 1);
    assert_int_equal(tree_has_file(&t.guest.tree, "/srv/seen", &err), 0);
    /* a target that climbs is not mounted anywhere */
    assert_int_equal(tree_has_file(&t.guest.tree, "/etc/fstab", &err), 1);
    assert_int_equal(t.facts.problems.n, 0);
    test_guest_fini(&t);
}

static void test_unreadable(void **state)
{
    static const struct test_file files[] = {{"/etc/fstab", "x", .fail = ERR_IO}, {0}};
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, files);
    assert_int_equal(linux_fstab(&t.guest, &err), 0);
    assert_int_equal(t.facts.problems.n, 1);
    assert_false(t.facts.problems.v[0].minor);
    assert_string_equal(t.facts.problems.v[0].subject, "/etc/fstab");
    test_guest_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_option),
        cmocka_unit_test(test_mounts),
        cmocka_unit_test(test_unreadable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
