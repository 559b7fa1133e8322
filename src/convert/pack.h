/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pack.h: what a worker does to a batch while it is hot in the cache
 *
 * Finds the clusters that are zero and compresses the others, within the batch's own
 * memory.  A packer holds the compressor's state, which is costly to make, and serves one
 * thread at a time. */
#pragma once

#include "convert/sink.h"

struct packer;

enum {
    /* Bytes in front of a batch's data: what is packed may grow a little and must not
     * run over what is still to be packed. */
    BATCH_SLACK = 64 * 1024,
};

/* A piece of the guest's disk on its way to the sink. */
struct batch {
    uint64_t offset; /* in the guest's disk; a multiple of the cluster size */
    size_t length;   /* bytes read to data */
    bool unread;     /* but enough of each cluster only to tell whether it is zero */
    size_t room;     /* bytes that data can hold */
    uint8_t *memory; /* owned: data, of what is packed behind BATCH_SLACK bytes */
    uint8_t *data;
    struct cluster *clusters; /* owned */
    unsigned count;           /* of clusters that are not zero */
};

/* room is a multiple of cluster.  Zeroed or initialised, it can be released. */
int batch_init(struct batch *b, size_t room, uint32_t cluster, enum pack_kind kind,
               struct err *err);
void batch_fini(struct batch *b);

int packer_new(struct packer **ret, enum pack_kind kind, uint32_t cluster,
               struct err *err);
void packer_freep(struct packer **p);

/* Fills clusters and count from data, which it overwrites: clusters point into memory,
 * one behind the other where they are compressed. */
int packer_run(struct packer *p, struct batch *b, struct err *err);
