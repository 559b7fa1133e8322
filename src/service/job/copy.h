/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy.h: what SyncImages hands to the job
 *
 * All regions of a service keep their bytes in one store, and a blob never changes: so a
 * copy stands on the bytes of its source, once they were read through and found to be
 * what they should be.  Whoever deletes an image leaves bytes that another one names
 * (image_uses_blob()). */
#pragma once

/* The params of its task, as JSON, the caller's; NULL: no memory. */
char *copy_params(const char *source, const char *name);
