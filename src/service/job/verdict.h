/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verdict.h: what a report of a check means for a task */
#pragma once

#include "service/job/job.h"

/* 0: accepted.  JOB_FAILED: *why has the finding that decided, or what kept the check
 * from deciding ("undecided:..." as its sub-cause). */
int verdict_judge(const json_t *report, struct job_failure *why);

/* The same of a report of imgport_boot(), with "boot:..." as the sub-cause.  A system
 * that nobody here can start (another processor, Windows) is not held against it. */
int verdict_judge_boot(const json_t *report, struct job_failure *why);

/* The machine was killed, or this host had no room for it: nothing was found out. */
bool verdict_boot_was_cut(const json_t *report);
