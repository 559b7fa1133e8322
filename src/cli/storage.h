/* SPDX-License-Identifier: GPL-2.0-or-later */
/* storage.h: what the commands share that speak to the object store of a service
 *
 * Where nothing else is said an int is EXIT_OK, or the exit status after one sentence. */
#pragma once

#include "base/buf.h"
#include "cli/cloud.h"
#include "service/object_client.h"

/* Borrows from all of them. */
struct object_client storage_client(const struct cloud *c, const char *bucket);

/* The number that names of the account's buckets end in; asked for once. */
int storage_app_id(struct buf *to, struct cloud *c);

/* The whole name of a bucket: without "-APPID" it is one of the account's own. */
int storage_bucket(struct buf *to, struct cloud *c, const char *name);

/* "[WHAT: ]the error", and its exit status: the service's own no is no trouble. */
int storage_fail(const char *what, const struct err *err);

/* A file to be sent: *fd is the caller's, also after an error.  0 or negative. */
int storage_open(int *fd, uint64_t *size, const char *file, struct err *err);

/* Says now why a file could not be written later. */
int storage_may_write(const char *file, bool overwrite);

/* An object as a file, which appears whole or not at all; "-": on standard output.  Dies
 * of a signal that came meanwhile. */
int storage_fetch(uint64_t *size, bool *checked, const struct cloud *c,
                  const char *bucket, const char *key, const char *file, bool overwrite);

/* The name that an object gets in a folder: what stands behind its last "/".  NULL: that
 * is no name of a file. */
const char *storage_name(const char *key);
