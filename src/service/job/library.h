/* SPDX-License-Identifier: GPL-2.0-or-later */
/* library.h: the public calls of imgport, as jobs make them */
#pragma once

#include "imgport/imgport.h"
#include "service/job/job.h"

/* For .progress, with the job as .progress_arg: tells it on, and stops what is to stop.
 */
int library_progress(void *arg, const struct imgport_progress *p);

/* What a call that failed comes to: the job was to stop, or could not be done. */
int library_failed(const struct job *j, const struct imgport_error *e, struct err *err);

/* The report that a call printed, whose text is freed; or what came of it, r being
 * negative. */
int library_report(json_t **ret, int r, char *text, const struct job *j,
                   const struct imgport_error *e, struct err *err);

/* imgport_check() by the service's profile; `o` has the rest. */
int library_check(json_t **ret, struct job *j, const struct imgport_check_options *o,
                  struct err *err);
