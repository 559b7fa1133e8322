/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/scoped.h"
#include "block/image.h"
#include "mend/overlay.h"

enum { CLUSTER = OVERLAY_CLUSTER, BASE = 5 * CLUSTER / 2, DISK = 4 * CLUSTER };

static uint8_t base_bytes[BASE];

static void setup(struct overlay **ret, struct block **base)
{
    for (size_t i = 0; i < BASE; i++)
        base_bytes[i] = (uint8_t)(i / 512 + 1);
    assert_int_equal(block_mem_open(base, base_bytes, BASE, NULL), 0);
    assert_int_equal(overlay_open(ret, *base, DISK, NULL), 0);
}

static void expect_byte(struct block *b, uint64_t off, uint8_t want, const char *what)
{
    uint8_t got = 0;

    assert_int_equal(block_read(b, &got, 1, off, NULL), 0);
    if (got != want)
        fail_msg("%s: byte %llu is %u, want %u", what, (unsigned long long)off, got,
                 want);
}

static void test_write(void **state)
{
    static const struct {
        const char *name;
        uint64_t off;
        size_t n;
        uint8_t byte;
        size_t clusters; /* changed after it */
    } cases[] = {
        {"what is there already changes nothing", 0, 512, 1, 0},
        {"zeros behind the base's end change nothing", BASE, CLUSTER, 0, 0},
        {"a byte changes its cluster", CLUSTER + 7, 1, 0xee, 1},
        {"a second byte in it changes no other", CLUSTER + 9, 1, 0xee, 1},
        {"a write over an edge changes both", 3 * CLUSTER - 1, 2, 0xee, 3},
        {"the last byte can be written", DISK - 1, 1, 0xee, 3},
        {"the first cluster comes in front", 5, 1, 0xee, 4},
        {"a write of nothing changes nothing", DISK, 0, 0, 4},
    };
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    AUTO(block_unrefp) struct block *base = NULL;
    static uint8_t bytes[CLUSTER];

    (void)state;
    setup(&o, &base);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        memset(bytes, cases[i].byte, sizeof bytes);
        assert_int_equal(overlay_write(o, bytes, cases[i].n, cases[i].off, NULL), 0);
        if (overlay_clusters(o) != cases[i].clusters)
            fail_msg("%s: %zu clusters", cases[i].name, overlay_clusters(o));
        if (cases[i].n)
            expect_byte(overlay_block(o), cases[i].off, cases[i].byte, cases[i].name);
    }
    expect_byte(overlay_block(o), CLUSTER + 8, CLUSTER / 512 + 1, "between two edits");
    expect_byte(overlay_block(o), BASE, 0, "behind the base's end");
    expect_byte(base, 5, 1, "the base is as it was");
    assert_int_equal(overlay_write(o, bytes, 2, DISK - 1, NULL), -ERR_SHORT);
}

static void test_limit(void **state)
{
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    AUTO(block_unrefp) struct block *base = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(block_mem_open(&base, base_bytes, 0, NULL), 0);
    assert_int_equal(
        overlay_open(&o, base, (OVERLAY_CLUSTERS_MAX + 1ull) * CLUSTER, NULL), 0);
    for (uint64_t i = 0; i < OVERLAY_CLUSTERS_MAX; i++)
        assert_int_equal(overlay_write(o, "x", 1, i * CLUSTER, NULL), 0);
    assert_int_equal(
        overlay_write(o, "x", 1, OVERLAY_CLUSTERS_MAX * (uint64_t)CLUSTER, &err),
        -ERR_LIMIT);
    assert_string_equal(err.msg, "more than 64 MiB would change");
    assert_int_equal(overlay_write(o, "y", 1, 0, NULL), 0);
}

static void test_extents(void **state)
{
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    AUTO(block_unrefp) struct block *base = NULL;
    struct location l;
    struct extent e;

    (void)state;
    setup(&o, &base);
    assert_int_equal(overlay_write(o, "x", 1, 3 * CLUSTER, NULL), 0);
    assert_int_equal(block_locate(overlay_block(o), &l, BASE + 1, NULL), 0);
    assert_true(l.file == overlay_block(o) && l.where == BASE + 1);
    overlay_seal(o);
    assert_int_equal(block_extent(overlay_block(o), &e, 0, NULL), 0);
    assert_true(e.kind == EXTENT_DATA && e.length == BASE);
    assert_int_equal(block_extent(overlay_block(o), &e, BASE, NULL), 0);
    assert_true(e.kind == EXTENT_HOLE && e.length == 3 * CLUSTER - BASE);
    assert_int_equal(block_extent(overlay_block(o), &e, 3 * CLUSTER, NULL), 0);
    assert_true(e.kind == EXTENT_DATA && e.length == CLUSTER);
    assert_int_equal(block_locate(overlay_block(o), &l, 1, NULL), 0);
    assert_true(l.file == base && l.where == 1 && l.extent.length == BASE - 1);
}

/* Written, and read back through our reader over the base. */
static void read_back(struct overlay *o, struct block *base)
{
    struct overlay_file file = {DISK, "base.raw", "raw"};
    struct image_options options = {.backing = base};
    AUTO(block_unrefp) struct block *b = NULL, *disk = NULL;
    static uint8_t want[DISK], got[DISK];
    struct image_info info;
    struct err err = {0};
    int fd = memfd_create("overlay", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(overlay_write_file(fd, &file, o, NULL), 0);
    assert_int_equal(block_file_open(&b, fd, NULL), 0);
    assert_int_equal(image_open(&disk, &info, b, NULL, &err), -ERR_UNSUPPORTED);
    assert_int_equal(info.fault, IMAGE_FAULT_BACKING_FILE);
    assert_non_null(strstr(err.msg, "\"base.raw\""));
    assert_int_equal(image_open(&disk, &info, b, &options, NULL), 0);
    assert_int_equal(disk->size, DISK);
    if (o)
        assert_int_equal(block_read(overlay_block(o), want, DISK, 0, NULL), 0);
    else
        assert_int_equal(block_read(base, want, BASE, 0, NULL), 0);
    assert_int_equal(block_read(disk, got, DISK, 0, NULL), 0);
    assert_memory_equal(got, want, DISK);
}

static void test_file(void **state)
{
    AUTO(overlay_unrefp) struct overlay *o = NULL;
    AUTO(block_unrefp) struct block *base = NULL;

    (void)state;
    setup(&o, &base);
    read_back(NULL, base);
    read_back(o, base);
    assert_int_equal(overlay_write(o, "edit", 4, 2 * CLUSTER - 2, NULL), 0);
    assert_int_equal(overlay_write(o, "end", 3, DISK - 3, NULL), 0);
    read_back(o, base);
}

static void test_file_refused(void **state)
{
    char name[OVERLAY_BACKING_MAX + 2];
    const struct {
        const char *name;
        struct overlay_file file;
        int want;
    } cases[] = {
        {"half a sector", {DISK + 1, "b", "raw"}, -ERR_ARG},
        {"no size", {0, "b", "raw"}, -ERR_ARG},
        {"more than QEMU opens", {UINT64_C(1) << 62, "b", "raw"}, -ERR_LIMIT},
        {"no name", {DISK, "", "raw"}, -ERR_ARG},
        {"a name too long", {DISK, name, "raw"}, -ERR_ARG},
        {"another format", {DISK, "b", "vmdk"}, -ERR_ARG},
    };

    (void)state;
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (overlay_write_file(-1, &cases[i].file, NULL, NULL) != cases[i].want)
            fail_msg("%s: not refused", cases[i].name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),        cmocka_unit_test(test_limit),
        cmocka_unit_test(test_extents),      cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
