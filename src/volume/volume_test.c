/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/crc.h"
#include "volume/volume.h"

enum { MB = 1 << 20, DISK = 8 * MB };

/* A disk under construction, and what the scan says of it. */
struct fixture {
    uint8_t *disk;
    size_t size;
    struct block *block;
    struct arena arena;
    struct volume_table table;
    struct err err;
};

static void fixture_fini(struct fixture *f)
{
    volume_table_fini(&f->table);
    block_unref(f->block);
    arena_fini(&f->arena);
    free(f->disk);
}

static struct fixture fixture(size_t size)
{
    struct fixture f = {.disk = calloc(1, size), .size = size};

    assert_non_null(f.disk);
    return f;
}

static int scan(struct fixture *f)
{
    volume_table_fini(&f->table);
    block_unrefp(&f->block);
    arena_fini(&f->arena);
    err_clear(&f->err);
    assert_int_equal(block_mem_open(&f->block, f->disk, f->size, &f->err), 0);
    return volume_scan(&f->table, f->block, &f->arena, &f->err);
}

static void sign(uint8_t *sector)
{
    sector[510] = 0x55;
    sector[511] = 0xaa;
}

static void entry(uint8_t *sector, unsigned slot, uint8_t boot, uint8_t type,
                  uint32_t start, uint32_t n)
{
    uint8_t *p = sector + 446 + 16 * slot;

    sign(sector);
    p[0] = boot;
    p[4] = type;
    store_le32(p + 8, start);
    store_le32(p + 12, n);
}

static void test_zero_disk(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_NONE);
    assert_true(f.table.all_zero_start);
    assert_false(f.table.boot_signature);
    assert_string_equal(f.table.boot_code, "");
    f.disk[MB - 1] = 1;
    assert_int_equal(scan(&f), 0);
    assert_false(f.table.all_zero_start);
}

static void test_tiny_disks(void **state)
{
    (void)state;
    for (size_t n = 1; n < 2000; n += 7) {
        AUTO(fixture_fini) struct fixture f = fixture(n);

        assert_int_equal(scan(&f), 0);
        assert_int_equal(f.table.kind, TABLE_NONE);
    }
}

static void test_primaries(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    store_le32(f.disk + 440, 0x1a2b3c4d);
    entry(f.disk, 0, 0x80, 0x83, 2048, 2048);
    entry(f.disk, 2, 0x00, 0xef, 4096, 2048);
    memcpy(f.disk + 0x180, "GRUB \0Geom", 10);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_MBR);
    assert_int_equal(f.table.partitions.n, 2);
    assert_int_equal(f.table.partitions.v[0].index, 1);
    assert_true(f.table.partitions.v[0].active);
    assert_string_equal(f.table.partitions.v[0].type, "83");
    assert_string_equal(f.table.partitions.v[0].type_name, "Linux");
    assert_string_equal(f.table.partitions.v[0].uuid, "1a2b3c4d-01");
    assert_int_equal(f.table.partitions.v[0].block->size, MB);
    assert_int_equal(f.table.partitions.v[1].index, 3);
    assert_true(f.table.esp);
    assert_string_equal(f.table.boot_code, "grub");
    assert_string_equal(f.table.problem, "");
}

static void test_logicals(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    entry(f.disk, 0, 0, 0x83, 2048, 2048);
    entry(f.disk, 1, 0, 0x05, 4096, 8192);
    entry(f.disk + 4096 * 512, 0, 0, 0x83, 63, 1000);
    entry(f.disk + 4096 * 512, 1, 0, 0x05, 2000, 2000);
    entry(f.disk + 6096 * 512, 0, 0, 0x82, 63, 100);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partitions.n, 4);
    assert_true(f.table.partitions.v[1].extended);
    assert_null(f.table.partitions.v[1].block);
    assert_int_equal(f.table.partitions.v[2].index, 5);
    assert_int_equal(f.table.partitions.v[2].start, (4096 + 63) * 512);
    assert_true(f.table.partitions.v[2].logical);
    assert_int_equal(f.table.partitions.v[3].index, 6);
    assert_int_equal(f.table.partitions.v[3].start, (6096 + 63) * 512);
    assert_int_equal(f.table.overlap_a, 0);
    assert_string_equal(f.table.problem, "");
    /* The second EBR points back at the first. */
    entry(f.disk + 6096 * 512, 1, 0, 0x05, 0, 2000);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partitions.n, 4);
    assert_string_equal(f.table.problem,
                        "the chain of logical partitions loops at sector 4096");
    /* ... or out of the extended partition. */
    entry(f.disk + 6096 * 512, 1, 0, 0x05, 9000, 2000);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partitions.n, 4);
    assert_non_null(strstr(f.table.problem, "leaves the extended"));
}

static void test_past_end_and_overlap(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    entry(f.disk, 0, 0, 0x83, 2048, 4096);
    entry(f.disk, 1, 0, 0x83, 5000, 0xffffffff);
    entry(f.disk, 2, 0, 0x83, 0xfffffff0, 0xffffffff);
    entry(f.disk, 3, 0, 0x83, 1000, 0);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partitions.n, 3);
    assert_true(f.table.partitions.v[1].past_end);
    assert_int_equal(f.table.partitions.v[1].size, DISK - 5000 * 512);
    assert_null(f.table.partitions.v[1].block);
    assert_int_equal(f.table.partitions.v[2].size, 0);
    assert_int_equal(f.table.overlap_a, 1);
    assert_int_equal(f.table.overlap_b, 2);
    assert_non_null(strstr(f.table.problem, "but the disk at 8388608"));
}

static void test_boot_sector_is_no_table(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    memcpy(f.disk, "\xeb\x52\x90NTFS    ", 11);
    sign(f.disk);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_NONE);
    assert_true(f.table.boot_signature);
    /* Code that looks like an entry, but not a sound one. */
    entry(f.disk, 1, 0, 0x65, 0x20206e69, 0x6f646e69);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_NONE);
    entry(f.disk, 1, 0x41, 0x65, 2048, 100);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_NONE);
    /* Both at once, as on some sticks. */
    entry(f.disk, 1, 0x00, 0x0c, 2048, 100);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_MBR);
}

/* A GPT over the whole disk, partition i from MiB 1 + i on, `sector` bytes a sector. */
static void gpt_put(struct fixture *f, uint32_t sector, const char *const *types,
                    unsigned n)
{
    uint64_t last = f->size / sector - 1, array = 128 * 128 / sector;

    memset(f->disk, 0, f->size);
    entry(f->disk, 0, 0, 0xee, 1, (uint32_t)last);
    for (unsigned i = 0; i < n; i++) {
        uint8_t *e = f->disk + (size_t)2 * sector + 128 * i;

        memcpy(e, types[i], 16);
        memset(e + 16, (int)(i + 0xa1), 16);
        store_le64(e + 32, (uint64_t)MB * (1 + i) / sector);
        store_le64(e + 40, (uint64_t)MB * (2 + i) / sector - 1);
        store_le64(e + 48, i == 0 ? 4 : 0);
        memcpy(e + 56, "r\0\xf6\0", 4);
    }
    memcpy(f->disk + (last - array) * sector, f->disk + (size_t)2 * sector, 128 * 128);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *h = f->disk + (copy ? last : 1) * sector;

        memcpy(h, "EFI PART\0\0\1\0", 12);
        store_le32(h + 12, 92);
        store_le64(h + 24, copy ? last : 1);
        store_le64(h + 32, copy ? 1 : last);
        store_le64(h + 40, 2 + array);
        store_le64(h + 48, last - array - 1);
        store_le64(h + 72, copy ? last - array : 2);
        store_le32(h + 80, 128);
        store_le32(h + 84, 128);
        store_le32(h + 88, crc32_ieee(0, f->disk + (size_t)2 * sector, 128 * 128));
        store_le32(h + 16, crc32_ieee(0, h, 92));
    }
}

static void gpt_repair(uint8_t *h)
{
    store_le32(h + 16, 0);
    store_le32(h + 16, crc32_ieee(0, h, 92));
}

static const char *const types[] = {
    "\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b",
    "\x48\x61\x68\x21\x49\x64\x6f\x6e\x74\x4e\x65\x65\x64\x45\x46\x49",
    "\xaf\x3d\xc6\x0f\x83\x84\x72\x47\x8e\x79\x3d\x69\xd8\x47\x7d\xe4",
};

static void test_gpt(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    gpt_put(&f, 512, types, 3);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_GPT);
    assert_int_equal(f.table.partitions.n, 3);
    assert_true(f.table.gpt_primary_ok && f.table.gpt_backup_ok);
    assert_true(f.table.protective_strict && !f.table.hybrid);
    assert_true(f.table.esp && f.table.bios_boot);
    assert_string_equal(f.table.partitions.v[0].type,
                        "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    assert_string_equal(f.table.partitions.v[0].type_name, "EFI System");
    assert_string_equal(f.table.partitions.v[0].name, "r\xc3\xb6");
    assert_string_equal(f.table.partitions.v[0].uuid,
                        "a1a1a1a1-a1a1-a1a1-a1a1-a1a1a1a1a1a1");
    assert_true(f.table.partitions.v[0].active);
    assert_int_equal(f.table.partitions.v[2].start, 3 * MB);
    assert_int_equal(f.table.partitions.v[2].block->size, MB);
    assert_string_equal(f.table.problem, "");
    f.disk[512 + 40]++;
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partitions.n, 3);
    assert_true(!f.table.gpt_primary_ok && f.table.gpt_backup_ok);
    assert_string_equal(f.table.problem, "gpt: the first copy is bad (header checksum)");
    f.disk[DISK - 512 + 40]++;
    assert_int_equal(scan(&f), -ERR_CORRUPT);
    assert_string_equal(f.err.msg, "gpt: no copy is good: header checksum");
    memset(f.disk + 512, 0, 512);
    memset(f.disk + DISK - 512, 0, 512);
    assert_int_equal(scan(&f), -ERR_CORRUPT);
}

/* Which of two partitions for /usr starts. */
static void test_gpt_slots(void **state)
{
    static const char usr[] =
        "\xf4\xf5\xfb\x5d\x48\x28\xac\x4b\xaa\x5e\x0d\x9a\x20\xb7\x45\xa6";
    const char *const slots[] = {usr, types[2], usr};
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    gpt_put(&f, 512, slots, 3);
    for (unsigned i = 0; i < 3; i++)
        store_le64(f.disk + 1024 + 128 * (size_t)i + 48,
                   i < 2 ? 0x0102000000000000u : 0x0031000000000000u);
    memset(f.disk + 512 + 56, 0xb1, 16);
    store_le32(f.disk + 512 + 88, crc32_ieee(0, f.disk + 1024, 128 * 128));
    gpt_repair(f.disk + 512);
    assert_int_equal(scan(&f), 0);
    assert_string_equal(f.table.uuid, "b1b1b1b1-b1b1-b1b1-b1b1-b1b1b1b1b1b1");
    assert_int_equal(f.table.partitions.v[0].priority, 2);
    assert_int_equal(f.table.partitions.v[0].tries, 0);
    assert_true(f.table.partitions.v[0].successful);
    assert_int_equal(f.table.partitions.v[1].priority, 0);
    assert_false(f.table.partitions.v[1].successful);
    assert_int_equal(f.table.partitions.v[2].priority, 1);
    assert_int_equal(f.table.partitions.v[2].tries, 3);
    assert_false(f.table.partitions.v[2].successful);
}

static void test_gpt_of_4096(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    gpt_put(&f, 4096, types, 3);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_GPT);
    assert_int_equal(f.table.partitions.v[2].start, 3 * MB);
    assert_string_equal(f.table.problem, "gpt: written for sectors of 4096 bytes");
}

static void test_gpt_odd_headers(void **state)
{
    static const struct {
        const char *what;
        unsigned off, n;
        uint64_t value;
        int r;
        const char *why; /* of the first copy */
    } cases[] = {
        {"entry size 0", 84, 4, 0, 0, "entry size is not"},
        {"entry size 48", 84, 4, 48, 0, "entry size is not"},
        {"entry size 192", 84, 4, 192, 0, "entry size is not"},
        {"entry size 2^31", 84, 4, 1u << 31, 0, "more or larger"},
        {"2^32-1 entries", 80, 4, UINT32_MAX, 0, "more or larger"},
        {"entries past the end", 72, 8, UINT64_MAX / 2, 0, "entries past"},
        {"entries wrap", 72, 8, UINT64_MAX - 3, 0, "entries past"},
        {"another sector's", 24, 8, 7, 0, "another sector"},
        {"header size 0", 12, 4, 0, 0, "header size"},
        {"header size 513", 12, 4, 513, 0, "header size"},
        {"revision 2", 8, 4, 0x20000, 0, "revision"},
        {"one entry fewer", 80, 4, 127, 0, "checksum of the entries"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(fixture_fini) struct fixture f = fixture(DISK);
        uint8_t *p;

        gpt_put(&f, 512, types, 3);
        p = f.disk + 512 + cases[i].off;
        if (cases[i].n == 8)
            store_le64(p, cases[i].value);
        else
            store_le32(p, (uint32_t)cases[i].value);
        gpt_repair(f.disk + 512);
        if (scan(&f) != cases[i].r || f.table.gpt_primary_ok || !f.table.gpt_backup_ok ||
            !strstr(f.table.problem, cases[i].why))
            fail_msg("%s: %s %s", cases[i].what, f.err.msg, f.table.problem);
    }
}

static void test_gpt_entries(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);
    uint8_t *h, *e;

    (void)state;
    gpt_put(&f, 512, types, 3);
    h = f.disk + 512;
    e = f.disk + 1024;
    store_le64(e + 32, UINT64_MAX - 1);
    store_le64(e + 40, UINT64_MAX);
    store_le64(e + 128 + 40, DISK / 512);
    store_le32(h + 88, crc32_ieee(0, e, 128 * 128));
    gpt_repair(h);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.partitions.n, 2);
    assert_true(f.table.partitions.v[0].past_end);
    assert_int_equal(f.table.partitions.v[0].index, 2);
    assert_int_equal(f.table.overlap_a, 2);
}

static void test_hybrid_and_leftover(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    gpt_put(&f, 512, types, 3);
    entry(f.disk, 1, 0x80, 0x83, 6144, 2048);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_GPT);
    assert_true(f.table.hybrid && !f.table.protective_strict);
    /* A disk that got an MBR later: nobody looks at the old GPT. */
    memset(f.disk + 446, 0, 16);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_MBR);
    assert_false(f.table.hybrid);
    memset(f.disk, 0, 512);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.kind, TABLE_GPT);
    assert_non_null(strstr(f.table.problem, "without a protective MBR"));
}

static void test_boot_code(void **state)
{
    static const struct {
        const char *text, *name;
    } cases[] = {
        {"\xfa\xeb Missing operating system.\r\n Operating system load error.",
         "syslinux"},
        {"\x33\xc0 Missing OS\r\n", "syslinux"},
        {"3\xc0 Invalid partition table\1 Error loading operating system", "windows"},
        {"\xfa\xeb\x21\x01\xb4\x01LILO", "lilo"},
        {"\xfa\xeb something else", "unknown"},
    };
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        memset(f.disk, 0, 512);
        memcpy(f.disk, cases[i].text, strlen(cases[i].text));
        assert_int_equal(scan(&f), 0);
        assert_string_equal(f.table.boot_code, cases[i].name);
    }
    memcpy(f.disk + 512 + 200, "loading\0.\0\r\n\0Geom\0Read", 23);
    assert_int_equal(scan(&f), 0);
    assert_string_equal(f.table.boot_code, "grub");
}

/* Where the boot record says, and only when it is GRUB's own. */
static void test_grub_core(void **state)
{
    static const struct {
        const char *sentence;
        uint64_t sector;
        uint8_t jump;
        uint32_t packed, whole;
        unsigned size;
    } cases[] = {
        {"behind the boot record", 1, 0xea, 23662, 45992, 45992},
        {"in a partition of its own", 64, 0xea, 23662, 45992, 45992},
        {"nowhere", 0, 0xea, 23662, 45992, 0},
        {"past the disk", DISK / 512, 0xea, 23662, 45992, 0},
        {"far past it", UINT64_MAX, 0xea, 23662, 45992, 0},
        {"no jump", 1, 0x90, 23662, 45992, 0},
        {"the words of 1.99: modules, then kernel", 1, 0xea, 123000, 27000, 0},
        {"more than any", 1, 0xea, 23662, 0x7fffffff, 0},
    };
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint8_t *head = f.disk + (cases[i].sector < 65 ? cases[i].sector + 1 : 2) * 512;

        print_message("%s\n", cases[i].sentence);
        memcpy(f.disk + 0x180, "GRUB ", 5);
        store_le64(f.disk + 0x5c, cases[i].sector);
        head[0] = cases[i].jump;
        store_le32(head + 8, cases[i].packed);
        store_le32(head + 12, cases[i].whole);
        assert_int_equal(scan(&f), 0);
        assert_int_equal(f.table.grub_core, cases[i].size);
        memset(f.disk, 0, 66 * 512);
    }
    store_le64(f.disk + 0x5c, 1);
    f.disk[1024] = 0xea;
    store_le32(f.disk + 1032, 23662);
    store_le32(f.disk + 1036, 45992);
    memcpy(f.disk + 0x180, "LILO?", 5);
    assert_int_equal(scan(&f), 0);
    assert_int_equal(f.table.grub_core, 0);
}

/* Whoever cannot read it sees the table all the same. */
static void test_a_grub_core_that_is_damaged(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);
    unsigned unread = 0;

    (void)state;
    gpt_put(&f, 512, types, 3);
    memcpy(f.disk + 0x180, "GRUB ", 5);
    store_le64(f.disk + 0x5c, 64);
    f.disk[65 * 512] = 0xea;
    store_le32(f.disk + 65 * 512 + 8, 23662);
    store_le32(f.disk + 65 * 512 + 12, 45992);
    assert_int_equal(scan(&f), 0);
    for (unsigned nth = 1;; nth++) {
        AUTO(block_unrefp) struct block *bad = NULL;
        AUTO(arena_fini) struct arena a = {0};
        AUTO(volume_table_fini) struct volume_table t = {0};
        struct err err = {0};

        assert_int_equal(block_fault_open(&bad, f.block, nth, NULL, &err), 0);
        if (volume_scan(&t, bad, &a, &err) < 0)
            continue;
        assert_int_equal(err.code, ERR_NONE);
        assert_int_equal(t.partitions.n, 3);
        if (t.grub_core == 45992)
            break;
        unread++;
    }
    assert_int_equal(unread, 1);
}

/* Every access fails once, and the failure is seen; bytes one by one give the same. */
static void test_faults(void **state)
{
    AUTO(fixture_fini) struct fixture f = fixture(DISK);

    (void)state;
    gpt_put(&f, 512, types, 3);
    assert_int_equal(scan(&f), 0);
    for (unsigned nth = 1;; nth++) {
        AUTO(block_unrefp) struct block *bad = NULL;
        AUTO(arena_fini) struct arena a = {0};
        AUTO(volume_table_fini) struct volume_table t = {0};
        struct err err = {0};
        int r;

        assert_int_equal(block_fault_open(&bad, f.block, nth, NULL, &err), 0);
        r = volume_scan(&t, bad, &a, &err);
        if (r == 0) {
            assert_true(nth > 4);
            break;
        }
        assert_int_equal(r, -ERR_IO);
        assert_int_equal(err.code, ERR_IO);
    }
    {
        AUTO(block_unrefp) struct block *b = NULL;
        AUTO(arena_fini) struct arena a = {0};
        AUTO(volume_table_fini) struct volume_table t = {0};
        struct err err = {0};

        assert_int_equal(block_bytewise_open(&b, f.block, &err), 0);
        assert_int_equal(volume_scan(&t, b, &a, &err), 0);
        assert_int_equal(t.partitions.n, 3);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zero_disk),
        cmocka_unit_test(test_tiny_disks),
        cmocka_unit_test(test_primaries),
        cmocka_unit_test(test_logicals),
        cmocka_unit_test(test_past_end_and_overlap),
        cmocka_unit_test(test_boot_sector_is_no_table),
        cmocka_unit_test(test_gpt),
        cmocka_unit_test(test_gpt_slots),
        cmocka_unit_test(test_gpt_of_4096),
        cmocka_unit_test(test_gpt_odd_headers),
        cmocka_unit_test(test_gpt_entries),
        cmocka_unit_test(test_hybrid_and_leftover),
        cmocka_unit_test(test_boot_code),
        cmocka_unit_test(test_grub_core),
        cmocka_unit_test(test_a_grub_core_that_is_damaged),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
