/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/net_slirp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <slirp/libslirp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sandbox.h"
#include "base/scoped.h"
#include "instance/clock.h"
#include "instance/helper.h"
#include "instance/net_ask.h"
#include "instance/net_stream.h"

enum {
    HTTP_PORT = 80,
    FILES = 256, /* connections of the guest at one time, nearly */
    POLLS = FILES + 8,
    OUT_MAX = 256 * 1024, /* bytes that QEMU has not taken yet; frames are lost then */
    PIECE = 64 * 1024,
    TICK_MS = 1000,
    FRAMES_A_SECOND = 8000, /* ten times what a guest needs for its user data */
    MEMORY = 256 << 20,
};

struct side {
    int stream;
    struct net net;
    struct net_stream in;
    Slirp *slirp;
    struct pollfd polls[POLLS];
    unsigned n_polls;
    bool introduce; /* libslirp asked who the guest is */
    int64_t frames; /* that the guest may still send, */
    int64_t frames_at;
    size_t out_from, out_n;
    uint8_t out[OUT_MAX];
};

/* A full buffer loses the frame, which TCP makes good. */
static void queue(struct side *s, const struct net_frame *f)
{
    uint8_t *p;

    if (s->out_from && s->out_n + NET_STREAM_HEAD + f->n > OUT_MAX - s->out_from) {
        memmove(s->out, s->out + s->out_from, s->out_n);
        s->out_from = 0;
    }
    if (s->out_n + NET_STREAM_HEAD + f->n > OUT_MAX - s->out_from)
        return;
    p = s->out + s->out_from + s->out_n;
    store_be32(p, (uint32_t)f->n);
    memcpy(p + NET_STREAM_HEAD, f->p, f->n);
    s->out_n += NET_STREAM_HEAD + f->n;
}

static ssize_t from_slirp(const void *p, size_t n, void *arg)
{
    struct side *s = arg;
    struct net_frame f;

    switch (net_to_guest(&f, &s->net, bytes_of(p, n))) {
    case NET_PASS:
        queue(s, &f);
        break;
    case NET_ANSWER:
        s->introduce = true; /* later: it is not to be called from within itself */
        break;
    case NET_DROP:
        break;
    }
    return (ssize_t)n;
}

static void no_message(const char *text, void *arg)
{
    (void)text;
    (void)arg;
}

static int64_t now_ns(void *arg)
{
    (void)arg;
    return clock_ms() * 1000000;
}

/* Timers are for IPv6 only, which is off. */
static void *no_timer(SlirpTimerId id, void *timer_arg, void *arg)
{
    (void)id;
    (void)timer_arg;
    (void)arg;
    return NULL;
}

static void no_timer_free(void *timer, void *arg)
{
    (void)timer;
    (void)arg;
}

static void no_timer_mod(void *timer, int64_t at, void *arg)
{
    (void)timer;
    (void)at;
    (void)arg;
}

static void no_fd(int fd, void *arg)
{
    (void)fd;
    (void)arg;
}

static void no_notify(void *arg)
{
    (void)arg;
}

static const SlirpCb callbacks = {
    .send_packet = from_slirp,
    .guest_error = no_message,
    .clock_get_ns = now_ns,
    .timer_new_opaque = no_timer,
    .timer_free = no_timer_free,
    .timer_mod = no_timer_mod,
    .register_poll_fd = no_fd,
    .unregister_poll_fd = no_fd,
    .notify = no_notify,
};

static const struct {
    short ours;
    int theirs;
} poll_flags[] = {
    {POLLIN, SLIRP_POLL_IN},   {POLLOUT, SLIRP_POLL_OUT}, {POLLPRI, SLIRP_POLL_PRI},
    {POLLERR, SLIRP_POLL_ERR}, {POLLHUP, SLIRP_POLL_HUP},
};

static int add_poll(int fd, int events, void *arg)
{
    struct side *s = arg;
    struct pollfd *p = &s->polls[s->n_polls];

    if (s->n_polls == POLLS)
        return -1;
    *p = (struct pollfd){.fd = fd};
    for (size_t i = 0; i < ARRAY_SIZE(poll_flags); i++)
        if (events & poll_flags[i].theirs)
            p->events = (short)(p->events | poll_flags[i].ours);
    return (int)s->n_polls++;
}

static int get_events(int index, void *arg)
{
    const struct side *s = arg;
    int events = 0;

    if (index < 0)
        return 0;
    for (size_t i = 0; i < ARRAY_SIZE(poll_flags); i++)
        if (s->polls[index].revents & poll_flags[i].ours)
            events |= poll_flags[i].theirs;
    return events;
}

static void no_log(const gchar *domain, GLogLevelFlags level, const gchar *text,
                   gpointer arg)
{
    (void)domain;
    (void)level;
    (void)text;
    (void)arg;
}

static int open_slirp(struct side *s, struct err *err)
{
    static const uint32_t addresses[] = {NET_METADATA, NET_METADATA_EC2};
    SlirpConfig config = {
        .version = 4,
        .restricted = 1,
        .in_enabled = true,
        .vnetwork = {htonl(NET_INNER_NETWORK)},
        .vnetmask = {htonl(UINT32_C(0xffff0000))},
        .vhost = {htonl(NET_INNER_HOST)},
        .vnameserver = {htonl(NET_INNER_HOST + 1)},
        .vdhcp_start = {htonl(NET_INNER_GUEST)},
        .disable_host_loopback = true,
        .disable_dns = true,
        .disable_dhcp = true,
    };

    /* One line for each connection that was refused, were it not for this. */
    g_log_set_default_handler(no_log, NULL);
    s->slirp = slirp_new(&config, &callbacks, s);
    if (!s->slirp)
        return FAIL(err, ERR_UNSUPPORTED, "libslirp does not start");
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        struct in_addr a = {htonl(addresses[i])};

        /* The name is never used: net_ask.h. */
        if (slirp_add_unix(s->slirp, HELPER_METADATA_NAME, &a, HTTP_PORT) < 0)
            return FAIL(err, ERR_UNSUPPORTED, "libslirp does not forward");
    }
    return 0;
}

static void introduce(struct side *s)
{
    struct net_frame f;

    s->introduce = false;
    net_introduce(&f);
    slirp_input(s->slirp, f.p, (int)f.n);
}

static void take_frames(struct side *s, struct bytes rest)
{
    int64_t now = clock_ms();
    struct bytes frame;

    while (net_stream_next(&frame, &s->in, &rest)) {
        struct net_frame f;

        s->frames--;
        switch (net_from_guest(&f, &s->net, frame, now)) {
        case NET_PASS:
            slirp_input(s->slirp, f.p, (int)f.n);
            break;
        case NET_ANSWER:
            queue(s, &f);
            break;
        case NET_DROP:
            break;
        }
        if (s->introduce)
            introduce(s);
    }
}

/* False: QEMU is gone. */
static bool receive(struct side *s)
{
    static uint8_t piece[PIECE];
    ssize_t n = recv(s->stream, piece, sizeof piece, MSG_DONTWAIT);

    if (n > 0)
        take_frames(s, bytes_of(piece, (size_t)n));
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static bool deliver(struct side *s)
{
    while (s->out_n) {
        ssize_t n =
            send(s->stream, s->out + s->out_from, s->out_n, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0)
            return errno == EAGAIN || errno == EINTR;
        s->out_from += (size_t)n;
        s->out_n -= (size_t)n;
    }
    s->out_from = 0;
    return true;
}

/* May the guest be heard, or has it said enough for now? */
static bool has_credit(struct side *s)
{
    int64_t now = clock_ms();

    s->frames += (now - s->frames_at) * FRAMES_A_SECOND / 1000;
    s->frames_at = now;
    if (s->frames > FRAMES_A_SECOND)
        s->frames = FRAMES_A_SECOND;
    return s->frames > 0;
}

static void step(struct side *s, int ask, bool *over)
{
    bool listens = has_credit(s);
    uint32_t timeout = TICK_MS;
    int failed;

    s->n_polls = 2;
    slirp_pollfds_fill(s->slirp, &timeout, add_poll, s);
    if (!listens && timeout > 20)
        timeout = 20;
    s->polls[0] = (struct pollfd){
        .fd = s->stream,
        .events = (short)((listens ? POLLIN : 0) | (s->out_n ? POLLOUT : 0)),
    };
    s->polls[1] = (struct pollfd){.fd = ask};
    failed = poll(s->polls, s->n_polls, (int)timeout) < 0;
    slirp_pollfds_poll(s->slirp, failed, get_events, s);
    if (s->introduce)
        introduce(s);
    *over = s->polls[1].revents != 0;
    if (!failed && s->polls[0].revents & (POLLIN | POLLHUP | POLLERR | POLLNVAL))
        *over = *over || !receive(s);
    *over = *over || !deliver(s);
}

static int close_sandbox(struct err *err)
{
#ifdef IMGPORT_SANITIZED
    (void)err;
    return 0;
#else
    if (getenv("IMGPORT_NO_SANDBOX"))
        return 0;
    return sandbox_enter(
        &(struct sandbox_limits){.memory = MEMORY, .files = FILES, .sockets = true}, err);
#endif
}

int net_slirp_run(int stream, int ask, const struct machine_network *network,
                  struct err *err)
{
    static struct side s;
    char ready = NET_READY;
    bool over = false;
    int r;

    s.stream = stream;
    s.frames_at = clock_ms();
    net_init(&s.net, network, s.frames_at);
    net_ask_set(ask);
    r = open_slirp(&s, err);
    if (r == 0)
        r = close_sandbox(err);
    if (r < 0)
        return r;
    introduce(&s);
    if (send(ask, &ready, 1, MSG_NOSIGNAL) != 1)
        return FAIL_SYS(err, errno, "imgport-net");
    while (!over)
        step(&s, ask, &over);
    return 0;
}
