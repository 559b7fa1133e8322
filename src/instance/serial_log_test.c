/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/hypervisor.h"
#include "instance/serial_log.h"

/* A hundred thousand lines, in pieces that end anywhere. */
static void test_lines(void **state)
{
    AUTO(closep) int fd = memfd_create("log", MFD_CLOEXEC);
    AUTO(freep) char *text = malloc(MACHINE_LOG_MAX + 1);
    struct serial_log log;
    struct err err = {0};
    char line[64] = "";
    unsigned expected = 0;
    ssize_t n;

    (void)state;
    assert_non_null(text);
    assert_int_equal(serial_log_open(&log, fd, &err), 0);
    for (unsigned i = 0; i < 100000; i++) {
        size_t length = (size_t)snprintf(line, sizeof line, "line %u of the guest\n", i);

        assert_int_equal(serial_log_write(&log, bytes_of(line, i % length), &err), 0);
        assert_int_equal(
            serial_log_write(&log, bytes_of(line + i % length, length - i % length),
                             &err),
            0);
        assert_true(log.size <= MACHINE_LOG_MAX);
    }
    n = pread(fd, text, MACHINE_LOG_MAX, 0);
    assert_int_equal(n, log.size);
    assert_true(n >= MACHINE_LOG_MAX / 2 - 64);
    text[n] = '\0';
    assert_int_equal(sscanf(text, "line %u", &expected), 1);
    for (char *at = text; *at; at = strchr(at, '\n') + 1)
        assert_int_equal(strtoul(at + 5, NULL, 10), expected++);
    assert_int_equal(expected, 100000);
}

static void test_no_lines(void **state)
{
    AUTO(closep) int fd = memfd_create("log", MFD_CLOEXEC);
    static uint8_t noise[3 * MACHINE_LOG_MAX];
    struct serial_log log;
    struct err err = {0};

    (void)state;
    memset(noise, 'x', sizeof noise);
    assert_int_equal(serial_log_open(&log, fd, &err), 0);
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(serial_log_write(&log, bytes_of(noise, sizeof noise), &err), 0);
    assert_true(log.size <= MACHINE_LOG_MAX && log.size >= MACHINE_LOG_MAX / 2);
    assert_int_equal(lseek(fd, 0, SEEK_END), log.size);
    /* Who goes on with the file knows how long it is. */
    assert_int_equal(serial_log_open(&log, fd, &err), 0);
    assert_int_equal(log.size, lseek(fd, 0, SEEK_END));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_no_lines),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
