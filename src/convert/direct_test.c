/* SPDX-License-Identifier: GPL-2.0-or-later */
/* direct_test.c: the same bytes past the page cache */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/checked.h"
#include "convert/convert_testing.h"

static int again(int fd, int flags)
{
    char path[40];

    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return open(path, O_WRONLY | O_CLOEXEC | flags);
}

static void test_past_the_page_cache(void **state)
{
    DISK(d, MIXED_SIZE, mixed, false);

    (void)state;
    for (size_t i = 0; i < TESTING_KINDS; i++) {
        for (unsigned threads = 1; threads <= 3; threads++) {
            AUTO(closep)
            int want = testing_file(), fd = testing_file(), refused = testing_file();
            AUTO(closep) int direct = again(fd, O_DIRECT);
            /* A file that takes numbers only: EINVAL. */
            AUTO(closep) int picky = open("/proc/self/oom_score_adj", O_WRONLY);
            struct convert_result result;
            struct err err = {0};

            print_message("%s, %u threads\n", testing_kinds[i].name, threads);
            if (direct < 0) /* a tmpfs of Linux before 6.6 */
                direct = again(fd, 0);
            assert_true(direct >= 0 && picky >= 0);
            assert_int_equal(
                convert_kind(&result, want, &d.block, &testing_kinds[i], threads, &err),
                0);
            assert_int_equal(convert_direct(&result, fd, direct, &d.block,
                                            &testing_kinds[i], threads, &err),
                             0);
            assert_true(testing_same(want, fd));
            assert_int_equal(convert_direct(&result, refused, picky, &d.block,
                                            &testing_kinds[i], threads, &err),
                             0);
            assert_true(testing_same(want, refused));
        }
    }
}

static void test_what_goes_past_the_page_cache(void **state)
{
    AUTO(closep)
    int fd = testing_file(), direct = testing_file(), full = open("/dev/full", O_WRONLY);
    DISK(d, MIXED_SIZE, mixed, false);
    struct convert_result result;
    struct err err = {0};

    (void)state;
    assert_int_equal(
        convert_direct(&result, fd, direct, &d.block, &testing_kinds[0], 2, &err), 0);
    /* All clusters and tables: only the header is less than a page. */
    assert_int_equal(testing_size(direct), result.file_size);
    assert_int_equal(testing_size(fd), 120);
    assert_int_equal(
        convert_direct(&result, fd, full, &d.block, &testing_kinds[0], 2, &err), -ERR_IO);
    assert_int_equal(err.sys, ENOSPC);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_past_the_page_cache),
        cmocka_unit_test(test_what_goes_past_the_page_cache),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
