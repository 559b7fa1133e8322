/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/verdict.h"

#include <stdio.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"

/* The finding that decided: the first error with this code, or without one. */
static const json_t *decisive(const json_t *report, const char *code)
{
    const json_t *f;
    size_t i;

    json_array_foreach(json_object_get(report, "findings"), i, f)
    {
        if (strcmp(job_text(f, "level"), "error") == 0 &&
            strcmp(job_text(f, "code"), code) == 0)
            return f;
    }
    return NULL;
}

/* The codes outlive the report. */
static const char *known_code(const char *code)
{
    static const char *const codes[] = {
        "InvalidUrl",       "InvalidFormatSize",     "PartitionNotPresent",
        "VirtioNotInstall", "RootPartitionNotFound", "CloudInitNotInstalled",
    };

    for (size_t i = 0; i < ARRAY_SIZE(codes); i++)
        if (strcmp(codes[i], code) == 0)
            return codes[i];
    return "InternalError";
}

int verdict_judge(const json_t *report, struct job_failure *why)
{
    const char *verdict = job_text(report, "verdict"), *code = job_text(report, "code");
    const json_t *error = json_object_get(report, "error"), *finding;

    if (strcmp(verdict, "accepted") == 0)
        return 0;
    if (strcmp(verdict, "undecided") == 0) {
        char where[64];

        snprintf(where, sizeof where, "undecided:%s:%s", job_text(error, "layer"),
                 job_text(error, "code"));
        return job_fail(why, "InternalError", where,
                        _("the image could not be judged: %s"),
                        job_text(error, "message"));
    }
    finding = decisive(report, code);
    return job_fail(why, known_code(code), job_text(finding, "id"), "%s%s%s",
                    job_text(finding, "subject"),
                    *job_text(finding, "subject") ? ": " : "",
                    job_text(finding, "detail"));
}

bool verdict_boot_was_cut(const json_t *report)
{
    /* Of these another start would say the same. */
    static const enum err_code lasting[] = {ERR_UNSUPPORTED, ERR_LIMIT, ERR_CORRUPT};
    const json_t *error = json_object_get(report, "error");

    for (size_t i = 0; i < ARRAY_SIZE(lasting); i++)
        if (strcmp(job_text(error, "code"), err_code_name(lasting[i])) == 0)
            return false;
    return strcmp(job_text(report, "verdict"), "undecided") == 0 &&
           strcmp(job_text(error, "layer"), "boot") == 0;
}

static int boot_undecided(const json_t *report, struct job_failure *why)
{
    const json_t *error = json_object_get(report, "error");
    char where[64];

    if (strcmp(job_text(error, "layer"), "boot") == 0 &&
        strcmp(job_text(error, "code"), "unsupported") == 0)
        return 0;
    snprintf(where, sizeof where, "boot:%s",
             json_is_object(error) ? job_text(error, "code")
                                   : job_text(report, "stopped"));
    return job_fail(
        why, "InternalError", where, _("whether the image starts was not found out: %s"),
        json_is_object(error) ? job_text(error, "message") : job_text(report, "reached"));
}

/* What the console said last that meant something. */
static const char *last_words(const json_t *report)
{
    const json_t *lines = json_object_get(report, "evidence");
    size_t n = json_array_size(lines);

    return n ? job_text(json_array_get(lines, n - 1), "line") : "";
}

int verdict_judge_boot(const json_t *report, struct job_failure *why)
{
    const char *verdict = job_text(report, "verdict");
    const json_t *finding = json_object_get(report, "finding");
    char where[64];

    if (strcmp(verdict, "accepted") == 0)
        return 0;
    if (strcmp(verdict, "undecided") == 0)
        return boot_undecided(report, why);
    snprintf(where, sizeof where, "boot:%s", job_text(report, "stopped"));
    /* How far it came, what the console said, what the check says of it. */
    return job_fail(why, known_code(job_text(finding, "code")), where,
                    _("the image does not start (%s): %s; %s"),
                    job_text(report, "reached"), last_words(report),
                    job_text(finding, "detail"));
}
