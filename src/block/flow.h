/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow.h: a guest's disk that arrives in order and only once
 *
 *   stream ──> flow_next(): a piece of the disk is there ──> any thread reads it
 *              flow_drop(): the oldest piece is not needed any more
 *
 *   raw, fixed VHD    told apart by the footer, so the last 2 MiB are held back until the
 *                     end is there, and the size of the disk is known then
 *   streamOptimized   grains as they come; the size is known from the header, and what
 *                     the tables say is held against what came
 *
 * What is not in the pieces reads as zeros.  Memory: the pieces that were not dropped and
 * what is held back.  flow_next() and flow_drop() are for one thread. */
#pragma once

#include "block/image.h"
#include "block/stream.h"

struct flow;

/* A stream ends here, whatever it holds; a file may be larger. */
#define FLOW_SIZE_MAX   (4ull << 40)
#define FLOW_SIZE_LATER UINT64_MAX

/* A stream that was packed whole is unpacked: 1, *packing is "gzip", "xz" or "zstd", and
 * *ret what is in it (`in` is borrowed until that is closed).  0: it is not packed.
 * Negative: it is refused already. */
int flow_unwrap(struct stream **ret, const char **packing, struct stream *in,
                const struct image_options *options, struct err *err);

/* Looks at the first bytes, which may be all there are.  1: *ret is a flow (the stream is
 * borrowed until it is closed).  0: what comes has to be a file before it can be read,
 * and nothing was taken from the stream.  Negative: it is refused, as image_open() does,
 * with the fault in *info. */
int flow_open(struct flow **ret, struct image_info *info, struct stream *in,
              const struct image_options *options, struct err *err);
void flow_close(struct flow *f); /* NULL is fine */

static inline void flow_closep(struct flow **f)
{
    flow_close(*f);
    *f = NULL;
}

/* Before the first piece: pieces begin at multiples of `cluster` and do not cross one of
 * `unit`.  Powers of two, cluster <= unit. */
void flow_begin(struct flow *f, uint64_t cluster, size_t unit);

/* Bytes of the guest's disk, or FLOW_SIZE_LATER: not before flow_next() said 0. */
uint64_t flow_size(const struct flow *f);

/* Waits for the next piece.  1: [*off, *off + *len) can be read.  0: that was all, and it
 * was whole.  Negative: error. */
int flow_next(struct flow *f, uint64_t *off, uint64_t *len, struct err *err);
void flow_drop(struct flow *f);

/* Where the pieces are read; borrowed.  No other bytes of it may be asked for. */
struct block *flow_disk(struct flow *f);

/* What it turned out to be, once flow_next() said 0. */
const struct image_info *flow_info(const struct flow *f);
