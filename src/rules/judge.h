/* SPDX-License-Identifier: GPL-2.0-or-later */
/* judge.h: one judgement on its way, and what the rules share
 *
 * A rule is
 *     void rule_name(struct judge *j, const struct check *c);
 * and stands in a row of checks.def.  It adds findings to the judge or it does not; it
 * never fails.  What the facts do not know (NULL, "", "unknown") gives no finding. */
#pragma once

#include <string.h>

#include "base/i18n.h"
#include "rules/policy.h"
#include "rules/rules.h"

struct judge;
struct check;

typedef void rule_fn(struct judge *j, const struct check *c);

struct check {
    struct check_row row;
    rule_fn *rule;
};

struct judge {
    struct arena *a;
    const struct facts *facts;
    const struct profile *profile;
    const struct rules_request *request;
    enum system_type type;
    bool type_known;             /* there is a system, and we know of which type */
    const struct policy *policy; /* of that type; an empty one while not known */
    bool installer;              /* P11 fired: the partition checks end */
    bool blind;                  /* a filesystem that may be the root was not read */
    const struct fact_problem *unclear; /* a rule could not decide; the first one's reason
                                         */
    finding_list findings;
};

/* Adds a finding at `level`, unless the profile sets another, with the row's code. */
void finding_add(struct judge *j, const struct check *c, enum finding_level level,
                 const char *subject, const char *detail, const char *remedy);

/* The same where the code is not the row's. */
void finding_add_code(struct judge *j, const struct check *c, enum finding_level level,
                      enum answer_code code, const char *subject, const char *detail,
                      const char *remedy);

/* The facts are not enough for this rule, and it matters: undecided, unless something
 * certain refuses the image. */
void judge_unclear(struct judge *j, const char *layer, const char *code,
                   const char *subject, const char *message);

/* Has something that matters not been looked at? */
bool judge_has_problem(const struct judge *j);

/* /usr is a filesystem of its own, which is not on this disk. */
bool usr_is_missing(const struct facts *f);

/* The system comes as an image or a deployment, and takes no packages in place. */
bool is_image_based(const struct facts *f);

/* Does a problem speak of this path or part of one?  Then its absence is not proven, and
 * a rule that finds something missing says nothing.  A rule that refuses may only keep
 * quiet where the verdict is undecided instead: for it, minor problems do not count. */
bool is_unseen(const struct judge *j, const char *part);
bool is_advice_unseen(const struct judge *j, const char *part);

#define TEXT(j, ...) arena_printf((j)->a, __VA_ARGS__)

static inline bool same(const char *a, const char *b)
{
    return strcmp(a, b) == 0;
}

static inline bool starts(const char *s, const char *prefix)
{
    return strncmp(s, prefix, strlen(prefix)) == 0;
}

bool names_have(const profile_names *list, const char *name);
/* "ext3, ext4" */
const char *names_joined(struct judge *j, const profile_names *list);
/* "50 GiB", "123.4 MiB" */
const char *size_text(struct judge *j, uint64_t bytes);
const char *number_text(struct judge *j, uint64_t n);
/* Is dotted version a lower than b?  Parts compare as numbers, words end them. */
bool version_less(const char *a, const char *b);

/* What the system's own entry in the profile's list is; NULL: not listed. */
const struct profile_system *system_find(const struct judge *j, const struct fact_os *os);

/* The kernel that starts by default; NULL: not known. */
const struct fact_kernel *kernel_default(const struct facts *f);

/* State of a driver in a kernel: "builtin", ..., "unknown". */
const char *driver_state(const struct fact_drivers *d, const char *driver);

/* "partition 1" in the report's language; logical volumes keep their names. */
const char *partition_text(struct judge *j, uint32_t index);
const char *device_text(struct judge *j, const char *device);

static inline bool has_firmware(const struct facts *f, const char *name)
{
    for (size_t i = 0; i < f->firmware.n; i++)
        if (same(f->firmware.v[i], name))
            return true;
    return false;
}

#define CHECK(id, level, code, title, evidence, fn) rule_fn fn;
#include "rules/checks.def"
#undef CHECK
