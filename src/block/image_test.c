/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "block/image.h"

enum { FILE_SIZE = 4096, MIB = 1 << 20 };

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < IMAGE_FORMAT_MAX; i++) {
        enum image_format f = (enum image_format)i;

        assert_int_equal(image_format_from_name(image_format_name(f)), f);
    }
    assert_int_equal(image_format_from_name("vpc"), IMAGE_VHD);
    assert_int_equal(image_format_from_name("vhdx"), IMAGE_FORMAT_MAX);
    for (int i = 0; i < IMAGE_FAULT_MAX; i++) {
        enum image_fault f = (enum image_fault)i;

        assert_int_equal(image_fault_from_name(image_fault_name(f)), f);
        assert_true(f == IMAGE_FAULT_NONE || image_fault_check(f)[0] == 'C');
        assert_true(image_fault_sentence(f)[0]);
    }
    assert_int_equal(image_fault_from_name("nothing of the kind"), IMAGE_FAULT_MAX);
}

/* What a file of zeros with `bytes` at `off` is.  `off` < 0 counts from the end. */
struct probe_case {
    const char *sentence;
    long off;
    size_t n;
    const char *bytes;
    enum image_fault fault;
    const char *other;
};

#define AT(off, bytes) off, sizeof(bytes) - 1, bytes

static const struct probe_case probe_cases[] = {
    {"zeros are raw", AT(0, ""), IMAGE_FAULT_NONE, ""},
    {"boot code is raw", AT(0, "\xeb\x63\x90\x10\x8e\xd0\xbc"), IMAGE_FAULT_NONE, ""},
    {"a little text before binary is raw", AT(0, "<html>\n"), IMAGE_FAULT_NONE, ""},
    {"VHDX", AT(0, "vhdxfile"), IMAGE_FAULT_NOT_TAKEN, "VHDX"},
    {"VDI", AT(64, "\x7f\x10\xda\xbe"), IMAGE_FAULT_NOT_TAKEN, "VDI"},
    {"QED", AT(0, "QED\0"), IMAGE_FAULT_NOT_TAKEN, "QED"},
    {"QCOW of version 1", AT(0, "QFI\xfb\0\0\0\1"), IMAGE_FAULT_NOT_TAKEN, "QCOW v1"},
    {"Parallels", AT(0, "WithoutFreeSpace"), IMAGE_FAULT_NOT_TAKEN, "Parallels"},
    {"Parallels with 64-bit sectors", AT(0, "WithouFreSpacExt"), IMAGE_FAULT_NOT_TAKEN,
     "Parallels"},
    {"Bochs", AT(0, "Bochs Virtual HD Image"), IMAGE_FAULT_NOT_TAKEN, "Bochs"},
    {"LUKS 1", AT(0, "LUKS\xba\xbe\0\1"), IMAGE_FAULT_LUKS, "LUKS"},
    {"LUKS 2", AT(0, "LUKS\xba\xbe\0\2"), IMAGE_FAULT_LUKS, "LUKS"},
    {"a LUKS nobody knows is raw", AT(0, "LUKS\xba\xbe\0\3"), IMAGE_FAULT_NONE, ""},
    {"EWF", AT(0, "EVF\x09\x0d\x0a\xff\0"), IMAGE_FAULT_NOT_TAKEN, "EWF"},
    {"ESX sparse", AT(0, "COWD\1\0\0\0"), IMAGE_FAULT_DELTA, "VMDK COWD"},
    {"SEsparse", AT(0, "\xbe\xba\xfe\xca\0\0\0\0"), IMAGE_FAULT_DELTA, "VMDK SEsparse"},
    {"DMG", AT(-512, "koly\0\0\0\4\0\0\2\0"), IMAGE_FAULT_NOT_TAKEN, "DMG"},
    {"koly alone is raw", AT(-512, "koly"), IMAGE_FAULT_NONE, ""},
    {"gzip", AT(0, "\x1f\x8b\x08"), IMAGE_FAULT_COMPRESSED_FILE, "gzip"},
    {"xz",
     AT(0, "\xfd"
           "7zXZ\0"),
     IMAGE_FAULT_COMPRESSED_FILE, "xz"},
    {"zstd", AT(0, "\x28\xb5\x2f\xfd"), IMAGE_FAULT_COMPRESSED_FILE, "zstd"},
    {"bzip2", AT(0, "BZh91AY&SY"), IMAGE_FAULT_COMPRESSED_FILE, "bzip2"},
    {"BZh without a block is raw", AT(0, "BZh9...."), IMAGE_FAULT_NONE, ""},
    {"lz4", AT(0, "\x04\x22\x4d\x18"), IMAGE_FAULT_COMPRESSED_FILE, "lz4"},
    {"lzop", AT(0, "\x89LZO\0\x0d\x0a\x1a\x0a"), IMAGE_FAULT_COMPRESSED_FILE, "lzop"},
    {"zip", AT(0, "PK\3\4"), IMAGE_FAULT_COMPRESSED_FILE, "zip"},
    {"7z", AT(0, "7z\xbc\xaf\x27\x1c"), IMAGE_FAULT_COMPRESSED_FILE, "7z"},
    {"rar", AT(0, "Rar!\x1a\x07"), IMAGE_FAULT_COMPRESSED_FILE, "rar"},
    {"tar", AT(257, "ustar\0"), IMAGE_FAULT_ARCHIVE, "tar"},
    {"tar of GNU", AT(257, "ustar  "), IMAGE_FAULT_ARCHIVE, "tar"},
    {"an ISO 9660 is raw here", AT(32769, "CD001"), IMAGE_FAULT_NONE, ""},
};

static int open_bytes(struct image_info *info, const void *p, size_t n,
                      enum image_format declared, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
    struct image_options options = {.declared = declared};

    *err = (struct err){0};
    assert_int_equal(block_mem_open(&file, p, n, err), 0);
    return image_open(&disk, info, file, &options, err);
}

static void test_recognise(void **state)
{
    static uint8_t buf[65536];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(probe_cases); i++) {
        const struct probe_case *c = &probe_cases[i];
        struct image_info info;
        struct err err;
        int r;

        memset(buf, 0, sizeof buf);
        memcpy(buf + (c->off < 0 ? (long)sizeof buf + c->off : c->off), c->bytes, c->n);
        r = open_bytes(&info, buf, sizeof buf, IMAGE_UNKNOWN, &err);
        if (info.fault != c->fault || strcmp(info.other, c->other) != 0)
            fail_msg("%s: fault %s, other '%s'", c->sentence,
                     image_fault_name(info.fault), info.other);
        assert_int_equal(r == 0, c->fault == IMAGE_FAULT_NONE);
        assert_int_equal(info.format, r ? IMAGE_UNKNOWN : IMAGE_RAW);
        assert_int_equal(info.file_size, sizeof buf);
        assert_int_equal(info.virtual_size, r ? 0 : sizeof buf);
    }
}

static void test_alien_sentences(void **state)
{
    static const struct {
        const char *bytes, *message;
    } cases[] = {
        {"<html>", "the file is text (HTML) and no image"},
        {"\x1f\x8b\x08", "the file is packed with gzip"},
        {"070701", "the file is an archive (cpio)"},
        {"vhdxfile", "the file is VHDX, which is not taken"},
        {"LUKS\xba\xbe\0\2", "the file is LUKS, which is not taken"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct image_info info;
        struct err err;

        assert_int_equal(open_bytes(&info, cases[i].bytes,
                                    i == 4 ? 8 : strlen(cases[i].bytes), IMAGE_UNKNOWN,
                                    &err),
                         -ERR_UNSUPPORTED);
        assert_string_equal(err.msg, cases[i].message);
    }
}

static void test_old_tar(void **state)
{
    uint8_t buf[FILE_SIZE] = "machine.ovf";
    struct image_info info;
    struct err err;
    unsigned sum = 8 * ' ';

    (void)state;
    for (size_t i = 0; i < 512; i++)
        sum += buf[i];
    snprintf((char *)buf + 148, 8, "%06o", sum);
    assert_true(open_bytes(&info, buf, sizeof buf, IMAGE_UNKNOWN, &err) < 0);
    assert_int_equal(info.fault, IMAGE_FAULT_ARCHIVE);
    assert_string_equal(info.other, "OVA");
    buf[20] = 'x'; /* the sum is wrong: no tar */
    assert_int_equal(open_bytes(&info, buf, sizeof buf, IMAGE_UNKNOWN, &err), 0);
}

static const struct {
    const char *sentence, *text, *other; /* other "": raw */
} text_cases[] = {
    {"a web page", "\n<!DOCTYPE html><title>x</title>\n", "HTML"},
    {"an error document", "<?xml version='1.0'?>\n<Error/>\n", "XML"},
    {"JSON after a byte order mark", "\xef\xbb\xbf {\"Error\": {}}\n", "JSON"},
    {"words", "404 page not found\n", "text"},
    {"words of another script", "\xe6\x89\xbe\xe4\xb8\x8d\xe5\x88\xb0\n", "text"},
    {"Latin-1 is not known to be text", "r\xe9sum\xe9\n", ""},
    {"an escape is not text", "\x1b[0m\n", ""},
};

/* Short files, and ones whose first sector is full of it. */
static void test_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(text_cases); i++) {
        const char *text = text_cases[i].text, *other = text_cases[i].other;
        char buf[FILE_SIZE] = {0};
        struct image_info info;
        struct err err;

        (void)open_bytes(&info, text, strlen(text), IMAGE_UNKNOWN, &err);
        if (strcmp(info.other, other) != 0)
            fail_msg("%s: '%s'", text_cases[i].sentence, info.other);
        assert_int_equal(info.fault, *other ? IMAGE_FAULT_TEXT : IMAGE_FAULT_NONE);
        for (size_t n = 0; n < 512; n++)
            buf[n] = text[n % strlen(text)];
        (void)open_bytes(&info, buf, sizeof buf, IMAGE_UNKNOWN, &err);
        assert_string_equal(info.other, other);
        buf[511] = 0;
        assert_int_equal(open_bytes(&info, buf, sizeof buf, IMAGE_UNKNOWN, &err), 0);
    }
}

static void test_refusals(void **state)
{
    uint8_t buf[FILE_SIZE] = {0};
    struct image_info info;
    struct err err;

    (void)state;
    assert_int_equal(open_bytes(&info, buf, 0, IMAGE_UNKNOWN, &err), -ERR_CORRUPT);
    assert_int_equal(info.fault, IMAGE_FAULT_EMPTY);
    assert_string_equal(err.msg, "the file has no bytes");
    assert_string_equal(info.fault_detail, err.msg);

    assert_int_equal(open_bytes(&info, buf, sizeof buf, IMAGE_RAW, &err), 0);
    assert_int_equal(open_bytes(&info, buf, sizeof buf, IMAGE_VHD, &err),
                     -ERR_UNSUPPORTED);
    assert_int_equal(info.fault, IMAGE_FAULT_DECLARED_OTHER);
    assert_string_equal(err.msg, "declared vhd, but the file is raw");

    memcpy(buf, "\x1f\x8b\x08", 3);
    memcpy(buf + 64, "\x7f\x10\xda\xbe", 4);
    assert_int_equal(open_bytes(&info, buf, sizeof buf, IMAGE_RAW, &err), -ERR_CORRUPT);
    assert_int_equal(info.fault, IMAGE_FAULT_POLYGLOT);
    assert_string_equal(info.other, "VDI and gzip");

    memcpy(buf, "KDMV", 4);
    memcpy(buf + 257, "ustar", 6);
    memcpy(buf + sizeof buf - 512, "conectix", 8);
    assert_int_equal(open_bytes(&info, buf, sizeof buf, IMAGE_VMDK, &err), -ERR_CORRUPT);
    assert_int_equal(info.fault, IMAGE_FAULT_POLYGLOT);
    assert_string_equal(info.other, "vhd and vmdk and VDI and tar");
    assert_string_equal(err.msg, "the file is vhd and vmdk and VDI and tar at once, so "
                                 "nobody can say what is in it");
}

static void test_io_is_no_fault(void **state)
{
    AUTO(block_unrefp) struct block *file = NULL, *bad = NULL, *disk = NULL;
    static const uint8_t buf[FILE_SIZE];
    struct image_info info;
    struct err err = {0};

    (void)state;
    assert_int_equal(block_mem_open(&file, buf, sizeof buf, &err), 0);
    assert_int_equal(block_fault_open(&bad, file, 1, NULL, &err), 0);
    assert_int_equal(image_open(&disk, &info, bad, NULL, &err), -ERR_IO);
    assert_int_equal(info.fault, IMAGE_FAULT_NONE);
    assert_null(disk);
}

static void test_raw_tail(void **state)
{
    AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
    static const uint8_t buf[FILE_SIZE + 3] = {[FILE_SIZE + 2] = 7};
    struct image_info info;
    struct err err = {0};
    uint8_t last;

    (void)state;
    assert_int_equal(block_mem_open(&file, buf, sizeof buf, &err), 0);
    assert_int_equal(image_open(&disk, &info, file, NULL, &err), 0);
    assert_int_equal(disk->size, FILE_SIZE + 3);
    assert_int_equal(block_read(disk, &last, 1, FILE_SIZE + 2, &err), 0);
    assert_int_equal(last, 7);
}

static void test_qcow2_size(void **state)
{
    const uint64_t c = 65536, l2 = 512ull * MIB;

    (void)state;
    /* header, L1, refcount table, refcount block */
    assert_int_equal(image_qcow2_size(0, 0), 4 * c);
    assert_int_equal(image_qcow2_size(l2, 0), 4 * c);
    assert_int_equal(image_qcow2_size(l2, 8192), (4 + 1 + 8192) * c);
    assert_int_equal(image_qcow2_size(l2 + 1, 8193), (4 + 2 + 8193) * c);
    /* fewer data clusters than ranges: each in a range of its own */
    assert_int_equal(image_qcow2_size(8 * l2, 3), (4 + 3 + 3) * c);
    assert_int_equal(image_qcow2_layout(8 * l2, 1, 3), (4 + 1 + 3) * c);
    /* the refcount block is full, then one cluster too many */
    assert_int_equal(image_qcow2_layout(4 * l2, 4, 32768 - 8), 32768 * c);
    assert_int_equal(image_qcow2_layout(4 * l2, 4, 32768 - 7), 32770 * c);
    /* a second cluster of L1 at 4 TiB */
    assert_int_equal(image_qcow2_size(8192 * l2, 0), 4 * c);
    assert_int_equal(image_qcow2_size(8192 * l2 + 1, 0), 5 * c);
    assert_int_equal(image_qcow2_layout(0, 0, UINT64_MAX), UINT64_MAX);
    assert_int_equal(image_qcow2_layout(UINT64_MAX, UINT64_MAX, 1), UINT64_MAX);
    assert_int_equal(image_qcow2_size(UINT64_MAX, UINT64_MAX / 65536), UINT64_MAX);
}

/* A disk of 1 GiB whose extents are given by a table. */
struct fake {
    struct block block;
    const struct extent *e;
    size_t n;
};

static int fake_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    struct fake *f = CONTAINER_OF(b, struct fake, block);
    uint64_t start = 0;

    (void)err;
    for (size_t i = 0; i < f->n; start += f->e[i++].length)
        if (off < start + f->e[i].length) {
            *ret = (struct extent){f->e[i].kind, start + f->e[i].length - off};
            return 0;
        }
    *ret = (struct extent){EXTENT_HOLE, b->size - off};
    return 0;
}

static void fake_close(struct block *b)
{
    (void)b;
}

static void test_qcow2_bound(void **state)
{
    static const struct block_driver driver = {.extent = fake_extent,
                                               .close = fake_close};
    static const struct extent e[] = {
        {EXTENT_DATA, 1},                               /* cluster 0 */
        {EXTENT_HOLE, 65534},     {EXTENT_DATA, 1},     /* cluster 0 again */
        {EXTENT_DATA, 65536},                           /* cluster 1 */
        {EXTENT_ZERO, 600 * MIB}, {EXTENT_DATA, 65536}, /* the second range */
    };
    struct fake f = {.e = e, .n = ARRAY_SIZE(e)};
    struct err err = {0};
    uint64_t bound;

    (void)state;
    block_init(&f.block, &driver, 1024ull * MIB);
    assert_int_equal(image_qcow2_bound(&f.block, &bound, &err), 0);
    assert_int_equal(bound, (4 + 2 + 3) * 65536);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_alien_sentences),
        cmocka_unit_test(test_old_tar),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_io_is_no_fault),
        cmocka_unit_test(test_raw_tail),
        cmocka_unit_test(test_qcow2_size),
        cmocka_unit_test(test_qcow2_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
