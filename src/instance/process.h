/* SPDX-License-Identifier: GPL-2.0-or-later */
/* process.h: processes that outlive who started them
 *
 * A number is no name: it is given to somebody else once its process is gone.  A process
 * is known by number and time of start, held by a descriptor (pidfd), and only signalled
 * through that. */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct process {
    int pid;          /* 0: none */
    uint64_t started; /* ticks since the host came up: /proc/PID/stat */
    int fd;           /* pidfd, readable once it has ended; -1 */
};

#define PROCESS_NONE ((struct process){.fd = -1})

enum { PROCESS_FDS_FIRST = 3, PROCESS_FDS_MAX = 16 };

/* It starts in a session and process group of its own, with /dev/null as input and
 * output, no signal blocked, umask 077, without what else we hold open. */
struct process_plan {
    const char *path;
    const char *const *argv; /* with the program's name, and a NULL */
    /* Its descriptors from PROCESS_FDS_FIRST on; borrowed. */
    int fds[PROCESS_FDS_MAX];
    unsigned n_fds;
    int error_output; /* its stderr; -1: /dev/null */
    bool bound;       /* dies with the thread that starts it */
    uint64_t memory;  /* bytes of address space; 0: as ours */
    unsigned files;
    unsigned nice; /* 0 to 19 */
    bool bind;     /* to these of the host's processors */
    cpu_set_t cpus;
    bool drop; /* to uid and gid, and no other group but `extra` */
    uid_t uid;
    gid_t gid, extra; /* 0: none */
};

/* Could a process drop to these?  Not in every user namespace can root become somebody
 * else. */
bool process_can_drop(uid_t uid, gid_t gid);

/* Says also why the program could not be started. */
int process_spawn(struct process *ret, const struct process_plan *plan, struct err *err);

/* 1: it lives, and *ret holds it.  0: it does not, or is another one by now. */
int process_find(struct process *ret, int pid, uint64_t started, struct err *err);

bool process_is_over(const struct process *p);
/* Does it run as the user that we are? */
bool process_is_ours(const struct process *p);
/* True when it is over within the time.  Buries it when it is a child of ours. */
bool process_wait(struct process *p, unsigned limit_ms);
void process_kill(const struct process *p);
/* Lets go of it. */
void process_finip(struct process *p);
