/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/bytes.h"
#include "block/image_testing.h"

enum { ACCESSES_MAX = 100000 };

int image_testing_open(struct block **ret, struct image_info *info, const void *p,
                       size_t n, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;

    *err = (struct err){0};
    assert_int_equal(block_mem_open(&file, p, n, err), 0);
    return image_open(ret, info, file, NULL, err);
}

void image_testing_hostile(const struct hostile_case *cases, size_t n_cases,
                           const uint8_t *image, size_t n,
                           void (*reseal)(uint8_t *p, size_t n))
{
    AUTO(freep) uint8_t *copy = malloc(n);
    unsigned bad = 0;

    assert_non_null(copy);
    for (size_t i = 0; i < n_cases; i++) {
        const struct hostile_case *c = &cases[i];
        AUTO(block_unrefp) struct block *disk = NULL;
        struct image_info info;
        struct err err;

        memcpy(copy, image, n);
        memcpy(copy + (c->off < 0 ? (long)n + c->off : c->off), c->bytes, c->n);
        if (reseal)
            reseal(copy, n);
        (void)image_testing_open(&disk, &info, copy, n, &err);
        if (disk || info.fault != c->fault || strcmp(err.msg, c->message) != 0) {
            print_error("%s: %s: %s\n", c->sentence, image_fault_name(info.fault),
                        disk ? "it was opened" : err.msg);
            bad++;
        }
        assert_true(strncmp(info.fault_detail, err.msg, IMAGE_DETAIL_MAX - 1) == 0);
    }
    assert_int_equal(bad, 0);
}

/* Opens over `file` and compares all of it.  0 or what failed. */
static int read_all(struct block *file, const uint8_t *want, size_t n_want,
                    const struct image_options *options, struct image_info *info,
                    struct err *err)
{
    AUTO(block_unrefp) struct block *disk = NULL;
    AUTO(freep) uint8_t *got = malloc(n_want + 1);
    uint64_t data;
    int r = image_open(&disk, info, file, options, err);

    assert_non_null(got);
    if (r == 0) {
        assert_int_equal(disk->size, n_want);
        r = block_read(disk, got, n_want, 0, err);
    }
    if (r == 0)
        r = block_data_size(disk, &data, err);
    if (r == 0)
        assert_memory_equal(got, want, n_want);
    return r;
}

void image_testing_faults(const uint8_t *image, size_t n, const uint8_t *want,
                          size_t n_want, const struct image_options *options)
{
    AUTO(block_unrefp) struct block *file = NULL, *slow = NULL;
    struct image_info info;
    struct err err = {0};
    unsigned nth = 1;

    assert_int_equal(block_mem_open(&file, image, n, &err), 0);
    for (int r = -1; r < 0; nth++) {
        AUTO(block_unrefp) struct block *bad = NULL;

        err_clear(&err);
        assert_true(nth < ACCESSES_MAX);
        assert_int_equal(block_fault_open(&bad, file, nth, NULL, &err), 0);
        r = read_all(bad, want, n_want, options, &info, &err);
        if (r < 0) {
            assert_int_equal(r, -ERR_IO);
            assert_int_equal(info.fault, IMAGE_FAULT_NONE);
            assert_non_null(strstr(err.msg, "injected fault"));
        }
    }
    assert_true(nth > 2);
    assert_int_equal(block_bytewise_open(&slow, file, &err), 0);
    assert_int_equal(read_all(slow, want, n_want, options, &info, &err), 0);
}

void image_testing_extents(struct block *disk, const uint8_t *want)
{
    for (uint64_t off = 0; off < disk->size;) {
        struct err err = {0};
        struct extent e;

        assert_int_equal(block_extent(disk, &e, off, &err), 0);
        if (e.kind != EXTENT_DATA)
            assert_true(bytes_are_zero(bytes_of(want + off, (size_t)e.length)));
        off += e.length;
    }
}
