/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_parts.h: a machine as qemu.c (its calls) and qemu_start.c (how it comes up) share
 * it; for nobody else
 *
 * All of it under q->lock, or before anybody else knows of the machine. */
#pragma once

#include <pthread.h>

#include "base/arena.h"
#include "instance/hypervisor_parts.h"
#include "instance/process.h"
#include "instance/qmp.h"

enum {
    COMMAND_MS = 5000,
    KILL_MS = 20000,         /* the kernel ends it: a process may wait for a disk */
    MACHINE_WORDS = 1 << 16, /* bytes, of one specification and its words */
};

#define QMP_NAME   "qmp.sock"
#define AGENT_NAME "agent.sock"

struct qemu {
    struct machine machine;
    pthread_mutex_t lock;
    char *folder;
    int dir, epoll;
    struct arena words; /* of the specification */
    bool defined;
    struct machine_spec spec;
    struct machine_network network;

    /* While it runs. */
    struct process process, helper;
    struct qmp *qmp;
    int64_t over_since;   /* when the control socket ended */
    int64_t helper_again; /* before that no helper is started */
    bool gone_is_due;
};

/* Takes part in q's event_fd. */
int qemu_watch(struct qemu *q, int fd, struct err *err);

/* Processes, control socket, helper, and the note; the guest runs.  On failure q may hold
 * processes still. */
int qemu_bring_up(struct qemu *q, struct err *err);

/* 1: the machine of the folder's note lives, and q holds it; the helper perhaps as well.
 */
int qemu_find_run(struct qemu *q, struct err *err);
int qemu_connect(struct qemu *q, unsigned limit_ms, struct err *err);
int qemu_start_helper(struct qemu *q, unsigned limit_ms, struct err *err);
void qemu_kill_all(struct qemu *q);

/* Removes sockets that nobody listens at, and the note. */
void qemu_tidy(int dir);
