/* SPDX-License-Identifier: GPL-2.0-or-later */
/* stage.h: a file without a name, for bytes that come only once */
#pragma once

#include "base/err.h"
#include "base/frame.h"

/* Bytes of a source that comes only once and cannot be read in order, if nothing is said.
 */
#define STAGE_MAX (512ull << 30)

/* Where it lies: $TMPDIR, or /var/tmp. */
const char *stage_folder(void);

/* Open for reading and writing, the caller's; gone when it is closed.  Negative: error.
 */
int stage_open(struct err *err);

/* The same with all that comes from a pipe or a socket, at its beginning.  patience is
 * asked several times a second. */
int stage_input(int from, const struct frame_patience *patience, struct err *err);
