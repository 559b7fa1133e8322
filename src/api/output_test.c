/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/output.h"
#include "base/scoped.h"

static char folder[] = "/tmp/output_test.XXXXXX";
static char dest[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder + strlen(folder) - 6, "XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(dest, sizeof dest, "%s/disk.qcow2", folder);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static unsigned count_files(void)
{
    DIR *d = opendir(folder);
    unsigned n = 0;

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

static void write_dest(const char *text)
{
    AUTO(fclosep) FILE *f = fopen(dest, "w");

    assert_non_null(f);
    fputs(text, f);
}

static void assert_dest(const char *want)
{
    AUTO(fclosep) FILE *f = fopen(dest, "r");
    char text[32] = "";

    assert_non_null(f);
    assert_true(fread(text, 1, sizeof text - 1, f) == strlen(want));
    assert_string_equal(text, want);
}

static void test_commit(void **state)
{
    struct output o;
    struct err err = {0};

    (void)state;
    assert_int_equal(output_open(&o, dest, false, -1, &err), 0);
    assert_int_equal(write(o.fd, "new", 3), 3);
    assert_int_equal(access(dest, F_OK), -1);
    assert_int_equal(output_sync(&o, &err), 0);
    assert_int_equal(output_commit(&o, &err), 0);
    output_close(&o);
    assert_dest("new");
    assert_int_equal(count_files(), 1);
}

static void test_abandon(void **state)
{
    struct output o;
    struct err err = {0};

    (void)state;
    assert_int_equal(output_open(&o, dest, false, -1, &err), 0);
    assert_int_equal(count_files(), 1);
    output_close(&o);
    assert_int_equal(count_files(), 0);
}

static void test_existing(void **state)
{
    struct output o;
    struct err err = {0};

    (void)state;
    write_dest("old");
    assert_int_equal(output_open(&o, dest, false, -1, &err), -ERR_ARG);
    assert_string_equal(err.msg, "exists; --overwrite replaces it");
    assert_int_equal(count_files(), 1);
    err_clear(&err);
    assert_int_equal(output_open(&o, dest, true, -1, &err), 0);
    assert_int_equal(write(o.fd, "new", 3), 3);
    assert_dest("old");
    assert_int_equal(output_commit(&o, &err), 0);
    output_close(&o);
    assert_dest("new");
}

static void test_borrowed(void **state)
{
    struct err err = {0};
    struct output o;
    int fd = open(dest, O_RDWR | O_CREAT | O_EXCL, 0600), reader;

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(output_borrow(&o, fd, fd, NULL), -ERR_ARG); /* the source itself */
    reader = open(dest, O_RDONLY);
    assert_int_equal(output_borrow(&o, reader, -1, NULL), -ERR_ARG);
    close(reader);
    assert_int_equal(output_borrow(&o, fd, -1, &err), 0);
    assert_int_equal(write(o.fd, "new", 3), 3);
    assert_int_equal(output_sync(&o, &err), 0);
    assert_int_equal(output_commit(&o, &err), 0);
    output_close(&o);
    assert_dest("new");
    assert_int_equal(output_borrow(&o, fd, -1, NULL), -ERR_ARG); /* not empty any more */
    assert_int_equal(close(fd), 0);
    assert_int_equal(count_files(), 1);
}

static void test_race(void **state)
{
    struct output o;
    struct err err = {0};

    (void)state;
    assert_int_equal(output_open(&o, dest, false, -1, &err), 0);
    write_dest("somebody else's");
    assert_int_equal(output_commit(&o, &err), -ERR_CONFLICT);
    output_close(&o);
    assert_dest("somebody else's");
    assert_int_equal(count_files(), 1);
}

static void test_source_itself(void **state)
{
    struct err err = {0};
    struct output o;
    int fd;

    (void)state;
    write_dest("source");
    fd = open(dest, O_RDONLY);
    assert_int_equal(output_open(&o, dest, true, fd, &err), -ERR_ARG);
    assert_string_equal(err.msg, "is the source itself");
    close(fd);
    assert_dest("source");
}

static void test_not_a_file(void **state)
{
    static const struct {
        const char *path, *message;
        enum err_code code;
    } cases[] = {
        {"/dev/null", "exists and is not a regular file", ERR_ARG},
        {"/tmp/", "is a folder, not the name of a file", ERR_ARG},
        {"/tmp", "exists and is not a regular file", ERR_ARG},
        {"/nonexistent/x", "open folder /nonexistent/: No such file or directory",
         ERR_IO},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err err = {0};
        struct output o;

        assert_int_equal(output_open(&o, cases[i].path, true, -1, &err),
                         -(int)cases[i].code);
        assert_string_equal(err.msg, cases[i].message);
    }
}

static void test_long_name(void **state)
{
    char name[PATH_MAX];
    struct err err = {0};
    struct output o;

    (void)state;
    snprintf(name, sizeof name, "%s/%0255d", folder, 1);
    assert_int_equal(output_open(&o, name, false, -1, &err), 0);
    assert_int_equal(output_commit(&o, &err), 0);
    output_close(&o);
    assert_int_equal(access(name, F_OK), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_commit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_abandon, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_existing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_borrowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_race, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_source_itself, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_not_a_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_long_name, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
