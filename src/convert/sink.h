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
    CONVERT_CLUSTER = 64 * 1024, /* the usual unit of allocation and of compression */
    CONVERT_BATCH = 1024 * 1024, /* what a worker takes at a time, or one cluster */
    /* A huge page, which goes past the page cache as one segment: that takes a third less
     * time. */
    CONVERT_BATCH_LARGE = 2 * 1024 * 1024,
};

/* The virtual size of a disk whose end is not there yet; set_size() tells it. */
#define SINK_SIZE_LATER UINT64_MAX

/* What workers make of a cluster before the sink gets it. */
enum pack_kind {
    PACK_PLAIN,   /* as it is */
    PACK_DEFLATE, /* a raw deflate stream, where that is smaller */
    PACK_ZSTD,    /* a zstd frame, where that is smaller */
    PACK_GRAIN,   /* a grain of a streamOptimized VMDK, with its marker and its padding */
};

/* A cluster of the guest's disk that is not zero. */
struct cluster {
    uint64_t index;   /* guest offset / cluster size */
    const uint8_t *p; /* borrowed until the next out_flush(); a blind sink only puts it */
    uint32_t length;  /* the cluster size, or else p holds it packed */
};

/* What a sink is to write.  Nothing in it is owned. */
struct sink_spec {
    uint64_t virtual_size; /* bytes, a multiple of 512; or SINK_SIZE_LATER */
    uint32_t cluster;      /* bytes, a power of two from 512 to 2 MiB */
    enum convert_compression compression;
    const char *name; /* of the file, for formats that say it */
};

/* Drivers put this first in their own struct. */
struct sink {
    const struct sink_driver *driver;
    struct out *out;       /* borrowed */
    enum pack_kind pack;   /* what put() wants */
    uint32_t cluster;      /* bytes */
    uint64_t virtual_size; /* as the container says; may be rounded up */
};

struct sink_driver {
    enum image_format format;
    const char *kind;      /* "dynamic", "streamOptimized"; "": the format has one */
    bool any_cluster_size; /* else CONVERT_CLUSTER only */
    bool blind;            /* never looks at what a plain cluster holds */
    enum convert_compression compression; /* when nothing is said of it */

    /* Does it hold that kind of compression? */
    bool (*holds)(enum convert_compression c);

    /* ERR_LIMIT when the format cannot say the size. */
    int (*open)(struct sink **ret, struct out *out, const struct sink_spec *spec,
                struct err *err);

    int (*put)(struct sink *s, const struct cluster *c, struct err *err);

    /* [opt] The size of a disk that was opened with SINK_SIZE_LATER, before finish().
     * NULL: it has to be known from the beginning. */
    int (*set_size)(struct sink *s, uint64_t virtual_size, struct err *err);

    /* All that put() left, the header last.  *ret_size: bytes of the file. */
    int (*finish)(struct sink *s, uint64_t *ret_size, struct err *err);

    void (*close)(struct sink *s);
};

/* The first of the format's when kind is "".  NULL: there is none. */
const struct sink_driver *sink_find(enum image_format format, const char *kind);

void sink_closep(struct sink **s);

extern const struct sink_driver qcow2_sink;
extern const struct sink_driver raw_sink;
extern const struct sink_driver vhd_dynamic_sink, vhd_fixed_sink;
extern const struct sink_driver vmdk_sparse_sink, vmdk_stream_sink;
