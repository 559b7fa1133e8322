/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_kind.h: what the kinds of flow.h are made of */
#pragma once

#include <pthread.h>

#include "block/flow.h"

/* A part of a chunk's bytes that is packed. */
struct flow_grain {
    uint32_t at, n;   /* in the chunk's bytes */
    uint64_t offset;  /* on the disk */
    uint64_t in_file; /* where it came, for messages */
};

/* A piece of the disk and the bytes it is made from. */
struct flow_chunk {
    struct flow_chunk *next;
    uint64_t offset, length; /* on the disk */
    uint8_t *data;
    size_t n, room; /* bytes of data */
    struct flow_grain *grains;
    size_t grain_count, grain_room;
};

struct flow_driver {
    /* The next chunk: 1, 0 at the end, when f->size and f->info are set, or negative. */
    int (*next)(struct flow *f, struct flow_chunk **ret, struct err *err);

    /* n bytes at off, which lie within the chunk; any thread. */
    int (*fill)(struct flow *f, const struct flow_chunk *c, uint8_t *buf, size_t n,
                uint64_t off, struct err *err);

    void (*close)(struct flow *f);
};

/* Kinds put this first in their own struct and call flow_init(). */
struct flow {
    const struct flow_driver *driver;
    struct stream *in; /* borrowed */
    struct block disk;
    struct image_info info;
    struct image_options options;
    uint64_t size, cluster;
    size_t unit;
    pthread_mutex_t lock;
    struct flow_chunk *first, *last; /* handed out; under lock */
    struct flow_chunk *idle;
};

void flow_init(struct flow *f, const struct flow_driver *driver, struct stream *in,
               const struct image_options *options);
/* Lets go of all but the struct. */
void flow_fini(struct flow *f);

/* An empty chunk with room for n bytes. */
int flow_chunk_new(struct flow_chunk **ret, struct flow *f, size_t n, struct err *err);
/* Room for n more bytes behind those it has. */
int flow_chunk_grow(struct flow_chunk *c, size_t n, struct err *err);
void flow_chunk_give(struct flow *f, struct flow_chunk *c);

/* 1, 0 when it has to be a file, negative; the stream stands at its beginning. */
int flow_vmdk_open(struct flow **ret, struct stream *in, struct image_ctx *ctx,
                   struct err *err);

int flow_raw_open(struct flow **ret, struct stream *in,
                  const struct image_options *options, struct err *err);
