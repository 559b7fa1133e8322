/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "fs/ntfs/ntfs.h"

/* A field to spoil: `bytes` of `value` at `at`. */
struct spoil {
    const char *name; /* what is wrong, a sentence */
    unsigned at, bytes;
    uint64_t value;
    const char *want; /* the message, "" for none */
};

static void spoil(uint8_t *p, const struct spoil *s)
{
    for (unsigned i = 0; i < s->bytes; i++)
        p[s->at + i] = (uint8_t)(s->value >> (8 * i));
}

static void same(const struct spoil *s, int r, const struct err *err)
{
    if ((r < 0) != (*s->want != 0) || strcmp(err->msg, s->want) != 0)
        print_message("%s:\n", s->name);
    assert_string_equal(err->msg, s->want);
    assert_int_equal(r < 0, *s->want != 0);
}

/* ---- the boot sector */

enum { DEVICE = 64 << 20 };

static void fill_boot(uint8_t *p)
{
    memset(p, 0, NTFS_SECTOR);
    memcpy(p + 3, "NTFS    ", 8);
    store_le16(p + 11, 512);
    p[13] = 8;
    store_le64(p + 40, DEVICE / 512 - 1);
    store_le64(p + 48, 4);
    store_le64(p + 56, 8191);
    p[64] = 0xf6;
    p[68] = 1;
}

static void test_boot(void **state)
{
    static const struct spoil rows[] = {
        {"as mkntfs writes it", 0, 0, 0, ""},
        {"another filesystem", 3, 1, 'X', "boot sector: no mark of NTFS"},
        {"no bytes a sector", 11, 2, 0, "boot sector: sectors of 0 bytes"},
        {"odd sectors", 11, 2, 513, "boot sector: sectors of 513 bytes"},
        {"sectors of 8 KiB", 11, 2, 8192, "boot sector: sectors of 8192 bytes"},
        {"no sectors a cluster", 13, 1, 0, "boot sector: clusters of 0 sectors"},
        {"an odd number of them", 13, 1, 3, "boot sector: clusters of 0x3 sectors"},
        {"a logarithm too small", 13, 1, 0x81, "boot sector: clusters of 0x81 sectors"},
        {"clusters of 4 MiB", 13, 1, 0xf3, "boot sector: clusters of 0xf3 sectors"},
        {"clusters of 2 MiB", 13, 1, 0xf4, "boot sector: index blocks of size code 0x1"},
        {"no bytes a record", 64, 1, 0, "boot sector: MFT records of size code 0"},
        {"records of 256 bytes", 64, 1, 0xf8,
         "boot sector: MFT records of size code 0xf8"},
        {"records of 8 KiB", 64, 1, 2, "boot sector: MFT records of size code 0x2"},
        {"records of 2^128 bytes", 64, 1, 0x80,
         "boot sector: MFT records of size code 0x80"},
        {"records of 4 KiB", 64, 1, 1, ""},
        {"index blocks of 12 KiB", 68, 1, 3,
         "boot sector: index blocks of size code 0x3"},
        {"index blocks of 2^127 bytes", 68, 1, 0x81,
         "boot sector: index blocks of size code 0x81"},
        {"longer than the device", 40, 8, DEVICE / 512 + 1,
         "boot sector: volume of 131073 sectors of 512 bytes, but there are 67108864 "
         "bytes"},
        {"endless", 40, 8, UINT64_MAX,
         "boot sector: volume of 18446744073709551615 sectors of 512 bytes, but there "
         "are "
         "67108864 bytes"},
        {"no sectors", 40, 8, 0, "boot sector: MFT at cluster 4 of 0"},
        {"the MFT in the boot sector", 48, 8, 0,
         "boot sector: MFT at cluster 0 of 16383"},
        {"the MFT behind the end", 48, 8, 16383,
         "boot sector: MFT at cluster 16383 of "
         "16383"},
        {"the mirror far behind it", 56, 8, UINT64_MAX,
         "boot sector: MFT mirror at cluster 18446744073709551615 of 16383"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t boot[NTFS_SECTOR];
        struct ntfs_shape s;
        struct err err = {0};

        fill_boot(boot);
        spoil(boot, &rows[i]);
        same(&rows[i], ntfs_boot_decode(&s, boot, DEVICE, &err), &err);
    }
}

/* ---- MFT records */

enum {
    RECORD = 1024,
    NAME = 56, /* an attribute of each kind */
    LIST = NAME + 96,
    DATA = LIST + 56,
    ROOT = DATA + 72,
    END = ROOT + 24 + 16 + 16 + 88 + 16,
};

static const struct ntfs_shape shape = {
    .sector = 512, .cluster = 1024, .record = RECORD, .index = 4096, .clusters = 1000};

static void stamp(uint8_t *p, size_t n, unsigned at)
{
    store_le16(p + 4, (uint16_t)at);
    store_le16(p + 6, (uint16_t)(n / 512 + 1));
    store_le16(p + at, 0x1234);
    for (size_t i = 1; i <= n / 512; i++) {
        memcpy(p + at + 2 * i, p + i * 512 - 2, 2);
        store_le16(p + i * 512 - 2, 0x1234);
    }
}

static void fill_attribute(uint8_t *p, uint32_t type, uint32_t n)
{
    store_le32(p, type);
    store_le32(p + 4, n);
    store_le16(p + 20, 24);
}

/* Header and entries of an index at p: one file "ab" above block 0, and the end. */
static uint32_t fill_entries(uint8_t *p, uint32_t first, uint32_t all)
{
    uint8_t *e = p + first;

    store_le32(p, first);
    store_le32(p + 4, first + 88 + 16);
    store_le32(p + 8, all);
    store_le64(e, 30);
    store_le16(e + 8, 88);
    store_le16(e + 10, 70);
    e[16 + 64] = 2;
    memcpy(e + 16 + 66, "a\0b", 4);
    store_le16(e + 88 + 8, 16);
    store_le16(e + 88 + 12, 2);
    return first + 88 + 16;
}

static void fill_record(uint8_t *p)
{
    memset(p, 0, RECORD);
    memcpy(p, "FILE", 4);
    store_le16(p + 20, NAME);
    store_le16(p + 22, 1);
    store_le32(p + 24, END + 8);
    store_le32(p + 28, RECORD);
    fill_attribute(p + NAME, 0x30, 96);
    store_le32(p + NAME + 16, 70);
    p[NAME + 24 + 64] = 2;
    fill_attribute(p + LIST, 0x20, 56);
    store_le32(p + LIST + 16, 32);
    store_le16(p + LIST + 24 + 4, 32);
    p[LIST + 24 + 7] = 26;
    fill_attribute(p + DATA, 0x80, 72);
    p[DATA + 8] = 1;
    store_le16(p + DATA + 20, 0);
    store_le64(p + DATA + 24, 9); /* ten clusters: four at 300, a hole of six */
    store_le16(p + DATA + 32, 64);
    store_le64(p + DATA + 40, 10 * 1024);
    store_le64(p + DATA + 48, 10000);
    store_le64(p + DATA + 56, 9000);
    memcpy(p + DATA + 64, "\x21\x04\x2c\x01\x01\x06\0", 7);
    fill_attribute(p + ROOT, 0x90, END - ROOT);
    store_le32(p + ROOT + 16, END - ROOT - 24);
    store_le32(p + ROOT + 24, 0x30);
    assert_int_equal(fill_entries(p + ROOT + 40, 16, 120), 120);
    store_le32(p + END, UINT32_MAX);
}

static void test_record(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"no record", 0, 4, 0x44414142, "no mark of a record"},
        {"no room for what there is", 24, 4, 1025,
         "attributes from 56 to 1025 of 1024 bytes, but records have 1024"},
        {"as long as another volume has them", 28, 4, 4096,
         "attributes from 56 to 448 of 4096 bytes, but records have 1024"},
        {"attributes in the header", 20, 2, 16,
         "attributes from 16 to 448 of 1024 bytes, but records have 1024"},
        {"attributes behind the end", 20, 2, 0xfff8,
         "attributes from 65528 to 448 of 1024 bytes, but records have 1024"},
        {"attributes that nothing ends", END, 4, 0x100, "attributes without an end"},
        {"cut within the mark of the end", 24, 4, END + 2, "attributes without an end"},
        {"an attribute of no bytes", NAME + 4, 4, 0,
         "attribute 0x30: 0 bytes at 56, but they end at 448"},
        {"an attribute past the end", NAME + 4, 4, 0xfffffff8,
         "attribute 0x30: 4294967288 bytes at 56, but they end at 448"},
        {"a kind that there is not", DATA + 8, 1, 2, "attribute 0x80: kind 2"},
        {"a name that is elsewhere", NAME + 8, 1, 1, "attribute 0x30: kind 1"},
        {"index blocks within the record", LIST, 1, 0xa0, "attribute 0xa0: kind 0"},
        {"a name of an attribute past its end", NAME + 9, 3, 0x400030,
         "attribute 0x30: name of 48 characters at 16384 of 96"},
        {"a value past its attribute", NAME + 16, 4, 73,
         "attribute 0x30: value of 73 bytes at 24 of 96"},
        {"a value in the header", NAME + 20, 2, 8,
         "attribute 0x30: value of 70 bytes at 8 of 96"},
        {"a value too small", NAME + 16, 4, 65, "attribute 0x30: 65 bytes, need 66"},
        {"a name past its value", NAME + 24 + 64, 1, 3,
         "attribute 0x30: name of 3 characters in 70 bytes"},
        {"an empty entry in a list", LIST + 24 + 4, 2, 0,
         "attribute list: entry 0 of 0 bytes with a name of 0 at 26"},
        {"an entry past the list", LIST + 24 + 4, 2, 40,
         "attribute list: entry 0 of 40 bytes with a name of 0 at 26"},
        {"a name past its entry", LIST + 24 + 6, 1, 4,
         "attribute list: entry 0 of 32 bytes with a name of 4 at 26"},
        {"a rest of a list", LIST + 16, 4, 31,
         "attribute list: entry 0 of 32 bytes with a name of 0 at 26"},
        {"a second list", ROOT, 1, 0x20, "attribute 0x20: there is a second"},
        {"runs in the header", DATA + 32, 2, 40,
         "attribute 0x80: 72 bytes, with runs at 40"},
        {"runs behind the attribute", DATA + 32, 2, 72,
         "attribute 0x80: runs without an end"},
        {"packed by 32 clusters", DATA + 34, 1, 5, "attribute 0x80: packed by 5"},
        {"clusters behind all that can be", DATA + 16, 8, UINT64_C(1) << 60,
         "attribute 0x80: clusters 1152921504606846976 to 9"},
        {"more clusters than runs", DATA + 24, 8, 10,
         "attribute 0x80: clusters 0 to 10, but runs of 10"},
        {"written more than there is", DATA + 56, 8, 10001,
         "attribute 0x80: 10001 bytes written of 10000 in 10240"},
        {"more than its clusters", DATA + 48, 8, 10241,
         "attribute 0x80: 9000 bytes written of 10241 in 10240"},
        {"half a cluster", DATA + 40, 8, 10241,
         "attribute 0x80: 9000 bytes written of 10000 in 10241"},
        {"a run without a length", DATA + 64, 1, 0x20,
         "attribute 0x80: run of 0 and 2 bytes"},
        {"a run of nine bytes", DATA + 64, 1, 0x29,
         "attribute 0x80: run of 9 and 2 bytes"},
        {"a run past the attribute", DATA + 64, 1, 0x81,
         "attribute 0x80: run of 1 and 8 bytes"},
        {"a run of no clusters", DATA + 65, 1, 0, "attribute 0x80: run of 0 clusters"},
        {"a run of less", DATA + 65, 1, 0x84, "attribute 0x80: run of -124 clusters"},
        {"a run before the volume", DATA + 66, 2, 0xffff,
         "attribute 0x80: run of 4 clusters at -1, but there are 1000"},
        {"a run past it", DATA + 66, 2, 997,
         "attribute 0x80: run of 4 clusters at 997, but there are 1000"},
        {"runs without an end", DATA + 70, 2, 0x0111,
         "attribute 0x80: run of 1 and 1 bytes"},
        {"an index too small", ROOT + 16, 4, 31, "attribute 0x90: 31 bytes, need 32"},
        {"an index past its value", ROOT + 48, 4, 121,
         "index entries from 16 to 120 of 121 bytes, where there are 120"},
        {"entries past the index", ROOT + 44, 4, 121,
         "index entries from 16 to 121 of 120 bytes, where there are 120"},
        {"entries in the header", ROOT + 40, 4, 8,
         "index entries from 8 to 120 of 120 bytes, where there are 120"},
        {"an entry of no bytes", ROOT + 56 + 8, 2, 0,
         "index entry at 32 of 0 bytes, but they end at 136"},
        {"an entry past the others", ROOT + 56 + 8, 2, 112,
         "index entry at 32 of 112 bytes, but they end at 136"},
        {"no entry is the last", ROOT + 56 + 88 + 12, 2, 0,
         "index entry at 120: no name in 0 bytes"},
        {"a last entry with no room for what is below", ROOT + 56 + 88 + 12, 2, 3,
         "index entry at 120 of 16 bytes, but they end at 136"},
        {"a key past its entry", ROOT + 56 + 10, 2, 73,
         "index entry at 32: key of 73 bytes in 88"},
        {"a name past its key", ROOT + 56 + 16 + 64, 1, 3,
         "index entry at 32: no name in 70 bytes"},
        {"another index, of no names", ROOT + 24, 4, 0, ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t record[RECORD];
        struct ntfs_runs list;
        struct err err = {0};

        fill_record(record);
        spoil(record, &rows[i]);
        stamp(record, RECORD, 48);
        same(&rows[i], ntfs_record_check(record, &shape, &list, &err), &err);
    }
}

static void test_torn(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"the second sector is older", 1022, 2, 0x1233,
         "sector 1 was not written with the first"},
        {"the first sector is older", 510, 2, 0,
         "sector 0 was not written with the first"},
        {"numbers for one sector", 6, 2, 2, "2 update numbers at 48 for 2 sectors"},
        {"numbers in the header", 4, 2, 8, "3 update numbers at 8 for 2 sectors"},
        {"numbers behind the first sector", 4, 2, 506,
         "3 update numbers at 506 for 2 sectors"},
        {"numbers at an odd place", 4, 2, 49, "3 update numbers at 49 for 2 sectors"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t record[RECORD];
        struct ntfs_runs list;
        struct err err = {0};

        fill_record(record);
        stamp(record, RECORD, 48);
        spoil(record, &rows[i]);
        same(&rows[i], ntfs_record_check(record, &shape, &list, &err), &err);
    }
}

/* The list lies elsewhere: DATA is made one. */
static void test_list_elsewhere(void **state)
{
    static const struct spoil rows[] = {
        {"four clusters", 0, 0, 0, ""},
        {"longer than its clusters", DATA + 24, 8, 9,
         "attribute 0x20: clusters 0 to 9, but runs of 4"},
        {"a hole", DATA + 64, 3, 0x000401, "attribute 0x20: 4000 bytes in 4 clusters"},
        {"not all written", DATA + 56, 8, 3999,
         "attribute 0x20: 4000 bytes in 4 clusters"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t record[RECORD];
        struct ntfs_runs list;
        struct err err = {0};

        fill_record(record);
        store_le32(record + LIST, 0x50); /* nothing is asked of its value */
        store_le32(record + DATA, 0x20);
        store_le64(record + DATA + 24, 3);
        store_le64(record + DATA + 40, 4096);
        store_le64(record + DATA + 48, 4000);
        store_le64(record + DATA + 56, 4000);
        record[DATA + 68] = 0;
        spoil(record, &rows[i]);
        stamp(record, RECORD, 48);
        same(&rows[i], ntfs_record_check(record, &shape, &list, &err), &err);
        if (i == 0) {
            assert_int_equal(list.bytes, 4000);
            assert_int_equal(list.n, 1);
            assert_int_equal(list.run[0].at, 300 * 1024);
            assert_int_equal(list.run[0].bytes, 4096);
        }
    }
}

static void test_endless_list(void **state)
{
    static uint8_t list[(NTFS_LIST_MAX + 1) * 32];
    uint8_t record[RECORD];
    struct ntfs_runs runs;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < sizeof list; i += 32)
        list[i + 4] = 32;
    assert_int_equal(ntfs_list_check(list, NTFS_LIST_MAX * 32, &err), 0);
    assert_int_equal(ntfs_list_check(list, sizeof list, &err), -ERR_LIMIT);
    assert_string_equal(err.msg, "attribute list of more than 1024 entries");

    fill_record(record);
    store_le32(record + LIST, 0x50);
    store_le32(record + DATA, 0x20);
    store_le64(record + DATA + 24, 99);
    for (unsigned at = 40; at < 64; at += 8)
        store_le64(record + DATA + at, 100 * 1024);
    record[DATA + 65] = 100;
    record[DATA + 68] = 0;
    stamp(record, RECORD, 48);
    err_clear(&err);
    assert_int_equal(ntfs_record_check(record, &shape, &runs, &err), -ERR_LIMIT);
    assert_string_equal(err.msg, "attribute list of 102400 bytes, limit 65536");
}

/* ---- index blocks */

static void test_index(void **state)
{
    static const struct spoil rows[] = {
        {"whole", 0, 0, 0, ""},
        {"no index block", 0, 4, 0x454c4946, "no mark of an index block"},
        {"entries on the update numbers", 24, 4, 16,
         "index entries on top of the update numbers"},
        {"more than the block", 24 + 8, 4, 4096,
         "index entries from 40 to 144 of 4096 bytes, where there are 4072"},
        {"an odd start", 24, 4, 41,
         "index entries from 41 to 144 of 4072 bytes, where there are 4072"},
        {"a start that wraps", 24, 4, 0xfffffff8,
         "index entries from 4294967288 to 144 of 4072 bytes, where there are 4072"},
        {"an entry that goes nowhere", 64 + 8, 2, 8,
         "index entry at 64 of 8 bytes, but they end at 168"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t block[4096] = "INDX";
        struct err err = {0};

        fill_entries(block + 24, 40, 4072);
        /* Ends of sectors, so that the update numbers look like an entry. */
        store_le16(block + 4 * 512 - 2, 24);
        store_le16(block + 6 * 512 - 2, 2);
        spoil(block, &rows[i]);
        stamp(block, sizeof block, 40);
        same(&rows[i], ntfs_index_check(block, sizeof block, &err), &err);
    }
}

/* ---- what is packed */

#define DATA_OF(text) text, sizeof text - 1

static void test_unpack(void **state)
{
    static const struct {
        const char *name, *packed;
        size_t n;
        const char *want; /* in front of zeros; NULL: an error */
        const char *message;
    } rows[] = {
        {"nothing", DATA_OF("\0\0"), "", ""},
        {"a chunk of bytes",
         DATA_OF("\x02\x30"
                 "abc"),
         "abc", ""},
        {"bytes",
         DATA_OF("\x03\xb0"
                 "\0abc"),
         "abc", ""},
        {"a pair",
         DATA_OF("\x05\xb0"
                 "\x08"
                 "abc\x03\x20"),
         "abcabcabc", ""},
        {"a pair that overlaps itself",
         DATA_OF("\x03\xb0"
                 "\x02"
                 "a\x04\0"),
         "aaaaaaaa", ""},
        {"a pair of what is not there",
         DATA_OF("\x03\xb0"
                 "\x02"
                 "a\x04\x10"),
         NULL, "packed data: 7 bytes from 2 back, at 1 of 4096"},
        {"a pair at the start",
         DATA_OF("\x02\xb0"
                 "\x01\x04\x00"),
         NULL, "packed data: 7 bytes from 1 back, at 0 of 4096"},
        {"half a pair",
         DATA_OF("\x02\xb0"
                 "\x02"
                 "a\x04"),
         NULL, "packed data ends within a pair"},
        {"more than fits",
         DATA_OF("\x03\xb0"
                 "\x02"
                 "a\xff\x0f"),
         NULL, "packed data: 4098 bytes from 1 back, at 1 of 4096"},
        {"a chunk past the end",
         DATA_OF("\xff\xbf"
                 "abc"),
         NULL, "packed data: chunk of 4096 bytes, room for 3"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        static uint8_t got[2 * 4096], want[sizeof got];
        struct err err = {0};
        int r = ntfs_unpack(got, sizeof got, (const uint8_t *)rows[i].packed, rows[i].n,
                            &err);

        if (strcmp(err.msg, rows[i].message) != 0)
            print_message("%s:\n", rows[i].name);
        assert_string_equal(err.msg, rows[i].message);
        assert_int_equal(r, rows[i].want ? 0 : -ERR_CORRUPT);
        if (!rows[i].want)
            continue;
        memset(want, 0, sizeof want);
        memcpy(want, rows[i].want, strlen(rows[i].want));
        assert_memory_equal(got, want, sizeof want);
    }
}

/* ---- links */

static void fill_link(struct ntfs_reparse *p, uint32_t tag, const char *target,
                      unsigned flags)
{
    size_t n = strlen(target), names = tag == 0xa000000c ? 20 : 16;

    *p = (struct ntfs_reparse){.tag = tag, .n = names + 2 * n};
    store_le16(p->raw + 10, (uint16_t)(2 * n));
    if (tag == 0xa000000c)
        store_le32(p->raw + 16, flags);
    for (size_t i = 0; i < n; i++)
        p->raw[names + 2 * i] = (uint8_t)target[i];
}

static void test_links(void **state)
{
    static const struct {
        uint32_t tag;
        const char *stored;
        unsigned flags;
        const char *want; /* the target, or the message */
        int r;
    } rows[] = {
        {0xa000000c, "..\\Some\\file", 1, "../Some/file", 0},
        {0xa000000c, "\\Windows", 1, "/Windows", 0},
        {0xa000000c, "\\??\\C:\\Users\\x", 0, "/Users/x", 0},
        {0xa0000003, "\\??\\c:\\Users", 0, "/Users", 0},
        {0xa0000003, "\\??\\C:\\", 0, "/", 0},
        {0xa0000003, "\\??\\D:\\data", 0, "a link to another volume, \\??\\D:\\data",
         -ERR_UNSUPPORTED},
        {0xa0000003, "\\??\\Volume{1}\\", 0,
         "a link to another volume, \\??\\Volume{1}\\", -ERR_UNSUPPORTED},
        {0xa000000c, "", 0, "a link to another volume, ", -ERR_UNSUPPORTED},
    };
    struct ntfs_reparse p;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(buf_fini) struct buf got = {.max = FS_LINK_MAX};

        err_clear(&err);
        fill_link(&p, rows[i].tag, rows[i].stored, rows[i].flags);
        assert_int_equal(ntfs_reparse_target(&got, &p, &err), rows[i].r);
        if (rows[i].r < 0) {
            assert_string_equal(err.msg, rows[i].want);
            continue;
        }
        assert_int_equal(got.n, strlen(rows[i].want));
        assert_memory_equal(got.p, rows[i].want, got.n);
    }
}

static void test_bad_links(void **state)
{
    static const struct spoil rows[] = {
        {"a name past the end", 8, 2, 2, "link with a name of 8 bytes at 2 of 8"},
        {"half a character", 10, 2, 7, "link with a name of 7 bytes at 0 of 8"},
    };
    AUTO(buf_fini) struct buf got = {.max = FS_LINK_MAX};
    struct ntfs_reparse p;
    struct err err = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        err_clear(&err);
        fill_link(&p, 0xa000000c, "name", 1);
        spoil(p.raw, &rows[i]);
        same(&rows[i], ntfs_reparse_target(&got, &p, &err), &err);
    }
    err_clear(&err);
    p.n = 19;
    assert_int_equal(ntfs_reparse_target(&got, &p, &err), -ERR_CORRUPT);
    assert_string_equal(err.msg, "link of 19 bytes");
    err_clear(&err);
    p.tag = 0xa000001d;
    assert_int_equal(ntfs_reparse_target(&got, &p, &err), -ERR_CORRUPT);
    assert_string_equal(err.msg, "link of Linux of 19 bytes");
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(ntfs_reparse_kind(0, false), NTFS_PLAIN);
    assert_int_equal(ntfs_reparse_kind(0xa0000003, true), NTFS_LINK);
    assert_int_equal(ntfs_reparse_kind(0x80000023, false), NTFS_SPECIAL);
    assert_int_equal(ntfs_reparse_kind(0x80000017, false), NTFS_ELSEWHERE);
    /* A file that OneDrive has, and its folder. */
    assert_int_equal(ntfs_reparse_kind(0x9000001a, false), NTFS_ELSEWHERE);
    assert_int_equal(ntfs_reparse_kind(0x9000001a, true), NTFS_PLAIN);
}

/* ---- the log */

static void test_restart_page(void **state)
{
    static const struct {
        const char *name;
        unsigned major, client, flags;
        enum ntfs_state want;
    } rows[] = {
        {"closed, before Windows XP", 1, 0xffff, 0, NTFS_STATE_CLEAN},
        {"open and marked clean, since then", 1, 0, 2, NTFS_STATE_CLEAN},
        {"open", 1, 0, 0, NTFS_STATE_OPEN},
        {"kept through a fast startup", 2, 0, 2, NTFS_STATE_CACHED},
    };
    uint8_t page[4096];
    enum ntfs_state got;
    uint64_t lsn;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        memset(page, 0, sizeof page);
        memcpy(page, "RSTR", 4);
        store_le16(page + 24, 48);
        store_le16(page + 26, rows[i].major == 1);
        store_le16(page + 28, (uint16_t)rows[i].major);
        store_le64(page + 48, 77);
        store_le16(page + 48 + 12, (uint16_t)rows[i].client);
        store_le16(page + 48 + 14, (uint16_t)rows[i].flags);
        stamp(page, sizeof page, 30);
        assert_true(ntfs_restart_page(page, sizeof page, &lsn, &got));
        assert_int_equal(lsn, 77);
        assert_int_equal(got, rows[i].want);
        /* Mended pages are torn ones. */
        assert_false(ntfs_restart_page(page, sizeof page, &lsn, &got));
        store_le16(page + 24, 4090);
        stamp(page, sizeof page, 30);
        assert_false(ntfs_restart_page(page, sizeof page, &lsn, &got));
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_boot),         cmocka_unit_test(test_record),
        cmocka_unit_test(test_torn),         cmocka_unit_test(test_list_elsewhere),
        cmocka_unit_test(test_endless_list), cmocka_unit_test(test_index),
        cmocka_unit_test(test_unpack),       cmocka_unit_test(test_links),
        cmocka_unit_test(test_bad_links),    cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_restart_page),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
