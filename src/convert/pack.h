/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pack.h: what a worker does to a batch while it is hot in the cache
 *
 * Finds the clusters that are zero and compresses the others, within the batch's own
 * memory.  A packer holds the compressor's state, which is costly to make, and serves one
 * thread at a time. */
#pragma once

#include "convert/sink.h"

struct packer;

/* 1 MiB of the guest's disk, or less, on its way to the sink. */
struct batch {
    uint64_t offset; /* in the guest's disk; a multiple of CONVERT_CLUSTER */
    size_t length;   /* bytes read to data */
    uint8_t *data;   /* CONVERT_BATCH bytes */
    struct cluster clusters[CONVERT_BATCH_CLUSTERS];
    unsigned count; /* of clusters that are not zero */
};

int packer_new(struct packer **ret, enum convert_compression c, struct err *err);
void packer_freep(struct packer **p);

/* Fills clusters and count from data, which it overwrites: clusters point into it, one
 * behind the other where they are compressed. */
int packer_run(struct packer *p, struct batch *b, struct err *err);
