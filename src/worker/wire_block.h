/* SPDX-License-Identifier: GPL-2.0-or-later */
/* wire_block.h: the worker's end of the socket, and a source that is read through it */
#pragma once

#include "base/buf.h"
#include "block/block.h"
#include "worker/wire.h"

/* Sends a frame; whoever cannot be told anything any more is left (exit 3). Any thread.
 */
void wire_say(uint8_t type, const void *p, size_t n);

/* A question and its answer, with nothing in between.  *fd as in frame_recv(). */
int wire_ask(uint8_t type, const void *p, size_t n, uint8_t *ret_type, struct buf *reply,
             int *fd, struct err *err);

/* What a NO_FILE says, as an error. */
int wire_no(const struct buf *reply, struct err *err);

/* A block of `size` bytes that the broker reads for us. */
int wire_block_open(struct block **ret, uint64_t size, struct err *err);
