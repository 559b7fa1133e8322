/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame.h: messages with a length in front, over a stream socket
 *
 *   u32 length of the payload, little-endian │ u8 type │ payload
 *
 * Broker and worker talk in these.  The receiver names the largest payload it takes, per
 * call, so that a hostile sender cannot make it allocate.  A descriptor may ride on a
 * frame (SCM_RIGHTS).  One thread at a time for each direction. */
#pragma once

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Sends the frame whole.  `fd` is passed along unless negative.  ERR_IO "the other side
 * is gone" when the socket is closed (no SIGPIPE). */
int frame_send(int sock, uint8_t type, const void *payload, size_t n, int fd,
               struct err *err);

/* Receives one frame: 1 and *type, *payload (cleared first; payload->max is the limit)
 * and *fd (-1 when none came along; else the caller's to close).  0: the other side
 * closed the socket between two frames.  Negative: cut in the middle, too long, or an I/O
 * error. */
int frame_recv(int sock, uint8_t *type, struct buf *payload, int *fd, struct err *err);
