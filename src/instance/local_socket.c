/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/local_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/scoped.h"

enum { BACKLOG = 8 };

/* System calls by number: in imgport-net, socket() and connect() are libslirp's way to
 * ask for a connection (net_slirp.c). */
static int plain_socket(void)
{
    return (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        0);
}

static int address_of(struct sockaddr_un *ret, int folder, const char *name,
                      struct err *err)
{
    int n;

    ret->sun_family = AF_UNIX;
    n = snprintf(ret->sun_path, sizeof ret->sun_path, "/proc/self/fd/%d/%s", folder,
                 name);
    return n < (int)sizeof ret->sun_path ? 0
                                         : FAIL(err, ERR_ARG, "socket: name is too long");
}

int local_listen(int *ret, int folder, const char *name, struct err *err)
{
    AUTO(closep) int fd = plain_socket();
    struct sockaddr_un a;
    int r;

    if (fd < 0)
        return FAIL_SYS(err, errno, "socket %s", name);
    r = address_of(&a, folder, name, err);
    if (r < 0)
        return r;
    if (unlinkat(folder, name, 0) < 0 && errno != ENOENT)
        return FAIL_SYS(err, errno, "remove socket %s", name);
    if (fchmod(fd, 0600) < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ||
        fchmodat(folder, name, 0600, 0) < 0 || listen(fd, BACKLOG) < 0)
        return FAIL_SYS(err, errno, "socket %s", name);
    *ret = fd;
    fd = -1;
    return 0;
}

int local_connect(int *ret, int folder, const char *name, struct err *err)
{
    AUTO(closep) int fd = plain_socket();
    struct sockaddr_un a;
    int r;

    if (fd < 0)
        return FAIL_SYS(err, errno, "socket %s", name);
    r = address_of(&a, folder, name, err);
    if (r < 0)
        return r;
    if (syscall(SYS_connect, fd, &a, sizeof a) < 0) {
        if (errno == ENOENT || errno == ECONNREFUSED)
            return FAIL(err, ERR_NOTFOUND, "nobody listens at %s", name);
        return FAIL_SYS(err, errno, "connect to %s", name);
    }
    *ret = fd;
    fd = -1;
    return 0;
}
