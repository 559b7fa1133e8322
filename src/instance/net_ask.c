/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/net_ask.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "instance/net_slirp.h"

static int asked = -1;

void net_ask_set(int fd)
{
    asked = fd;
}

static int receive(void)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    char c;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = control.space,
                       .msg_controllen = sizeof control.space};
    struct cmsghdr *h;
    ssize_t n;
    int fd;

    do
        n = recvmsg(asked, &m, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    h = n == 1 ? CMSG_FIRSTHDR(&m) : NULL;
    if (!h || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(sizeof fd)) {
        /* With too many open, what was sent is lost on its way. */
        errno = n == 1 && m.msg_flags & MSG_CTRUNC ? EMFILE : ECONNREFUSED;
        return -1;
    }
    memcpy(&fd, CMSG_DATA(h), sizeof fd);
    return fd;
}

__attribute__((visibility("default"))) int socket(int domain, int type, int protocol)
{
    char c = NET_ASK;

    (void)protocol;
    if (asked < 0 || domain != AF_UNIX ||
        (type & ~(SOCK_CLOEXEC | SOCK_NONBLOCK)) != SOCK_STREAM) {
        errno = EACCES;
        return -1;
    }
    if (send(asked, &c, 1, MSG_NOSIGNAL) != 1)
        return -1;
    return receive();
}

__attribute__((visibility("default"))) int connect(int fd, __CONST_SOCKADDR_ARG address,
                                                   socklen_t n)
{
    (void)fd;
    (void)address;
    (void)n;
    return 0;
}
