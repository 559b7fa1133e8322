/* SPDX-License-Identifier: GPL-2.0-or-later */
/* rules.h: facts + profile -> findings.  Pure: no I/O, no clock, no global state but the
 * message catalogue of the caller's language. */
#pragma once

#include "guest/facts.h"
#include "rules/finding.h"
#include "rules/profile.h"

/* What the caller of ImportImage declares beside the image.  "" : not declared. */
struct rules_request {
    bool force; /* forced import: no cloud-init needed */
    const char
        *os_type; /* "CentOS", "Windows" ...: as DescribeImportImageOs names them */
    const char *os_version;
    const char *arch;    /* "x86_64", "i386", "arm64" */
    const char *license; /* "BYOL" */
    uint64_t now;        /* seconds since 1970, for P20; 0: not judged */
};

struct report {
    enum verdict verdict;
    enum answer_code code;            /* ANSWER_NONE unless refused with a code */
    const struct fact_problem *error; /* what kept us from looking; NULL nothing did */
    finding_list findings;            /* by level, then id */
};

/* ERR_NOMEM, or ERR_ARG for a request the profile cannot understand. */
int rules_judge(struct report *ret, struct arena *a, const struct facts *facts,
                const struct profile *profile, const struct rules_request *request,
                struct err *err);

/* One row of the catalogue: what checks.def says.  For manual pages and tests. */
struct check_row {
    const char *id;    /* "L07" */
    const char *title; /* one sentence */
    enum finding_level level;
    enum answer_code code;
    const char *evidence; /* how it is seen */
};

/* NULL past the end. */
const struct check_row *check_at(unsigned i);

/* What a fault of a container is (block/faults.def), a message of the catalogues; "" of
 * one that nobody knows. */
const char *check_fault_sentence(const char *fault);

/* What to do about a check, in a sentence, as the manual page has it; NULL without one.
 */
const char *check_remedy(const char *id);
