/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_hostile.c: good images with one field spoilt, and the refusal that must follow.
 * vmdk_make.h draws the images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "block/image_testing.h"
#include "block/vmdk.h"
#include "block/vmdk_make.h"

enum {
    DESCRIPTOR = MAKE_DESCRIPTOR * MAKE_SECTOR,
    DIRECTORY = MAKE_DIRECTORY * MAKE_SECTOR,
    TABLE0 = MAKE_TABLE0 * MAKE_SECTOR,
    /* In the text of the descriptor. */
    TEXT_PARENT = DESCRIPTOR + 55,
    TEXT_TYPE = DESCRIPTOR + 76,
    TEXT_EXTENT = DESCRIPTOR + 95,
};

#define FAULT(name, message) IMAGE_FAULT_##name, message
#define FAR                  "\xff\xff\xff\xff\xff\xff\xff\x7f"

static const struct hostile_case sparse_cases[] = {
    {"version 0", POKE(FIELD_VERSION, "\0"),
     FAULT(VERSION, "vmdk header: version 0, only 1 to 3 are known")},
    {"version 4", POKE(FIELD_VERSION, "\4"),
     FAULT(VERSION, "vmdk header: version 4, only 1 to 3 are known")},
    {"line ends of Windows", POKE(FIELD_NEWLINES, "\r\n \r"),
     FAULT(CORRUPT,
           "vmdk header: line ends were changed on the way, as by FTP in text mode")},
    {"a compression nobody knows", POKE(FIELD_COMPRESSION, "\2"),
     FAULT(CORRUPT, "vmdk header: compression 2, only deflate (1) is known")},
    {"compression without its flag", POKE(FIELD_COMPRESSION, "\1"),
     FAULT(CORRUPT, "vmdk header: compression 1, but the flags say otherwise")},
    {"the flag without compression", POKE(FIELD_FLAGS + 2, "\1"),
     FAULT(CORRUPT, "vmdk header: compression 0, but the flags say otherwise")},
    {"grains of nothing", POKE(FIELD_GRAIN_SIZE, "\0"),
     FAULT(CORRUPT,
           "vmdk header: grain of 0 sectors, need a power of two from 8 to 2097152")},
    {"grains of 2 KiB", POKE(FIELD_GRAIN_SIZE, "\4"),
     FAULT(CORRUPT,
           "vmdk header: grain of 4 sectors, need a power of two from 8 to 2097152")},
    {"grains of no power of two", POKE(FIELD_GRAIN_SIZE, "\x0c"),
     FAULT(CORRUPT,
           "vmdk header: grain of 12 sectors, need a power of two from 8 to 2097152")},
    {"grains of 2 GiB", POKE(FIELD_GRAIN_SIZE, "\0\0\x40"),
     FAULT(CORRUPT,
           "vmdk header: grain of 4194304 sectors, need a power of two from 8 to "
           "2097152")},
    {"the largest grain of all", POKE(FIELD_GRAIN_SIZE, "\0\0\0\0\0\0\0\x80"),
     FAULT(CORRUPT, "vmdk header: grain of 9223372036854775808 sectors, need a power of "
                    "two from 8 to 2097152")},
    {"tables of nothing", POKE(FIELD_GTES, "\0"),
     FAULT(CORRUPT, "vmdk header: grain tables of 0 entries, need 1 to 512")},
    {"tables of ESXi's size", POKE(FIELD_GTES, "\0\x10"),
     FAULT(CORRUPT, "vmdk header: grain tables of 4096 entries, need 1 to 512")},
    {"no capacity", POKE(FIELD_CAPACITY, "\0"),
     FAULT(CORRUPT, "vmdk header: capacity 0")},
    {"a capacity over 64 TiB", POKE(FIELD_CAPACITY, "\1\0\0\0\x20"),
     FAULT(TOO_LARGE, "vmdk header: capacity of 137438953473 sectors in grains of 8 is "
                      "over what we read")},
    {"the largest capacity of all",
     POKE(FIELD_CAPACITY, "\xff\xff\xff\xff\xff\xff\xff\xff"),
     FAULT(TOO_LARGE,
           "vmdk header: capacity of 18446744073709551615 sectors in grains of "
           "8 is over what we read")},
    {"a directory over what we read", POKE(FIELD_CAPACITY, "\0\0\0\x10"),
     FAULT(TOO_LARGE, "vmdk header: capacity of 268435456 sectors in grains of 8 is over "
                      "what we read")},
    {"a directory longer than the file", POKE(FIELD_CAPACITY, "\0\0\0\x08"),
     FAULT(TRUNCATED, "vmdk: grain directory of 16777216 bytes at sector 2, but the file "
                      "ends at byte 12800")},
    {"a directory past the end", POKE(FIELD_DIRECTORY, "\0\1"),
     FAULT(TRUNCATED,
           "vmdk: grain directory of 12 bytes at sector 256, but the file ends "
           "at byte 12800")},
    {"a directory where a product wraps", POKE(FIELD_DIRECTORY, FAR),
     FAULT(TRUNCATED, "vmdk: grain directory of 12 bytes at sector 9223372036854775807, "
                      "but the file ends at byte 12800")},
    {"a directory at 0", POKE(FIELD_DIRECTORY, "\0"),
     FAULT(CORRUPT, "vmdk header: grain directory at sector 0")},
    {"a directory at the end, but no footer",
     POKE(FIELD_DIRECTORY, "\xff\xff\xff\xff\xff\xff\xff\xff"),
     FAULT(TRUNCATED, "vmdk stream: no footer and end marker at the end")},
    {"a redundant directory past the end", POKE(FIELD_FLAGS, "\7"),
     FAULT(CORRUPT, "vmdk header: redundant grain directory at sector 1000, but the file "
                    "ends at byte 12800")},
    {"tables that end past the file", POKE(FIELD_OVERHEAD, "\x1a"),
     FAULT(TRUNCATED,
           "vmdk: the first 26 sectors are tables, but the file ends at byte 12800")},
    {"no descriptor", POKE(FIELD_DESC_OFFSET, "\0"),
     FAULT(CREATE_TYPE, "vmdk: a sparse extent without a descriptor, so one part of a "
                        "disk that was split")},
    {"a descriptor past the end", POKE(FIELD_DESC_OFFSET, "\x19"),
     FAULT(TRUNCATED, "vmdk descriptor: at sector 25, but the file ends at byte 12800")},
    {"a descriptor where a product wraps", POKE(FIELD_DESC_OFFSET, FAR),
     FAULT(TRUNCATED, "vmdk descriptor: at sector 9223372036854775807, but the file ends "
                      "at byte 12800")},
    {"a descriptor of more than 1 MiB", POKE(FIELD_DESC_SIZE, "\1\x08"),
     FAULT(TOO_LARGE, "vmdk descriptor: 2049 sectors, more than the 2048 we read")},
    {"a descriptor over the directory", POKE(FIELD_DESC_SIZE, "\2"),
     FAULT(CORRUPT,
           "vmdk: tables and grains would fill more than the file's 12800 bytes")},
    {"a parent", POKE(TEXT_PARENT, "00000000"),
     FAULT(DELTA, "vmdk: parentCID is 00000000, so another disk lies below")},
    {"a kind that has no sparse header", POKE(TEXT_TYPE, "monolithicFlat\"\n"),
     FAULT(CREATE_TYPE, "vmdk: createType \"monolithicFlat\" in a sparse extent")},
    {"an extent outside of the file",
     POKE(TEXT_EXTENT, "RW 76 FLAT \"/etc/shadow\" 0\n#"),
     FAULT(FOREIGN_EXTENT,
           "vmdk: the descriptor within the file names extents outside of it")},
    {"two extents", POKE(TEXT_EXTENT, "RW 1 ZERO\nRW 1 ZERO\n#"),
     FAULT(FOREIGN_EXTENT,
           "vmdk: the descriptor within the file names extents outside of it")},
    {"a table past the end", POKE(DIRECTORY, "\0\0\1"),
     FAULT(TRUNCATED,
           "vmdk: grain table 0 at sector 65536, but the file ends at byte 12800")},
    {"the last table of all", POKE(DIRECTORY, "\xff\xff\xff\xff"),
     FAULT(TRUNCATED,
           "vmdk: grain table 0 at sector 4294967295, but the file ends at byte 12800")},
    {"one table twice", POKE(DIRECTORY + 4, "\3"),
     FAULT(CORRUPT,
           "vmdk: tables and grains would fill more than the file's 12800 bytes")},
    {"a grain past the end", POKE(TABLE0, "\x12"),
     FAULT(TRUNCATED, "vmdk: grain 0 at sector 18, but the file ends at byte 12800")},
    {"the last grain of all", POKE(TABLE0, "\xff\xff\xff\xff"),
     FAULT(TRUNCATED,
           "vmdk: grain 0 at sector 4294967295, but the file ends at byte 12800")},
    {"a grain over the header's sector", POKE(TABLE0 + 2 * 4, "\2"),
     FAULT(CORRUPT, "vmdk: two of header, descriptor, tables and grains share the bytes "
                    "at sector 2")},
    {"a grain over a table", POKE(TABLE0 + 2 * 4, "\4"),
     FAULT(CORRUPT, "vmdk: two of header, descriptor, tables and grains share the bytes "
                    "at sector 4")},
    {"grains that overlap", POKE(TABLE0 + 2 * 4, "\6"),
     FAULT(CORRUPT, "vmdk: two of header, descriptor, tables and grains share the bytes "
                    "at sector 13")},
    {"an entry of 1 without the flag", POKE(FIELD_FLAGS, "\1"),
     FAULT(CORRUPT,
           "vmdk: tables and grains would fill more than the file's 12800 bytes")},
};

enum place { HEADER, TABLE, FOOTER, LAST_GRAIN, END };

static const struct {
    enum place base;
    struct hostile_case c; /* off is from the base */
} stream_cases[] = {
    {FOOTER,
     {"no footer", POKE(0, "X"),
      FAULT(TRUNCATED, "vmdk stream: no footer and end marker at the end")}},
    {END,
     {"no end", POKE(0, "X"),
      FAULT(TRUNCATED, "vmdk stream: no footer and end marker at the end")}},
    {FOOTER,
     {"no marker of the footer", POKE(-512 + 12, "\2"),
      FAULT(STREAM, "vmdk stream: no marker in front of the footer")}},
    {FOOTER,
     {"a footer that knows no directory",
      POKE(FIELD_DIRECTORY, "\xff\xff\xff\xff\xff\xff\xff\xff"),
      FAULT(STREAM, "vmdk footer: does not say where the grain directory is")}},
    {FOOTER,
     {"a footer of another capacity", POKE(FIELD_CAPACITY, "\1"),
      FAULT(STREAM, "vmdk footer: version, capacity, grain or compression are not those "
                    "of the header")}},
    {HEADER,
     {"a header of another grain", POKE(FIELD_GRAIN_SIZE, "\x10"),
      FAULT(STREAM, "vmdk footer: version, capacity, grain or compression are not those "
                    "of the header")}},
    {HEADER,
     {"grains too large to inflate", POKE(FIELD_GRAIN_SIZE, "\0\0\1"),
      FAULT(CORRUPT, "vmdk header: grain of 65536 sectors, need a power of two from 8 to "
                     "32768")}},
    {FOOTER,
     {"a directory past the end", POKE(FIELD_DIRECTORY, "\0\1"),
      FAULT(TRUNCATED, "vmdk: grain directory of 12 bytes at sector 256, but the file "
                       "ends at byte 7168")}},
    {TABLE,
     {"a grain past the end", POKE(0, "\x0e"),
      FAULT(TRUNCATED, "vmdk: grain 0 at sector 14, but the file ends at byte 7168")}},
    {TABLE,
     {"a grain over the descriptor", POKE(0, "\1"),
      FAULT(CORRUPT, "vmdk: two of header, descriptor, tables and grains share the bytes "
                     "at sector 1")}},
    {LAST_GRAIN,
     {"a marker of another grain", POKE(0, "\x40"),
      FAULT(STREAM, "vmdk stream: the marker at offset 2048 is of sector 64, the table "
                    "says sector 72")}},
    {LAST_GRAIN,
     {"a grain that ends past the file", POKE(8, "\xff\xff"),
      FAULT(TRUNCATED, "vmdk stream: the last grain has 65535 bytes at offset 2048, but "
                       "the file ends at 7168")}},
};

static void test_sparse(void **state)
{
    uint8_t image[MAKE_SPARSE_SIZE];

    (void)state;
    vmdk_make_sparse(image);
    store_le64(image + FIELD_REDUNDANT, 1000);
    image_testing_hostile(sparse_cases, ARRAY_SIZE(sparse_cases), image, sizeof image,
                          NULL);
}

static void test_stream(void **state)
{
    size_t n;
    AUTO(freep) uint8_t *image = vmdk_make_stream(&n);
    struct vmdk_make_places at = vmdk_make_find(image, n);
    const size_t base[] = {
        [TABLE] = at.table0,
        [FOOTER] = at.footer,
        [LAST_GRAIN] = at.grain[2],
        [END] = n - MAKE_SECTOR,
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(stream_cases); i++) {
        struct hostile_case c = stream_cases[i].c;

        c.off += (long)base[stream_cases[i].base];
        image_testing_hostile(&c, 1, image, n, NULL);
    }
}

/* Whatever is cut from the end, it is seen. */
static void test_truncated(void **state)
{
    uint8_t sparse[MAKE_SPARSE_SIZE];
    size_t n;
    AUTO(freep) uint8_t *stream = vmdk_make_stream(&n);

    (void)state;
    vmdk_make_sparse(sparse);
    for (size_t cut = 1; cut <= n - MAKE_SECTOR; cut += cut < 1024 ? 1 : 101) {
        AUTO(block_unrefp) struct block *disk = NULL;
        struct image_info info;
        struct err err;

        assert_true(image_testing_open(&disk, &info, stream, n - cut, &err) < 0);
        assert_int_equal(info.fault, IMAGE_FAULT_TRUNCATED);
    }
    for (size_t cut = 1; cut <= sizeof sparse - 4; cut++) {
        AUTO(block_unrefp) struct block *disk = NULL;
        struct image_info info;
        struct err err;

        assert_true(image_testing_open(&disk, &info, sparse, sizeof sparse - cut, &err) <
                    0);
        assert_int_equal(info.fault, IMAGE_FAULT_TRUNCATED);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_truncated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
