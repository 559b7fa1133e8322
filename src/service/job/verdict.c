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
