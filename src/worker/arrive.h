/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arrive.h: a stream that has to be whole before it can be read */
#pragma once

#include "block/stream.h"

/* All of the stream as a block: in memory when it is short, else in a file without a name
 * that the broker gives (WIRE_STAGE), with holes where it is zero.  ERR_LIMIT when there
 * are more than `most` bytes.  The block does not outlive the stream. */
int arrive_whole(struct block **ret, struct stream *in, uint64_t most, struct err *err);
