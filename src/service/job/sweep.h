/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sweep.h: what tasks left in the store when they were cut */
#pragma once

#include "service/call.h"

/* Blobs of requests, not of tasks: "check/<UTC seconds>-<random>-0". */
#define SWEEP_CHECKED "check"

/* Deletes blobs of tasks that have ended and of earlier attempts, but those that an image
 * names, and what writers left unfinished.  Safe beside other daemons that work. */
int sweep_run(struct service *service, struct err *err);
