/* SPDX-License-Identifier: GPL-2.0-or-later */
/* report.h: the one JSON object of `imgport check --json` */
#pragma once

#include <jansson.h>

#include "rules/rules.h"

/* A new reference; NULL when out of memory.  `source` is cleaned for printing. */
json_t *report_to_json(const struct report *report, const struct facts *facts,
                       const struct profile *profile, const char *source);

/* Parts of it, new references; NULL when out of memory.  An error may be NULL: null; its
 * message is in the thread's language, that of a problem among the facts in English. */
json_t *report_error_to_json(const struct fact_problem *p);
json_t *report_finding_to_json(const struct finding *f);

/* What is wrong with a container, its detail from the facts in English, as the thread's
 * language has it. */
const char *report_fault_told(char *ret, size_t room, const char *fault,
                              const char *detail);

/* One image judged by several profiles: {"imgport", "source", "verdict", "reports": [{
 * "profile", "verdict", "code", "error", "findings"}, ...], "facts"}. */
struct judgement {
    const struct profile *profile;
    struct report report;
};

json_t *judgements_to_json(const struct judgement *v, size_t n, enum verdict verdict,
                           const struct facts *facts, const char *source);
