/* SPDX-License-Identifier: GPL-2.0-or-later */
/* metadata_http.h: one request to the metadata service and its answer, without sockets
 *
 * What a guest sends is hostile.  GET only, no bodies, one request a connection; HTTP/1.0
 * and 1.1 (RFC 9112).  Any thread. */
#pragma once

#include "base/buf.h"
#include "instance/settings.h"

enum {
    METADATA_HEAD_MAX = 8192,   /* request line and headers */
    METADATA_TARGET_MAX = 1024, /* still encoded */
};

/* Judges what has arrived.  0: the head is not complete yet; 200: *path is its path,
 * decoded and without the query (with SETTINGS_PATH_MAX to spare it may name nothing);
 * else the status that refuses it, 4xx or 5xx.  ERR_NOMEM is the only error. */
int metadata_request(struct buf *path, struct bytes arrived, struct err *err);

/* Writes the whole answer: that of the tree to a good request (200 or 404), or a refusal.
 * Says that the connection ends, and how long the body is, so that the guest may close
 * it. */
int metadata_answer(struct buf *to, const struct documents *tree, int status,
                    struct bytes path, struct err *err);
