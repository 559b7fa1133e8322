/* SPDX-License-Identifier: GPL-2.0-or-later */
/* image_row.h: an image as a row; for image*.c only */
#pragma once

#include "base/arena.h"
#include "store/image.h"

/* "i.id, i.region, ..." for a table called i, in the order in which image_read() reads.
 */
extern const char image_columns[];
struct image image_read(const struct db_rows *rows, int col, struct arena *arena);
