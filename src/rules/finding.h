/* SPDX-License-Identifier: GPL-2.0-or-later */
/* finding.h: what a rule has to say about facts.  A finding is data and never makes a
 * function fail. */
#pragma once

#include "base/arena.h"

/* In the order in which the cloud would answer: a report's code is the first one that any
 * finding at level error carries. */
enum answer_code {
    ANSWER_NONE,
    ANSWER_INVALID_URL,
    ANSWER_INVALID_FORMAT_SIZE,
    ANSWER_PARTITION_NOT_PRESENT,
    ANSWER_ROOT_PARTITION_NOT_FOUND,
    ANSWER_VIRTIO_NOT_INSTALL,
    ANSWER_CLOUD_INIT_NOT_INSTALLED,
    ANSWER_INTERNAL_ERROR,
    ANSWER_CODE_MAX,
};

const char *
answer_code_name(enum answer_code code); /* "VirtioNotInstall"; NULL for NONE */

enum finding_level {
    LEVEL_OFF, /* the profile does not judge this */
    LEVEL_NOTE,
    LEVEL_WARNING,
    LEVEL_ERROR,
    FINDING_LEVEL_MAX,
};

const char *finding_level_name(enum finding_level level); /* "error" */

struct finding {
    const char *id; /* "L07" */
    enum finding_level level;
    enum answer_code code;
    const char *subject; /* file, device or field it is about; "" the image */
    const char *detail; /* the evidence, one or two sentences, in the report's language */
    const char
        *remedy; /* what to do, with the very commands, lines parted by \n; "" none */
};

typedef LIST(struct finding) finding_list;

enum verdict {
    VERDICT_ACCEPTED,
    VERDICT_REFUSED,
    VERDICT_UNDECIDED,
};

const char *verdict_name(enum verdict v);
