/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_facts_test.c: what lies beside the settings of a loader, and what its names of
 * devices mean */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "guest/boot/boot_testing.h"

static const struct test_file bare[] = {{"/boot/"}, {0}};

static void test_version(void **state)
{
    static const char normal[] = "\x7f"
                                 "ELF\0\0text\0GNU GRUB  version %s\0"
                                 "2.06-13+deb12u1\0prefix";
    const struct test_file files[] = {
        {"/boot/grub/grub.cfg", "menuentry a { linux /a }\n"},
        {"/boot/grub/i386-pc/normal.mod", .data = normal, .n = sizeof normal},
        {0},
    };
    struct test_guest t;
    struct err err = {0};

    (void)state;
    test_guest_init(&t, files);
    assert_int_equal(linux_boot(&t.guest, &err), 0);
    assert_string_equal(t.facts.boot->loader_version, "2.06-13+deb12u1");
    test_guest_fini(&t);
}

/* Anywhere is right: what the core image looks for is not known. */
static void test_modules(void **state)
{
    static const struct test_file config[] = {
        {"/boot/grub/grub.cfg", "menuentry a { linux /a }\n"}, {0}};
    static const struct test_file efi_only[] = {
        {"/boot/grub/grub.cfg", "menuentry a { linux /a }\n"},
        {"/boot/grub/x86_64-efi/normal.mod", "x"},
        {0}};
    static const struct test_file beside[] = {
        {"/boot/grub2/grub.cfg", "menuentry a { linux /a }\n"},
        {"/boot/grub2/i386-pc/normal.mod", "x"},
        {0}};
    static const struct test_file another[] = {{"/grub2/i386-pc/normal.mod", "x"}, {0}};
    static const struct test_file damaged[] = {{"/grub2/i386-pc/", .fail = ERR_CORRUPT},
                                               {0}};
    static const struct test_file dead[] = {{"/boot/", .fail = ERR_CORRUPT},
                                            {"/grub/", .fail = ERR_CORRUPT},
                                            {"/grub2/", .fail = ERR_CORRUPT},
                                            {0}};
    static const struct {
        const char *sentence;
        const struct test_file *root, *other;
        bool exist;
        size_t problems;
        bool no_core;
    } rows[] = {
        {"nowhere", config, NULL, false, 0, false},
        {"only those for UEFI", efi_only, NULL, false, 0, false},
        {"beside the settings", beside, NULL, true, 0, false},
        {"on a filesystem that nobody mounts", config, another, true, 0, false},
        {"perhaps on one that is damaged", config, damaged, false, 1, false},
        {"perhaps on one where nothing is found", config, dead, false, 1, false},
        {"no core image asks for them", config, dead, false, 0, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct test_guest t;
        struct err err = {0};

        print_message("%s\n", rows[i].sentence);
        test_guest_init(&t, rows[i].root);
        if (rows[i].other)
            test_guest_add(&t, rows[i].other, "partition 2", "2", "");
        t.facts.disk.grub_core = rows[i].no_core ? 0 : 45992;
        assert_int_equal(linux_boot(&t.guest, &err), 0);
        assert_int_equal(t.facts.boot->modules_exist, rows[i].exist);
        assert_int_equal(t.facts.problems.n, rows[i].problems);
        for (size_t k = 0; k < t.facts.problems.n; k++)
            assert_true(t.facts.problems.v[k].minor);
        test_guest_fini(&t);
    }
}

static void test_resolve(void **state)
{
    static const struct {
        const char *spec;
        int fs; /* index, -1 none */
        bool by_id;
    } rows[] = {
        {"UUID=" ROOT, 0, true},
        {"UUID=\"" ROOT "\"", 0, true},
        {"UUID=99999999-8888-7777-6666-55555555555", -1, true},
        {"/dev/disk/by-uuid/" BOOT, 1, true},
        {"LABEL=root", 0, true},
        {"LABEL=my\\040data", 2, true},
        {"/dev/disk/by-label/my\\x20data", 2, true},
        {"LABEL=", -1, true},
        {"PARTUUID=0a0b0c0d-01", 0, true},
        {"PARTUUID=0a0b0c0d-01/PARTNROFF=1", 1, true},
        {"PARTUUID=0a0b0c0d-01/PARTNROFF=7", -1, true},
        {"PARTLABEL=system", 0, true},
        {"/dev/disk/by-partlabel/system", 0, true},
        {"/dev/sda1", 0, false},
        {"/dev/vda2", 1, false},
        {"/dev/xvda1", 0, false},
        {"/dev/hda1", 0, false},
        {"/dev/nvme0n1p2", 1, false},
        {"/dev/nvme0n12", -1, false},
        {"/dev/sdb1", -1, false},
        {"/dev/sda", -1, false},
        {"/dev/sda9", -1, false},
        {"/dev/sda18446744073709551617", -1, false},
        {"/dev/disk/by-id/ata-VMware_Virtual_IDE-part2", 1, false},
        {"/dev/disk/by-path/pci-0000:00:10.0-scsi-0:0:0:0", -1, false},
        {"/dev/my-vg/lv-root", 2, true},
        {"/dev/mapper/my--vg-lv--root", 2, true},
        {"/dev/mapper/my-vg-lv-root", -1, true},
        {"/dev/mapper/my--vg", -1, true},
        {"/dev/root", 0, true},
        {"server:/export", -1, false},
        {"tmpfs", -1, false},
        {"", -1, false},
        {"\\x0", -1, false},
    };
    struct fact_partition p[2];
    struct fact_volume v;
    struct test_guest t;

    (void)state;
    test_guest_init(&t, bare);
    boot_case_partition(&t.fs[0], &p[0], 1);
    boot_case_partition(test_guest_add(&t, bare, "partition 2", BOOT, ""), &p[1], 2);
    facts_init_table(&v, &fact_volume_table);
    v.name = "my-vg/lv-root";
    test_guest_add(&t, bare, "my-vg/lv-root", "", "my data")->volume = &v;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        bool by_id = !rows[i].by_id;
        const struct guest_fs *fs =
            guest_resolve(&t.guest, bytes_of(rows[i].spec, strlen(rows[i].spec)), &by_id);

        if ((fs ? (int)(fs - t.fs) : -1) != rows[i].fs || by_id != rows[i].by_id)
            fail_msg("%s: %s, by id %d", rows[i].spec, fs ? fs->device : "none", by_id);
    }
    test_guest_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_version),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_resolve),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
