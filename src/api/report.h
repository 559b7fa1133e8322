/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h: the one JSON object of `imgport check --json` */
#pragma once

#include <jansson.h>

#include "rules/rules.h"

/* A new reference; NULL when out of memory.  `source` is cleaned for printing. */
json_t *report_to_json(const struct report *report, const struct facts *facts,
                       const struct profile *profile, const char *source);
