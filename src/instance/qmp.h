/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qmp.h: QEMU's control socket, one side of it
 *
 *   ◄ {"QMP": {...}}                                   greeting
 *   ► {"execute": "cont", "arguments": {}, "id": 7}    one line a message
 *   ◄ {"event": "SHUTDOWN", "data": {...}}             at any time
 *   ◄ {"return": {}, "id": 7}    or  {"error": {"desc": "..."}, "id": 7}
 *
 * The other side carries a guest and may be in its hands: what it sends is bounded in
 * length, in time and in number, and decoded strictly.  What breaks the protocol ends the
 * connection for good.  One thread at a time. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct qmp;

enum {
    QMP_LINE_MAX = 64 * 1024,
    QMP_EVENTS_MAX = 32, /* kept until somebody asks */
    QMP_NAME_MAX = 31,
};

struct qmp_event {
    char name[QMP_NAME_MAX + 1];
    char reason[QMP_NAME_MAX + 1]; /* of SHUTDOWN and RESET; "" none */
    bool guest;                    /* they came from inside */
};

/* Takes `fd`, a connected stream socket, whatever comes of it.  Waits for the greeting.
 * ERR_IO: nobody, or closed; ERR_CORRUPT: this is no QMP. */
int qmp_open(struct qmp **ret, int fd, unsigned limit_ms, struct err *err);
void qmp_close(struct qmp *q);
void qmp_closep(struct qmp **q);

/* Runs a command.  `arguments` [opt] is taken.  *ret [opt] is what came back, the
 * caller's.  ERR_CONFLICT: QEMU refused, in its words (cleaned).  ERR_IO: no answer in
 * time; a late one is thrown away. */
int qmp_run(struct qmp *q, const char *command, json_t *arguments, json_t **ret,
            unsigned limit_ms, struct err *err);

/* 1: *ret is the next event of those that are kept (SHUTDOWN, RESET, BLOCK_IO_ERROR).
 * 0: none now.  Negative: none, and the connection is over.  Never waits. */
int qmp_next_event(struct qmp_event *ret, struct qmp *q, struct err *err);

/* For poll(), both: the socket, and what is readable while events are kept that came
 * along with an answer. */
int qmp_socket(const struct qmp *q);
int qmp_notice(const struct qmp *q);
