/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/process.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/scoped.h"
#include "base/text.h"
#include "instance/clock.h"

/* linux/wait.h has it; glibc 2.36 as well, but only as P_PIDFD of an enum. */
enum {
    STAT_MAX = 1024,
    STAT_STARTED = 20 /* words after the name, of which this is one */
};

static int pidfd_of(int pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

/* The name in the file may hold blanks and brackets: what counts is behind the last one.
 */
static bool read_started(uint64_t *ret, int pid)
{
    char path[64], text[STAT_MAX];
    AUTO(closep) int fd = -1;
    struct bytes rest, word;
    char *bracket;
    ssize_t n;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n <= 0)
        return false;
    text[n] = '\0';
    bracket = strrchr(text, ')');
    if (!bracket)
        return false;
    rest = bytes_of(bracket + 1, strlen(bracket + 1));
    for (unsigned i = 0; i < STAT_STARTED; i++)
        if (!text_next_word(&rest, &word))
            return false;
    return text_u64(ret, word);
}

bool process_is_over(const struct process *p)
{
    struct pollfd f = {.fd = p->fd, .events = POLLIN};

    return p->fd < 0 || poll(&f, 1, 0) > 0;
}

bool process_is_ours(const struct process *p)
{
    char path[64];
    struct stat st;

    snprintf(path, sizeof path, "/proc/%d", p->pid);
    return stat(path, &st) == 0 && st.st_uid == geteuid();
}

bool process_wait(struct process *p, unsigned limit_ms)
{
    int64_t until = clock_ms() + limit_ms;

    while (!process_is_over(p)) {
        struct pollfd f = {.fd = p->fd, .events = POLLIN};
        int64_t left = until - clock_ms();

        if (left <= 0)
            return false;
        poll(&f, 1, (int)left);
    }
    if (p->pid > 0 && waitpid(p->pid, NULL, WNOHANG) < 0) {
        /* no child of ours: somebody else buries it */
    }
    return true;
}

void process_kill(const struct process *p)
{
    if (p->fd >= 0)
        syscall(SYS_pidfd_send_signal, p->fd, SIGKILL, NULL, 0);
}

void process_finip(struct process *p)
{
    if (p->pid > 0 && p->fd >= 0 && process_is_over(p))
        process_wait(p, 0);
    closep(&p->fd);
    p->pid = 0;
}

int process_find(struct process *ret, int pid, uint64_t started, struct err *err)
{
    AUTO(process_finip) struct process p = {.pid = pid, .started = started, .fd = -1};
    uint64_t seen;

    if (pid <= 0)
        return 0;
    p.fd = pidfd_of(pid);
    if (p.fd < 0)
        return errno == ESRCH || errno == EINVAL
                   ? 0
                   : FAIL_SYS(err, errno, "look for process %d", pid);
    if (!read_started(&seen, pid) || seen != started || process_is_over(&p))
        return 0;
    *ret = p;
    p = PROCESS_NONE;
    return 1;
}

/* Between fork() and exec: system calls only, since a lock of any library may be held by
 * a thread that does not exist here. */
struct birth {
    const struct process_plan *plan;
    char *const *argv, *const *env;
    int null, report;
    pid_t parent;
};

static bool place_fds(const struct birth *b)
{
    unsigned end = PROCESS_FDS_FIRST + b->plan->n_fds;
    int up[PROCESS_FDS_MAX], error = -1, report;

    for (unsigned i = 0; i < b->plan->n_fds; i++) {
        up[i] = fcntl(b->plan->fds[i], F_DUPFD, (int)end + 1);
        if (up[i] < 0)
            return false;
    }
    error = fcntl(b->plan->error_output >= 0 ? b->plan->error_output : b->null, F_DUPFD,
                  (int)end + 1);
    report = fcntl(b->report, F_DUPFD, (int)end + 1);
    if (error < 0 || report < 0 || dup2(b->null, STDIN_FILENO) < 0 ||
        dup2(b->null, STDOUT_FILENO) < 0 || dup2(error, STDERR_FILENO) < 0)
        return false;
    for (unsigned i = 0; i < b->plan->n_fds; i++)
        if (dup2(up[i], (int)(PROCESS_FDS_FIRST + i)) < 0)
            return false;
    /* The report's place is the first that is not the program's; exec closes it. */
    if (dup3(report, (int)end, O_CLOEXEC) < 0)
        return false;
    return syscall(SYS_close_range, end + 1, ~0U, 0) == 0;
}

static bool set_limit(int which, uint64_t value)
{
    struct rlimit l;

    if (getrlimit((__rlimit_resource_t)which, &l) < 0)
        return false;
    if (l.rlim_max > value)
        l.rlim_max = value;
    if (l.rlim_cur > l.rlim_max)
        l.rlim_cur = l.rlim_max;
    /* A soft limit below what is wanted may be raised up to the hard one. */
    if (which == RLIMIT_NOFILE)
        l.rlim_cur = l.rlim_max;
    return setrlimit((__rlimit_resource_t)which, &l) == 0;
}

/* glibc's setuid() would tell all threads, of which there are none here. */
static bool drop(const struct process_plan *p)
{
    return !p->drop || (syscall(SYS_setgroups, p->extra ? 1 : 0, &p->extra) == 0 &&
                        syscall(SYS_setresgid, p->gid, p->gid, p->gid) == 0 &&
                        syscall(SYS_setresuid, p->uid, p->uid, p->uid) == 0);
}

bool process_can_drop(uid_t uid, gid_t gid)
{
    struct process_plan p = {.drop = true, .uid = uid, .gid = gid};
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(drop(&p) ? 0 : 1);
    while (pid > 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR) /* whose end nobody hears: the machine's start will tell */
            return true;
    return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool take_place(const struct process_plan *p)
{
    return (!p->bind || sched_setaffinity(0, sizeof p->cpus, &p->cpus) == 0) &&
           (!p->nice || getpriority(PRIO_PROCESS, 0) >= (int)p->nice ||
            setpriority(PRIO_PROCESS, 0, (int)p->nice) == 0);
}

/* After drop(), which would undo it. */
static bool bind_to_parent(const struct birth *b)
{
    return !b->plan->bound ||
           (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == b->parent);
}

static void be_born(const struct birth *b)
{
    int end = (int)(PROCESS_FDS_FIRST + b->plan->n_fds);
    int report = b->report, failed;
    sigset_t none;

    sigemptyset(&none);
    setsid();
    umask(077);
    if (place_fds(b)) {
        report = end;
        if (set_limit(RLIMIT_CORE, 0) && set_limit(RLIMIT_NOFILE, b->plan->files) &&
            (!b->plan->memory || set_limit(RLIMIT_AS, b->plan->memory)) &&
            take_place(b->plan) && drop(b->plan) && bind_to_parent(b) &&
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
            sigprocmask(SIG_SETMASK, &none, NULL);
            execve(b->plan->path, b->argv, b->env);
        }
    }
    failed = errno;
    if (write(report, &failed, sizeof failed) < 0) {
        /* the status says it as well */
    }
    _exit(127);
}

/* Only what helps to debug a program of ours; nothing else is its business. */
static void pick_environment(char **to, size_t n)
{
    static const char *const names[] = {
        "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS=", "IMGPORT_NO_SANDBOX="};
    size_t k = 0;

    to[k++] = (char *)(uintptr_t) "PATH=/usr/bin:/bin";
    to[k++] = (char *)(uintptr_t) "LC_ALL=C.UTF-8";
    for (char **e = environ; *e && k + 1 < n; e++)
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
            if (strncmp(*e, names[i], strlen(names[i])) == 0 && k + 1 < n)
                to[k++] = *e;
    to[k] = NULL;
}

int process_spawn(struct process *ret, const struct process_plan *plan, struct err *err)
{
    AUTO(closep) int null = open("/dev/null", O_RDWR | O_CLOEXEC | O_NOCTTY);
    AUTO(closep) int ours = -1, theirs = -1;
    char *env[8];
    struct birth b = {.plan = plan,
                      .argv = (char *const *)(uintptr_t)plan->argv,
                      .env = env,
                      .null = null,
                      .parent = getpid()};
    struct process p = PROCESS_NONE;
    int pair[2], failed = 0;
    sigset_t all, before;
    ssize_t n;

    if (null < 0 || pipe2(pair, O_CLOEXEC) < 0)
        return FAIL_SYS(err, errno, "start %s", plan->path);
    ours = pair[0];
    theirs = b.report = pair[1];
    pick_environment(env, ARRAY_SIZE(env));
    /* No handler of ours may run in the child. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    p.pid = fork();
    if (p.pid == 0)
        be_born(&b);
    failed = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (p.pid < 0)
        return FAIL_SYS(err, failed, "start %s", plan->path);
    p.fd = pidfd_of(p.pid);
    closep(&theirs);
    do
        n = read(ours, &failed, sizeof failed);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof failed) {
        waitpid(p.pid, NULL, 0);
        closep(&p.fd);
        return FAIL_SYS(err, failed, "start %s", plan->path);
    }
    if (p.fd < 0 || !read_started(&p.started, p.pid)) {
        kill(p.pid, SIGKILL); /* our child, not waited for: nobody else has its number */
        waitpid(p.pid, NULL, 0);
        closep(&p.fd);
        return FAIL(err, ERR_IO, "start %s: it ended at once", plan->path);
    }
    *ret = p;
    return 0;
}
