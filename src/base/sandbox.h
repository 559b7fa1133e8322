/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox.h: a process that can only compute on what it already holds
 *
 * After sandbox_enter() the process can read and write the descriptors it has, allocate
 * memory, start threads, and exit.  It cannot open, connect, execute, fork, signal others
 * or map code: seccomp kills it for trying.  Landlock, where the kernel has it, takes the
 * file system away a second time.  There is no way back.
 *
 * Needs no privilege, and works in a container.  Never call it in a process that you do
 * not own: the library does not. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Where the process came with a lower limit (ulimit), that one holds. */
struct sandbox_limits {
    uint64_t memory;      /* bytes of address space; 0: not limited */
    uint64_t cpu_seconds; /* 0: not limited */
    unsigned files;       /* descriptors that may be open at once, with those received */
    bool truncate;        /* may set the size of a file it holds (convert) */
    int clone;            /* may share blocks of files it holds with this one; 0: none */
    bool sockets;         /* may poll, send on, receive from and shut those it holds */
};

/* Call with one thread running.  ERR_UNSUPPORTED when the kernel has no seccomp filter.
 */
int sandbox_enter(const struct sandbox_limits *limits, struct err *err);
