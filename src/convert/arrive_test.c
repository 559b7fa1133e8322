/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arrive_test.c: disks that arrive, converted, held against the same disks as files */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "block/stream_testing.h"
#include "convert/convert_testing.h"
#include "convert/sink.h"
#include "convert/verify.h"

enum { DISK = 9 * MIB + 300 };

static uint8_t disk[DISK];

static int set_up(void **state)
{
    uint32_t x = 1;

    (void)state;
    for (size_t i = 0; i < DISK; i++) {
        unsigned turn = (unsigned)(i / (700 * KIB) % 3);

        x = x * 1103515245 + 12345;
        disk[i] = turn == 0   ? (uint8_t)(x >> 16)
                  : turn == 1 ? 0
                              : (uint8_t) "port of entry\n"[i % 14];
    }
    return 0;
}

static const struct kind {
    const char *name;
    enum image_format format;
    const char *kind;
    enum convert_compression compression;
    uint32_t cluster;
    bool needs_size;
} kinds[] = {
    {"qcow2", IMAGE_QCOW2, "", CONVERT_PLAIN, 0, false},
    {"qcow2, zlib", IMAGE_QCOW2, "", CONVERT_ZLIB, 0, false},
    {"qcow2 of 2 MiB, zstd", IMAGE_QCOW2, "", CONVERT_ZSTD, 2 * MIB, false},
    {"qcow2 of 4 KiB", IMAGE_QCOW2, "", CONVERT_PLAIN, 4 * KIB, true},
    {"raw", IMAGE_RAW, "", CONVERT_PLAIN, 0, false},
    {"vhd, fixed", IMAGE_VHD, "fixed", CONVERT_PLAIN, 0, false},
    {"vhd, dynamic", IMAGE_VHD, "dynamic", CONVERT_PLAIN, 0, true},
    {"vmdk, streamOptimized", IMAGE_VMDK, "streamOptimized", CONVERT_USUAL, 0, false},
    {"vmdk, monolithicSparse", IMAGE_VMDK, "monolithicSparse", CONVERT_PLAIN, 0, true},
};

static struct convert_options options_of(const struct kind *k, int fd)
{
    return (struct convert_options){
        .fd = fd,
        .format = k->format,
        .kind = k->kind,
        .name = "a disk.vmdk",
        .compression = k->compression,
        .cluster = k->cluster,
    };
}

static int from_stream(const struct convert_options *options, struct mem_stream *m,
                       struct convert_result *ret, struct block *written, struct err *err)
{
    static const struct image_options none;
    struct convert_options o = *options;
    AUTO(flow_closep) struct flow *f = NULL;
    struct image_info info;
    int r = flow_open(&f, &info, &m->stream, &none, err);

    assert_true(r != 0);
    o.flow = f;
    if (r > 0)
        r = convert_run(ret, &o, err);
    if (r == 0 && written)
        r = convert_verify(&o, written, err);
    return r;
}

static void same_bytes_as_from_a_file(void **state)
{
    static const unsigned threads[] = {1, 2, 8};
    AUTO(block_unrefp) struct block *file = NULL;

    (void)state;
    assert_int_equal(block_mem_open(&file, disk, DISK, NULL), 0);
    for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
        AUTO(closep) int first = testing_file();
        struct convert_options o = options_of(k, first);
        struct convert_result want, got;
        struct err err = {0};

        print_message("%s\n", k->name);
        assert_int_equal(convert_needs_size(&o), k->needs_size);
        o.source = file;
        assert_int_equal(convert_run(&want, &o, &err), 0);
        o.source = NULL;
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
            AUTO(closep) int fd = testing_file();
            struct mem_stream m = mem_stream_of(bytes_of(disk, DISK), i ? MIB : 777);
            int r;

            o.fd = fd;
            o.threads = threads[i];
            r = from_stream(&o, &m, &got, NULL, &err);
            mem_stream_fini(&m);
            if (k->needs_size) {
                assert_int_equal(r, -ERR_ARG);
                break;
            }
            assert_int_equal(r, 0);
            assert_true(testing_same(fd, first));
            assert_int_equal(got.virtual_size, want.virtual_size);
            assert_int_equal(got.file_size, want.file_size);
            assert_int_equal(got.data_bytes, want.data_bytes);
        }
    }
}

/* What was written is spoilt behind our back, at some byte that is not zero. */
static void verify_notices_what_differs(void **state)
{
    static const uint64_t spoilt[] = {0, 5000, 7 * MIB, DISK - 1};

    (void)state;
    for (size_t i = 0; i <= ARRAY_SIZE(spoilt); i++) {
        AUTO(block_unrefp) struct block *written = NULL;
        AUTO(closep) int fd = testing_file();
        struct tally tally = {0};
        struct convert_options o = options_of(&kinds[4], fd);
        struct mem_stream m = mem_stream_of(bytes_of(disk, DISK), MIB);
        struct convert_result got;
        struct err err = {0};

        o.tally = &tally;
        assert_int_equal(from_stream(&o, &m, &got, NULL, &err), 0);
        mem_stream_fini(&m);
        if (i < ARRAY_SIZE(spoilt))
            assert_int_equal(pwrite(fd, "\xa5", 1, (off_t)spoilt[i]), 1);
        assert_int_equal(block_file_open(&written, fd, &err), 0);
        fd = -1;
        m = mem_stream_of(bytes_of(disk, DISK), MIB);
        /* Converted once more elsewhere, for the flow to be at its end. */
        {
            AUTO(closep) int other = testing_file();

            tally = (struct tally){0};
            o.fd = other;
            assert_int_equal(from_stream(&o, &m, &got, written, &err),
                             i < ARRAY_SIZE(spoilt) ? -ERR_CORRUPT : 0);
        }
        mem_stream_fini(&m);
    }
}

static void a_source_that_breaks_is_told(void **state)
{
    static const uint64_t at[] = {100, 5 * MIB, DISK};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        AUTO(closep) int fd = testing_file();
        struct convert_options o = options_of(&kinds[1], fd);
        struct mem_stream m = mem_stream_of(bytes_of(disk, DISK), 4096);
        struct convert_result got;
        struct err err = {0};

        m.broken = at[i];
        assert_int_equal(from_stream(&o, &m, &got, NULL, &err), -ERR_IO);
        assert_string_equal(err.msg, "injected fault");
        mem_stream_fini(&m);
    }
}

static void the_tally_knows_places_and_ends(void **state)
{
    static uint8_t p[4 * KIB];
    struct tally a = {.unit = KIB}, b = {.unit = KIB}, c = {.unit = KIB};

    (void)state;
    memset(p, 0, sizeof p);
    p[5] = p[2000] = 1;
    tally_add(&a, p, sizeof p, 0);
    /* In another order, without the zeros behind it. */
    tally_add(&b, p + KIB, KIB, KIB);
    tally_add(&b, p, 6, 0);
    assert_true(a.sum == b.sum && a.sum != 0);
    tally_add(&c, p, KIB, KIB);
    tally_add(&c, p + KIB, KIB, 0);
    assert_true(a.sum != c.sum);
    tally_add(&a, p + 2 * KIB, 2 * KIB, 8 * KIB); /* zeros */
    assert_true(a.sum == b.sum);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bytes_as_from_a_file),
        cmocka_unit_test(verify_notices_what_differs),
        cmocka_unit_test(a_source_that_breaks_is_told),
        cmocka_unit_test(the_tally_knows_places_and_ends),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
