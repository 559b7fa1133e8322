/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/frame.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "base/scoped.h"

enum { FRAME_HEADER = 5, TICK_MS = 150 };

union fd_space {
    struct cmsghdr align;
    char space[CMSG_SPACE(sizeof(int))];
};

/* Until the socket is ready or a tick is over; without patience the calls themselves
 * block. */
static int wait_for(int sock, short events, const struct frame_patience *patience,
                    struct err *err)
{
    struct pollfd p = {.fd = sock, .events = events};

    if (!patience)
        return 0;
    if (poll(&p, 1, TICK_MS) < 0 && errno != EINTR)
        return FAIL_SYS(err, errno, "wait for the other side");
    return patience->still_wanted(patience->arg, err);
}

int frame_send_patient(int sock, uint8_t type, const void *payload, size_t n, int fd,
                       const struct frame_patience *patience, struct err *err)
{
    uint8_t head[FRAME_HEADER] = {[4] = type};
    struct iovec iov[2] = {{head, sizeof head}, {(void *)(uintptr_t)payload, n}};
    union fd_space control = {0};
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};
    size_t left = sizeof head + n;

    if (n > UINT32_MAX)
        return FAIL(err, ERR_LIMIT, "message of %zu bytes", n);
    store_le32(head, (uint32_t)n);
    if (fd >= 0) {
        struct cmsghdr *c;

        msg.msg_control = control.space;
        msg.msg_controllen = sizeof control.space;
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(c), &fd, sizeof fd);
    }
    while (left) {
        ssize_t sent = sendmsg(sock, &msg, MSG_NOSIGNAL | (patience ? MSG_DONTWAIT : 0));
        size_t done;

        if (sent < 0 && (errno == EINTR || (patience && errno == EAGAIN))) {
            int r = wait_for(sock, POLLOUT, patience, err);

            if (r < 0)
                return r;
            continue;
        }
        if (sent < 0 && (errno == EPIPE || errno == ECONNRESET))
            return FAIL(err, ERR_IO, "the other side is gone");
        if (sent < 0)
            return FAIL_SYS(err, errno, "send");
        done = (size_t)sent;
        left -= done;
        msg.msg_control = NULL; /* the descriptor went with the first byte */
        msg.msg_controllen = 0;
        for (int i = 0; i < 2; i++) {
            size_t step = done < iov[i].iov_len ? done : iov[i].iov_len;

            iov[i].iov_base = (char *)iov[i].iov_base + step;
            iov[i].iov_len -= step;
            done -= step;
        }
    }
    return 0;
}

/* Keeps the first descriptor, closes the others: we never ask for two. */
static void take_fds(struct msghdr *msg, int *fd)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < n; i++) {
            int got;

            memcpy(&got, CMSG_DATA(c) + i * sizeof got, sizeof got);
            if (*fd < 0)
                *fd = got;
            else
                close(got);
        }
    }
}

/* n bytes: 1, 0 when the socket was closed before the first, or negative. */
static int recv_all(int sock, void *to, size_t n, int *fd,
                    const struct frame_patience *patience, struct err *err)
{
    size_t got = 0;

    while (got < n) {
        union fd_space control = {0};
        struct iovec iov = {(char *)to + got, n - got};
        struct msghdr msg = {
            .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = control.space,
            .msg_controllen = sizeof control.space,
        };
        int waited = wait_for(sock, POLLIN, patience, err);
        ssize_t r;

        if (waited < 0)
            return waited;
        r = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC | (patience ? MSG_DONTWAIT : 0));
        if (r < 0 && (errno == EINTR || (patience && errno == EAGAIN)))
            continue;
        if (r < 0 && errno == ECONNRESET)
            r = 0;
        if (r < 0)
            return FAIL_SYS(err, errno, "receive");
        take_fds(&msg, fd);
        if (r == 0 && got == 0)
            return 0;
        if (r == 0)
            return FAIL(err, ERR_SHORT, "the other side went away in a message");
        got += (size_t)r;
    }
    return 1;
}

int frame_recv_patient(int sock, uint8_t *type, struct buf *payload, int *fd,
                       const struct frame_patience *patience, struct err *err)
{
    uint8_t head[FRAME_HEADER];
    AUTO(closep) int got = -1;
    size_t n;
    int r;

    buf_clear(payload);
    r = recv_all(sock, head, sizeof head, &got, patience, err);
    if (r <= 0)
        return r;
    n = load_le32(head);
    r = buf_reserve(payload, n, err);
    if (r < 0)
        return r;
    if (n) {
        r = recv_all(sock, payload->p, n, &got, patience, err);
        if (r == 0)
            return FAIL(err, ERR_SHORT, "the other side went away in a message");
        if (r < 0)
            return r;
        payload->n = n;
        payload->p[n] = '\0';
    }
    *type = head[4];
    if (fd) {
        *fd = got;
        got = -1;
    }
    return 1;
}

int frame_send(int sock, uint8_t type, const void *payload, size_t n, int fd,
               struct err *err)
{
    return frame_send_patient(sock, type, payload, n, fd, NULL, err);
}

int frame_recv(int sock, uint8_t *type, struct buf *payload, int *fd, struct err *err)
{
    return frame_recv_patient(sock, type, payload, fd, NULL, err);
}
