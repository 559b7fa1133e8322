/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qemu_argv.h: a specification in QEMU's words; pure
 *
 * QEMU gets everything that lies outside of it as a descriptor: sockets that listen
 * already, disks that are open.  So it needs no right to any file but its own firmware,
 * may be another user, and keeps its whole sandbox. */
#pragma once

#include "base/arena.h"
#include "instance/hypervisor.h"

/* Its descriptors; numbers in its own process, -1: there is none. */
struct qemu_fds {
    int qmp, serial, agent, net; /* listening */
    int disk, base, config_drive, kernel, initramfs;
};

/* Is it a specification at all?  What is copied into words of QEMU has a narrow alphabet.
 */
int qemu_spec_check(const struct machine_spec *spec, struct err *err);

/* *ret ends with NULL; it and the words live as long as `a`.  `spec` passed the check.
 * `accelerator` is EMULATED or HARDWARE. */
int qemu_argv(const char *const **ret, struct arena *a, const struct machine_spec *spec,
              const struct qemu_fds *fds, enum accelerator accelerator,
              const char *program, const char *uefi, struct err *err);
