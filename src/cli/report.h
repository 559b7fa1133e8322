/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h: the JSON of a check as something a person wants to read */
#pragma once

#include <jansson.h>

#include "cli/term.h"

/* Verdict first, then the disk, the system, and the findings by level. */
void report_print(const struct term *t, const json_t *report);

/* The facts alone. */
void report_print_facts(const struct term *t, const json_t *facts, const char *source);
