/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_verdict.h: what a start comes to, and what a check has to say of it.  Pure. */
#pragma once

#include "instance/console.h"
#include "rules/rules.h"

enum { BOOT_RESTARTS_MAX = 2 };

/* How it ended, beside what the console said. */
enum boot_end {
    BOOT_NOT_STARTED,
    BOOT_DECIDED, /* enough was seen */
    BOOT_ENDED,   /* the machine ended by itself: a reset, or a power-off */
    BOOT_TIMED_OUT,
    BOOT_LOST, /* what ran the machine was killed, or crashed: no word about the guest */
};

struct boot_seen {
    const struct console *console;
    enum boot_end end;
    bool quick;           /* kernel and initramfs alone */
    bool settings_needed; /* without them the cloud cannot use the image */
    bool trouble;         /* some of the disk could not be read */
    bool emulated;        /* the machine is many times slower than others */
};

struct boot_verdict {
    enum verdict verdict;
    const char *reached; /* console_stage_name(), or "settings" */
    const char *stopped; /* "" nowhere */
    /* Ids of the checks that speak of such a stop, the likeliest first; ends in NULL. */
    const char *const *ids;
};

/* Some first starts that go well end by a reset (labels of SELinux, cloud-init).  Does
 * it begin anew, after so many of them? */
bool boot_starts_anew(const struct console *c, unsigned restarts);

struct boot_verdict boot_judge(const struct boot_seen *seen);

/* Of the findings of a check the one that explains the stop, an error before others;
 * NULL: the check has none. */
const struct finding *boot_finding(const struct boot_verdict *v,
                                   const struct report *report);

/* A device that a system waited for in vain, of which the check has nothing to say: an
 * emulated machine may have been too slow, and that decides nothing. */
void boot_weigh(struct boot_verdict *v, const struct boot_seen *seen,
                const struct report *report);

/* Does the check say the same?  1, 0, or -1 when one of the two does not know. */
int boot_agrees(const struct boot_verdict *v, const struct boot_seen *seen,
                const struct report *report);
