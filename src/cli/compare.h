/* SPDX-License-Identifier: GPL-2.0-or-later */
/* compare.h: one image judged by several profiles, a column each */
#pragma once

#include <jansson.h>

#include "cli/term.h"

/* The image, a table of verdicts and findings, and every finding once, at its worst
 * level. */
void compare_print(const struct term *t, const json_t *report);
