/* SPDX-License-Identifier: GPL-2.0-or-later */
/* mend.h: edits on the system of a disk, into an overlay
 *
 *   plan      which filesystem each edit is for, by the paths as the guest has them
 *   state     may it be written? not dirty, no feature that we would leave behind
 *   look      all of it: nothing is claimed twice, nothing in use is marked free
 *   write     by its library, into an overlay of its own
 *   look      once more, and at each file through our own reader
 *   commit    into the disk's overlay
 *
 * A filesystem whose steps do not all succeed is left as it is.  Runs in the worker: the
 * libraries are given bytes of a guest. */
#pragma once

#include "mend/edit.h"
#include "mend/overlay.h"

/* The overlay is not sealed, and holds the disk's newest state.  `step` [opt] is told
 * what is looked at.  Negative only for what has nothing to do with the guest: no memory,
 * or its bytes cannot be read. */
int mend_run(struct mend_report *ret, struct overlay *o, const struct mend_edits *edits,
             void (*step)(void *arg, const char *name), void *step_arg, struct err *err);
