/* SPDX-License-Identifier: GPL-2.0-or-later */
/* upload.h: a file that is to be imported, as an object of the service for as long
 *
 *     AUTO(upload_fini) struct upload u = {.fd = -1};
 *     r = upload_open(&u, &cloud, "web.qcow2");     a file, a name and a link
 *     r = upload_send(&u, &cloud);                  there, with a line of progress
 *     ...                                           ImportImage of u.link
 *     upload_drop(&u, &cloud);
 *
 * The bucket is imports-APPID, which is made when it is not there.  Each returns EXIT_OK,
 * or the exit status after one sentence. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "cli/cloud.h"

struct upload {
    const char *file;
    int fd;
    uint64_t size;
    struct buf bucket, key, link;
};

int upload_open(struct upload *u, struct cloud *c, const char *file);
/* Dies of a signal that came meanwhile; what was sent is dropped before. */
int upload_send(struct upload *u, struct cloud *c);
/* What cannot be dropped is told of, and stays. */
void upload_drop(struct upload *u, struct cloud *c);
/* Tells that it stays, since an import may still read it. */
void upload_keep(struct upload *u);
void upload_fini(struct upload *u);
