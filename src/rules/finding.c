/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules/finding.h"

#include <assert.h>

const char *answer_code_name(enum answer_code code)
{
    static const char *const names[ANSWER_CODE_MAX] = {
        [ANSWER_INVALID_URL] = "InvalidUrl",
        [ANSWER_INVALID_FORMAT_SIZE] = "InvalidFormatSize",
        [ANSWER_PARTITION_NOT_PRESENT] = "PartitionNotPresent",
        [ANSWER_ROOT_PARTITION_NOT_FOUND] = "RootPartitionNotFound",
        [ANSWER_VIRTIO_NOT_INSTALL] = "VirtioNotInstall",
        [ANSWER_CLOUD_INIT_NOT_INSTALLED] = "CloudInitNotInstalled",
        [ANSWER_INTERNAL_ERROR] = "InternalError",
    };

    assert(code < ANSWER_CODE_MAX);
    return names[code];
}

const char *finding_level_name(enum finding_level level)
{
    static const char *const names[FINDING_LEVEL_MAX] = {
        [LEVEL_OFF] = "off",
        [LEVEL_NOTE] = "note",
        [LEVEL_WARNING] = "warning",
        [LEVEL_ERROR] = "error",
    };

    assert(level < FINDING_LEVEL_MAX);
    return names[level];
}

const char *verdict_name(enum verdict v)
{
    return v == VERDICT_ACCEPTED  ? "accepted"
           : v == VERDICT_REFUSED ? "refused"
                                  : "undecided";
}
