/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox_test.c: each forbidden call is tried from inside, in a process of its own */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/frame.h"
#include "base/sandbox.h"
#include "base/scoped.h"

enum { DONE = 7 };

static int pair[2];

/* Forbidden: the process must die in them. */

static void try_open(void)
{
    open("/etc/passwd", O_RDONLY);
}

static void try_stat(void)
{
    struct stat st;

    stat("/etc/passwd", &st);
}

static void try_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
}

static void try_unix_socket(void)
{
    socket(AF_UNIX, SOCK_STREAM, 0);
}

static void try_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
}

static void try_fork(void)
{
    fork();
}

static void try_raw_fork(void)
{
    syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void try_kill_parent(void)
{
    kill(getppid(), 0);
}

static void try_tgkill_parent(void)
{
    syscall(SYS_tgkill, 1, 1, SIGABRT);
}

static void try_ptrace(void)
{
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
}

static void try_unlink(void)
{
    unlink("/tmp/imgport-nothing");
}

static void try_rename(void)
{
    rename("/tmp/imgport-nothing", "/tmp/imgport-nothing-2");
}

static void try_truncate(void)
{
    if (ftruncate(pair[0], 0) < 0)
        _exit(1);
}

static int clone_to(int fd, unsigned long how)
{
    struct file_clone_range range = {.src_fd = pair[1]};

    return ioctl(fd, how, &range);
}

static void try_clone(void)
{
    clone_to(pair[0], FICLONERANGE);
}

static void try_clone_to_another(void)
{
    clone_to(pair[1], FICLONERANGE);
}

static void try_clone_whole(void)
{
    clone_to(pair[0], FICLONE);
}

static void try_size_of_terminal(void)
{
    clone_to(pair[0], TIOCGWINSZ);
}

static void try_map_code(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_make_code(void)
{
    void *p =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static void try_io_uring(void)
{
    syscall(SYS_io_uring_setup, 1, NULL);
}

static void try_dup(void)
{
    if (dup(0) < 0)
        _exit(1);
}

static void try_ioctl(void)
{
    syscall(SYS_ioctl, 0, 0x5412 /* TIOCSTI */, "x");
}

static void try_prctl(void)
{
    prctl(PR_SET_NAME, "x");
}

#ifdef __x86_64__
static void *call_x32(void *arg)
{
    enum { X32 = 0x40000000 };

    syscall(X32 | SYS_getpid);
    return arg;
}

static void try_other_abi_in_thread(void)
{
    pthread_t t;

    if (pthread_create(&t, NULL, call_x32, NULL) == 0)
        pthread_join(t, NULL);
}
#endif

/* Allowed: the process must come out of them and say so. */

static void *in_thread(void *arg)
{
    *(int *)arg = 1;
    return NULL;
}

static void use_threads(void)
{
    pthread_t t;
    int ran = 0;

    if (pthread_create(&t, NULL, in_thread, &ran) != 0 || pthread_join(t, NULL) != 0 ||
        !ran)
        _exit(1);
}

/* Enough small blocks that giving them back lets the heap of a thread shrink. */
static void *fill_and_empty(void *arg)
{
    enum { BLOCKS = 64, BLOCK = 64 << 10 };
    char *blocks[BLOCKS];

    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK);
        if (!blocks[i])
            _exit(1);
        memset(blocks[i], 1, BLOCK);
    }
    for (int i = BLOCKS; i-- > 0;)
        free(blocks[i]);
    *(int *)arg = 1;
    return NULL;
}

static void use_memory_in_thread(void)
{
    pthread_t t;
    int ran = 0;

    if (pthread_create(&t, NULL, fill_and_empty, &ran) != 0 ||
        pthread_join(t, NULL) != 0 || !ran)
        _exit(1);
}

static int compare(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void use_qsort(void)
{
    int v[] = {3, 1, 2};
    int *many = calloc(1 << 16, sizeof *many);

    qsort(v, ARRAY_SIZE(v), sizeof *v, compare);
    qsort(many, 1 << 16, sizeof *many, compare);
    free(many);
    if (v[0] != 1 || v[2] != 3)
        _exit(1);
}

static void use_memory(void)
{
    char *p = malloc(8 << 20);

    if (!p)
        _exit(1);
    memset(p, 1, 8 << 20);
    free(p);
}

static void use_frames(void)
{
    AUTO(buf_fini) struct buf b = {.max = 100};
    struct err err = {0};
    uint8_t type;

    if (frame_send(pair[1], 'T', "hello", 5, -1, &err) < 0 ||
        frame_recv(pair[0], &type, &b, NULL, &err) != 1 || b.n != 5)
        _exit(1);
}

static void hit_memory_limit(void)
{
    /* volatile: clang leaves out an allocation that nobody uses, and takes it as done. */
    void *volatile p = malloc(600u << 20);

    if (p)
        _exit(1);
}

static int run_inside_with(void (*fn)(void), int clone, bool sockets)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox_limits limits = {
            .memory = 512u << 20,
            .cpu_seconds = 20,
            .files = 64,
            .clone = clone,
            .sockets = sockets,
        };
        struct err err = {0};

        if (sandbox_enter(&limits, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            _exit(2);
        }
        fn();
        _exit(DONE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int run_inside(void (*fn)(void))
{
    return run_inside_with(fn, 0, false);
}

static void test_forbidden(void **state)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } cases[] = {
        {"open a file", try_open},
        {"look whether a file exists", try_stat},
        {"make an internet socket", try_socket},
        {"make a unix socket", try_unix_socket},
        {"execute a program", try_exec},
        {"fork", try_fork},
        {"fork by the bare system call", try_raw_fork},
        {"signal the parent", try_kill_parent},
        {"signal another process by tgkill", try_tgkill_parent},
        {"trace", try_ptrace},
        {"unlink", try_unlink},
        {"rename", try_rename},
        {"truncate a file in a check", try_truncate},
        {"share blocks in a check", try_clone},
        {"map code", try_map_code},
        {"turn memory into code", try_make_code},
        {"set up io_uring", try_io_uring},
        {"duplicate a descriptor", try_dup},
        {"push input into a terminal", try_ioctl},
        {"change its own attributes", try_prctl},
#ifdef __x86_64__
        {"call by another ABI, in a thread", try_other_abi_in_thread},
#endif
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int status = run_inside(cases[i].fn);

        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: status %#x, not killed", cases[i].name, (unsigned)status);
    }
}

static void test_allowed(void **state)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } cases[] = {
        {"threads", use_threads},
        {"memory", use_memory},
        {"memory in a thread", use_memory_in_thread},
        {"sorting", use_qsort},
        {"messages", use_frames},
        {"memory over the limit is refused, not fatal", hit_memory_limit},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int status = run_inside(cases[i].fn);

        if (!WIFEXITED(status) || WEXITSTATUS(status) != DONE)
            fail_msg("%s: status %#x", cases[i].name, (unsigned)status);
    }
}

/* One ioctl, on one file. */
static void test_clone(void **state)
{
    static const struct {
        const char *name;
        void (*fn)(void);
        bool allowed;
    } cases[] = {
        {"blocks of a range", try_clone, true},
        {"into another file", try_clone_to_another, false},
        {"a whole file", try_clone_whole, false},
        {"another ioctl on that file", try_size_of_terminal, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int status = run_inside_with(cases[i].fn, pair[0], false);

        if (cases[i].allowed ? !WIFEXITED(status) || WEXITSTATUS(status) != DONE
                             : !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: status %#x", cases[i].name, (unsigned)status);
    }
}

static int ends[2]; /* of a socket that was there before */

static void use_sockets(void)
{
    struct pollfd p = {.fd = ends[1], .events = POLLIN};
    socklen_t n = sizeof(int);
    int failed;
    char c = 'c';

    if (fcntl(ends[1], F_SETFL, fcntl(ends[1], F_GETFL) | O_NONBLOCK) < 0 ||
        send(ends[0], &c, 1, MSG_NOSIGNAL) != 1 || poll(&p, 1, 1000) != 1 ||
        recv(ends[1], &c, 1, 0) != 1 ||
        getsockopt(ends[1], SOL_SOCKET, SO_ERROR, &failed, &n) < 0)
        _exit(1);
}

static void try_connect(void)
{
    struct sockaddr a = {.sa_family = AF_UNSPEC};

    connect(ends[0], &a, sizeof a);
}

static void try_listen(void)
{
    listen(ends[0], 1);
}

static void try_accept(void)
{
    accept(ends[0], NULL, NULL);
}

static void try_fcntl_dup(void)
{
    fcntl(ends[0], F_DUPFD, 100);
}

/* Those it holds, and no others. */
static void test_sockets(void **state)
{
    static const struct {
        const char *name;
        void (*fn)(void);
        bool allowed;
    } cases[] = {
        {"to talk on one", use_sockets, true},
        {"a new one", try_socket, false},
        {"a new local one", try_unix_socket, false},
        {"to connect", try_connect, false},
        {"to listen", try_listen, false},
        {"to accept", try_accept, false},
        {"another name of it", try_fcntl_dup, false},
        {"files, still", try_open, false},
    };

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int status = run_inside_with(cases[i].fn, 0, true);

        if (cases[i].allowed ? !WIFEXITED(status) || WEXITSTATUS(status) != DONE
                             : !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS)
            fail_msg("%s: status %#x", cases[i].name, (unsigned)status);
    }
    /* Only where it was asked for. */
    assert_true(WIFSIGNALED(run_inside_with(use_sockets, 0, false)));
    close(ends[0]);
    close(ends[1]);
}

static void spin(void)
{
    for (volatile unsigned i = 0;; i++)
        ;
}

static void test_cpu_limit(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0) {
        struct sandbox_limits limits = {.cpu_seconds = 1, .files = 64};
        struct err err = {0};

        if (sandbox_enter(&limits, &err) < 0)
            _exit(2);
        spin();
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGKILL || WTERMSIG(status) == SIGXCPU);
}

/* ulimit -v, -n and -t of the shell that started us. */
static void test_lower_limits_stand(void **state)
{
    static const struct {
        int which;
        rlim_t value;
    } lower[] = {{RLIMIT_AS, 300u << 20}, {RLIMIT_NOFILE, 32}, {RLIMIT_CPU, 10}};
    pid_t pid = fork();
    int status;

    (void)state;
    assert_true(pid >= 0);
    if (pid == 0) {
        struct sandbox_limits limits = {512u << 20, 20, 64, false, 0};
        struct rlimit l;
        struct err err = {0};

        for (size_t i = 0; i < ARRAY_SIZE(lower); i++) {
            l = (struct rlimit){lower[i].value, lower[i].value};
            if (setrlimit((__rlimit_resource_t)lower[i].which, &l) < 0)
                _exit(3);
        }
        /* Without the privilege to raise them, also where the tests run as root. */
        if (prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE, 0, 0, 0) == 0 &&
            setresuid(65534, 65534, 65534) < 0)
            _exit(3);
        if (sandbox_enter(&limits, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            _exit(2);
        }
        hit_memory_limit();
        _exit(DONE);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), DONE);
}

static void test_frames(void **state)
{
    AUTO(buf_fini) struct buf b = {.max = 100};
    AUTO(closep) int got = -1;
    struct err err = {0};
    char big[101] = {0};
    uint8_t type;
    int s[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    assert_int_equal(frame_send(s[0], 'A', "abc", 3, STDOUT_FILENO, &err), 0);
    assert_int_equal(frame_send(s[0], 'B', NULL, 0, -1, &err), 0);
    assert_int_equal(frame_recv(s[1], &type, &b, &got, &err), 1);
    assert_int_equal(type, 'A');
    assert_string_equal(buf_str(&b), "abc");
    assert_true(got > STDERR_FILENO);
    closep(&got);
    assert_int_equal(frame_recv(s[1], &type, &b, &got, &err), 1);
    assert_int_equal(b.n, 0);
    assert_int_equal(got, -1);
    assert_int_equal(frame_send(s[0], 'C', big, sizeof big, -1, &err), 0);
    assert_int_equal(frame_recv(s[1], &type, &b, NULL, &err), -ERR_LIMIT);
    err_clear(&err);
    close(s[0]);
    close(s[1]);

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
    assert_int_equal(write(s[0], "\x05\0\0\0Aab", 7), 7);
    close(s[0]);
    assert_int_equal(frame_recv(s[1], &type, &b, NULL, &err), -ERR_SHORT);
    err_clear(&err);
    assert_int_equal(frame_recv(s[1], &type, &b, NULL, &err), 0);
    assert_int_equal(frame_send(s[1], 'A', "abc", 3, -1, &err), -ERR_IO);
    close(s[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_allowed),
        cmocka_unit_test(test_clone),
        cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_cpu_limit),
        cmocka_unit_test(test_lower_limits_stand),
    };

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
