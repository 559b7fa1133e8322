/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sum.h: the SHA-256 of an image that can be used already */
#pragma once

#include "service/job/job.h"

/* Ends the task of `j` as task_finish() does, with *end, which makes the image of it
 * usable.  Of a system disk whose sum is not known yet (end->image_change->sha256 is "")
 * another task is to take it; data disks have none then. */
int sum_finish(struct job *j, const struct task_end *end, struct err *err);

/* A task for every image that has no sum, as of those whose task failed. */
int sum_all(struct service *s, struct err *err);
