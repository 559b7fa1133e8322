/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/checked.h"
#include "block/image_testing.h"
#include "block/qcow2.h"
#include "block/qcow2_make.h"

/* What a guest cluster of a test disk is. */
enum content {
    NOTHING,
    DATA,
    ZERO,
    ZERO_ALLOCATED,
    COMPRESSED,
    SOME_SUBCLUSTERS, /* first stored, second zero, third neither, and so on */
};

enum { CLUSTERS_MAX = 70 };

struct disk {
    struct qcow2_make make;
    uint8_t *want; /* what the guest must see; clusters whole */
    uint64_t clusters;
    struct block *mem, *file, *block;
    struct image_info info;
};

static void disk_fini(struct disk *d)
{
    block_unref(d->block);
    block_unref(d->file);
    block_unref(d->mem);
    qcow2_make_fini(&d->make);
    free(d->want);
}

static void disk_put(struct disk *d, uint64_t guest, enum content what)
{
    size_t n = (size_t)d->make.cluster_size, sub = n / QCOW2_SUBCLUSTERS;
    uint8_t *want = d->want + guest * n;
    AUTO(freep) uint8_t *data = malloc(n);

    assert_non_null(data);
    qcow2_make_pattern(data, n, (unsigned)guest + 1);
    switch (what) {
    case NOTHING:
        break;
    case DATA:
        memcpy(want, data, n);
        qcow2_make_data(&d->make, guest, data);
        break;
    case ZERO:
    case ZERO_ALLOCATED:
        qcow2_make_zero(&d->make, guest, what == ZERO_ALLOCATED);
        break;
    case COMPRESSED:
        memcpy(want, data, n);
        qcow2_make_compressed(&d->make, guest, data);
        break;
    case SOME_SUBCLUSTERS:
        for (size_t i = 0; i < QCOW2_SUBCLUSTERS; i += 3)
            memcpy(want + i * sub, data + i * sub, sub);
        qcow2_make_subclusters(&d->make, guest, data, 0x49249249, 0x92492492);
        break;
    }
}

static void disk_init(struct disk *d, const struct qcow2_make_options *o)
{
    uint64_t cluster = UINT64_C(1) << o->cluster_bits;

    *d = (struct disk){.clusters = div_up(o->size, cluster)};
    d->want = calloc(d->clusters + 1, cluster);
    assert_non_null(d->want);
    qcow2_make_init(&d->make, o);
}

static int disk_open(struct disk *d, bool bytewise, struct err *err)
{
    struct image_options options = {0};
    struct image_ctx ctx = {&options, &d->info};
    int r;

    assert_int_equal(block_mem_open(&d->mem, d->make.p, d->make.n, err), 0);
    if (bytewise)
        assert_int_equal(block_bytewise_open(&d->file, d->mem, err), 0);
    else
        d->file = block_ref(d->mem);
    assert_int_equal(qcow2_driver.recognise(d->file, err), 1);
    r = qcow2_driver.open(&d->block, d->file, &ctx, err);
    return r < 0 ? r : qcow2_driver.survey(d->block, &ctx, err);
}

static void compare_at(struct disk *d, const char *name, size_t n, uint64_t off)
{
    AUTO(freep) uint8_t *got = malloc(n);
    struct err err = {0};

    assert_non_null(got);
    if (block_read(d->block, got, n, off, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    for (size_t i = 0; i < n; i++)
        if (got[i] != d->want[off + i])
            fail_msg("%s: %zu bytes at %llu differ at %zu", name, n,
                     (unsigned long long)off, i);
}

static const struct {
    const char *name;
    struct qcow2_make_options o;
    enum content content[CLUSTERS_MAX];
} disks[] = {
    {"version 2, every kind it has",
     {2, 12, .size = 6 << 12},
     {DATA, DATA, COMPRESSED, NOTHING, DATA, COMPRESSED}},
    {"smallest clusters, more than one L2 table",
     {3, 9, .size = 70 * 512},
     {DATA, [10] = DATA, COMPRESSED, ZERO, ZERO_ALLOCATED, [63] = DATA,
      DATA, [69] = DATA}},
    {"smallest clusters, version 2",
     {2, 9, .size = 66 * 512},
     {[1] = COMPRESSED, COMPRESSED, [63] = COMPRESSED, DATA}},
    {"zstd", {3, 16, .zstd = true, .size = 3 << 16}, {COMPRESSED, NOTHING, COMPRESSED}},
    {"zstd in the smallest clusters",
     {3, 9, .zstd = true, .size = 4 << 9},
     {COMPRESSED, COMPRESSED, DATA, COMPRESSED}},
    {"largest clusters",
     {3, 21, .size = 4 << 21},
     {COMPRESSED, ZERO, DATA, ZERO_ALLOCATED}},
    {"subclusters",
     {3, 14, .extended = true, .size = 6 << 14},
     {SOME_SUBCLUSTERS, DATA, ZERO, COMPRESSED, SOME_SUBCLUSTERS, ZERO_ALLOCATED}},
    {"subclusters and zstd",
     {3, 16, .extended = true, .zstd = true, .size = 4 << 16},
     {COMPRESSED, SOME_SUBCLUSTERS, SOME_SUBCLUSTERS, COMPRESSED}},
    {"a disk that ends within a cluster",
     {3, 12, .size = (3 << 12) - 1000},
     {DATA, NOTHING, DATA}},
    {"a disk that ends within a compressed cluster",
     {3, 12, .size = (2 << 12) + 512},
     {DATA, NOTHING, COMPRESSED}},
    {"a disk of one byte", {3, 12, .size = 1}, {DATA}},
    {"a disk of no bytes", {3, 12, .size = 0}, {NOTHING}},
};

static void check_disk(size_t i, bool bytewise)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};
    const char *name = disks[i].name;
    uint64_t size = disks[i].o.size;

    disk_init(&d, &disks[i].o);
    for (uint64_t c = 0; c < d.clusters; c++)
        disk_put(&d, c, disks[i].content[c]);
    if (disk_open(&d, bytewise, &err) < 0)
        fail_msg("%s: %s", name, err.msg);
    assert_int_equal(d.block->size, size);
    assert_int_equal(d.info.virtual_size, size);
    assert_int_equal(d.info.cluster_size, d.make.cluster_size);
    assert_string_equal(d.info.kind, disks[i].o.version == 2 ? "v2" : "v3");
    image_testing_extents(d.block, d.want);
    if (!size)
        return;
    compare_at(&d, name, (size_t)size, 0);
    /* Pieces of an odd size cross every border at every place sooner or later. */
    for (uint64_t off = 0, n = d.make.cluster_size / 3 + 7; off < size; off += n)
        compare_at(&d, name, (size_t)min_u64(n, size - off), off);
    for (uint64_t off = d.make.cluster_size - 1; off < size; off += d.make.cluster_size)
        compare_at(&d, name, (size_t)min_u64(2, size - off), off);
}

static void test_disks(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
        check_disk(i, false);
}

static void test_disks_bytewise(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(disks); i++)
        if (disks[i].o.cluster_bits < 20)
            check_disk(i, true);
}

/* Fail the 1st, 2nd, 3rd... access: an error every time. */
static void test_faults(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(disks); i++) {
        AUTO(disk_fini) struct disk d;

        disk_init(&d, &disks[i].o);
        for (uint64_t c = 0; c < d.clusters; c++)
            disk_put(&d, c, disks[i].content[c]);
        if (disks[i].o.cluster_bits < 16 && disks[i].o.size > 1)
            image_testing_faults(d.make.p, d.make.n, d.want, (size_t)disks[i].o.size,
                                 NULL);
    }
}

static void test_extents(void **state)
{
    static const enum content content[] = {DATA,           COMPRESSED, DATA, NOTHING,
                                           NOTHING,        ZERO,       ZERO, DATA,
                                           ZERO_ALLOCATED, NOTHING};
    static const struct extent want[] = {
        {EXTENT_DATA, 3 << 12}, {EXTENT_HOLE, 2 << 12}, {EXTENT_ZERO, 2 << 12},
        {EXTENT_DATA, 1 << 12}, {EXTENT_ZERO, 1 << 12}, {EXTENT_HOLE, (1 << 12) - 5},
    };
    AUTO(disk_fini) struct disk d;
    struct err err = {0};
    uint64_t off = 0;

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 12, .size = (10 << 12) - 5});
    for (size_t i = 0; i < ARRAY_SIZE(content); i++)
        disk_put(&d, i, content[i]);
    assert_int_equal(disk_open(&d, false, &err), 0);
    assert_true(d.info.compressed);
    for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
        struct extent e;

        assert_int_equal(block_extent(d.block, &e, off, &err), 0);
        assert_int_equal(e.kind, want[i].kind);
        assert_int_equal(e.length, want[i].length);
        off += e.length;
    }
    assert_int_equal(off, d.block->size);
}

static void test_empty_disk_is_one_extent(void **state)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};
    struct extent e;

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 9, .size = 128 << 20});
    d.clusters = 0;
    disk_put(&d, 100000, DATA);
    assert_int_equal(disk_open(&d, false, &err), 0);
    assert_int_equal(block_extent(d.block, &e, 0, &err), 0);
    assert_int_equal(e.kind, EXTENT_HOLE);
    /* Up to the L2 table of cluster 100000, which maps 64 clusters. */
    assert_int_equal(e.length, 100000 / 64 * 64 * 512);
    assert_int_equal(block_extent(d.block, &e, 100001 * 512, &err), 0);
    assert_int_equal(block_extent(d.block, &e, 100064 * 512, &err), 0);
    assert_int_equal(e.length, (128 << 20) - 100064 * 512);
}

/* Streams that QEMU takes and that need more than "one stream, then the end". */
static void test_streams(void **state)
{
    enum { N = 4096 };
    static uint8_t data[2 * N], packed[3 * N], got[N];
    struct inflate_pool *pool;
    struct inflater *inf;
    struct err err = {0};
    size_t n;

    (void)state;
    qcow2_make_pattern(data, sizeof data, 7);
    assert_int_equal(inflate_pool_new(&pool, false, &err), 0);
    assert_int_equal(inflater_take(&inf, pool, &err), 0);
    n = qcow2_make_deflate(packed, sizeof packed, data, 2 * N);
    assert_true(inflater_run(inf, got, N, bytes_of(packed, n)));
    assert_memory_equal(got, data, N);
    n = qcow2_make_deflate(packed, sizeof packed, data, N);
    memset(got, 0, N);
    assert_true(inflater_run(inf, got, N, bytes_of(packed, n + 100)));
    assert_memory_equal(got, data, N);
    assert_false(inflater_run(inf, got, N, bytes_of(packed, n / 2)));
    assert_false(inflater_run(inf, got, N, bytes_of("", 0)));
    n = qcow2_make_deflate(packed, sizeof packed, data, N - 1);
    assert_false(inflater_run(inf, got, N, bytes_of(packed, n)));
    inflater_give(pool, inf);
    inflate_pool_free(pool);
}

static void test_zstd_streams(void **state)
{
    enum { N = 4096 };
    static uint8_t data[2 * N], packed[4 * N], got[N];
    struct inflate_pool *pool;
    struct inflater *inf;
    struct err err = {0};
    size_t n;

    (void)state;
    qcow2_make_pattern(data, sizeof data, 7);
    assert_int_equal(inflate_pool_new(&pool, true, &err), 0);
    assert_int_equal(inflater_take(&inf, pool, &err), 0);
    n = qcow2_make_zstd(packed, sizeof packed, data, N);
    assert_true(inflater_run(inf, got, N, bytes_of(packed, n + 100)));
    assert_memory_equal(got, data, N);
    assert_false(inflater_run(inf, got, N, bytes_of(packed, n - 1)));
    n = qcow2_make_zstd(packed, sizeof packed, data, N / 2);
    assert_false(inflater_run(inf, got, N, bytes_of(packed, n)));
    memset(got, 0, N);
    n += qcow2_make_zstd(packed + n, sizeof packed - n, data + N / 2, N / 2);
    assert_true(inflater_run(inf, got, N, bytes_of(packed, n)));
    assert_memory_equal(got, data, N);
    n = qcow2_make_zstd(packed, sizeof packed, data, N + 1);
    assert_false(inflater_run(inf, got, N, bytes_of(packed, n)));
    inflater_give(pool, inf);
    inflate_pool_free(pool);
}

/* The sector count may promise more than the file has, as long as the stream is there. */
static void test_end_of_file(void **state)
{
    struct err err = {0};

    (void)state;
    for (int cut = 0; cut < 2; cut++) {
        AUTO(disk_fini) struct disk d;

        disk_init(&d, &(struct qcow2_make_options){3, 12, .size = 1 << 12});
        disk_put(&d, 0, COMPRESSED);
        assert_true(d.make.n % 512 != 0);
        d.make.n -= cut ? 64 : 0; /* its last bytes may hold nothing but the end mark */
        assert_int_equal(disk_open(&d, false, &err), cut ? -ERR_CORRUPT : 0);
        assert_int_equal(d.info.fault, cut ? IMAGE_FAULT_TRUNCATED : IMAGE_FAULT_NONE);
    }
    err_clear(&err);
    /* Subclusters 0, 3 ... 30 are stored, 31 is not. */
    for (int cut = 0; cut < 2; cut++) {
        AUTO(disk_fini) struct disk d;

        disk_init(&d,
                  &(struct qcow2_make_options){3, 14, .extended = true, .size = 1 << 14});
        disk_put(&d, 0, SOME_SUBCLUSTERS);
        d.make.n -= (size_t)(512 + cut);
        assert_int_equal(disk_open(&d, false, &err), cut ? -ERR_CORRUPT : 0);
        assert_int_equal(d.info.fault, cut ? IMAGE_FAULT_TRUNCATED : IMAGE_FAULT_NONE);
        if (!cut)
            compare_at(&d, "end of the subclusters", 1 << 14, 0);
    }
    err_clear(&err);
    /* Bytes behind the disk's end need not be there. */
    for (int cut = 0; cut < 2; cut++) {
        AUTO(disk_fini) struct disk d;

        disk_init(&d, &(struct qcow2_make_options){3, 12, .size = 1 << 10});
        disk_put(&d, 0, DATA);
        d.make.n -= (size_t)(4096 - 1024 + cut);
        assert_int_equal(disk_open(&d, false, &err), cut ? -ERR_CORRUPT : 0);
        assert_int_equal(d.info.fault, cut ? IMAGE_FAULT_TRUNCATED : IMAGE_FAULT_NONE);
    }
}

struct reader {
    struct disk *d;
    unsigned seed;
    bool good;
};

static void *read_here_and_there(void *arg)
{
    struct reader *r = arg;
    uint32_t x = r->seed;
    uint8_t got[3000];

    r->good = true;
    for (int i = 0; i < 3000 && r->good; i++) {
        struct err err = {0};
        struct extent e;
        uint64_t off;
        size_t n;

        x = x * 1664525 + 1013904223;
        off = (x >> 8) % r->d->block->size;
        n = (size_t)min_u64(sizeof got, r->d->block->size - off);
        r->good = block_read(r->d->block, got, n, off, &err) == 0 &&
                  memcmp(got, r->d->want + off, n) == 0 &&
                  block_extent(r->d->block, &e, off, &err) == 0;
    }
    return NULL;
}

/* More clusters than the caches hold. */
static void test_threads(void **state)
{
    enum { THREADS = 4, CLUSTERS = 60 };
    AUTO(disk_fini) struct disk d;
    struct reader readers[THREADS];
    pthread_t threads[THREADS];
    struct err err = {0};

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 9, .size = CLUSTERS * 512 * 20});
    for (unsigned i = 0; i < CLUSTERS * 20; i++)
        disk_put(&d, i, i % 5 ? COMPRESSED : DATA);
    assert_int_equal(disk_open(&d, false, &err), 0);
    for (unsigned i = 0; i < THREADS; i++) {
        readers[i] = (struct reader){&d, i + 1, false};
        assert_int_equal(
            pthread_create(&threads[i], NULL, read_here_and_there, &readers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (unsigned i = 0; i < THREADS; i++)
        assert_true(readers[i].good);
}

/* The last cluster first, so that neighbours lie apart in the file. */
static void test_backwards(void **state)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 9, .size = 10 * 512});
    for (uint64_t c = 10; c-- > 0;)
        disk_put(&d, c, c % 4 == 3 ? COMPRESSED : DATA);
    assert_int_equal(disk_open(&d, false, &err), 0);
    compare_at(&d, "backwards", 10 * 512, 0);
}

/* The first table stands last in the file: behind it there is nothing more to read. */
static void test_end_of_table(void **state)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 9, .size = 70 * 512});
    disk_put(&d, 64, DATA);
    disk_put(&d, 0, ZERO);
    assert_int_equal(disk_open(&d, false, &err), 0);
    compare_at(&d, "end of the table", 70 * 512, 0);
}

static void test_l2_decode(void **state)
{
    static const struct {
        const char *name;
        unsigned cluster_bits;
        uint64_t desc, host;
        uint32_t csize;
    } cases[] = {
        {"one sector of 512-byte clusters", 9, UINT64_C(0x4000000000012345), 0x12345,
         512 - 0x145},
        {"two sectors of 512-byte clusters", 9, UINT64_C(0x6000000000012345), 0x12345,
         1024 - 0x145},
        {"all sectors of 64 KiB clusters", 16, UINT64_C(0x7fc0000000000200), 0x200,
         65536 * 2},
        {"largest offset of 2 MiB clusters", 21, UINT64_C(0x4001ffffffffffff),
         UINT64_C(0x1ffffffffffff), 1},
        {"bit 63 of a compressed cluster means nothing", 16, UINT64_C(0xc000000000000200),
         0x200, 512},
        {"bit 63 of a cluster neither", 16, UINT64_C(0x8000000000050000), 0x50000, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct qcow2_header h = {.version = 3, .cluster_bits = cases[i].cluster_bits};
        struct qcow2_geometry geo;
        struct qcow2_cluster c;
        uint8_t raw[8];

        qcow2_geometry_of(&geo, &h);
        store_be64(raw, cases[i].desc);
        if (qcow2_l2_decode(&c, raw, &geo) || c.host != cases[i].host ||
            c.csize != cases[i].csize)
            fail_msg("%s", cases[i].name);
    }
}

/* Without a survey: what lies before a wrong entry can be read. */
static void test_wrong_entry(void **state)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};
    struct extent e;

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 12, .size = 4 << 12});
    disk_put(&d, 0, DATA);
    disk_put(&d, 1, DATA);
    qcow2_poke(&d.make, qcow2_make_entry(&d.make, 2), 8, 2);
    assert_int_equal(disk_open(&d, false, &err), -ERR_CORRUPT);
    err_clear(&err);
    compare_at(&d, "before the wrong entry", 2 << 12, 0);
    assert_int_equal(block_extent(d.block, &e, 2 << 12, &err), -ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "guest offset 8192: reserved bits are set"));
}

/* A filesystem reads blocks of 4 KiB; a cluster must not be inflated for each. */
static void test_inflated_once(void **state)
{
    AUTO(disk_fini) struct disk d;
    AUTO(block_unrefp) struct block *file = NULL, *counted = NULL, *disk = NULL;
    struct image_options options = {0};
    struct image_ctx ctx = {&options, &d.info};
    atomic_uint count = 0;
    struct err err = {0};
    char buf[4096];

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 16, .size = 1 << 16});
    disk_put(&d, 0, COMPRESSED);
    assert_int_equal(block_mem_open(&file, d.make.p, d.make.n, &err), 0);
    assert_int_equal(block_fault_open(&counted, file, 0, &count, &err), 0);
    assert_int_equal(qcow2_driver.open(&disk, counted, &ctx, &err), 0);
    count = 0;
    for (size_t off = 1 << 16; off > 0;) {
        off -= sizeof buf;
        assert_int_equal(block_read(disk, buf, sizeof buf, off, &err), 0);
        assert_memory_equal(buf, d.want + off, sizeof buf);
    }
    assert_int_equal(count, 2); /* the L2 table and the cluster */
}

static void test_info(void **state)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};
    uint64_t at;

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 12, .size = 1 << 12});
    disk_put(&d, 0, DATA);
    qcow2_poke(&d.make, FIELD_INCOMPATIBLE, 8, 1);
    /* Bits for writers, and an extension nobody knows. */
    qcow2_poke(&d.make, FIELD_COMPATIBLE, 8, UINT64_MAX);
    qcow2_poke(&d.make, FIELD_AUTOCLEAR, 8, UINT64_MAX);
    qcow2_poke(&d.make, FIELD_HEADER_LENGTH, 4, 104); /* no compression type */
    qcow2_make_extension(&d.make, 104, 0x12345678, "hello", 5);
    at = qcow2_make_room(&d.make, 2 * 4096, 4096);
    qcow2_poke(&d.make, FIELD_NB_SNAPSHOTS, 4, 2);
    qcow2_poke(&d.make, FIELD_SNAPSHOTS_OFFSET, 8, at);
    qcow2_poke(&d.make, at + 12, 4, 0x00010003); /* lengths of id and name */
    assert_int_equal(disk_open(&d, false, &err), 0);
    assert_true(d.info.dirty);
    assert_false(d.info.compressed);
    assert_int_equal(d.info.internal_snapshots, 2);
    assert_int_equal(d.info.fault, IMAGE_FAULT_NONE);
}

/* Whether a stream is right only reading it tells. */
static void test_damaged_stream(void **state)
{
    AUTO(disk_fini) struct disk d;
    struct err err = {0};
    char buf[16];

    (void)state;
    disk_init(&d, &(struct qcow2_make_options){3, 12, .size = 2 << 12});
    disk_put(&d, 0, COMPRESSED);
    memset(d.make.p + d.make.n - 1000, 0xff, 500);
    disk_put(&d, 1, DATA);
    assert_int_equal(disk_open(&d, false, &err), 0);
    assert_int_equal(block_read(d.block, buf, sizeof buf, 5000, &err), 0);
    assert_int_equal(block_read(d.block, buf, sizeof buf, 0, &err), -ERR_CORRUPT);
    assert_non_null(strstr(err.msg, "at offset 20480 do not inflate to 4096"));
}

static void test_recognise(void **state)
{
    static const struct {
        const char *name, *bytes;
        size_t n;
        int want;
    } cases[] = {
        {"version 2", "QFI\xfb\0\0\0\2", 8, 1},
        {"version 3", "QFI\xfb\0\0\0\3", 8, 1},
        {"a version to come is ours to refuse", "QFI\xfb\0\0\0\4", 8, 1},
        {"version 1 is QCOW, another format", "QFI\xfb\0\0\0\1", 8, 0},
        {"another magic", "QFI\xfc\0\0\0\3", 8, 0},
        {"too short for a version", "QFI\xfb\0\0\0", 7, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(block_unrefp) struct block *b = NULL;
        struct err err = {0};

        assert_int_equal(block_mem_open(&b, cases[i].bytes, cases[i].n, &err), 0);
        if (qcow2_driver.recognise(b, &err) != cases[i].want)
            fail_msg("%s", cases[i].name);
        assert_int_equal(err.code, ERR_NONE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recognise),
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_disks_bytewise),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_extents),
        cmocka_unit_test(test_empty_disk_is_one_extent),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_zstd_streams),
        cmocka_unit_test(test_end_of_file),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_backwards),
        cmocka_unit_test(test_end_of_table),
        cmocka_unit_test(test_l2_decode),
        cmocka_unit_test(test_wrong_entry),
        cmocka_unit_test(test_inflated_once),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_damaged_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
