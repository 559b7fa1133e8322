/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/config_drive.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/scoped.h"

static struct instance_settings usual(void)
{
    return (struct instance_settings){
        .id = "ins-1",
        .uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        .incarnation = "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        .hostname = "h",
        .net = {.mac = "52:54:00:00:00:01", .dhcp = true},
        .region = "r",
        .zone = "z",
        .user_data = {(const uint8_t *)"#!/bin/sh\n", 10},
        .created = 1537270000,
        .forced = true,
    };
}

static void *written(size_t *n, const struct instance_settings *s)
{
    AUTO(closep) int fd = memfd_create("drive", MFD_CLOEXEC);
    struct stat st;
    void *p;

    assert_true(fd >= 0);
    assert_int_equal(config_drive_write(fd, s, NULL), 0);
    assert_int_equal(fstat(fd, &st), 0);
    *n = (size_t)st.st_size;
    p = malloc(*n);
    assert_non_null(p);
    assert_int_equal(pread(fd, p, *n, 0), st.st_size);
    return p;
}

static void test_label(void **state)
{
    struct instance_settings s = usual();
    AUTO(freep) uint8_t *p = NULL;
    size_t n;

    (void)state;
    p = written(&n, &s);
    assert_true(n > 34 * 2048 && n < CONFIG_DRIVE_MAX && n % 2048 == 0);
    /* ECMA-119, 8.4: the primary volume descriptor. */
    assert_memory_equal(p + 16 * 2048, "\001CD001\001", 7);
    assert_memory_equal(p + 16 * 2048 + 40, "config-2                        ", 32);
    assert_non_null(memmem(p, n, "hostname=h\n", 11));
    assert_non_null(memmem(p, n, "#!/bin/sh\n", 10));
}

static void test_same_bytes(void **state)
{
    struct instance_settings s = usual();
    AUTO(freep) void *one = NULL, *two = NULL;
    size_t n, m;

    (void)state;
    one = written(&n, &s);
    sleep(1); /* another second must not show */
    two = written(&m, &s);
    assert_int_equal(n, m);
    assert_memory_equal(one, two, n);
}

static void test_full_disk(void **state)
{
    AUTO(closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    struct instance_settings s = usual();
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 3; i++) {
        err_clear(&err);
        assert_true(config_drive_write(fd, &s, &err) < 0);
        assert_string_equal(err.msg, "configuration drive: No space left on device");
    }
    s.hostname = "";
    err_clear(&err);
    assert_true(config_drive_write(fd, &s, &err) < 0);
    assert_int_equal(err.code, ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_label),
        cmocka_unit_test(test_same_bytes),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
