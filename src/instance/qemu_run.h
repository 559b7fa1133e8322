/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_run.h: the note in a machine's folder by which a running one is found again
 *
 *   machine.run:   boot 6a2f...            which run of the host the numbers belong to
 *                  qemu 4711 93512         process and its start
 *                  helper 4712 93513       0 0: none
 *                  network 1 167772687 167772674 24 0 0
 *
 * It appears whole or not at all. */
#pragma once

#include "base/bytes.h"
#include "instance/hypervisor.h"
#include "instance/process.h"

#define QEMU_RUN_FILE "machine.run"

enum { QEMU_BOOT_MAX = 63 };

struct qemu_run {
    char boot[QEMU_BOOT_MAX + 1];
    struct process qemu, helper; /* number and start only */
    struct machine_network network;
};

/* False: not such a note. */
bool qemu_run_parse(struct qemu_run *ret, struct bytes text);

/* 1: *ret is what the folder says of this run of the host.  0: nothing, or what is no
 * such note. */
int qemu_run_read(struct qemu_run *ret, int folder, struct err *err);
/* Fills `boot` in. */
int qemu_run_write(struct qemu_run *run, int folder, struct err *err);
