/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h: the JSON of a check as something a person wants to read */
#pragma once

#include <jansson.h>

#include "cli/term.h"

/* Verdict first, then the disk, the system, and the findings by level. */
void report_print(const struct term *t, const json_t *report);

/* A list of findings, grouped by level. */
void report_print_findings(const struct term *t, const json_t *findings);

/* "imgport: SOURCE: MESSAGE" on stderr. */
void report_complain(const char *source, const char *message);

/* Nothing was seen at all (no such file, a folder, a URL): one sentence on stderr instead
 * of a report of nothing.  False, and nothing printed, when there is something to report.
 */
bool report_is_only_error(const json_t *facts, const char *source);

/* A container that is not taken and a thing that could not be read are both "could not
 * look" for a command that has nothing to refuse. */
bool report_saw_everything(const json_t *facts);

/* The facts alone. */
void report_print_facts(const struct term *t, const json_t *facts, const char *source);
