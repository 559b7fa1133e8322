/* SPDX-License-Identifier: GPL-2.0-or-later */
/* recheck.h: images that are there already, judged by rules that changed
 *
 * An image stays NORMAL whatever comes of it: instances were made from it, and who owns
 * it decides.  Its report is replaced, and the owner told when the verdict is another
 * one. */
#pragma once

#include "service/job/job.h"
#include "store/image.h"

/* In a transaction that locks the image: a task for it, or the one that waits already. */
int recheck_begin(int64_t *ret_task, struct db *db, const struct service *s,
                  const struct image *image, const char *request_id, struct err *err);

/* For every image that was judged by other rules than those of now. */
int recheck_all(struct service *s, struct err *err);
