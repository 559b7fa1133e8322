/* SPDX-License-Identifier: GPL-2.0-or-later */
/* notices.h: the threads that deliver what is in the outbox
 *
 * Each claims one delivery at a time under a lease longer than any attempt may take, so
 * two daemons never make the same attempt; one that dies is tried again by another.  An
 * attempt whose answer was lost is made again: receivers tell doubles by the id.  What is
 * refused for good or was tried OUTBOX_ATTEMPTS_MAX times is kept as failed. */
#pragma once

#include "service/call.h"

struct notices;

int notices_start(struct notices **ret, struct service *service, struct err *err);
/* Attempts under way are cut.  NULL is allowed. */
void notices_stop(struct notices *n);
