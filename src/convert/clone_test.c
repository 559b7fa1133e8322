/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clone_test.c: the same bytes whether the filesystem shares blocks, refuses to, or stops
 * doing so.  The filesystem is played by a function that copies; a real one is asked in
 * tests/cli/reflink.sh. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "convert/convert_testing.h"

enum { UNIT = 4096, NEVER = 0 };

/* ---- a filesystem that shares, up to the Nth call */

static struct {
    unsigned calls, fail_at; /* NEVER */
    int fail_with;
    uint64_t bytes;
} fs;

static void fs_begin(unsigned fail_at, int fail_with)
{
    memset(&fs, 0, sizeof fs);
    fs.fail_at = fail_at;
    fs.fail_with = fail_with;
}

static int share(int to, int from, uint64_t where, uint64_t n, uint64_t off)
{
    static uint8_t buf[2 * MIB];
    struct stat st;

    fs.calls++;
    assert_true(fs.fail_at == NEVER || fs.calls <= fs.fail_at); /* not asked again */
    assert_true(where % UNIT == 0 && off % UNIT == 0 && n % UNIT == 0);
    assert_true(n >= 64 * KIB && n <= sizeof buf);
    assert_int_equal(fstat(from, &st), 0);
    assert_true(range_within(where, n, (uint64_t)st.st_size));
    if (fs.calls == fs.fail_at)
        return fs.fail_with;
    assert_int_equal(pread(from, buf, n, (off_t)where), n);
    assert_int_equal(pwrite(to, buf, n, (off_t)off), n);
    fs.bytes += n;
    return 0;
}

/* ---- sources */

static void fill(int fd, uint64_t off, uint64_t n, bool compressible)
{
    static uint8_t buf[MIB];

    for (uint64_t end = off + n; off < end; off += n) {
        n = min_u64(end - off, MIB);
        for (uint64_t i = 0; i < n; i++) {
            uint64_t x = (off + i + 1) * UINT64_C(0x9e3779b97f4a7c15);

            x = (x ^ x >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
            buf[i] = compressible ? (uint8_t)('a' + i % 7) : (uint8_t)(x >> 56);
        }
        assert_int_equal(pwrite(fd, buf, n, (off_t)off), n);
    }
}

enum { STORED_ZEROS = 128 * KIB };

/* A disk with all that matters: runs that fill batches, clusters that begin with zeros,
 * stored zeros, small pieces among holes, an end within a sector. */
static int raw_file(void)
{
    static uint8_t zeros[STORED_ZEROS];
    int fd = testing_file();

    fill(fd, 0, 4 * MIB + 5000, false);
    assert_int_equal(pwrite(fd, zeros, STORED_ZEROS, 1 * MIB + 192 * KIB), STORED_ZEROS);
    assert_int_equal(pwrite(fd, zeros, 50000, 2 * MIB + 640 * KIB), 50000);
    assert_int_equal(pwrite(fd, zeros, 4096, 3 * MIB), 4096);
    fill(fd, 5 * MIB + 20 * KIB, 3 * KIB, true);
    fill(fd, 6 * MIB - 8 * KIB, 300 * KIB, true);
    fill(fd, 8 * MIB, 2 * MIB, true);
    fill(fd, 11 * MIB, MIB + 77, false);
    return fd;
}

static const struct kind {
    const char *name;
    enum image_format format;
    const char *kind;
    enum convert_compression compression;
    uint32_t cluster;
    uint64_t least; /* bytes of the raw disk that are shared */
} kinds[] = {
    {"raw", IMAGE_RAW, "", CONVERT_PLAIN, 0, 7 * MIB},
    {"qcow2", IMAGE_QCOW2, "", CONVERT_PLAIN, 0, 7 * MIB},
    {"qcow2 of 512 B", IMAGE_QCOW2, "", CONVERT_PLAIN, 512, 0},
    {"qcow2 of 4 KiB", IMAGE_QCOW2, "", CONVERT_PLAIN, 4 * KIB, 7 * MIB},
    {"qcow2 of 2 MiB", IMAGE_QCOW2, "", CONVERT_PLAIN, 2 * MIB, 7 * MIB},
    {"qcow2, zstd: what does not compress", IMAGE_QCOW2, "", CONVERT_ZSTD, 0, 4 * MIB},
    {"vhd, fixed", IMAGE_VHD, "fixed", CONVERT_PLAIN, 0, 7 * MIB},
    {"vhd, dynamic", IMAGE_VHD, "", CONVERT_PLAIN, 0, 7 * MIB},
    {"vmdk, monolithicSparse", IMAGE_VMDK, "monolithicSparse", CONVERT_PLAIN, 0, 7 * MIB},
    {"vmdk, streamOptimized", IMAGE_VMDK, "streamOptimized", CONVERT_USUAL, 0, 0},
};

static struct convert_options options_of(const struct kind *k, int fd,
                                         struct block *source)
{
    return (struct convert_options){
        .source = source,
        .fd = fd,
        .format = k->format,
        .kind = k->kind,
        .compression = k->compression,
        .cluster = k->cluster,
        .threads = 3,
    };
}

/* The raw disk as a file of that kind, opened; the block owns fd. */
static struct block *source_of(const struct kind *k)
{
    AUTO(block_unrefp) struct block *raw = NULL;
    struct block *file = NULL, *disk = NULL;
    struct convert_result result;
    struct image_info info;
    struct err err = {0};

    assert_int_equal(block_file_open(&raw, raw_file(), &err), 0);
    if (k->format == IMAGE_RAW)
        return TAKE(raw);
    int fd = testing_file();
    struct convert_options o = options_of(k, fd, raw);

    assert_int_equal(convert_run(&result, &o, &err), 0);
    assert_int_equal(block_file_open(&file, fd, &err), 0);
    assert_int_equal(image_open(&disk, &info, file, NULL, &err), 0);
    block_unref(file);
    return disk;
}

/* ---- tests */

static void test_same_bytes(void **state)
{
    static const unsigned threads[] = {1, 4};

    (void)state;
    for (const struct kind *from = kinds; from < kinds + ARRAY_SIZE(kinds); from++) {
        AUTO(block_unrefp) struct block *source = NULL;

        if (from->compression != CONVERT_PLAIN || from->cluster)
            continue;
        source = source_of(from);
        for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
            AUTO(closep) int plain = testing_file();
            struct convert_options o = options_of(k, plain, source);
            struct convert_result want, got;
            struct err err = {0};

            print_message("%s -> %s\n", from->name, k->name);
            assert_int_equal(convert_run(&want, &o, &err), 0);
            assert_int_equal(want.cloned_bytes, 0);
            for (size_t i = 0; i < ARRAY_SIZE(threads); i++) {
                AUTO(closep) int fd = testing_file();

                o.fd = fd;
                o.threads = threads[i];
                o.clone = share;
                o.clone_unit = UNIT;
                fs_begin(NEVER, 0);
                assert_int_equal(convert_run(&got, &o, &err), 0);
                assert_true(testing_same(fd, plain));
                assert_int_equal(got.data_bytes, want.data_bytes);
                assert_int_equal(got.file_size, want.file_size);
                assert_int_equal(got.cloned_bytes, fs.bytes);
                if (from->format == IMAGE_RAW)
                    assert_true(fs.bytes >= k->least && (k->least || !fs.bytes));
            }
        }
    }
}

/* Neighbours of a batch are one call. */
static void test_calls(void **state)
{
    AUTO(block_unrefp) struct block *source = source_of(&kinds[0]);
    AUTO(closep) int fd = testing_file();
    struct convert_options o = options_of(&kinds[1], fd, source);
    struct convert_result result;
    struct err err = {0};

    (void)state;
    o.clone = share;
    o.clone_unit = UNIT;
    fs_begin(NEVER, 0);
    assert_int_equal(convert_run(&result, &o, &err), 0);
    assert_in_range(fs.calls, 9, 12);
}

static void test_refused(void **state)
{
    static const int errors[] = {EOPNOTSUPP, EXDEV, EINVAL, EPERM, EINTR, ENOSPC, EIO};

    (void)state;
    for (const struct kind *k = kinds; k < kinds + ARRAY_SIZE(kinds); k++) {
        AUTO(block_unrefp) struct block *source = source_of(&kinds[0]);
        AUTO(closep) int plain = testing_file();
        struct convert_options o = options_of(k, plain, source);
        struct convert_result result;
        struct err err = {0};

        print_message("%s\n", k->name);
        assert_int_equal(convert_run(&result, &o, &err), 0);
        o.clone = share;
        o.clone_unit = UNIT;
        for (unsigned nth = 1;; nth++) {
            AUTO(closep) int fd = testing_file();

            o.fd = fd;
            fs_begin(nth, errors[nth % ARRAY_SIZE(errors)]);
            assert_int_equal(convert_run(&result, &o, &err), 0);
            assert_true(testing_same(fd, plain));
            assert_int_equal(result.cloned_bytes, fs.bytes);
            if (fs.calls < nth) {
                assert_true(nth > 3 || !k->least);
                break;
            }
        }
    }
}

/* ---- what is read */

struct counted {
    struct block block;
    struct block *under;
    atomic_uint_least64_t bytes;
};

static int counted_read(struct block *b, void *buf, size_t n, uint64_t off,
                        struct err *err)
{
    struct counted *c = CONTAINER_OF(b, struct counted, block);

    c->bytes += n;
    return block_read(c->under, buf, n, off, err);
}

static int counted_locate(struct block *b, struct location *ret, uint64_t off,
                          struct err *err)
{
    return block_locate(CONTAINER_OF(b, struct counted, block)->under, ret, off, err);
}

static void counted_close(struct block *b)
{
    (void)b;
}

static const struct block_driver counted_driver = {
    .name = "counted",
    .read = counted_read,
    .locate = counted_locate,
    .close = counted_close,
};

static void test_most_is_not_read(void **state)
{
    static const struct {
        const char *name;
        struct kind kind;
        unsigned fail_at;
        uint64_t most, least;
    } cases[] = {
        {"raw", {"", IMAGE_RAW, "", CONVERT_PLAIN, 0, 0}, NEVER, 3 * MIB, MIB},
        {"qcow2", {"", IMAGE_QCOW2, "", CONVERT_PLAIN, 0, 0}, NEVER, 3 * MIB, MIB},
        {"a filesystem that cannot, all of it, once",
         {"", IMAGE_RAW, "", CONVERT_PLAIN, 0, 0},
         1,
         16 * MIB,
         16 * MIB},
        {"a VHD has a hash of what it holds",
         {"", IMAGE_VHD, "fixed", CONVERT_PLAIN, 0, 0},
         NEVER,
         16 * MIB,
         16 * MIB},
        {"what is packed is read",
         {"", IMAGE_QCOW2, "", CONVERT_ZLIB, 0, 0},
         NEVER,
         16 * MIB,
         16 * MIB},
    };
    AUTO(block_unrefp) struct block *file = NULL;
    int from = testing_file();
    struct err err = {0};

    (void)state;
    fill(from, 0, 16 * MIB, false);
    assert_int_equal(block_file_open(&file, from, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct counted counted = {.under = file};
        AUTO(closep) int fd = testing_file();
        struct convert_options o = options_of(&cases[i].kind, fd, &counted.block);
        struct convert_result result;

        print_message("%s\n", cases[i].name);
        block_init(&counted.block, &counted_driver, file->size);
        o.threads = 1;
        o.clone = share;
        o.clone_unit = UNIT;
        fs_begin(cases[i].fail_at, EOPNOTSUPP);
        assert_int_equal(convert_run(&result, &o, &err), 0);
        assert_in_range(counted.bytes, cases[i].least, cases[i].most);
    }
}

/* ---- places */

struct placed {
    struct block block;
    struct location at;
};

static int placed_locate(struct block *b, struct location *ret, uint64_t off,
                         struct err *err)
{
    struct placed *p = CONTAINER_OF(b, struct placed, block);

    (void)err;
    *ret = p->at;
    ret->where += off;
    ret->extent.length -= off;
    return 0;
}

static int placed_fail(struct block *b, struct location *ret, uint64_t off,
                       struct err *err)
{
    (void)b;
    (void)ret;
    return FAIL(err, ERR_IO, "injected fault at %llu", (unsigned long long)off);
}

static const struct block_driver placed_driver = {.name = "placed",
                                                  .locate = placed_locate},
                                 failing_driver = {.name = "failing",
                                                   .locate = placed_fail};

static void test_places(void **state)
{
    static const struct {
        const char *name;
        const struct block_driver *driver;
        enum extent_kind kind;
        uint64_t where;
        uint64_t length; /* of the run */
        uint64_t n, off; /* of the output */
        uint64_t ret;
        bool compressed, elsewhere, shared;
    } cases[] = {
        {.name = "aligned", .length = MIB, .n = MIB, .ret = MIB, .shared = true},
        {.name = "elsewhere in the file",
         .where = 4096,
         .length = MIB,
         .n = MIB,
         .off = 8192,
         .ret = MIB,
         .shared = true},
        {.name = "less is asked for",
         .length = MIB,
         .n = 100 * KIB + 5,
         .ret = 100 * KIB,
         .shared = true},
        {.name = "the run is shorter",
         .length = 70 * KIB,
         .n = MIB,
         .ret = 68 * KIB,
         .shared = true},
        {.name = "the file is shorter than what it is said to hold",
         .where = 2 * MIB - 65 * KIB + KIB,
         .length = MIB,
         .n = MIB,
         .ret = 64 * KIB,
         .shared = true},
        {.name = "behind the end of the file",
         .where = 2 * MIB,
         .length = MIB,
         .n = MIB,
         .ret = MIB},
        {.name = "a place that does not fit",
         .where = 512,
         .length = MIB,
         .n = MIB,
         .ret = MIB},
        {.name = "neither begins at a block: up to there it is written",
         .where = 512,
         .length = MIB,
         .n = MIB,
         .off = 4096 + 512,
         .ret = 3584},
        {.name = "too short", .length = MIB, .n = 64 * KIB - 1, .ret = 64 * KIB - 1},
        {.name = "packed", .length = MIB, .n = MIB, .ret = MIB, .compressed = true},
        {.name = "a hole", .kind = EXTENT_HOLE, .length = MIB, .n = MIB, .ret = MIB},
        {.name = "not in a file", .length = MIB, .n = MIB, .ret = MIB, .elsewhere = true},
        {.name = "more than the disk has",
         .length = MIB,
         .n = MIB + 512,
         .ret = MIB,
         .shared = true},
        {.name = "its place cannot be told",
         .driver = &failing_driver,
         .length = MIB,
         .n = MIB,
         .ret = MIB},
    };
    static uint8_t bytes[512];
    AUTO(block_unrefp) struct block *file = NULL, *memory = NULL;
    AUTO(closep) int to = testing_file();
    int from = testing_file();
    struct err err = {0};

    (void)state;
    assert_int_equal(ftruncate(from, 2 * MIB), 0);
    assert_int_equal(block_file_open(&file, from, &err), 0);
    assert_int_equal(block_mem_open(&memory, bytes, sizeof bytes, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct placed p = {
            .at = {{cases[i].kind, cases[i].length},
                   cases[i].elsewhere ? memory : file,
                   cases[i].where,
                   cases[i].compressed},
        };
        struct clone c;
        uint64_t n = 0;

        print_message("%s\n", cases[i].name);
        block_init(&p.block, cases[i].driver ? cases[i].driver : &placed_driver,
                   cases[i].length);
        clone_begin(&c, &p.block, UNIT, share);
        fs_begin(NEVER, 0);
        assert_int_equal(clone_run(&c, &n, to, 0, cases[i].n, cases[i].off),
                         cases[i].shared);
        assert_int_equal(n, cases[i].ret);
        assert_int_equal(fs.calls, cases[i].shared);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_calls),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_most_is_not_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
