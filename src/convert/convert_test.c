/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "convert/convert_testing.h"
#include "convert/plan.h"
#include "convert/sink.h"
#include "convert/verify.h"

static int convert(struct convert_result *ret, int fd, struct block *source,
                   enum convert_compression c, unsigned threads, struct err *err)
{
    return convert_run(ret,
                       &(struct convert_options){
                           .source = source,
                           .fd = fd,
                           .format = IMAGE_QCOW2,
                           .compression = c,
                           .threads = threads,
                       },
                       err);
}

/* ---- tests */

static void test_plan(void **state)
{
    static const struct piece pieces[] = {
        {0, 1, TEXT},
        {65536 * 2 - 1, 2, TEXT},
        {65536 * 5, 65536, ZEROS},
        {65536 * 6, 1, TEXT},
        {65536 * 6 + 700, 1, TEXT},
        {65536 * 15, 65536 * 2, NOISE},
        {65536 * 20 + 10, 67, TEXT},
    };
    static const struct range want[] = {
        {0, 3 * 65536},      {5 * 65536, 2 * 65536}, {15 * 65536, 65536},
        {16 * 65536, 65536}, {20 * 65536, 100},
    };
    AUTO(block_unrefp) struct block *slow = NULL;
    DISK(d, 65536 * 20 + 100, pieces, false);
    struct err err = {0};

    (void)state;
    assert_int_equal(block_bytewise_open(&slow, &d.block, &err), 0);
    for (int pass = 0; pass < 2; pass++) {
        struct plan p =
            plan_begin(pass ? slow : &d.block, CONVERT_CLUSTER, CONVERT_BATCH);
        struct range r;

        for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
            assert_int_equal(plan_next(&r, &p, &err), 1);
            assert_int_equal(r.offset, want[i].offset);
            assert_int_equal(r.length, want[i].length);
        }
        assert_int_equal(plan_next(&r, &p, &err), 0);
        assert_int_equal(plan_next(&r, &p, &err), 0);
    }
}

static void test_same_bytes(void **state)
{
    DISK(holes, MIXED_SIZE, mixed, false);
    DISK(solid, MIXED_SIZE, mixed, true);
    static const unsigned threads[] = {2, 3, 8, 0};

    (void)state;
    for (const struct testing_kind *k = testing_kinds; k < testing_kinds + TESTING_KINDS;
         k++) {
        AUTO(closep) int first = testing_file(), by_solid = testing_file();
        struct convert_result want, got;
        struct err err = {0};

        print_message("%s\n", k->name);
        assert_int_equal(convert_kind(&want, first, &holes.block, k, 1, &err), 0);
        assert_int_equal(want.virtual_size, round_up(MIXED_SIZE, k->unit));
        assert_int_equal(want.file_size, testing_size(first));
        for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
            AUTO(closep) int fd = testing_file();

            assert_int_equal(convert_kind(&got, fd, &holes.block, k, threads[i], &err),
                             0);
            assert_int_equal(got.virtual_size, want.virtual_size);
            assert_int_equal(got.data_bytes, want.data_bytes);
            assert_int_equal(got.file_size, want.file_size);
            assert_ptr_equal(got.kind, want.kind);
            assert_int_equal(got.compression, want.compression);
            assert_true(testing_same(fd, first));
        }
        /* What is stored as zeros, or not at all, makes no difference either. */
        assert_int_equal(convert_kind(&got, by_solid, &solid.block, k, 4, &err), 0);
        assert_true(testing_same(by_solid, first));
    }
}

/* Our own reader gets the disk back, and its survey finds no fault in the tables. */
static void test_read_back(void **state)
{
    static uint8_t want[MIB], got[MIB];
    DISK(d, MIXED_SIZE, mixed, true);

    (void)state;
    for (const struct testing_kind *k = testing_kinds; k < testing_kinds + TESTING_KINDS;
         k++) {
        AUTO(block_unrefp) struct block *file = NULL, *disk = NULL;
        struct convert_result result;
        struct image_info info;
        struct err err = {0};
        int fd = testing_file();

        print_message("%s\n", k->name);
        assert_int_equal(convert_kind(&result, fd, &d.block, k, 2, &err), 0);
        assert_int_equal(block_file_open(&file, fd, &err), 0);
        if (image_open(&disk, &info, file, NULL, &err) < 0)
            fail_msg("%s", err.msg);
        assert_int_equal(info.format, k->format);
        assert_true(!*k->kind || strcmp(info.kind, k->kind) == 0);
        assert_int_equal(info.fault, IMAGE_FAULT_NONE);
        assert_false(info.dirty);
        assert_int_equal(disk->size, result.virtual_size);
        for (uint64_t off = 0; off < MIXED_SIZE; off += MIB) {
            size_t n = (size_t)min_u64(MIB, MIXED_SIZE - off);

            assert_int_equal(block_read(&d.block, want, n, off, &err), 0);
            assert_int_equal(block_read(disk, got, n, off, &err), 0);
            assert_memory_equal(got, want, n);
        }
    }
}

/* A byte that is not the source's, wherever it is, and a file that is no image. */
static void test_verify(void **state)
{
    static const struct {
        const char *name;
        uint64_t at; /* of a raw output */
        const char *want;
    } cases[] = {
        {"the first byte", 0, "offset 0"},
        {"within data", 3 * MIB + 5, "offset 3145733"},
        {"where there was a hole", 8 * MIB + 300 * KIB, "offset 8695808"},
        {"behind the end of the source", MIXED_SIZE + 3, "offset 15728720"},
    };
    DISK(d, MIXED_SIZE, mixed, true);
    struct convert_options o = {.source = &d.block, .format = IMAGE_RAW};
    struct err err = {0};

    (void)state;
    for (const struct testing_kind *k = testing_kinds; k < testing_kinds + TESTING_KINDS;
         k++) {
        AUTO(block_unrefp) struct block *file = NULL;
        struct convert_options as = {.source = &d.block, .format = k->format};
        struct convert_result result;
        int fd = testing_file();

        print_message("%s\n", k->name);
        assert_int_equal(convert_kind(&result, fd, &d.block, k, 2, &err), 0);
        assert_int_equal(block_file_open(&file, fd, &err), 0);
        assert_int_equal(convert_verify(&as, file, &err), 0);
    }
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(block_unrefp) struct block *file = NULL;
        struct convert_result result;
        uint8_t byte;

        print_message("%s\n", cases[i].name);
        o.fd = testing_file();
        assert_int_equal(convert_run(&result, &o, &err), 0);
        testing_read(o.fd, &byte, 1, cases[i].at);
        byte ^= 0x80;
        assert_int_equal(pwrite(o.fd, &byte, 1, (off_t)cases[i].at), 1);
        assert_int_equal(block_file_open(&file, o.fd, &err), 0);
        assert_int_equal(convert_verify(&o, file, &err), -ERR_CORRUPT);
        assert_non_null(strstr(err.msg, cases[i].want));
        err_clear(&err);
    }
}

/* The bytes themselves, so that a change of the layout is one that somebody decided. */
static void test_golden_bytes(void **state)
{
    static const struct piece pieces[] = {{70000, 1, TEXT}, {3 * MIB, 1, NOISE}};
    DISK(d, 512 * UINT64_C(1048576) + 1, pieces, false);
    AUTO(closep) int fd = testing_file();
    struct convert_result result;
    struct err err = {0};
    uint8_t h[120], entry[8];

    (void)state;
    assert_int_equal(convert(&result, fd, &d.block, CONVERT_PLAIN, 2, &err), 0);
    assert_int_equal(result.data_bytes, 2 * CONVERT_CLUSTER);
    testing_read(fd, h, sizeof h, 0);
    assert_memory_equal(h, "QFI\xfb\0\0\0\3", 8);
    assert_int_equal(load_be64(h + 8), 0);   /* no backing file */
    assert_int_equal(load_be32(h + 20), 16); /* cluster bits */
    assert_int_equal(load_be64(h + 24), 512 * UINT64_C(1048576) + 512);
    assert_int_equal(load_be32(h + 36), 2);       /* L1 entries */
    assert_int_equal(load_be64(h + 40), 0x10000); /* L1 */
    assert_int_equal(load_be64(h + 48), 0x60000); /* refcount table */
    assert_int_equal(load_be32(h + 56), 1);
    assert_int_equal(load_be64(h + 72), 0); /* incompatible features */
    assert_int_equal(load_be64(h + 80), 0); /* compatible: no lazy refcounts */
    assert_int_equal(load_be64(h + 88), 0); /* autoclear */
    assert_int_equal(load_be32(h + 96), 4); /* 16 bits a refcount */
    testing_read(fd, entry, 8, 0x10000);
    assert_int_equal(load_be64(entry), UINT64_C(1) << 63 | 0x40000);
    testing_read(fd, entry, 8, 0x40000 + 1 * 8);
    assert_int_equal(load_be64(entry), UINT64_C(1) << 63 | 0x20000);
    testing_read(fd, entry, 8, 0x40000 + 48 * 8);
    assert_int_equal(load_be64(entry), UINT64_C(1) << 63 | 0x30000);
    testing_read(fd, entry, 8, 0x60000);
    assert_int_equal(load_be64(entry), 0x50000);
    assert_int_equal(result.file_size, 0x70000);
    assert_int_equal(testing_size(fd), 0x70000);
}

static void test_size_is_foretold(void **state)
{
    static const struct piece pieces[] = {
        {0, 1, TEXT},
        {512 * UINT64_C(1048576) - 1, 2, TEXT},
        {100 * 512 * UINT64_C(1048576), 200 * KIB, NOISE},
    };
    static const struct {
        const char *name;
        uint64_t size;
        unsigned count;
    } cases[] = {
        {"a disk of no bytes", 0, 0},
        {"one byte", 1, 1},
        {"one L2 table, full to its last byte", 512 * UINT64_C(1048576), 2},
        {"one byte more than an L2 table maps", 512 * UINT64_C(1048576) + 1, 2},
        {"tables in three places of a sparse disk", UINT64_C(1) << 40, 3},
        {"an empty disk with two clusters of L1", (UINT64_C(1) << 42) + 1, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct disk d = {.pieces = pieces, .count = cases[i].count};
        AUTO(closep) int fd = testing_file();
        struct convert_result result;
        struct err err = {0};
        uint64_t bound = 0;

        block_init(&d.block, &testing_disk_driver, cases[i].size);
        print_message("%s\n", cases[i].name);
        assert_int_equal(convert(&result, fd, &d.block, CONVERT_PLAIN, 2, &err), 0);
        assert_int_equal(image_qcow2_bound(&d.block, &bound, &err), 0);
        assert_int_equal(result.file_size, bound);
        assert_int_equal(testing_size(fd), bound);
    }
}

/* ---- progress */

struct watcher {
    uint64_t last, total, written;
    unsigned calls, stop_at;
    bool flushed;
};

static int watch(void *arg, const struct convert_progress *p)
{
    struct watcher *w = arg;

    assert_false(w->flushed);
    assert_true(p->done >= w->last && p->written >= w->written);
    if (strcmp(p->phase, "plan") == 0) {
        assert_int_equal(p->total, 0);
    } else if (strcmp(p->phase, "convert") == 0) {
        assert_true(p->done > 0 && p->done < p->total);
    } else {
        assert_string_equal(p->phase, "flush");
        assert_int_equal(p->done, p->total);
        w->flushed = true;
    }
    w->last = p->done;
    w->total = p->total;
    w->written = p->written;
    return ++w->calls == w->stop_at;
}

static int convert_watched(struct watcher *w, struct block *source, struct err *err)
{
    AUTO(closep) int fd = testing_file();
    struct convert_result result;

    return convert_run(&result,
                       &(struct convert_options){
                           .source = source,
                           .fd = fd,
                           .format = IMAGE_QCOW2,
                           .threads = 2,
                           .progress = watch,
                           .progress_arg = w,
                       },
                       err);
}

static void test_progress(void **state)
{
    DISK(d, MIXED_SIZE, mixed, false);
    DISK(empty, MIB, mixed, false);
    struct watcher w = {0}, nothing = {0};
    struct err err = {0};

    (void)state;
    assert_int_equal(convert_watched(&w, &d.block, &err), 0);
    assert_true(w.flushed);
    assert_true(w.calls > 5);
    assert_true(w.total > 6 * MIB && w.total < 10 * MIB);
    empty.count = 0;
    assert_int_equal(convert_watched(&nothing, &empty.block, &err), 0);
    assert_true(nothing.flushed);
    for (unsigned at = 1; at <= w.calls; at++) {
        struct watcher stopped = {.stop_at = at};

        assert_int_equal(convert_watched(&stopped, &d.block, &err), -ERR_CANCELED);
        assert_int_equal(stopped.calls, at);
        err_clear(&err);
    }
}

/* ---- failure */

static void test_every_failing_access(void **state)
{
    DISK(d, MIXED_SIZE, mixed, false);
    struct err err = {0};

    (void)state;
    for (const struct testing_kind *k = testing_kinds; k < testing_kinds + TESTING_KINDS;
         k++) {
        for (unsigned nth = 1;; nth++) {
            AUTO(block_unrefp) struct block *b = NULL;
            AUTO(closep) int fd = testing_file();
            struct convert_result result = {.file_size = 42};
            atomic_uint count = 0;
            int r;

            assert_int_equal(block_fault_open(&b, &d.block, nth, &count, &err), 0);
            r = convert_kind(&result, fd, b, k, 3, &err);
            if (count < nth) {
                assert_int_equal(r, 0);
                assert_true(nth > 15);
                break;
            }
            assert_int_equal(r, -ERR_IO);
            assert_non_null(strstr(err.msg, "injected fault"));
            assert_int_equal(result.file_size, 42);
            err_clear(&err);
        }
    }
}

/* Fails where it is told to, however the threads race. */
static int torn_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    if (off >= 7 * MIB)
        return FAIL(err, ERR_IO, "torn at %d", (int)(off / MIB));
    return testing_disk_read(b, buf, n, off, err);
}

static void test_first_error_wins(void **state)
{
    static const struct block_driver torn_driver = {.name = "torn",
                                                    .read = torn_read,
                                                    .extent = testing_disk_extent,
                                                    .close = testing_disk_close};
    struct disk d = {.pieces = mixed, .count = ARRAY_SIZE(mixed), .solid = true};

    (void)state;
    block_init(&d.block, &torn_driver, MIXED_SIZE);
    for (unsigned threads = 1; threads <= 8; threads++) {
        AUTO(closep) int fd = testing_file();
        struct convert_result result;
        struct err err = {0};

        assert_int_equal(convert(&result, fd, &d.block, CONVERT_PLAIN, threads, &err),
                         -ERR_IO);
        assert_string_equal(err.msg, "guest disk at offset 7340032: torn at 7");
    }
}

static void test_refusals(void **state)
{
    static const struct {
        struct convert_options options;
        const char *want;
    } refused[] = {
        {{.format = IMAGE_UNKNOWN}, "unknown is not written as \"\""},
        {{.format = IMAGE_QCOW2, .kind = "fixed"}, "qcow2 is not written as \"fixed\""},
        {{.format = IMAGE_VMDK, .kind = "vmfs"}, "vmdk is not written as \"vmfs\""},
        {{.format = IMAGE_RAW, .compression = CONVERT_ZLIB},
         "raw does not hold this kind of compression"},
        {{.format = IMAGE_VMDK, .kind = "streamOptimized", .compression = CONVERT_ZSTD},
         "vmdk streamOptimized does not hold this kind of compression"},
        {{.format = IMAGE_QCOW2, .cluster = 65535},
         "a cluster size of 65535 bytes: it is a power of two from 512 to 2097152"},
        {{.format = IMAGE_QCOW2, .cluster = 256},
         "a cluster size of 256 bytes: it is a power of two from 512 to 2097152"},
        {{.format = IMAGE_VHD, .cluster = 4096}, "vhd has no cluster size to choose"},
    };
    static const struct {
        enum image_format format;
        uint64_t limit;
    } too_large[] = {
        {IMAGE_VHD, UINT64_C(2040) << 30},
        {IMAGE_VMDK, UINT64_C(64) << 40},
    };
    DISK(d, MIXED_SIZE, mixed, false);
    AUTO(closep) int full = open("/dev/full", O_WRONLY), fd = testing_file();
    struct convert_result result;
    struct err err = {0};

    (void)state;
    assert_true(full >= 0);
    for (unsigned threads = 1; threads <= 3; threads++) {
        assert_int_equal(convert(&result, full, &d.block, CONVERT_PLAIN, threads, &err),
                         -ERR_IO);
        assert_int_equal(err.sys, ENOSPC);
        err_clear(&err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct convert_options o = refused[i].options;

        print_message("%s\n", refused[i].want);
        o.source = &d.block;
        o.fd = fd;
        assert_int_equal(convert_run(&result, &o, &err), -ERR_ARG);
        assert_string_equal(err.msg, refused[i].want);
        err_clear(&err);
    }
    for (size_t i = 0; i < ARRAY_SIZE(too_large); i++) {
        struct convert_options o = {
            .source = &d.block, .fd = fd, .format = too_large[i].format};

        d.block.size = too_large[i].limit + 1;
        assert_int_equal(convert_run(&result, &o, &err), -ERR_LIMIT);
        err_clear(&err);
    }
    d.block.size = (UINT64_C(1) << 51) + 1;
    assert_int_equal(convert(&result, fd, &d.block, CONVERT_PLAIN, 1, &err), -ERR_LIMIT);
    err_clear(&err);
    d.block.size = UINT64_MAX;
    assert_int_equal(convert(&result, fd, &d.block, CONVERT_PLAIN, 1, &err), -ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_read_back),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_size_is_foretold),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_every_failing_access),
        cmocka_unit_test(test_first_error_wins),
        cmocka_unit_test(test_refusals),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
