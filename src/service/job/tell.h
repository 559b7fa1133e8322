/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tell.h: what is told to an account of its jobs, in its language */
#pragma once

#include "service/job/job.h"
#include "store/message.h"

/* Types that subscriptions may name. */
#define TELL_IMPORT_DONE   "import-succeeded"
#define TELL_IMPORT_FAILED "import-failed"
#define TELL_COPY_DONE     "copy-succeeded"
#define TELL_COPY_FAILED   "copy-failed"
#define TELL_EXPORT_DONE   "export-succeeded"
#define TELL_EXPORT_FAILED "export-failed"
#define TELL_RECHECK       "recheck-changed"
#define TELL_CREATE_DONE   "create-succeeded"
#define TELL_CREATE_FAILED "create-failed"

/* Fills *ret with texts of the job's arena. */
int tell_import_done(struct message_new *ret, struct job *j, const char *name,
                     struct err *err);
/* report may be NULL: it failed before the check. */
int tell_import_failed(struct message_new *ret, struct job *j, const char *name,
                       const struct job_failure *why, const json_t *report,
                       struct err *err);
int tell_copy_done(struct message_new *ret, struct job *j, const char *name,
                   const char *source, struct err *err);
int tell_copy_failed(struct message_new *ret, struct job *j, const char *name,
                     const char *source, const struct job_failure *why, struct err *err);
/* objects: a line each, begun by a newline. */
int tell_export_done(struct message_new *ret, struct job *j, const char *objects,
                     struct err *err);
int tell_export_failed(struct message_new *ret, struct job *j, const char *bucket,
                       const struct job_failure *why, struct err *err);
/* The verdict changed; why: NULL, accepted. */
int tell_recheck(struct message_new *ret, struct job *j, const char *name,
                 const struct job_failure *why, const json_t *report, struct err *err);
/* An image of an instance.  note: what could not be cleared in it; "". */
int tell_create_done(struct message_new *ret, struct job *j, const char *name,
                     const char *instance, const char *note, struct err *err);
int tell_create_failed(struct message_new *ret, struct job *j, const char *name,
                       const char *instance, const struct job_failure *why,
                       struct err *err);
