/* SPDX-License-Identifier: GPL-2.0-or-later */
/* imgport-net: what a machine has beside QEMU
 *
 *   QEMU ── console ──► this process ──► serial.log
 *                          │      ╲ connects
 *                       ask│       ► metadata.sock
 *   QEMU ── frames ──► its child, libslirp in a sandbox
 *
 * This process looks at no byte of the guest: it copies the console's to the log, for
 * which it looks for newlines, and knows of its child single bytes only.  Until it is
 * confined, with its words parsed and no socket read yet, nothing of a guest has reached
 * it.  When the child dies, of its limits or of what a guest did to it, the guest is
 * without network for a second. */
#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scoped.h"
#include "base/text.h"
#include "instance/clock.h"
#include "instance/helper.h"
#include "instance/local_socket.h"
#include "instance/net_keeper.h"
#include "instance/net_slirp.h"
#include "instance/serial_log.h"

enum {
    AGAIN_MS = 1000,
    TICK_MS = 20,
    PIECE = 16 * 1024,
    CONSOLE_A_SECOND = 1 << 20, /* bytes; a guest that says more is made to wait */
};

struct keeper {
    struct machine_network network;
    uint32_t uid, gid;
    struct serial_log log;
    int child, ask; /* -1: none */
    int64_t again;  /* when the next child may be started */
    bool was_ready;
    int64_t credit, credit_at;
};

static bool parse(struct keeper *k, char *const *words)
{
    uint64_t v[HELPER_WORDS];

    for (unsigned i = 0; i < HELPER_WORDS; i++)
        if (!words[i] || !text_u64(&v[i], bytes_of(words[i], strlen(words[i]))) ||
            v[i] > UINT32_MAX)
            return false;
    if (words[HELPER_WORDS] || (v[1] && (v[3] < 8 || v[3] > 30)))
        return false;
    k->network = (struct machine_network){
        .metadata = v[0],
        .address = (uint32_t)v[1],
        .gateway = (uint32_t)v[2],
        .prefix = (unsigned)v[3],
        .dns = {(uint32_t)v[4], (uint32_t)v[5]},
    };
    k->uid = (uint32_t)v[6];
    k->gid = (uint32_t)v[7];
    return true;
}

/* In the child. */
static void be_child(const struct keeper *k, int stream, int ask)
{
    struct err err = {0};

    close(HELPER_FOLDER);
    close(HELPER_CONSOLE);
    close(HELPER_LOG);
    if (!k->was_ready) /* else the number is another one's by now */
        close(HELPER_READY);
    if (k->uid != UINT32_MAX &&
        (setgroups(0, NULL) < 0 || setresgid(k->gid, k->gid, k->gid) < 0 ||
         setresuid(k->uid, k->uid, k->uid) < 0))
        FAIL_SYS(&err, errno, "become another user");
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (!err.code)
        net_slirp_run(stream, ask, &k->network, &err);
    if (err.code)
        fprintf(stderr, "imgport-net: %s\n", err.msg);
    _exit(err.code ? 1 : 0);
}

/* QEMU may not listen yet, or not any more. */
static void start_child(struct keeper *k)
{
    AUTO(closep) int stream = -1, ours = -1, theirs = -1;
    int pair[2];

    k->again = clock_ms() + AGAIN_MS;
    if (local_connect(&stream, HELPER_FOLDER, HELPER_NET_NAME, NULL) < 0)
        return;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return;
    ours = pair[0];
    theirs = pair[1];
    k->child = fork();
    if (k->child == 0) {
        close(ours);
        be_child(k, stream, theirs);
    }
    if (k->child < 0)
        return;
    k->ask = ours;
    ours = -1;
}

/* False: it never worked, so it never will. */
static bool bury_child(struct keeper *k)
{
    closep(&k->ask);
    kill(k->child, SIGKILL);
    waitpid(k->child, NULL, 0);
    k->child = -1;
    return k->was_ready;
}

/* A connection for libslirp, or none. */
static void answer(struct keeper *k)
{
    union {
        struct cmsghdr align;
        char space[CMSG_SPACE(sizeof(int))];
    } control = {0};
    AUTO(closep) int fd = -1;
    char c = NET_ASK;
    struct iovec v = {&c, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};

    if (local_connect(&fd, HELPER_FOLDER, HELPER_METADATA_NAME, NULL) == 0) {
        struct cmsghdr *h = &control.align;

        m.msg_control = control.space;
        m.msg_controllen = sizeof control.space;
        h->cmsg_level = SOL_SOCKET;
        h->cmsg_type = SCM_RIGHTS;
        h->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(h), &fd, sizeof fd);
    }
    /* Who asks waits for this one: the queue has room, or the child is up to no good. */
    if (sendmsg(k->ask, &m, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        shutdown(k->ask, SHUT_RDWR);
}

/* False: this child is done. */
static bool hear_child(struct keeper *k)
{
    char c;
    ssize_t n = recv(k->ask, &c, 1, MSG_DONTWAIT);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    if (n == 0)
        return false;
    if (c == NET_ASK) {
        answer(k);
    } else if (c == NET_READY && !k->was_ready) {
        k->was_ready = true;
        if (write(HELPER_READY, "", 1) < 0) {
            /* nobody waits any more */
        }
        close(HELPER_READY);
    }
    return true;
}

/* False: QEMU is gone. */
static bool hear_console(struct keeper *k)
{
    static uint8_t piece[PIECE];
    ssize_t n = recv(HELPER_CONSOLE, piece, sizeof piece, MSG_DONTWAIT);

    if (n > 0) {
        k->credit -= n;
        /* A full disk loses the console, not the machine. */
        serial_log_write(&k->log, bytes_of(piece, (size_t)n), NULL);
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool has_credit(struct keeper *k)
{
    int64_t now = clock_ms();

    k->credit += (now - k->credit_at) * (CONSOLE_A_SECOND / 1000);
    k->credit_at = now;
    if (k->credit > CONSOLE_A_SECOND)
        k->credit = CONSOLE_A_SECOND;
    return k->credit > 0;
}

static int keep(struct keeper *k)
{
    for (;;) {
        bool listens = has_credit(k);
        struct pollfd p[] = {
            {.fd = HELPER_CONSOLE, .events = listens ? POLLIN : 0},
            {.fd = k->ask, .events = POLLIN},
        };

        if (k->child < 0 && clock_ms() >= k->again)
            start_child(k);
        p[1].fd = k->ask;
        if (poll(p, 2, !listens ? TICK_MS : k->child < 0 ? AGAIN_MS : -1) < 0)
            continue;
        if (p[0].revents && !hear_console(k))
            return 0;
        if (p[1].revents && !hear_child(k) && !bury_child(k))
            return 1;
    }
}

int main(int argc, char **argv)
{
    struct keeper k = {.child = -1, .ask = -1, .credit_at = clock_ms()};
    struct err err = {0};
    int r;

    if (argc != HELPER_WORDS + 1 || !parse(&k, argv + 1)) {
        fprintf(stderr, "imgport-net is started by imgport, with a machine's sockets\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    r = serial_log_open(&k.log, HELPER_LOG, &err);
    if (r == 0)
        r = net_keeper_confine(&err);
    if (r < 0) {
        fprintf(stderr, "imgport-net: %s\n", err.msg);
        return 1;
    }
    r = keep(&k);
    if (k.child >= 0)
        bury_child(&k);
    return r;
}
