/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch.h: the object a link names, into a blob
 *
 * By one GET, and no HEAD before it: a signed link may be good for one access.  The
 * connection goes to the endpoint that is configured for the region and nowhere else,
 * whatever the link says; redirects are not followed.  What failed before the first byte
 * of the body is tried again; after it only when the link is not signed. */
#pragma once

#include "service/job/cos_url.h"
#include "service/job/job.h"

struct fetched {
    uint64_t size;
    char sha256[65];
};

/* Writes blob `key`.  `own` is the region of the task.  0; JOB_FAILED: InvalidUrl, or
 * more than may be staged; negative: the store cannot take it, or it is to stop. */
int fetch_object(struct fetched *ret, struct job *j, const char *url,
                 const struct config_region *own, const char *key,
                 struct job_failure *why, struct err *err);
