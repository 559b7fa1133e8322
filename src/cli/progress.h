/* SPDX-License-Identifier: GPL-2.0-or-later */
/* progress.h: one line on a terminal's stderr that tells the truth: bytes done of bytes
 * to do, and never 100 % before the result is in its place
 *
 * For programs, lines of JSON on stderr, at most ten a second and one for each phase:
 *   {"phase": "convert", "step": "", "done": N, "total": N, "written": N, "seconds": S}
 * total 0 is "not known"; seconds are those since the start. */
#pragma once

#include <signal.h>

#include "cli/term.h"
#include "imgport/imgport.h"

struct progress {
    struct term term;
    bool as_json;                 /* lines of JSON for a program instead */
    double started, phase, shown; /* seconds */
    char phase_name[16];          /* which phase began at `phase` */
    uint64_t total;               /* bytes of it, as said last */
    char line[512];               /* what stands there now */
};

/* "json" or NULL (a line on a terminal); false: an unknown word. */
bool progress_style(struct progress *p, const char *style);

/* Catches SIGINT, SIGTERM and SIGHUP: the job is then canceled by the next tick. */
void progress_init(struct progress *p);

/* An imgport_progress_fn; arg is the struct progress. */
int progress_tell(void *arg, const struct imgport_progress *what);

/* Wipes the line. */
void progress_end(struct progress *p);

/* The signal that asked to stop, or 0. */
int progress_signal(void);

/* Dies of that signal, as whoever sent it expects, when there was one. */
void progress_die_if_signaled(void);
