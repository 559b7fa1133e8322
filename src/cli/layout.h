/* SPDX-License-Identifier: GPL-2.0-or-later */
/* layout.h: a disk as a bar, partitions to scale, and as a table */
#pragma once

#include <jansson.h>

#include "cli/term.h"

/* The bar on a terminal that can show it, the table always. */
void layout_print(const struct term *t, const json_t *facts);
