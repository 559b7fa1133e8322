/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "block/image_testing.h"
#include "block/vhd.h"

/* A dynamic disk of four and a half blocks of 4 KiB; blocks 1 and 3 are there, 3 before
 * 1 in the file:
 *
 *      0  copy of the footer
 *    512  header
 *   1536  table, 8 entries
 *   2048  bitmap and data of block 3
 *   6656  bitmap and data of block 1
 *  11264  footer */
enum {
    BLOCK = 4096,
    DISK = 4 * BLOCK + BLOCK / 2,
    HEADER = 512,
    TABLE = 1536,
    ENTRIES = 8,
    BLOCK3 = 2048,
    BLOCK1 = BLOCK3 + 512 + BLOCK,
    END = BLOCK1 + 512 + BLOCK,
    SIZE = END + 512,
};

static void seal(uint8_t *p, size_t n, size_t sum)
{
    store_be32(p + sum, vhd_checksum(bytes_of(p, n), sum));
}

static void make_footer(uint8_t *p, uint32_t type, uint64_t size, const char *creator)
{
    memset(p, 0, 512);
    memcpy(p, "conectix", 8);
    store_be32(p + 8, 2);
    store_be32(p + 12, 0x10000);
    store_be64(p + 16, type == VHD_FIXED ? UINT64_MAX : HEADER);
    memcpy(p + 28, creator, 4);
    store_be64(p + 40, size);
    store_be64(p + 48, size);
    store_be16(p + 56, 9); /* 9 * 2 * 2 sectors */
    p[58] = 2;
    p[59] = 2;
    store_be32(p + 60, type);
    seal(p, 512, VHD_FOOTER_SUM);
}

static void make_dynamic(uint8_t p[SIZE], uint8_t want[DISK])
{
    memset(p, 0, SIZE);
    memset(want, 0, DISK);
    make_footer(p, VHD_DYNAMIC, DISK, "win ");
    memcpy(p + END, p, 512);
    memcpy(p + HEADER, "cxsparse", 8);
    store_be64(p + HEADER + 8, UINT64_MAX);
    store_be64(p + HEADER + 16, TABLE);
    store_be32(p + HEADER + 24, 0x10000);
    store_be32(p + HEADER + 28, ENTRIES);
    store_be32(p + HEADER + 32, BLOCK);
    seal(p + HEADER, VHD_HEADER_SIZE, VHD_HEADER_SUM);
    memset(p + TABLE, 0xff, 4 * ENTRIES);
    store_be32(p + TABLE + 4 * 1, BLOCK1 / 512);
    store_be32(p + TABLE + 4 * 3, BLOCK3 / 512);
    for (unsigned i = 0; i < BLOCK; i++) {
        want[1 * BLOCK + i] = p[BLOCK1 + 512 + i] = (uint8_t)(i * 7);
        want[3 * BLOCK + i] = p[BLOCK3 + 512 + i] = (uint8_t)(i * 13 + 1);
    }
}

static void test_dynamic(void **state)
{
    static const struct extent extents[] = {
        {EXTENT_HOLE, BLOCK}, {EXTENT_DATA, BLOCK},        {EXTENT_HOLE, BLOCK},
        {EXTENT_DATA, BLOCK}, {EXTENT_HOLE, DISK % BLOCK},
    };
    AUTO(block_unrefp) struct block *disk = NULL;
    uint8_t image[SIZE], want[DISK], got[DISK];
    struct image_info info;
    uint64_t off = 0;
    struct err err;

    (void)state;
    make_dynamic(image, want);
    assert_int_equal(image_testing_open(&disk, &info, image, SIZE, &err), 0);
    assert_int_equal(info.format, IMAGE_VHD);
    assert_string_equal(info.kind, "dynamic");
    assert_string_equal(info.creator, "win");
    assert_int_equal(info.cluster_size, BLOCK);
    assert_int_equal(info.virtual_size, DISK);
    assert_int_equal(disk->size, DISK);
    assert_int_equal(block_read(disk, got, DISK, 0, &err), 0);
    assert_memory_equal(got, want, DISK);
    assert_int_equal(block_read(disk, got, 3, 2 * BLOCK - 2, &err), 0);
    assert_memory_equal(got, want + 2 * BLOCK - 2, 3);
    for (size_t i = 0; i < ARRAY_SIZE(extents); i++) {
        struct extent e;

        assert_int_equal(block_extent(disk, &e, off + 1, &err), 0);
        assert_int_equal(e.kind, extents[i].kind);
        assert_int_equal(e.length, extents[i].length - 1);
        off += extents[i].length;
    }
    assert_int_equal(off, DISK);
}

static void test_dynamic_faults(void **state)
{
    uint8_t image[SIZE], want[DISK];

    (void)state;
    make_dynamic(image, want);
    image_testing_faults(image, SIZE, want, DISK, NULL);
}

/* Sums are repaired after the poke. */
static void reseal(uint8_t *p, size_t n)
{
    seal(p, 512, VHD_FOOTER_SUM);
    seal(p + HEADER, VHD_HEADER_SIZE, VHD_HEADER_SUM);
    seal(p + n - 512, 512, VHD_FOOTER_SUM);
}

static const struct hostile_case sealed_cases[] = {
    {"a newer footer", POKE(-512 + 12, "\0\2\0\0"), IMAGE_FAULT_VERSION,
     "vhd footer: version 0x00020000, only 1.x is known"},
    {"a differencing disk", POKE(-512 + 63, "\4"), IMAGE_FAULT_DIFFERENCING,
     "vhd: a differencing disk (type 4) needs its parent"},
    {"a type nobody uses", POKE(-512 + 63, "\5"), IMAGE_FAULT_CORRUPT,
     "vhd footer: disk type 5, need 2 or 3"},
    {"a copy of another type", POKE(63, "\2"), IMAGE_FAULT_CORRUPT,
     "vhd: the footer and its copy at the start differ in type, size or header offset"},
    {"a copy of another size", POKE(54, "\1"), IMAGE_FAULT_CORRUPT,
     "vhd: the footer and its copy at the start differ in type, size or header offset"},
    {"no copy", POKE(0, "x"), IMAGE_FAULT_CORRUPT,
     "vhd: a dynamic disk without the copy of its footer at the start"},
    {"no footer", POKE(-512, "x"), IMAGE_FAULT_TRUNCATED,
     "vhd: no footer at the end, only its copy at the start"},
    {"no header", POKE(HEADER, "x"), IMAGE_FAULT_VHD_TABLE,
     "vhd: no dynamic header at offset 512"},
    {"a newer header", POKE(HEADER + 25, "\2"), IMAGE_FAULT_VERSION,
     "vhd dynamic header: version 0x00020000, only 1.x is known"},
    {"blocks of nothing", POKE(HEADER + 32, "\0\0\0\0"), IMAGE_FAULT_VHD_TABLE,
     "vhd dynamic header: block size 0, need a power of two from 512 on"},
    {"blocks below a sector", POKE(HEADER + 32, "\0\0\1\0"), IMAGE_FAULT_VHD_TABLE,
     "vhd dynamic header: block size 256, need a power of two from 512 on"},
    {"blocks of no power of two", POKE(HEADER + 32, "\0\0\x18\0"), IMAGE_FAULT_VHD_TABLE,
     "vhd dynamic header: block size 6144, need a power of two from 512 on"},
    {"a table too short for the disk", POKE(HEADER + 28, "\0\0\0\4"),
     IMAGE_FAULT_VHD_TABLE, "vhd dynamic header: table of 4 entries, the disk needs 5"},
    {"a table past the end", POKE(HEADER + 16, "\0\0\0\0\0\1\0\0"), IMAGE_FAULT_TRUNCATED,
     "vhd: table of 32 bytes at offset 65536, but the file ends at 11776"},
    {"a table whose end wraps", POKE(HEADER + 16, "\xff\xff\xff\xff\xff\xff\xff\xf0"),
     IMAGE_FAULT_TRUNCATED,
     "vhd: table of 32 bytes at offset 18446744073709551600, but the file ends at 11776"},
    {"a table of more entries than the file has bytes",
     POKE(HEADER + 28, "\xff\xff\xff\xff"), IMAGE_FAULT_TRUNCATED,
     "vhd: table of 17179869180 bytes at offset 1536, but the file ends at 11776"},
    {"a block past the end", POKE(TABLE + 4, "\0\1\0\0"), IMAGE_FAULT_TRUNCATED,
     "vhd: block 1 at offset 33554432 ends past the file's 11776 bytes"},
    {"a block over the footer's copy", POKE(TABLE + 4, "\0\0\0\0"), IMAGE_FAULT_VHD_TABLE,
     "vhd: block 1 at offset 0 lies over a header, the table or a footer"},
    {"a block over the header", POKE(TABLE + 4, "\0\0\0\2"), IMAGE_FAULT_VHD_TABLE,
     "vhd: block 1 at offset 1024 lies over a header, the table or a footer"},
    {"a block over the table", POKE(TABLE + 4, "\0\0\0\3"), IMAGE_FAULT_VHD_TABLE,
     "vhd: block 1 at offset 1536 lies over a header, the table or a footer"},
    {"a block over the footer", POKE(TABLE + 4, "\0\0\0\x0e"), IMAGE_FAULT_VHD_TABLE,
     "vhd: block 1 at offset 7168 lies over a header, the table or a footer"},
    {"one block twice", POKE(TABLE, "\0\0\0\4"), IMAGE_FAULT_VHD_TABLE,
     "vhd: two blocks share the bytes at offset 2048"},
    {"blocks that overlap", POKE(TABLE, "\0\0\0\x0c"), IMAGE_FAULT_VHD_TABLE,
     "vhd: two blocks share the bytes at offset 6144"},
};

static const struct hostile_case unsealed_cases[] = {
    {"a footer that was changed", POKE(-512 + 30, "x"), IMAGE_FAULT_CHECKSUM,
     "vhd footer at offset 11264: checksum 0xfffffa8f is wrong"},
    {"a copy that was changed", POKE(30, "x"), IMAGE_FAULT_CHECKSUM,
     "vhd footer at offset 0: checksum 0xfffffa8f is wrong"},
    {"a header that was changed", POKE(HEADER + 900, "x"), IMAGE_FAULT_VHD_TABLE,
     "vhd dynamic header: checksum 0xfffff47f is wrong"},
};

static void test_hostile(void **state)
{
    uint8_t image[SIZE], want[DISK];

    (void)state;
    make_dynamic(image, want);
    image_testing_hostile(sealed_cases, ARRAY_SIZE(sealed_cases), image, SIZE, reseal);
    image_testing_hostile(unsealed_cases, ARRAY_SIZE(unsealed_cases), image, SIZE, NULL);
}

/* Both footers get the same bytes, so that they agree. */
static void poke_both(uint8_t *p, size_t n, size_t off, uint64_t v)
{
    store_be64(p + off, v);
    store_be64(p + n - 512 + off, v);
    reseal(p, n);
}

static void test_both_footers(void **state)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    uint8_t image[SIZE], want[DISK];
    struct image_info info;
    struct err err;

    (void)state;
    make_dynamic(image, want);
    poke_both(image, SIZE, 48, VHD_SIZE_MAX + 512);
    assert_int_equal(image_testing_open(&disk, &info, image, SIZE, &err), -ERR_LIMIT);
    assert_int_equal(info.fault, IMAGE_FAULT_TOO_LARGE);
    make_dynamic(image, want);
    poke_both(image, SIZE, 16, SIZE - 512);
    assert_int_equal(image_testing_open(&disk, &info, image, SIZE, &err), -ERR_CORRUPT);
    assert_int_equal(info.fault, IMAGE_FAULT_TRUNCATED);
    assert_string_equal(
        err.msg, "vhd: dynamic header at offset 11264, but the file ends at 11776");
    make_dynamic(image, want);
    store_be32(image + HEADER + 28, 0xffffffff);
    store_be32(image + HEADER + 32, 512);
    poke_both(image, SIZE, 48, VHD_SIZE_MAX);
    assert_int_equal(image_testing_open(&disk, &info, image, SIZE, &err), -ERR_LIMIT);
    assert_int_equal(info.fault, IMAGE_FAULT_TOO_LARGE);
    assert_string_equal(err.msg,
                        "vhd: 4278190080 blocks of 512 bytes, more than the 8388608 we "
                        "read");
    /* A disk of nothing is a fact for others to judge. */
    make_dynamic(image, want);
    poke_both(image, SIZE, 48, 0);
    assert_int_equal(image_testing_open(&disk, &info, image, SIZE, &err), 0);
    assert_int_equal(info.virtual_size, 0);
}

/* Which field is the size, by creator.  The geometry says 18432 bytes. */
static const struct {
    const char *sentence, *creator;
    uint64_t bytes, want;
} creators[] = {
    {"Virtual PC goes by geometry", "vpc ", 20480, 18432},
    {"qemu goes by geometry", "qemu", 20480, 18432},
    {"qemu with force_size goes by bytes", "qem2", 20480, 20480},
    {"Hyper-V goes by bytes", "win ", 20480, 20480},
    {"Disk2vhd goes by bytes", "d2v ", 20480, 20480},
    {"XenServer goes by bytes", "tap\0", 20480, 20480},
    {"VirtualBox goes by bytes", "vbox", 20480, 20480},
    {"Azure goes by bytes", "wa\0\0", 20480, 20480},
    {"a part of a sector does not count", "win ", 20481, 20480},
};

static void test_fixed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(creators); i++) {
        AUTO(block_unrefp) struct block *disk = NULL;
        uint8_t image[20480 + 512], last;
        struct image_info info;
        struct err err;

        memset(image, 0, sizeof image);
        memset(image + 1000, 5, 20480 - 1000);
        make_footer(image + 20480, VHD_FIXED, creators[i].bytes, creators[i].creator);
        assert_int_equal(image_testing_open(&disk, &info, image, sizeof image, &err), 0);
        if (disk->size != creators[i].want)
            fail_msg("%s: %lu bytes", creators[i].sentence, (unsigned long)disk->size);
        assert_string_equal(info.kind, "fixed");
        assert_int_equal(info.cluster_size, 0);
        assert_int_equal(block_read(disk, &last, 1, disk->size - 1, &err), 0);
        assert_int_equal(last, 5);
    }
}

static void test_geometry_that_says_nothing(void **state)
{
    struct vhd_footer f = {.creator = "qemu", .current_size = 1ull << 40};

    (void)state;
    assert_int_equal(vhd_footer_disk_size(&f), 1ull << 40);
    f.cylinders = 65535;
    f.heads = 16;
    f.sectors = 255;
    assert_int_equal(vhd_footer_disk_size(&f), 1ull << 40);
    f.sectors = 254;
    assert_int_equal(vhd_footer_disk_size(&f), 65535ull * 16 * 254 * 512);
}

static void test_fixed_footers(void **state)
{
    AUTO(block_unrefp) struct block *disk = NULL, *none = NULL;
    uint8_t image[2048 + 512] = {0};
    struct image_info info;
    struct err err;

    (void)state;
    /* Virtual PC before 2004 */
    make_footer(image + 2048, VHD_FIXED, 2048, "win ");
    assert_int_equal(image_testing_open(&disk, &info, image, sizeof image - 1, &err), 0);
    assert_int_equal(disk->size, 2048);
    /* cut in front */
    assert_true(image_testing_open(&none, &info, image + 512, sizeof image - 512, &err) <
                0);
    assert_int_equal(info.fault, IMAGE_FAULT_TRUNCATED);
    assert_string_equal(
        err.msg, "vhd: a fixed disk of 2048 bytes, but its footer is at offset 1536");
    /* a fixed disk whose content is another container */
    memcpy(image, "vhdxfile", 8);
    assert_true(image_testing_open(&none, &info, image, sizeof image, &err) < 0);
    assert_int_equal(info.fault, IMAGE_FAULT_POLYGLOT);
    assert_string_equal(info.other, "vhd and VHDX");
    /* and one whose content is a VHD */
    memset(image, 0, 8);
    make_footer(image, VHD_DYNAMIC, 2048, "win ");
    assert_true(image_testing_open(&none, &info, image, sizeof image, &err) < 0);
    assert_int_equal(info.fault, IMAGE_FAULT_NESTED);
    assert_string_equal(err.msg, "the disk inside the vhd is itself vhd");
}

/* 127 GiB of nothing: one hole, found without a look at the file. */
static void test_large_and_empty(void **state)
{
    enum { BLOCK_2M = 2 << 20, N = 127 * 512, IMAGE = 1536 + N * 4 + 512 };
    AUTO(block_unrefp) struct block *file = NULL, *count = NULL, *disk = NULL;
    AUTO(freep) uint8_t *p = calloc(1, IMAGE);
    uint8_t small[SIZE], want[DISK];
    atomic_uint accesses = 0;
    struct image_info info;
    struct err err = {0};
    struct extent e;
    unsigned before;

    (void)state;
    assert_non_null(p);
    make_dynamic(small, want);
    memcpy(p, small, 1536);
    memset(p + 1536, 0xff, N * 4);
    store_be32(p + HEADER + 28, N);
    store_be32(p + HEADER + 32, BLOCK_2M);
    memcpy(p + IMAGE - 512, p, 512);
    poke_both(p, IMAGE, 48, (uint64_t)N * BLOCK_2M);
    assert_int_equal(block_mem_open(&file, p, IMAGE, &err), 0);
    assert_int_equal(block_fault_open(&count, file, 0, &accesses, &err), 0);
    assert_int_equal(image_open(&disk, &info, count, NULL, &err), 0);
    before = accesses;
    assert_int_equal(block_extent(disk, &e, 0, &err), 0);
    assert_int_equal(e.kind, EXTENT_HOLE);
    assert_int_equal(e.length, 127ull << 30);
    assert_int_equal(accesses, before);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dynamic),
        cmocka_unit_test(test_dynamic_faults),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_both_footers),
        cmocka_unit_test(test_fixed),
        cmocka_unit_test(test_geometry_that_says_nothing),
        cmocka_unit_test(test_fixed_footers),
        cmocka_unit_test(test_large_and_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
