/* SPDX-License-Identifier: GPL-2.0-or-later */
/* own_object.h: an object of this daemon's own store, into a staged blob
 *
 * Without a connection, and where the store can, without a byte being moved: the staged
 * blob is a second name of the object's, so that the object may be deleted or written
 * anew meanwhile.  A link is judged as the object endpoint would judge it. */
#pragma once

#include "service/job/fetch.h"

/* As fetch_object().  A link that serves once is not spent yet: see struct fetched. */
int own_object(struct fetched *ret, struct job *j, const struct cos_url *u,
               const char *key, struct job_failure *why, struct err *err);
