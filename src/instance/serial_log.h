/* SPDX-License-Identifier: GPL-2.0-or-later */
/* serial_log.h: a console's log that does not fill the disk
 *
 * Bytes go to the end of the file.  When it would be longer than MACHINE_LOG_MAX, its
 * latter half moves to the front, from the start of a line on where there is one: so a
 * reader that finds the file shorter than it was begins anew at 0.  Writes only; never
 * opens.  One thread at a time. */
#pragma once

#include "base/bytes.h"
#include "base/err.h"

struct serial_log {
    int fd; /* borrowed; to read and write */
    uint64_t size;
};

int serial_log_open(struct serial_log *ret, int fd, struct err *err);
int serial_log_write(struct serial_log *log, struct bytes b, struct err *err);
