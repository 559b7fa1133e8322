/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "guest/inspect.h"
#include "volume/lvm2_make.h"

enum { DISK = 2 << 20, START = 1 << 20, SECTOR = 512 };

static uint8_t disk[DISK];

/* One partition of 1 MiB at 1 MiB. */
static void mbr(uint8_t status, uint8_t type, uint32_t sectors)
{
    uint8_t *e = disk + 446;

    e[0] = status;
    e[4] = type;
    store_le32(e + 8, START / SECTOR);
    store_le32(e + 12, sectors);
    disk[510] = 0x55;
    disk[511] = 0xaa;
}

static void zeros(void)
{
}

static void late_byte(void)
{
    disk[DISK - 1] = 1;
}

static void xfs_at(size_t off)
{
    memcpy(disk + off, "XFSB", 4);
    store_be32(disk + off + 4, 4096); /* block size */
    store_be32(disk + off + 88, 4);   /* allocation groups */
}

static void xfs_partition(void)
{
    mbr(0x80, 0x83, 2048);
    xfs_at(START);
}

static void lvm_partition(void)
{
    mbr(0, 0x8e, 2048);
    memcpy(disk + START + 512, "LABELONE", 8);
    store_le64(disk + START + 512 + 8, 1); /* its own sector */
    store_le32(disk + START + 512 + 20, 32);
    memcpy(disk + START + 512 + 24, "LVM2 001", 8);
}

static void luks_partition(void)
{
    mbr(0, 0x83, 2048);
    memcpy(disk + START, "LUKS\xba\xbe\0\1", 8);
}

static void swap_partition(void)
{
    mbr(0, 0x82, 2048);
    disk[START + 1024] = 1;
    store_le32(disk + START + 1028, 255);
    memcpy(disk + START + 4096 - 10, "SWAPSPACE2", 10);
}

static void empty_partition(void)
{
    mbr(0, 0x83, 2048);
}

static void past_end(void)
{
    mbr(0, 0x83, 8192);
    xfs_at(START);
}

static void whole_xfs(void)
{
    xfs_at(0);
}

static void iso(void)
{
    memcpy(disk + 0x8000, "\1CD001\1", 7);
    memset(disk + 0x8000 + 40, ' ', 32);
    memcpy(disk + 0x8000 + 40, "Debian 12", 9);
}

static void hybrid_iso(void)
{
    iso();
    mbr(0x80, 0x17, 2048);
}

static void vhdx(void)
{
    memcpy(disk, "vhdxfile", 8);
}

static int inspect(struct facts *f, struct arena *a, unsigned nth,
                   const struct inspect_options *options, struct err *err)
{
    AUTO(block_unrefp) struct block *mem = NULL, *file = NULL;

    assert_int_equal(block_mem_open(&mem, disk, sizeof disk, err), 0);
    assert_int_equal(block_fault_open(&file, mem, nth, NULL, err), 0);
    return inspect_file(f, a, file, options, err);
}

static void check_str(const char *name, const char *what, const char *got,
                      const char *want)
{
    if (strcmp(got, want) != 0)
        fail_msg("%s: %s is \"%s\", want \"%s\"", name, what, got, want);
}

static const struct {
    const char *name;
    void (*make)(void);
    const char *fault, *table, *whole, *installer;
    bool zero;
    const char *filesystem, *role; /* of the partition; NULL: there is none */
    const char *problem;           /* NULL: none */
} cases[] = {
    {"nothing but zeros", zeros, "none", "none", "", "", true, NULL, NULL, NULL},
    {"one byte at the very end", late_byte, "none", "none", "", "", false, NULL, NULL,
     NULL},
    {"xfs that is damaged", xfs_partition, "none", "mbr", "", "", false, "xfs", "",
     "xfs: superblock: sectors of 0 bytes"},
    {"LVM whose label is damaged", lvm_partition, "none", "mbr", "", "", false,
     "LVM2_member", "", "lvm2 label: checksum"},
    {"encrypted is a fact", luks_partition, "none", "mbr", "", "", false, "crypto_LUKS",
     "", NULL},
    {"swap holds no root", swap_partition, "none", "mbr", "", "", false, "swap", "swap",
     NULL},
    {"an empty partition", empty_partition, "none", "mbr", "", "", false, "empty", "",
     NULL},
    {"a partition that was cut off is not looked into", past_end, "none", "mbr", "", "",
     false, "", "", NULL},
    {"a filesystem straight on the disk", whole_xfs, "none", "none", "xfs", "", false,
     NULL, NULL, NULL},
    {"an installer", iso, "none", "none", "iso9660", "ISO 9660 'Debian 12'", false, NULL,
     NULL, NULL},
    {"an installer with a table", hybrid_iso, "none", "mbr", "", "ISO 9660 'Debian 12'",
     false, "empty", "", NULL},
    {"a container that is not taken", vhdx, "not-taken", "", "", "", false, NULL, NULL,
     NULL},
};

static void check_case(size_t i, const struct facts *f)
{
    const char *name = cases[i].name;

    if (strcmp(cases[i].fault, "none") == 0)
        check_str(name, "fault", f->image.fault, "none");
    else
        assert_string_not_equal(f->image.fault, "none");
    check_str(name, "table", f->partition_table, cases[i].table);
    check_str(name, "whole", f->disk.whole, cases[i].whole);
    check_str(name, "installer", f->disk.installer, cases[i].installer);
    if (f->disk.all_zero != cases[i].zero)
        fail_msg("%s: all_zero %d", name, f->disk.all_zero);
    assert_int_equal(f->partitions.n, cases[i].filesystem != NULL);
    if (cases[i].filesystem) {
        check_str(name, "filesystem", f->partitions.v[0].filesystem, cases[i].filesystem);
        check_str(name, "role", f->partitions.v[0].role, cases[i].role);
    }
    assert_int_equal(f->problems.n, cases[i].problem != NULL);
    if (cases[i].problem) {
        check_str(name, "problem", f->problems.v[0].message, cases[i].problem);
        check_str(name, "subject", f->problems.v[0].subject, "partition 1");
        assert_false(f->problems.v[0].minor);
    }
    assert_null(f->root);
}

static void test_disks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct facts f;
        struct err err = {0};

        memset(disk, 0, sizeof disk);
        cases[i].make();
        if (inspect(&f, &a, 0, NULL, &err) != 0)
            fail_msg("%s: %s", cases[i].name, err.msg);
        check_case(i, &f);
    }
}

/* Whatever access fails, it is either an error or a problem, never an answer. */
static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        bool done = false;

        memset(disk, 0, sizeof disk);
        cases[i].make();
        for (unsigned nth = 1; !done; nth++) {
            AUTO(arena_fini) struct arena a = {0};
            struct facts f;
            struct err err = {0};
            int r = inspect(&f, &a, nth, NULL, &err);
            size_t problems = cases[i].problem != NULL;

            assert_true(nth < 1000);
            if (r < 0) {
                assert_int_equal(err.code, -r);
                continue;
            }
            done =
                f.problems.n == problems && (!problems || f.problems.v[0].code[0] != 'i');
            if (done)
                check_case(i, &f);
        }
    }
}

static void test_active_sector(void **state)
{
    static const struct {
        const char *sentence, *want;
        uint8_t status, end;
    } sectors[] = {
        {"code that a boot record may start", "code", 0x80, 0xaa},
        {"none: whoever installed it stopped half way", "none", 0x80, 0},
        {"nothing is active", "", 0, 0xaa},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sectors); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct facts f;
        struct err err = {0};

        memset(disk, 0, sizeof disk);
        mbr(sectors[i].status, 0x83, 2048);
        disk[START + 510] = 0x55;
        disk[START + 511] = sectors[i].end;
        assert_int_equal(inspect(&f, &a, 0, NULL, &err), 0);
        check_str(sectors[i].sentence, "active_sector", f.disk.active_sector,
                  sectors[i].want);
    }
}

/* ---- logical volumes */

static void put_volumes(const char *volumes)
{
    char text[MAKE_TEXT];

    memset(disk, 0, sizeof disk);
    mbr(0, 0x8e, 2048);
    lvm2_make_text(text, 1, volumes);
    lvm2_make_pv(disk + START, 0, text, MAKE_RING);
}

static void test_volumes(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct facts f;
    struct err err = {0};

    (void)state;
    put_volumes(LVM2_VOLUME("swap", LVM2_LINEAR("1", "0", "4", "\"pv0\", 0")) LVM2_VOLUME(
        "away", LVM2_LINEAR("1", "0", "1", "\"pv1\", 0"))
                    LVM2_VOLUME("thin", LVM2_SEGMENT("1", "0", "2", "type = \"thin\"")));
    memcpy(disk + START + MAKE_DATA + 4096 - 10, "SWAPSPACE2", 10);
    store_le32(disk + START + MAKE_DATA + 1024, 1);
    store_le32(disk + START + MAKE_DATA + 1028, 3);
    assert_int_equal(inspect(&f, &a, 0, NULL, &err), 0);

    assert_int_equal(f.logical_volumes.n, 3);
    assert_string_equal(f.logical_volumes.v[0].name, "vg/swap");
    assert_string_equal(f.logical_volumes.v[0].filesystem, "swap");
    assert_string_equal(f.logical_volumes.v[0].role, "swap");
    assert_int_equal(f.logical_volumes.v[0].size, 4 * MAKE_EXTENT);
    assert_string_equal(f.logical_volumes.v[1].filesystem, "");

    /* What is elsewhere is a fact, what we do not map a place where we could not look. */
    assert_int_equal(f.volume_problems.n, 3);
    assert_string_equal(f.volume_problems.v[0],
                        "vg: physical volume pv1 is not on this disk");
    assert_string_equal(f.volume_problems.v[1],
                        "vg/away: physical volume pv1 is not on this disk");
    assert_string_equal(f.volume_problems.v[2],
                        "vg/thin: a volume of kind 'thin' is not read");
    assert_int_equal(f.problems.n, 1);
    assert_string_equal(f.problems.v[0].layer, "lvm2");
    assert_string_equal(f.problems.v[0].code, "unsupported");
    assert_string_equal(f.problems.v[0].subject, "vg/thin");
    assert_false(f.problems.v[0].minor);
}

static void add_step(void *arg, const char *name)
{
    char *steps = arg;

    snprintf(steps + strlen(steps), 256 - strlen(steps), "%s|", name);
}

static void test_steps(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    char steps[256] = "";
    const struct inspect_options options = {.step = add_step, .step_arg = steps};
    struct facts f;
    struct err err = {0};

    (void)state;
    memset(disk, 0, sizeof disk);
    xfs_partition();
    assert_int_equal(inspect(&f, &a, 0, &options, &err), 0);
    assert_string_equal(steps,
                        "recognise|extents|partition table|disk|filesystems|root|");
}

/* Facts that do not fit are an error, not half an answer. */
static void test_small_arena(void **state)
{
    (void)state;
    memset(disk, 0, sizeof disk);
    xfs_partition();
    for (size_t max = 16; max < 4096; max *= 2) {
        AUTO(arena_fini) struct arena a = {.max = max};
        struct facts f;
        struct err err = {0};
        int r = inspect(&f, &a, 0, NULL, &err);

        if (r < 0)
            assert_true(r == -ERR_LIMIT || r == -ERR_NOMEM);
        else
            check_case(2, &f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks),         cmocka_unit_test(test_faults),
        cmocka_unit_test(test_active_sector), cmocka_unit_test(test_volumes),
        cmocka_unit_test(test_steps),         cmocka_unit_test(test_small_arena),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
