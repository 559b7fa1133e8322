/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/boot/boot_testing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

void boot_case_partition(struct guest_fs *fs, struct fact_partition *p, unsigned index)
{
    facts_init_table(p, &fact_partition_table);
    p->index = index;
    p->part_uuid = index == 1 ? "0A0B0C0D-01" : "";
    p->name = index == 1 ? "system" : "";
    fs->partition = p;
}

static void add_firmware(struct test_guest *t, const char *name)
{
    const char **p = LIST_ADD(&t->arena, &t->facts.firmware);

    *p = name;
}

static const char *flags(const struct fact_boot *b)
{
    static char text[120];

    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", b->kernel_exists ? " kernel" : "",
             b->initramfs_exists ? " initramfs" : "", b->root_resolves ? " resolves" : "",
             b->root_by_id ? " by-id" : "", b->serial_console ? " serial" : "",
             b->linux16_uefi ? " linux16-uefi" : "", *b->hypervisor ? " xen" : "");
    return *text ? text + 1 : text;
}

void boot_case_check(const struct boot_case *c)
{
    struct fact_partition root, boot;
    struct test_guest t;
    struct err err = {0};
    const struct fact_boot *b;

    print_message("%s\n", c->name);
    test_guest_init(&t, c->root);
    boot_case_partition(&t.fs[0], &root, c->boot ? 2 : 1);
    root.part_uuid = "0A0B0C0D-01";
    t.facts.disk.esp = c->esp;
    if (c->bios)
        add_firmware(&t, "bios");
    if (c->esp)
        add_firmware(&t, "uefi");
    if (c->boot) {
        struct guest_fs *fs = test_guest_add(&t, c->boot, "partition 1", BOOT, "");

        boot_case_partition(fs, &boot, 1);
        boot.role = "boot";
        if (!c->unmounted)
            assert_int_equal(tree_mount(&t.guest.tree, "/boot", fs->fs, &err), 0);
    }
    assert_int_equal(linux_boot(&t.guest, &err), 0);
    b = t.facts.boot;
    assert_non_null(b);
    assert_string_equal(b->loader, c->loader);
    assert_string_equal(b->entry, c->entry);
    assert_string_equal(b->kernel, c->kernel);
    assert_string_equal(b->initramfs, c->initramfs);
    assert_string_equal(b->cmdline, c->cmdline);
    if (c->boot && strstr(b->cmdline, "/dev/sda2"))
        assert_true(b->root_resolves);
    else
        assert_string_equal(flags(b), c->expect);
    if (*c->problem ? !strstr(b->problem, c->problem) : *b->problem)
        fail_msg("problem: %s", b->problem);
    assert_string_equal(b->device_map, c->map);
    assert_string_equal(b->saved, c->saved);
    test_guest_fini(&t);
}
