/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/net_keeper.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "base/scoped.h"

/* Sanitizers ask the kernel for what no filter here allows. */
#ifdef IMGPORT_SANITIZED
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

static void release_filter(scmp_filter_ctx *c)
{
    if (*c)
        seccomp_release(*c);
}

/* The console and its log, the child and its connections, what the child needs on its way
 * into a narrower sandbox, and memory. */
static const int plain[] = {
    SCMP_SYS(read),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(pwrite64),
    SCMP_SYS(lseek),
    SCMP_SYS(ftruncate),
    SCMP_SYS(close),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(connect),
    SCMP_SYS(fcntl),
    SCMP_SYS(wait4),
    SCMP_SYS(setgroups),
    SCMP_SYS(setresgid),
    SCMP_SYS(setresuid),
    SCMP_SYS(prctl),
    SCMP_SYS(prlimit64),
    SCMP_SYS(seccomp),
    SCMP_SYS(landlock_create_ruleset),
    SCMP_SYS(landlock_restrict_self),
    SCMP_SYS(brk),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(futex),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getrandom),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

static int add_rules(scmp_filter_ctx c)
{
    int r = 0;

    for (size_t i = 0; i < ARRAY_SIZE(plain) && r == 0; i++)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, plain[i], 0);
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                             SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 1,
                             SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* fork(), without namespaces of its own. */
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                             SCMP_A0(SCMP_CMP_MASKED_EQ,
                                     CLONE_NEWNS | CLONE_NEWUSER | CLONE_NEWPID |
                                         CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                         CLONE_NEWCGROUP,
                                     0));
    /* Of its child, which may hang. */
    if (r == 0)
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(kill), 1,
                             SCMP_A1(SCMP_CMP_EQ, SIGKILL));
    if (r == 0) /* abort() */
        r = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                             SCMP_A2(SCMP_CMP_EQ, SIGABRT));
    return r;
}

int net_keeper_confine(struct err *err)
{
    AUTO(release_filter) scmp_filter_ctx c = NULL;
    int r;

    if (SANITIZED || getenv("IMGPORT_NO_SANDBOX"))
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return FAIL_SYS(err, errno, "no new privileges");
    /* What some library wants to look at is not there; it need not die of that. */
    c = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (!c)
        return FAIL(err, ERR_NOMEM, "filter");
    r = seccomp_attr_set(c, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
    if (r == 0)
        r = add_rules(c);
    if (r == 0)
        r = seccomp_load(c);
    return r < 0
               ? FAIL(err, ERR_UNSUPPORTED, "this kernel takes no seccomp filter (%d)", r)
               : 0;
}
