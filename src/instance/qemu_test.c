/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/process.h"
#include "instance/qemu_argv.h"
#include "instance/qemu_run.h"
#include "instance/qemu_user.h"

static const struct machine_spec good = {
    .id = "ins-1234abcd",
    .folder = "/var/lib/x",
    .uuid = "11111111-2222-4333-8444-555555555555",
    .memory = 512,
    .cpus = 1,
    .disk = {"/d/disk.qcow2"},
    .base_kind = BASE_QCOW2,
    .base = {"/d/base.qcow2"},
    .mac = {0x52, 0x54, 0, 1, 2, 3},
    .network = {.metadata = true,
                .address = 0x0a000002,
                .gateway = 0x0a000001,
                .prefix = 24},
};

/* Each with one thing that a specification must not have. */
static void test_specifications(void **state)
{
    struct machine_spec bad[] = {
        [0 ... 23] = good,
    };
    struct err err = {0};

    (void)state;
    bad[0].id = "";
    bad[1].id = "ins,x";
    bad[2].id = "0123456789012345678901234567890123456789012345678901234567890123";
    bad[3].folder = "relative";
    bad[4].uuid = "1111";
    bad[5].uuid = "11111111-2222-4333-8444-55555555555g";
    bad[6].memory = 63;
    bad[7].memory = MACHINE_MEMORY_MAX + 1;
    bad[8].cpus = 0;
    bad[9].cpus = MACHINE_CPUS_MAX + 1;
    bad[10].cpu = "max -device x";
    bad[11].disk = (struct machine_file){0};
    bad[12].base = (struct machine_file){0};
    bad[13].base_kind = BASE_NBD;
    bad[14].direct.command_line = "quiet";
    bad[15].mac[0] = 1;
    memset(bad[16].mac, 0, 6);
    bad[17].manufacturer = "a\nb";
    bad[18].product = "\xc3\xa9";
    bad[19].network.prefix = 31;
    bad[20].network.gateway = 0x0b000001;
    bad[21].network.gateway = bad[21].network.address;
    bad[22].limits.disk_bytes = UINT64_MAX;
    bad[23].limits.nice = 20;
    assert_int_equal(qemu_spec_check(&good, &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (qemu_spec_check(&bad[i], NULL) != -ERR_ARG)
            fail_msg("number %zu was taken", i);
}

static const char *value_of(const char *const *argv, const char *option, unsigned nth)
{
    for (; *argv; argv++)
        if (strcmp(*argv, option) == 0 && nth-- == 0)
            return argv[1];
    return NULL;
}

static bool has(const char *const *argv, const char *word)
{
    for (; *argv; argv++)
        if (strcmp(*argv, word) == 0)
            return true;
    return false;
}

static void test_words(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct machine_spec s = good;
    struct qemu_fds fds = {3, 4, 5, 6, 7, 8, -1, -1, -1};
    const char *const *argv;
    struct err err = {0};

    (void)state;
    s.product = "Nova, by us";
    assert_int_equal(
        qemu_argv(&argv, &a, &s, &fds, ACCELERATOR_EMULATED, "/bin/q", "/fw", &err), 0);
    assert_string_equal(argv[0], "/bin/q");
    assert_string_equal(
        value_of(argv, "-sandbox", 0),
        "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
    assert_string_equal(value_of(argv, "-accel", 0), "tcg,tb-size=256");
    assert_string_equal(value_of(argv, "-cpu", 0), "qemu64,-cx16");
    s.cx16 = true;
    assert_int_equal(
        qemu_argv(&argv, &a, &s, &fds, ACCELERATOR_EMULATED, "/bin/q", "/fw", &err), 0);
    assert_string_equal(value_of(argv, "-cpu", 0), "qemu64");
    assert_string_equal(value_of(argv, "-smbios", 0),
                        "type=1,serial=ins-1234abcd,product=Nova,, by us");
    assert_non_null(strstr(value_of(argv, "-blockdev", 1), "\"backing\":null"));
    assert_non_null(strstr(value_of(argv, "-blockdev", 3), "\"backing\":\"base\""));
    assert_null(value_of(argv, "-object", 1)); /* but for random bytes */
    assert_false(has(argv, "-no-reboot"));
    assert_false(has(argv, "-kernel"));
    assert_false(has(argv, "-bios"));
    for (const char *const *w = argv; *w; w++) /* no path is any of QEMU's business */
        assert_null(strstr(*w, "/d/"));

    s.once = true;
    s.firmware = FIRMWARE_UEFI;
    s.base_kind = BASE_NBD;
    s.direct.command_line = "quiet";
    fds.config_drive = 9;
    fds.kernel = 10;
    assert_int_equal(
        qemu_argv(&argv, &a, &s, &fds, ACCELERATOR_HARDWARE, "q", "/fw", &err), 0);
    assert_true(has(argv, "-no-reboot"));
    assert_string_equal(value_of(argv, "-bios", 0), "/fw");
    assert_string_equal(value_of(argv, "-accel", 0), "kvm");
    assert_string_equal(value_of(argv, "-cpu", 0), "host");
    assert_string_equal(value_of(argv, "-kernel", 0), "/dev/fd/10");
    assert_null(value_of(argv, "-initrd", 0));
    assert_non_null(strstr(value_of(argv, "-blockdev", 0), "\"driver\":\"nbd\""));
    assert_true(has(argv, "ide-cd,drive=config"));
}

static void test_limits(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct machine_spec s = good;
    struct qemu_fds fds = {3, 4, 5, 6, 7, 8, -1, -1, -1};
    const char *const *argv;
    struct err err = {0};

    (void)state;
    s.limits.disk_bytes = 104857600;
    assert_int_equal(
        qemu_argv(&argv, &a, &s, &fds, ACCELERATOR_EMULATED, "q", "/fw", &err), 0);
    assert_string_equal(value_of(argv, "-object", 1),
                        "{\"qom-type\":\"throttle-group\",\"id\":\"limits\","
                        "\"limits\":{\"bps-total\":104857600,\"iops-total\":0}}");
    assert_string_equal(value_of(argv, "-blockdev", 4),
                        "{\"driver\":\"throttle\",\"node-name\":\"limited\","
                        "\"throttle-group\":\"limits\",\"file\":\"disk\"}");
    assert_true(has(argv, "virtio-blk-pci,drive=limited,addr=0x4,bootindex=1"));
    s.limits = (struct machine_limits){.disk_operations = 50};
    assert_int_equal(
        qemu_argv(&argv, &a, &s, &fds, ACCELERATOR_EMULATED, "q", "/fw", &err), 0);
    assert_non_null(strstr(value_of(argv, "-object", 1), "\"iops-total\":50}"));
}

/* Three machines and two users. */
static void test_users(void **state)
{
    struct hypervisor h = {.users = {300000, 300001}, .user = {true, 7, 8, 0}, .kvm = 9};
    char around[] = "/tmp/imgport-users.XXXXXX", path[3][64];
    struct machine_user u[3], again;
    struct err err = {0};
    int fd[3];

    (void)state;
    if (geteuid() != 0) /* nobody else may give a folder away: hypervisor_open() */
        return;
    assert_non_null(mkdtemp(around));
    for (int i = 0; i < 3; i++) {
        snprintf(path[i], sizeof path[i], "%s/%d", around, i);
        assert_int_equal(mkdir(path[i], 0700), 0);
        fd[i] = open(path[i], O_RDONLY | O_DIRECTORY);
    }
    assert_int_equal(qemu_user(&u[0], &h, fd[0], &err), 0);
    assert_int_equal(qemu_user(&u[1], &h, fd[1], &err), 0);
    assert_true(u[0].drop && u[0].uid == 300000 && u[0].gid == 300000);
    assert_int_equal(u[1].uid, 300001);
    assert_int_equal(qemu_user(&again, &h, fd[0], &err), 0);
    assert_int_equal(again.uid, 300000);
    assert_int_equal(qemu_user(&u[2], &h, fd[2], NULL), -ERR_LIMIT);
    assert_int_equal(rmdir(path[0]), 0);
    assert_int_equal(qemu_user(&u[2], &h, fd[2], &err), 0);
    assert_int_equal(u[2].uid, 300000);
    /* A folder that was copied with its group. */
    assert_int_equal(chown(path[2], (uid_t)-1, 300001), 0);
    assert_int_equal(qemu_user(&u[2], &h, fd[2], &err), 0);
    assert_int_equal(u[2].uid, 300000);
    h.users.first = 0;
    assert_int_equal(qemu_user(&u[2], &h, fd[2], &err), 0);
    assert_int_equal(u[2].uid, 7);
    assert_int_equal(u[2].extra, 0);
    /* Only KVM's machines have its group. */
    h.accelerator = ACCELERATOR_HARDWARE;
    assert_int_equal(qemu_user(&u[2], &h, fd[2], &err), 0);
    assert_true(u[2].gid == 8 && u[2].extra == 9);
    h.users.first = 300000;
    assert_int_equal(qemu_user(&u[2], &h, fd[2], &err), 0);
    assert_true(u[2].gid == 300000 && u[2].extra == 9);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    rmdir(path[1]);
    rmdir(path[2]);
    rmdir(around);
}

static void test_notes(void **state)
{
    static const char *const bad[] = {
        "",
        "boot x\n",
        "boot x\nqemu 1 2\nhelper 3 4\nnetwork 1 2 3 24 0\n",
        "boot x\nqemu 0 2\nhelper 3 4\nnetwork 1 2 3 24 0 0\n",
        "boot x\nqemu -1 2\nhelper 3 4\nnetwork 1 2 3 24 0 0\n",
        "boot x\nqemu 99999999999 2\nhelper 3 4\nnetwork 1 2 3 24 0 0\n",
        "boot x\nqemu 1 2 3\nhelper 3 4\nnetwork 1 2 3 24 0 0\n",
        "boot x\nqemu 1 2\nhelper 3 4\nnetwork 1 2 3 24 0 0\nmore\n",
        "boot \nqemu 1 2\nhelper 3 4\nnetwork 1 2 3 24 0 0\n",
        "boot x\n\nqemu 1 2\nhelper 3 4\nnetwork 1 2 3 24 0 0\n",
    };
    static const char text[] =
        "boot x-1\nqemu 11 22\nhelper 0 0\nnetwork 1 167772162 167772161 24 5 6\n";
    struct qemu_run run;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (qemu_run_parse(&run, bytes_of(bad[i], strlen(bad[i]))))
            fail_msg("number %zu was taken", i);
    assert_true(qemu_run_parse(&run, bytes_of(text, sizeof text - 1)));
    assert_string_equal(run.boot, "x-1");
    assert_int_equal(run.qemu.pid, 11);
    assert_int_equal(run.qemu.started, 22);
    assert_true(run.network.metadata);
    assert_int_equal(run.network.address, 0x0a000002);
    assert_int_equal(run.network.dns[1], 6);
}

static void test_processes(void **state)
{
    static const char *const argv[] = {"sleep", "60", NULL};
    static const char *const none[] = {"none", NULL};
    struct process p = PROCESS_NONE, found = PROCESS_NONE;
    struct err err = {0};
    int pid;

    (void)state;
    assert_int_equal(process_spawn(&p,
                                   &(struct process_plan){.path = "/none/such",
                                                          .argv = none,
                                                          .error_output = -1,
                                                          .files = 64},
                                   &err),
                     -ERR_IO);
    assert_non_null(strstr(err.msg, "No such file"));
    err_clear(&err);
    assert_int_equal(process_spawn(&p,
                                   &(struct process_plan){.path = "/bin/sleep",
                                                          .argv = argv,
                                                          .error_output = -1,
                                                          .files = 64},
                                   &err),
                     0);
    pid = p.pid;
    assert_int_equal(getsid(pid), pid);
    assert_true(process_is_ours(&p));
    assert_int_equal(process_find(&found, pid, p.started, &err), 1);
    process_finip(&found);
    assert_int_equal(process_find(&found, pid, p.started + 1, &err), 0);
    assert_false(process_wait(&p, 10));
    process_kill(&p);
    assert_true(process_wait(&p, 10000));
    assert_int_equal(waitpid(pid, NULL, WNOHANG), -1); /* buried */
    assert_int_equal(process_find(&found, pid, p.started, &err), 0);
    process_finip(&p);
}

/* "Groups:\t7 \n" of a process; "": it is not there. */
static void read_groups(char ret[64], int pid)
{
    char path[64], line[256];
    FILE *f;

    ret[0] = '\0';
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "Groups:", 7) == 0)
            snprintf(ret, 64, "%.63s", line);
    if (f)
        fclose(f);
}

static void test_dropping(void **state)
{
    static const char *const argv[] = {"sleep", "60", NULL};
    static const struct {
        gid_t extra;
        const char *groups;
    } rows[] = {{0, "Groups:\t \n"}, {300009, "Groups:\t300009 \n"}};

    (void)state;
    if (geteuid() != 0) /* nobody else becomes another */
        return;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct process_plan plan = {.path = "/bin/sleep",
                                    .argv = argv,
                                    .error_output = -1,
                                    .files = 64,
                                    .drop = true,
                                    .uid = 300000,
                                    .gid = 300001,
                                    .extra = rows[i].extra};
        struct process p = PROCESS_NONE;
        struct err err = {0};
        char groups[64];

        assert_int_equal(process_spawn(&p, &plan, &err), 0);
        assert_false(process_is_ours(&p));
        read_groups(groups, p.pid);
        assert_string_equal(groups, rows[i].groups);
        process_kill(&p);
        assert_true(process_wait(&p, 10000));
        process_finip(&p);
    }
}

static void test_device_groups(void **state)
{
    static const struct {
        mode_t mode;
        gid_t want;
    } rows[] = {{0660, 300009}, {0666, 0}, {0600, 0}, {0640, 0}, {0664, 300009}};
    char path[] = "/tmp/imgport-device.XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    for (size_t i = 0; geteuid() == 0 && i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(chown(path, (uid_t)-1, 300009), 0);
        assert_int_equal(chmod(path, rows[i].mode), 0);
        assert_int_equal(hypervisor_device_group(path), rows[i].want);
    }
    unlink(path);
    assert_int_equal(hypervisor_device_group(path), 0);
}

/* The numbers that the host gives to somebody else. */
static void test_subids(void **state)
{
    static const struct {
        const char *text, *want; /* "": nobody has any of them */
    } rows[] = {
        {"", ""},
        {"alice:100000:65536\n", ""},
        {"alice:100000:100001\n",
         "users 200000-200009: f gives alice those from 100000 to 200000"},
        {"bob:x:1\n:\nbob\nbob:200010:65536\n", ""},
        {"a:1:1\nbob:200009:1",
         "users 200000-200009: f gives bob those from 200009 to 200009"},
        {"bob:200000:0\nbob:200000:99999999999\n", ""},
        {"bob:18446744073709551615:2\n", ""},
    };
    const struct machine_users users = {200000, 200009};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err err = {0};
        struct bytes text = bytes_of(rows[i].text, strlen(rows[i].text));
        int r = hypervisor_check_subids(&users, "f", text, &err);

        if (r != (*rows[i].want ? -ERR_CONFLICT : 0) ||
            strcmp(err.msg, rows[i].want) != 0)
            fail_msg("%s: %d, %s", rows[i].text, r, err.msg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_specifications), cmocka_unit_test(test_words),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_users),
        cmocka_unit_test(test_notes),          cmocka_unit_test(test_processes),
        cmocka_unit_test(test_subids),         cmocka_unit_test(test_dropping),
        cmocka_unit_test(test_device_groups),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
