/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "api/boot_folder.h"
#include "base/scoped.h"

static char around[32];

static int set_up(void **state)
{
    (void)state;
    strcpy(around, "/tmp/boot_folder.XXXXXX");
    return mkdtemp(around) ? 0 : -1;
}

static int tear_down(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", around);
    return system(command);
}

static void path_of(char ret[128], const char *folder, const char *name)
{
    snprintf(ret, 128, "%s/%s/%s", around, folder, name);
}

static void make_file(const char *folder, const char *name, mode_t mode)
{
    char path[128];
    int fd;

    path_of(path, folder, name);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, mode);
    assert_true(fd >= 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static bool is_there(const char *folder, const char *name)
{
    char path[128];

    path_of(path, folder, name);
    return access(path, F_OK) == 0;
}

/* A folder as a start that was killed leaves it; its name behind the last slash. */
static void leave(char name[32])
{
    struct boot_folder f = BOOT_FOLDER_NONE;
    struct err err = {0};
    char path[128];
    int pipes[2], status;
    pid_t pid;

    assert_int_equal(pipe(pipes), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        ssize_t n;

        if (boot_folder_make(&f, around, &err) < 0)
            _exit(1);
        n = write(pipes[1], f.path + strlen(around) + 1, 20);
        raise(n == 20 ? SIGKILL : SIGTERM);
        _exit(1);
    }
    close(pipes[1]);
    assert_int_equal(read(pipes[0], name, 20), 20);
    close(pipes[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    make_file(name, "serial.log", 0600);
    path_of(path, name, "qmp.sock");
    assert_int_equal(symlink("/etc/passwd", path), 0); /* of any kind but a folder */
    assert_true(is_there(name, "lock"));
}

static void make_next(void)
{
    AUTO(boot_folder_remove) struct boot_folder next = BOOT_FOLDER_NONE;
    struct err err = {0};

    assert_int_equal(boot_folder_make(&next, around, &err), 0);
}

static void test_what_was_left_goes(void **state)
{
    char name[32];

    (void)state;
    leave(name);
    make_next();
    assert_false(is_there(name, ""));
    assert_int_equal(access("/etc/passwd", F_OK), 0);
}

static void test_what_is_in_use_stays(void **state)
{
    AUTO(boot_folder_remove) struct boot_folder mine = BOOT_FOLDER_NONE;
    struct err err = {0};

    (void)state;
    assert_int_equal(boot_folder_make(&mine, around, &err), 0);
    make_next();
    assert_int_equal(access(mine.path, F_OK), 0);
    assert_int_equal(faccessat(mine.fd, "lock", F_OK, 0), 0);
}

static void test_what_may_not_be_ours_stays(void **state)
{
    static const struct {
        const char *sentence, *folder, *lock;
        mode_t folder_mode, lock_mode;
    } rows[] = {
        {"another name", "imgport-boot-aaaaaaa", "lock", 0700, 0600},
        {"... or begin of one", "my-imgport-boot-aaa", "lock", 0700, 0600},
        {"no lock: its owner is about to make it", "imgport-boot-bbbbbb", "lock.new",
         0700, 0600},
        {"a folder that is open to others", "imgport-boot-cccccc", "lock", 0755, 0600},
        {"a lock that others could hold", "imgport-boot-dddddd", "lock", 0700, 0666},
    };
    char path[128];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        path_of(path, rows[i].folder, "");
        assert_int_equal(mkdir(path, rows[i].folder_mode), 0);
        make_file(rows[i].folder, rows[i].lock, rows[i].lock_mode);
    }
    path_of(path, "elsewhere", "");
    assert_int_equal(mkdir(path, 0700), 0);
    make_file("elsewhere", "lock", 0600);
    make_file("elsewhere", "serial.log", 0600);
    snprintf(path, sizeof path, "%s/imgport-boot-eeeeee", around);
    assert_int_equal(symlink("elsewhere", path), 0);
    make_next();
    assert_true(is_there("elsewhere", "serial.log"));
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        print_message("%s\n", rows[i].sentence);
        assert_true(is_there(rows[i].folder, rows[i].lock));
    }
    assert_int_equal(unlink(path), 0);
}

static void test_another_users_stays(void **state)
{
    char name[32], path[128];

    (void)state;
    if (geteuid() != 0) /* nobody else can make one */
        return;
    leave(name);
    path_of(path, name, "lock");
    assert_int_equal(chown(path, 65534, 65534), 0);
    make_next();
    assert_true(is_there(name, "serial.log"));
    assert_int_equal(chown(path, 0, 0), 0);
    path_of(path, name, "");
    assert_int_equal(chown(path, 65534, 65534), 0);
    make_next();
    assert_true(is_there(name, "serial.log"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_was_left_goes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_in_use_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_may_not_be_ours_stays, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_another_users_stays, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
