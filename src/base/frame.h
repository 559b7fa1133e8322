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

/* What a side that must not be kept waiting does meanwhile.  still_wanted() is called
 * several times a second while a message is under way and whenever a part of it came;
 * negative, with *err set, ends the exchange. */
struct frame_patience {
    int (*still_wanted)(void *arg, struct err *err);
    void *arg;
};

/* Sends the frame whole.  `fd` is passed along unless negative.  ERR_IO "the other side
 * is gone" when the socket is closed (no SIGPIPE).  `patience` [opt]: without it the call
 * blocks as long as the other side likes. */
int frame_send_patient(int sock, uint8_t type, const void *payload, size_t n, int fd,
                       const struct frame_patience *patience, struct err *err);

/* Receives one frame: 1 and *type, *payload (cleared first; payload->max is the limit)
 * and *fd (-1 when none came along; else the caller's to close).  0: the other side
 * closed the socket between two frames.  Negative: cut in the middle, too long, an I/O
 * error, or patience ended. */
int frame_recv_patient(int sock, uint8_t *type, struct buf *payload, int *fd,
                       const struct frame_patience *patience, struct err *err);

/* The same without patience: they block. */
int frame_send(int sock, uint8_t type, const void *payload, size_t n, int fd,
               struct err *err);
int frame_recv(int sock, uint8_t *type, struct buf *payload, int *fd, struct err *err);
