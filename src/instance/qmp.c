/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "instance/qmp.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "instance/clock.h"

enum {
    PIECE = 16 * 1024,
    STEPS_A_CALL = 256, /* lines: who floods us does not keep us */
    DESC_MAX = 200,
};

struct qmp {
    int fd, notice;
    struct buf in;
    size_t searched; /* bytes of `in` without a newline */
    uint64_t id;     /* of the latest command */
    struct err over; /* why the connection ended */
    struct qmp_event events[QMP_EVENTS_MAX];
    unsigned first, n;
};

/* A message as it was received. */
enum kind {
    KIND_GREETING,
    KIND_EVENT,
    KIND_RETURN,
    KIND_ERROR,
};

void qmp_close(struct qmp *q)
{
    if (!q)
        return;
    closep(&q->fd);
    closep(&q->notice);
    buf_fini(&q->in);
    free(q);
}

void qmp_closep(struct qmp **q)
{
    qmp_close(*q);
    *q = NULL;
}

int qmp_socket(const struct qmp *q)
{
    return q->fd;
}

int qmp_notice(const struct qmp *q)
{
    return q->notice;
}

/* The end of the connection, told again to everybody who asks later. */
static int end(struct qmp *q, struct err *err)
{
    return FAIL(err, q->over.code, "%s", q->over.msg);
}

/* 1: something came; 0: nothing there now. */
static int receive(struct qmp *q, struct err *err)
{
    ssize_t n;

    if (q->over.code)
        return end(q, err);
    if (buf_reserve(&q->in, PIECE, err) < 0)
        return FAIL(err, ERR_NOMEM, "qmp");
    do
        n = recv(q->fd, q->in.p + q->in.n, PIECE, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n > 0) {
        q->in.n += (size_t)n;
        return 1;
    }
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return 0;
    if (n < 0)
        FAIL_SYS(&q->over, errno, "qmp: receive");
    else
        FAIL(&q->over, ERR_IO, "qmp: the other side is gone");
    return end(q, err);
}

/* The next whole line that is here already, parsed; NULL: none (0), or no JSON
 * (negative).
 */
static int take_line(json_t **ret, struct qmp *q, struct err *err)
{
    const char *newline = NULL;
    json_t *j;
    size_t n;

    *ret = NULL;
    if (q->in.n > q->searched)
        newline = memchr(q->in.p + q->searched, '\n', q->in.n - q->searched);
    if (!newline) {
        q->searched = q->in.n;
        if (q->in.n <= QMP_LINE_MAX)
            return 0;
        FAIL(&q->over, ERR_CORRUPT, "qmp: a line longer than %d bytes", QMP_LINE_MAX);
        return end(q, err);
    }
    n = (size_t)(newline - q->in.p);
    j = json_loadb(q->in.p, n, JSON_REJECT_DUPLICATES, NULL);
    memmove(q->in.p, newline + 1, q->in.n - n - 1);
    q->in.n -= n + 1;
    q->searched = 0;
    if (!json_is_object(j)) {
        json_decref(j);
        FAIL(&q->over, ERR_CORRUPT, "qmp: a line that is no JSON object");
        return end(q, err);
    }
    *ret = j;
    return 1;
}

static int classify(enum kind *ret, struct qmp *q, const json_t *j, struct err *err)
{
    if (json_is_string(json_object_get(j, "event")))
        *ret = KIND_EVENT;
    else if (json_object_get(j, "return"))
        *ret = KIND_RETURN;
    else if (json_is_object(json_object_get(j, "error")))
        *ret = KIND_ERROR;
    else if (json_is_object(json_object_get(j, "QMP")))
        *ret = KIND_GREETING;
    else {
        FAIL(&q->over, ERR_CORRUPT, "qmp: a message of no known kind");
        return end(q, err);
    }
    return 0;
}

static void copy_word(char to[QMP_NAME_MAX + 1], const json_t *from)
{
    const char *s = json_string_value(from);
    size_t n = s ? strlen(s) : 0;

    if (n > QMP_NAME_MAX)
        n = 0;
    if (n)
        memcpy(to, s, n);
    to[n] = '\0';
}

/* A guest can reset itself as often as it likes: when the place is used up, only the
 * event that ends everything still gets in. */
static void keep_event(struct qmp *q, const json_t *j)
{
    static const char *const kept[] = {"SHUTDOWN", "RESET", "BLOCK_IO_ERROR"};
    const json_t *data = json_object_get(j, "data");
    struct qmp_event e = {.guest = json_is_true(json_object_get(data, "guest"))};
    bool wanted = false;

    copy_word(e.name, json_object_get(j, "event"));
    copy_word(e.reason, json_object_get(data, "reason"));
    for (size_t i = 0; i < ARRAY_SIZE(kept) && !wanted; i++)
        wanted = strcmp(e.name, kept[i]) == 0;
    if (!wanted)
        return;
    if (q->n == QMP_EVENTS_MAX) {
        if (strcmp(e.name, kept[0]) != 0)
            return;
        q->n--;
    }
    q->events[(q->first + q->n++) % QMP_EVENTS_MAX] = e;
}

/* Who polls has to come back although the socket may be silent. */
static void set_notice(struct qmp *q)
{
    uint64_t one = 1;

    while (write(q->notice, &one, sizeof one) < 0 && errno == EINTR)
        continue;
}

static void clear_notice(struct qmp *q)
{
    uint64_t n;

    while (read(q->notice, &n, sizeof n) < 0 && errno == EINTR)
        continue;
}

/* Waits for bytes.  ERR_IO when the time is over. */
static int await(struct qmp *q, short what, int64_t until, const char *whom,
                 struct err *err)
{
    for (;;) {
        struct pollfd p = {.fd = q->fd, .events = what};
        int64_t left = until - clock_ms();
        int n = left <= 0 ? 0 : poll(&p, 1, (int)left);

        if (n > 0)
            return 0;
        if (n == 0)
            return FAIL(err, ERR_IO, "qmp: no answer to %s in time", whom);
        if (errno != EINTR)
            return FAIL_SYS(err, errno, "qmp: poll");
    }
}

/* The next message that is no event. */
static int next_message(json_t **ret, enum kind *kind, struct qmp *q, int64_t until,
                        const char *whom, struct err *err)
{
    for (;;) {
        AUTO(json_decrefp) json_t *j = NULL;
        int r = take_line(&j, q, err);

        if (r > 0) {
            r = classify(kind, q, j, err);
            if (r < 0)
                return r;
            if (*kind != KIND_EVENT) {
                *ret = TAKE(j);
                return 0;
            }
            keep_event(q, j);
            /* Lines that are here already have no time of their own. */
            if (clock_ms() >= until)
                return FAIL(err, ERR_IO, "qmp: no answer to %s in time", whom);
            continue;
        }
        if (r == 0)
            r = receive(q, err);
        if (r == 0)
            r = await(q, POLLIN, until, whom, err);
        if (r < 0)
            return r;
    }
}

static int send_line(struct qmp *q, const char *text, int64_t until, const char *whom,
                     struct err *err)
{
    size_t n = strlen(text);

    while (n) {
        ssize_t k = send(q->fd, text, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        int r = 0;

        if (k >= 0) {
            text += k;
            n -= (size_t)k;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            r = await(q, POLLOUT, until, whom, err);
        } else if (errno != EINTR) {
            FAIL_SYS(&q->over, errno, "qmp: send");
            r = end(q, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

static int take_error(const json_t *j, const char *command, struct err *err)
{
    const char *desc =
        json_string_value(json_object_get(json_object_get(j, "error"), "desc"));
    char clean[DESC_MAX + 1];

    if (!desc)
        desc = "no reason given";
    text_clean(clean, sizeof clean, bytes_of(desc, strlen(desc)), DESC_MAX);
    return FAIL(err, ERR_CONFLICT, "%s refused: %s", command, clean);
}

int qmp_run(struct qmp *q, const char *command, json_t *arguments, json_t **ret,
            unsigned limit_ms, struct err *err)
{
    uint64_t id = ++q->id;
    AUTO(json_decrefp)
    json_t *question = json_pack("{s:s, s:o*, s:I}", "execute", command, "arguments",
                                 arguments, "id", (json_int_t)id);
    AUTO(freep) char *text = question ? json_dumps(question, JSON_COMPACT) : NULL;
    AUTO(buf_fini) struct buf line = {0};
    int64_t until = clock_ms() + limit_ms;
    int r;

    if (!text)
        return FAIL(err, ERR_NOMEM, "qmp: command");
    if (q->over.code)
        return end(q, err);
    r = buf_printf(&line, err, "%s\n", text);
    if (r == 0)
        r = send_line(q, line.p, until, command, err);
    while (r == 0) {
        AUTO(json_decrefp) json_t *j = NULL;
        const json_t *number;
        enum kind kind;

        r = next_message(&j, &kind, q, until, command, err);
        if (q->n || q->in.n)
            set_notice(q);
        if (r < 0)
            return r;
        number = json_object_get(j, "id");
        if (!json_is_integer(number) || (uint64_t)json_integer_value(number) != id)
            continue; /* of a command that we gave up waiting for */
        if (kind == KIND_ERROR)
            return take_error(j, command, err);
        if (ret)
            *ret = json_incref(json_object_get(j, "return"));
        return 0;
    }
    return r;
}

int qmp_open(struct qmp **ret, int fd, unsigned limit_ms, struct err *err)
{
    AUTO(qmp_closep) struct qmp *q = calloc(1, sizeof *q);
    int64_t until = clock_ms() + limit_ms;
    AUTO(json_decrefp) json_t *greeting = NULL;
    enum kind kind;
    int r;

    if (!q) {
        close(fd);
        return FAIL(err, ERR_NOMEM, "qmp");
    }
    q->fd = fd;
    q->in.max = QMP_LINE_MAX + 2 * PIECE;
    q->notice = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (q->notice < 0)
        return FAIL_SYS(err, errno, "qmp: eventfd");
    r = next_message(&greeting, &kind, q, until, "our connection", err);
    if (r < 0)
        return r;
    if (kind != KIND_GREETING)
        return FAIL(err, ERR_CORRUPT, "qmp: no greeting");
    r = qmp_run(q, "qmp_capabilities", NULL, NULL, limit_ms, err);
    if (r < 0)
        return r;
    *ret = TAKE(q);
    return 0;
}

int qmp_next_event(struct qmp_event *ret, struct qmp *q, struct err *err)
{
    int r = 0;

    clear_notice(q);
    for (unsigned steps = 0; q->n == 0; steps++) {
        AUTO(json_decrefp) json_t *j = NULL;
        enum kind kind;

        if (steps == STEPS_A_CALL) {
            set_notice(q);
            return 0;
        }
        r = take_line(&j, q, err);
        if (r == 0) {
            r = receive(q, err);
            if (r == 0)
                return 0;
        } else if (r > 0) {
            r = classify(&kind, q, j, err);
            if (r == 0 && kind == KIND_EVENT)
                keep_event(q, j);
        }
        if (r < 0)
            return r;
    }
    *ret = q->events[q->first];
    q->first = (q->first + 1) % QMP_EVENTS_MAX;
    q->n--;
    set_notice(q);
    return 1;
}
