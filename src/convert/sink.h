/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sink.h: a container being written
 *
 * A sink gets the clusters of the guest's disk that are not zero, in the order of the
 * disk, all from one thread, and decides where each goes.  What it writes depends on what
 * the disk reads as and on nothing else: not on threads, batches, extents or time.  An
 * output format is added by its file and its row in sink.c. */
#pragma once

#include "block/image.h"
#include "convert/convert.h"
#include "convert/out.h"

enum {
    CONVERT_CLUSTER = 64 * 1024, /* the unit of allocation and of compression */
    CONVERT_BATCH = 1024 * 1024, /* what a worker takes at a time */
    CONVERT_BATCH_CLUSTERS = CONVERT_BATCH / CONVERT_CLUSTER,
};

/* A cluster of the guest's disk that is not zero. */
struct cluster {
    uint64_t index;   /* guest offset / CONVERT_CLUSTER */
    const uint8_t *p; /* borrowed until the next out_flush() */
    uint32_t length;  /* CONVERT_CLUSTER, or less: p holds it compressed */
};

/* Drivers put this first in their own struct. */
struct sink {
    const struct sink_driver *driver;
    struct out *out; /* borrowed */
};

struct sink_driver {
    enum image_format format;

    /* Does it hold compressed clusters of that kind?  CONVERT_PLAIN always. */
    bool (*holds)(enum convert_compression c);

    /* virtual_size is a multiple of 512.  ERR_LIMIT when the format cannot say it. */
    int (*open)(struct sink **ret, struct out *out, uint64_t virtual_size,
                enum convert_compression c, struct err *err);

    int (*put)(struct sink *s, const struct cluster *c, struct err *err);

    /* All that put() left, the header last.  *ret_size: bytes of the file. */
    int (*finish)(struct sink *s, uint64_t *ret_size, struct err *err);

    void (*close)(struct sink *s);
};

/* NULL: no such output. */
const struct sink_driver *sink_find(enum image_format format);

void sink_closep(struct sink **s);

extern const struct sink_driver qcow2_sink;
