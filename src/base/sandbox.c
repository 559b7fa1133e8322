/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/landlock.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/scoped.h"

static void release_filter(scmp_filter_ctx *c)
{
    if (*c)
        seccomp_release(*c);
}

/* A lower limit that we came with (ulimit) stands: nobody may raise it without privilege.
 */
static int limit(int which, const char *name, uint64_t value, struct err *err)
{
    struct rlimit l;

    if (getrlimit((__rlimit_resource_t)which, &l) < 0)
        return FAIL_SYS(err, errno, "sandbox: limit of %s", name);
    if (l.rlim_max > value)
        l.rlim_max = value;
    if (l.rlim_cur > l.rlim_max)
        l.rlim_cur = l.rlim_max;
    if (setrlimit((__rlimit_resource_t)which, &l) < 0)
        return FAIL_SYS(err, errno, "sandbox: limit of %s", name);
    return 0;
}

/* Everything Landlock knew in its first version; what later versions add is covered by
 * seccomp.  A kernel without it is fine. */
static int deny_files(struct err *err)
{
    struct landlock_ruleset_attr attr = {
        .handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1,
    };
    int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    int failed;

    if (fd < 0)
        return 0;
    failed = syscall(SYS_landlock_restrict_self, fd, 0) < 0 ? errno : 0;
    close(fd);
    if (failed)
        return FAIL_SYS(err, failed, "sandbox: landlock");
    return 0;
}

static int add_socket_rules(scmp_filter_ctx c)
{
    static const int plain[] = {
        SCMP_SYS(poll),       SCMP_SYS(ppoll),       SCMP_SYS(recvfrom),
        SCMP_SYS(sendto),     SCMP_SYS(shutdown),    SCMP_SYS(getsockopt),
        SCMP_SYS(setsockopt), SCMP_SYS(getpeername), SCMP_SYS(getsockname),
    };
    static const unsigned modes[] = {F_GETFL, F_SETFL, F_GETFD, F_SETFD};
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(plain) && r == 0; i++)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, plain[i], 0);
    for (size_t i = 0; i < ARRAY_SIZE(modes) && r == 0; i++)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                             SCMP_A1(SCMP_CMP_EQ, modes[i]));
    return r;
}

static int add_rules(scmp_filter_ctx c, bool truncate, int clone, bool sockets)
{
    static const int plain[] = {
        SCMP_SYS(read),
        SCMP_SYS(readv),
        SCMP_SYS(pread64),
        SCMP_SYS(preadv),
        SCMP_SYS(write),
        SCMP_SYS(writev),
        SCMP_SYS(pwrite64),
        SCMP_SYS(pwritev),
        SCMP_SYS(lseek),
        SCMP_SYS(close),
        SCMP_SYS(recvmsg),
        SCMP_SYS(sendmsg),
        SCMP_SYS(brk),
        SCMP_SYS(munmap),
        SCMP_SYS(mremap),
        SCMP_SYS(madvise),
        SCMP_SYS(futex),
        SCMP_SYS(sched_yield),
        SCMP_SYS(sched_getaffinity),
        SCMP_SYS(set_robust_list),
        SCMP_SYS(rseq),
        SCMP_SYS(getpid),
        SCMP_SYS(gettid),
        SCMP_SYS(getrandom),
        SCMP_SYS(sysinfo), /* glibc, for qsort() */
        SCMP_SYS(clock_gettime),
        SCMP_SYS(clock_nanosleep),
        SCMP_SYS(restart_syscall),
        SCMP_SYS(rt_sigaction), /* glibc, for the first thread it starts */
        SCMP_SYS(rt_sigprocmask),
        SCMP_SYS(rt_sigreturn),
        SCMP_SYS(exit),
        SCMP_SYS(exit_group),
    };
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(plain) && r == 0; i++)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, plain[i], 0);
    if (r == 0 && truncate)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ftruncate), 0);
    /* Which file they come from lies in memory, but it is one of those that are held. */
    if (r == 0 && clone > 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 2,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)clone),
                             SCMP_A1(SCMP_CMP_EQ, FICLONERANGE));
    if (r == 0 && sockets)
        r = add_socket_rules(c);
    /* Memory, but never code. */
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* Threads, but never processes.  The flags of clone3() lie in memory, where a filter
     * cannot see them: with ENOSYS glibc falls back to clone(). */
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD | CLONE_VM,
                                     CLONE_THREAD | CLONE_VM));
    /* abort() signals its own process, and nobody else can be named. */
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 2,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()),
                             SCMP_A2(SCMP_CMP_EQ, SIGABRT));
    return r;
}

int sandbox_enter(const struct sandbox_limits *limits, struct err *err)
{
    AUTO(release_filter) scmp_filter_ctx c = NULL;
    int r;

    /* One heap for all threads.  glibc would give each its own, reserve 64 MiB of address
     * space for it, and read /proc/sys/vm/overcommit_memory before it first shrinks one:
     * a forbidden call. */
    mallopt(M_ARENA_MAX, 1);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return FAIL_SYS(err, errno, "sandbox: no new privileges");
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    r = deny_files(err);
    if (r == 0)
        r = limit(RLIMIT_CORE, "core dumps", 0, err);
    if (r == 0)
        r = limit(RLIMIT_NOFILE, "descriptors", limits->files, err);
    if (r == 0 && limits->memory)
        r = limit(RLIMIT_AS, "memory", limits->memory, err);
    if (r == 0 && limits->cpu_seconds)
        r = limit(RLIMIT_CPU, "CPU seconds", limits->cpu_seconds, err);
    if (r < 0)
        return r;
    c = seccomp_init(SCMP_ACT_KILL_PROCESS);
    if (!c)
        return FAIL(err, ERR_NOMEM, "sandbox: filter");
    /* Calls of another architecture (x32, 32 bit): by default only the thread dies. */
    r = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = add_rules(c, limits->truncate, limits->clone, limits->sockets);
    if (r == 0)
        r = seccomp_load(c);
    if (r < 0)
        return FAIL(err, ERR_UNSUPPORTED,
                    "sandbox: this kernel takes no seccomp filter (%d)", r);
    return 0;
}
