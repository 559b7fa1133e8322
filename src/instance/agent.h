/* SPDX-License-Identifier: GPL-2.0-or-later */
/* agent.h: questions to the guest agent, a program inside the guest
 *
 * The guest may have none (ERR_NOTFOUND, after the time given), may answer late, with
 * somebody else's answer, or without end: every call has a limit of time and of bytes,
 * and what it says is data, never trusted.  QEMU's agent protocol: JSON lines over a
 * virtio port, synchronised by a number of our own before each question.
 *
 * Any thread; one question at a time per machine. */
#pragma once

#include "instance/hypervisor.h"

enum { AGENT_NAME_MAX = 255 };

int agent_ping(struct machine *m, unsigned limit_ms, struct err *err);

/* Freezes all filesystems of the guest; *n is how many there are.  Whoever froze thaws,
 * whatever came between. */
int agent_freeze(unsigned *n, struct machine *m, unsigned limit_ms, struct err *err);
int agent_thaw(struct machine *m, unsigned limit_ms, struct err *err);
/* A thaw of what is not frozen is no mistake, but runs the hooks of the guest. */
int agent_is_frozen(bool *ret, struct machine *m, unsigned limit_ms, struct err *err);

/* Cleaned (text.h). */
int agent_host_name(char ret[AGENT_NAME_MAX + 1], struct machine *m, unsigned limit_ms,
                    struct err *err);
