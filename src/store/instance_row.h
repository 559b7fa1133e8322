/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance_row.h: an instance as a row; for instance*.c only */
#pragma once

#include "base/arena.h"
#include "store/instance.h"

/* "x.no, x.id, ..." for a table called x, in the order in which instance_read() reads. */
extern const char instance_columns[];
struct instance instance_read(const struct db_rows *rows, int col, struct arena *arena);
