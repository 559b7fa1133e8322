/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend/edit.h"

#include <string.h>

static const char *const outcomes[MEND_OUTCOME_MAX] = {
    [MEND_NOTHING] = "nothing",     [MEND_DONE] = "done",
    [MEND_NO_SYSTEM] = "no-system", [MEND_NOT_WRITTEN] = "not-written",
    [MEND_DIRTY] = "dirty",         [MEND_DAMAGED] = "damaged",
    [MEND_NO_ROOM] = "no-room",
};

const char *mend_outcome_name(enum mend_outcome outcome)
{
    return outcomes[outcome];
}

enum mend_outcome mend_outcome_from_name(const char *name)
{
    unsigned i = 0;

    while (i < MEND_OUTCOME_MAX && strcmp(outcomes[i], name) != 0)
        i++;
    return i;
}
