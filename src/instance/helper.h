/* SPDX-License-Identifier: GPL-2.0-or-later */
/* helper.h: imgport-net, as who starts it sees it
 *
 * One for each machine, with a life of its own like QEMU's: it keeps the console's log
 * within its limit, and is the guest's network.  It ends when QEMU does. */
#pragma once

#include "instance/hypervisor_parts.h"
#include "instance/process.h"

/* Its descriptors. */
enum {
    HELPER_FOLDER = PROCESS_FDS_FIRST, /* the machine's: sockets are looked for here */
    HELPER_CONSOLE,                    /* connected: what the guest says */
    HELPER_LOG,                        /* serial.log, to read and write */
    HELPER_READY,                      /* gets a byte once all is set up */
};

/* Its words: METADATA ADDRESS GATEWAY PREFIX DNS DNS USER GROUP, numbers all of them.
 * USER 4294967295: stays who it is. */
enum { HELPER_WORDS = 8 };

#define HELPER_LOG_NAME      "serial.log"
#define HELPER_LOG_OLD       "serial.log.old"
#define HELPER_CONSOLE_NAME  "serial.sock"
#define HELPER_NET_NAME      "net.sock"
#define HELPER_METADATA_NAME "metadata.sock"

/* Waits until it is ready, `limit_ms` at most: then it is left to become so. */
int helper_start(struct process *ret, const struct hypervisor *h,
                 const struct machine_user *user, int folder,
                 const struct machine_network *network, unsigned limit_ms,
                 struct err *err);
