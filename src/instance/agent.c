/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/agent.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "instance/clock.h"

enum {
    ANSWER_MAX = 64 * 1024, /* a list of interfaces is far shorter */
    PIECE = 4096,
    DESC_MAX = 200,
    MARK = 0xff, /* throws away what the other side's parser holds */
    FILESYSTEMS_MAX = 100000,
};

struct agent {
    int fd;
    int64_t until;
    struct buf in;
};

static void agent_finip(struct agent *a)
{
    closep(&a->fd);
    buf_fini(&a->in);
}

static int await(struct agent *a, short what, struct err *err)
{
    for (;;) {
        struct pollfd p = {.fd = a->fd, .events = what};
        int64_t left = a->until - clock_ms();
        int n = left <= 0 ? 0 : poll(&p, 1, (int)left);

        if (n > 0)
            return 0;
        if (n == 0)
            return FAIL(err, ERR_NOTFOUND, "no guest agent answers");
        if (errno != EINTR)
            return FAIL_SYS(err, errno, "guest agent");
    }
}

static int say(struct agent *a, const void *p, size_t n, struct err *err)
{
    while (n) {
        ssize_t k = send(a->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
        int r = 0;

        if (k >= 0) {
            p = (const char *)p + k;
            n -= (size_t)k;
        } else if (errno == EAGAIN) {
            r = await(a, POLLOUT, err);
        } else if (errno != EINTR) {
            return FAIL_SYS(err, errno, "guest agent");
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* The next line, without what stands before a mark. */
static int hear(json_t **ret, struct agent *a, struct err *err)
{
    for (;;) {
        char *newline = a->in.n ? memchr(a->in.p, '\n', a->in.n) : NULL;
        ssize_t n;
        int r;

        if (newline) {
            size_t length = (size_t)(newline - a->in.p);
            const char *mark = length ? memrchr(a->in.p, MARK, length) : NULL;
            const char *from = mark ? mark + 1 : a->in.p;

            *ret = json_loadb(from, (size_t)(newline - from), 0, NULL);
            memmove(a->in.p, newline + 1, a->in.n - length - 1);
            a->in.n -= length + 1;
            return 0;
        }
        if (a->in.n > ANSWER_MAX)
            return FAIL(err, ERR_LIMIT, "the guest agent's answer is over %d bytes",
                        ANSWER_MAX);
        r = await(a, POLLIN, err);
        if (r == 0)
            r = buf_reserve(&a->in, PIECE, err);
        if (r < 0)
            return r;
        n = recv(a->fd, a->in.p + a->in.n, PIECE, MSG_DONTWAIT);
        if (n == 0)
            return FAIL(err, ERR_IO, "the machine is gone");
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return FAIL_SYS(err, errno, "guest agent");
        if (n > 0)
            a->in.n += (size_t)n;
    }
}

/* Whatever answers of earlier questions are on their way come before the number. */
static int synchronise(struct agent *a, struct err *err)
{
    AUTO(buf_fini) struct buf line = {0};
    uint32_t number = 0;
    int r;

    if (getrandom(&number, sizeof number, 0) < 0)
        return FAIL_SYS(err, errno, "random number");
    r = buf_printf(&line, err,
                   "%c{\"execute\":\"guest-sync-delimited\",\"arguments\":{\"id\":%u}}\n",
                   MARK, number);
    if (r == 0)
        r = say(a, line.p, line.n, err);
    while (r == 0) {
        AUTO(json_decrefp) json_t *j = NULL;
        const json_t *id;

        r = hear(&j, a, err);
        id = json_object_get(j, "return");
        if (r == 0 && json_is_integer(id) && json_integer_value(id) == (json_int_t)number)
            return 0;
    }
    return r;
}

/* *ret is what came back, the caller's. */
static int ask(json_t **ret, struct machine *m, const char *question, unsigned limit_ms,
               struct err *err)
{
    AUTO(agent_finip)
    struct agent a = {
        .fd = -1,
        .until = clock_ms() + limit_ms,
        .in = {.max = ANSWER_MAX + 2 * PIECE},
    };
    AUTO(json_decrefp) json_t *j = NULL;
    AUTO(buf_fini) struct buf line = {0};
    const char *desc;
    char clean[DESC_MAX + 1];
    int r = machine_agent(&a.fd, m, err);

    if (r == 0)
        r = synchronise(&a, err);
    if (r == 0)
        r = buf_printf(&line, err, "{\"execute\":\"%s\"}\n", question);
    if (r == 0)
        r = say(&a, line.p, line.n, err);
    if (r == 0)
        r = hear(&j, &a, err);
    if (r < 0)
        return r;
    if (json_object_get(j, "return")) {
        *ret = json_incref(json_object_get(j, "return"));
        return 0;
    }
    desc = json_string_value(json_object_get(json_object_get(j, "error"), "desc"));
    if (!desc)
        return FAIL(err, ERR_CORRUPT, "the guest agent's answer to %s is none", question);
    text_clean(clean, sizeof clean, bytes_of(desc, strlen(desc)), DESC_MAX);
    return FAIL(err, ERR_CONFLICT, "the guest agent refused %s: %s", question, clean);
}

int agent_ping(struct machine *m, unsigned limit_ms, struct err *err)
{
    AUTO(json_decrefp) json_t *j = NULL;

    return ask(&j, m, "guest-ping", limit_ms, err);
}

static int count(unsigned *ret, struct machine *m, const char *question,
                 unsigned limit_ms, struct err *err)
{
    AUTO(json_decrefp) json_t *j = NULL;
    int r = ask(&j, m, question, limit_ms, err);

    if (r < 0)
        return r;
    if (!json_is_integer(j) || json_integer_value(j) < 0 ||
        json_integer_value(j) > FILESYSTEMS_MAX)
        return FAIL(err, ERR_CORRUPT, "the guest agent's answer to %s is no number",
                    question);
    *ret = (unsigned)json_integer_value(j);
    return 0;
}

int agent_freeze(unsigned *n, struct machine *m, unsigned limit_ms, struct err *err)
{
    return count(n, m, "guest-fsfreeze-freeze", limit_ms, err);
}

int agent_thaw(struct machine *m, unsigned limit_ms, struct err *err)
{
    unsigned n;

    return count(&n, m, "guest-fsfreeze-thaw", limit_ms, err);
}

int agent_is_frozen(bool *ret, struct machine *m, unsigned limit_ms, struct err *err)
{
    AUTO(json_decrefp) json_t *j = NULL;
    int r = ask(&j, m, "guest-fsfreeze-status", limit_ms, err);
    const char *state;

    if (r < 0)
        return r;
    state = json_string_value(j);
    if (!state || (strcmp(state, "frozen") != 0 && strcmp(state, "thawed") != 0))
        return FAIL(err, ERR_CORRUPT, "the guest agent does not say what is frozen");
    *ret = strcmp(state, "frozen") == 0;
    return 0;
}

int agent_host_name(char ret[AGENT_NAME_MAX + 1], struct machine *m, unsigned limit_ms,
                    struct err *err)
{
    AUTO(json_decrefp) json_t *j = NULL;
    const char *name;
    int r = ask(&j, m, "guest-get-host-name", limit_ms, err);

    if (r < 0)
        return r;
    name = json_string_value(json_object_get(j, "host-name"));
    if (!name)
        return FAIL(err, ERR_CORRUPT, "the guest agent names no host");
    text_clean(ret, AGENT_NAME_MAX + 1, bytes_of(name, strlen(name)), AGENT_NAME_MAX);
    return 0;
}
