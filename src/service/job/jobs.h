/* SPDX-License-Identifier: GPL-2.0-or-later */
/* jobs.h: the threads that do what outlives a request
 *
 * A thread claims a task, runs the function of its kind (job.h), and claims the next one.
 * One more thread beats for all of them, so that no lease runs out while a step works.
 * Any number of daemons may run jobs of one catalogue. */
#pragma once

#include "service/call.h"

struct jobs;

/* Puts away first what tasks that ended have left in the store, and makes a task for each
 * image that other rules than those of now have judged. */
int jobs_start(struct jobs **ret, struct service *service, struct err *err);

/* What runs is asked to stop and given back to the queue, to go on at its step in the
 * next daemon.  NULL is fine. */
void jobs_stop(struct jobs *jobs);
