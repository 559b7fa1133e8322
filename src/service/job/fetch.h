/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fetch.h: the object a link names, into a blob
 *
 * An object of our own store by own_object.h, any other
 * by one GET, and no HEAD before it: a signed link may be good for one access.  The
 * connection goes to the endpoint that is configured for the region and nowhere else,
 * whatever the link says; redirects are not followed.  What failed before the first byte
 * of the body is tried again; after it only when the link is not signed. */
#pragma once

#include "service/job/cos_url.h"
#include "service/job/job.h"

struct fetched {
    uint64_t size;
    /* A link to be spent (link_spend) together with what tells that it was fetched; NULL:
     * none, or the server has seen to it. */
    const char *signature;
    int64_t expires;
};

/* Writes blob `key`.  `own` is the region of the task.  0; JOB_FAILED: InvalidUrl, or
 * more than may be staged; negative: the store cannot take it, or it is to stop. */
int fetch_object(struct fetched *ret, struct job *j, const char *url,
                 const struct config_region *own, const char *key,
                 struct job_failure *why, struct err *err);

/* ---- what own_object() tells in the same words */

/* A server, or the endpoint here, refuses; `words` are its answer's. */
int fetch_refused(const char *words, long status, struct job_failure *why);
int fetch_too_large(const struct job *j, struct job_failure *why);
