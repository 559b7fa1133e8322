/* SPDX-License-Identifier: GPL-2.0-or-later */
/* instance.h: what tasks about instances share */
#pragma once

#include "service/job/host.h"
#include "service/job/job.h"
#include "store/instance.h"

struct work {
    struct job *job;
    struct host *host;
    json_t *params;     /* of the task */
    struct instance i;  /* its row; the settings of the task, once they are read */
    struct image image; /* of a reset: the one that it will stand on */
    char note[512];     /* what the account is to know although it worked; "" */
};

#define WORK_INSTANCE "instance" /* the member of its id */

/* Steps of a task that makes an image: it has its copy, and lets the machine alone. */
#define CREATE_CONVERT "convert"
#define CREATE_FINISH  "finish"

void work_fini(struct work *w);
/* JOB_FAILED: the instance is not this task's. */
int work_read(struct work *ret, struct job *j, struct job_failure *why, struct err *err);
const char *work_text(const struct work *w, const char *name);

/* A new disk on the image of w->i, and the drive with its settings, beside those that are
 * there. */
int work_make_disk(struct work *w, struct job_failure *why, struct err *err);
/* Those that are there go; that they are gone already is fine. */
int work_drop_disk(struct work *w, struct err *err);
/* What was made takes their place. */
int work_place_disk(struct work *w, struct err *err);

/* Powers off, as `how` says (SOFT, SOFT_FIRST, HARD).  JOB_FAILED: the guest does not. */
int work_power_off(struct work *w, const char *how, struct job_failure *why,
                   struct err *err);
/* Starts it, and the time that this may take. */
int work_boot(struct work *w, struct err *err);
/* arg: the job. */
int work_goes_on(void *arg, struct err *err);

/* Of a call that was let down by the library: asked to stop, or failed. */
struct imgport_error;
struct imgport_progress;
int work_library_failed(struct work *w, const struct imgport_error *e, struct err *err);
int work_progress(void *arg, const struct imgport_progress *p); /* arg: the job */
