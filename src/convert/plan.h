/* SPDX-License-Identifier: GPL-2.0-or-later */
/* plan.h: which parts of a disk must be read
 *
 *   extents  |data|hole |d|hole          |data.......................|
 *   clusters |    |    |    |    |    |    |    |    |    |    |    |
 *   ranges   [0        ]              [1                 ][2         ]
 *
 * A range is whole clusters that hold a byte of data, side by side, within one batch of
 * the disk (batches are aligned, so a range never crosses one).  Only the last range may
 * end at the end of the disk instead of the end of a cluster.  The plan is walked, never
 * stored: its memory does not grow with the disk.  One thread at a time. */
#pragma once

#include "block/block.h"

struct range {
    uint64_t offset, length; /* bytes of the guest's disk */
};

struct plan {
    struct block *source;    /* borrowed */
    uint64_t cluster, batch; /* bytes; powers of two, cluster <= batch */
    uint64_t pos;            /* everything below is planned */
    uint64_t data_end;       /* the source is known to hold data from pos up to here */
};

static inline struct plan plan_begin(struct block *source, uint64_t cluster,
                                     uint64_t batch)
{
    return (struct plan){.source = source, .cluster = cluster, .batch = batch};
}

/* 1: *ret is the next range.  0: there is none.  Negative: error. */
int plan_next(struct range *ret, struct plan *p, struct err *err);
