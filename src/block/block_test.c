/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "block/block.h"

static const char data[] = "0123456789abcdef";

static void test_bounds(void **state)
{
    AUTO(block_unrefp) struct block *b = NULL;
    struct err err = {0};
    char buf[32];

    (void)state;
    assert_int_equal(block_mem_open(&b, data, 16, &err), 0);
    assert_int_equal(block_read(b, buf, 4, 12, &err), 0);
    assert_memory_equal(buf, "cdef", 4);
    assert_int_equal(block_read(b, buf, 0, 16, &err), 0);
    assert_int_equal(block_read(b, buf, 4, 13, &err), -ERR_SHORT);
    err_clear(&err);
    assert_int_equal(block_read(b, buf, 1, UINT64_MAX, &err), -ERR_SHORT);
}

static void test_window(void **state)
{
    AUTO(block_unrefp) struct block *b = NULL, *w = NULL, *v = NULL;
    struct err err = {0};
    char buf[4];

    (void)state;
    assert_int_equal(block_mem_open(&b, data, 16, &err), 0);
    assert_int_equal(block_window_open(&w, b, 4, 8, &err), 0);
    assert_int_equal(block_window_open(&v, w, 2, 4, &err), 0);
    assert_int_equal(block_read(v, buf, 4, 0, &err), 0);
    assert_memory_equal(buf, "6789", 4);
    assert_int_equal(block_read(v, buf, 4, 1, &err), -ERR_SHORT);
    err_clear(&err);
    assert_int_equal(block_window_open(&b, w, 8, 1, &err), -ERR_SHORT);
}

static void test_fault(void **state)
{
    AUTO(block_unrefp) struct block *b = NULL, *f = NULL;
    atomic_uint count = 0;
    struct err err = {0};
    char buf[4];

    (void)state;
    assert_int_equal(block_mem_open(&b, data, 16, &err), 0);
    assert_int_equal(block_fault_open(&f, b, 2, &count, &err), 0);
    assert_int_equal(block_read(f, buf, 4, 0, &err), 0);
    assert_int_equal(block_read(f, buf, 4, 0, &err), -ERR_IO);
    assert_string_equal(err.msg, "injected fault");
    assert_int_equal(count, 2);
}

static void test_cache(void **state)
{
    AUTO(block_unrefp) struct block *b = NULL, *f = NULL, *c = NULL;
    atomic_uint count = 0;
    struct err err = {0};
    char buf[16];

    (void)state;
    assert_int_equal(block_mem_open(&b, data, 15, &err), 0);
    assert_int_equal(block_fault_open(&f, b, 0, &count, &err), 0);
    assert_int_equal(block_cache_open(&c, f, 4, 2, &err), 0);
    assert_int_equal(block_read(c, buf, 2, 1, &err), 0);
    assert_int_equal(block_read(c, buf, 1, 0, &err), 0);
    assert_int_equal(count, 1);
    assert_int_equal(block_read(c, buf, 15, 0, &err), 0);
    assert_memory_equal(buf, data, 15);
    assert_int_equal(block_read(c, buf, 5, 10, &err), 0);
    assert_memory_equal(buf, "abcde", 5);
    for (unsigned off = 0; off < 15; off++) {
        assert_int_equal(block_read(c, buf, 15 - off, off, &err), 0);
        assert_memory_equal(buf, data + off, 15 - off);
    }
}

static void test_bytewise(void **state)
{
    AUTO(block_unrefp) struct block *b = NULL, *w = NULL;
    struct err err = {0};
    struct extent e;
    char buf[16];

    (void)state;
    assert_int_equal(block_mem_open(&b, data, 16, &err), 0);
    assert_int_equal(block_bytewise_open(&w, b, &err), 0);
    assert_int_equal(block_read(w, buf, 16, 0, &err), 0);
    assert_memory_equal(buf, data, 16);
    assert_int_equal(block_extent(w, &e, 3, &err), 0);
    assert_int_equal(e.length, 1);
}

static void test_file_holes(void **state)
{
    AUTO(block_unrefp) struct block *b = NULL;
    char name[] = "/tmp/block_test.XXXXXX";
    int fd = mkstemp(name);
    struct err err = {0};
    struct extent e;
    uint64_t n;
    char buf[2];

    (void)state;
    assert_true(fd >= 0);
    unlink(name);
    assert_int_equal(ftruncate(fd, 16 << 20), 0);
    assert_int_equal(pwrite(fd, "x", 1, 8 << 20), 1);
    assert_int_equal(block_file_open(&b, fd, &err), 0);
    assert_int_equal(b->size, 16 << 20);
    assert_int_equal(block_extent(b, &e, 0, &err), 0);
    if (e.kind != EXTENT_HOLE) /* a filesystem without holes: everything is data */
        return;
    assert_int_equal(e.length, 8 << 20);
    assert_int_equal(block_extent(b, &e, 8 << 20, &err), 0);
    assert_int_equal(e.kind, EXTENT_DATA);
    assert_int_equal(block_data_size(b, &n, &err), 0);
    assert_true(n > 0 && n < 1 << 20);
    assert_int_equal(block_read(b, buf, 2, (8 << 20) - 1, &err), 0);
    assert_memory_equal(buf, "\0x", 2);
    assert_int_equal(ftruncate(fd, 1 << 20), 0); /* shrinks under us */
    assert_int_equal(block_read(b, buf, 2, 8 << 20, &err), -ERR_SHORT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds),   cmocka_unit_test(test_window),
        cmocka_unit_test(test_fault),    cmocka_unit_test(test_cache),
        cmocka_unit_test(test_bytewise), cmocka_unit_test(test_file_holes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
