/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What of a configuration machines could not use.  Who carries a guest reads firmware and
 * program, and opens /dev/kvm, as the user of machines: so that is who tries. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "instance/hypervisor_parts.h"

enum { SUBIDS_MAX = 1 << 20, SUBID_WORD = 64 };

struct check {
    const struct hypervisor_options *options;
    struct machine_user user;
    const char *user_name; /* for people */
    hypervisor_say *say;
    void *arg;
    unsigned faults;
};

/* What only somebody else may look at is no fault: the daemon may be another user than
 * who checks. */
static void found(struct check *c, const struct err *err)
{
    bool fault = err->sys != EACCES || geteuid() == 0;

    c->say(c->arg, fault, err->msg);
    c->faults += fault;
}

/* 0, or the error.  In a process of its own, since there is no way back. */
static int try_as(const struct machine_user *user, const char *path, int mode)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0) {
        if (syscall(SYS_setgroups, user->extra ? 1 : 0, &user->extra) < 0 ||
            syscall(SYS_setresgid, user->gid, user->gid, user->gid) < 0 ||
            syscall(SYS_setresuid, user->uid, user->uid, user->uid) < 0 ||
            access(path, mode) < 0)
            _exit(errno & 255);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0)
        return errno;
    return WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
}

static int look(const struct check *c, const char *what, const char *path, int mode,
                bool as_user, struct err *err)
{
    struct stat st;
    int failed;

    if (stat(path, &st) < 0)
        return FAIL_SYS(err, errno, "%s %s", what, path);
    if (S_ISDIR(st.st_mode))
        return FAIL_SYS(err, EISDIR, "%s %s", what, path);
    if (access(path, mode) < 0)
        return FAIL_SYS(err, errno, "%s %s", what, path);
    failed = as_user && c->user.drop ? try_as(&c->user, path, mode) : 0;
    return failed
               ? FAIL_SYS(err, failed, "%s %s, as the user %s", what, path, c->user_name)
               : 0;
}

static void look_at(struct check *c, const char *what, const char *path, int mode,
                    bool as_user)
{
    struct err err = {0};

    if (look(c, what, path, mode, as_user, &err) < 0)
        found(c, &err);
}

/* ---- users */

/* Whether or not we may become it: the daemon may be another user than who checks. */
static void check_user(struct check *c)
{
    const char *name = c->options->user;
    struct err err = {0};

    if (!name || !*name)
        return;
    if (hypervisor_find_user(&c->user, name, &err) < 0)
        found(c, &err);
    c->user_name = name;
}

static bool is_within(const struct machine_users *users, uint64_t n)
{
    return n >= users->first && n <= users->last;
}

static int check_accounts(const struct machine_users *users, struct err *err)
{
    const struct passwd *p;
    const struct group *g;
    int r = 0;

    setpwent();
    while (r == 0 && (p = getpwent()))
        if (is_within(users, p->pw_uid))
            r = FAIL(err, ERR_CONFLICT, "users %u-%u: %u is the user %s", users->first,
                     users->last, p->pw_uid, p->pw_name);
    endpwent();
    setgrent();
    while (r == 0 && (g = getgrent()))
        if (is_within(users, g->gr_gid))
            r = FAIL(err, ERR_CONFLICT, "users %u-%u: %u is the group %s", users->first,
                     users->last, g->gr_gid, g->gr_name);
    endgrent();
    return r;
}

/* "alice:100000:65536": the first number and how many. */
int hypervisor_check_subids(const struct machine_users *users, const char *path,
                            struct bytes text, struct err *err)
{
    struct bytes line;

    while (text_next_line(&text, &line)) {
        const uint8_t *a = memchr(line.p, ':', line.n), *b = NULL;
        const uint8_t *end = line.p + line.n;
        uint64_t first, n;

        if (a)
            b = memchr(a + 1, ':', (size_t)(end - a - 1));
        if (!b || !text_u64(&first, bytes_of(a + 1, (size_t)(b - a - 1))) ||
            !text_u64(&n, text_trim(bytes_of(b + 1, (size_t)(end - b - 1)))) || n == 0 ||
            n > UINT32_MAX || first > users->last || first + n <= users->first)
            continue;
        return FAIL(err, ERR_CONFLICT,
                    "users %u-%u: %s gives %.*s those from %" PRIu64 " to %" PRIu64,
                    users->first, users->last, path,
                    a - line.p > SUBID_WORD ? SUBID_WORD : (int)(a - line.p),
                    (const char *)line.p, first, first + n - 1);
    }
    return 0;
}

/* One that is not there gives nobody any. */
static int check_subids(const struct machine_users *users, const char *path,
                        struct err *err)
{
    AUTO(buf_fini) struct buf text = {.max = SUBIDS_MAX};
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    if (fd < 0)
        return errno == ENOENT ? 0 : FAIL_SYS(err, errno, "%s", path);
    while (n > 0) {
        int r = buf_reserve(&text, 4096, err);

        if (r < 0)
            return r;
        n = read(fd, text.p + text.n, 4096);
        if (n < 0)
            return FAIL_SYS(err, errno, "%s", path);
        text.n += (size_t)n;
    }
    return hypervisor_check_subids(users, path, buf_bytes(&text), err);
}

static void check_users(struct check *c)
{
    const struct machine_users *users = &c->options->users;
    struct err err = {0};

    if (!users->first)
        return;
    if (check_accounts(users, &err) < 0 || check_subids(users, "/etc/subuid", &err) < 0 ||
        check_subids(users, "/etc/subgid", &err) < 0)
        found(c, &err);
    c->user = (struct machine_user){true, users->first, users->first, 0};
    c->user_name = "of a machine";
}

/* ---- */

unsigned hypervisor_check(const struct hypervisor_options *options, hypervisor_say *say,
                          void *arg)
{
    struct check c = {.options = options, .say = say, .arg = arg};
    struct err err = {0};

    check_user(&c);
    check_users(&c);
    c.user.drop = c.user.drop && geteuid() == 0;
    if (options->accelerator == ACCELERATOR_HARDWARE)
        c.user.extra = hypervisor_device_group("/dev/kvm");
    look_at(&c, "program", options->program ? options->program : qemu_driver.program,
            X_OK, true);
    look_at(&c, "program", options->helper, X_OK, false);
    if (options->uefi)
        look_at(&c, "uefi", options->uefi, R_OK, true);
    else if (look(&c, "uefi", qemu_driver.uefi, R_OK, true, &err) < 0) {
        AUTO(buf_fini) struct buf text = {0};

        /* Only images that start by it need it. */
        if (buf_printf(&text, NULL, "%s: no image starts by UEFI", err.msg) == 0)
            say(arg, false, buf_str(&text));
    }
    if (options->accelerator == ACCELERATOR_HARDWARE)
        look_at(&c, "accelerator kvm:", "/dev/kvm", R_OK | W_OK, true);
    return c.faults;
}
