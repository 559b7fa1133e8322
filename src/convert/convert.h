/* SPDX-License-Identifier: GPL-2.0-or-later */
/* convert.h: a guest's disk into a container
 *
 *   plan ── ranges of the source, from extents ──> tickets
 *   workers: read a range, find zeros while it is hot, (compress)     any order
 *   writer:  takes finished ranges in ticket order, allocates, writes one after the other
 *
 * so the output is the same bytes at any number of threads.  Memory is bounded by the
 * number of ranges in flight.  The first error wins, everybody else stops. */
#pragma once

#include "block/flow.h"
#include "convert/clone.h"
#include "convert/tally.h"

enum convert_compression {
    CONVERT_PLAIN,
    CONVERT_ZLIB,
    CONVERT_ZSTD,
    CONVERT_USUAL, /* what the format is usually written with */
};

enum {
    CONVERT_CLUSTER_MIN = 512, /* of QCOW2 */
    CONVERT_CLUSTER_MAX = 2 * 1024 * 1024,
};

struct convert_progress {
    const char *phase; /* "plan" (total is 0), "convert", then "flush" once */
    /* Bytes of the source that hold data, in whole clusters; holes cost nothing.  done is
     * total in "flush" only, when all tables are written too.  Of a disk that arrives the
     * total is 0 until then. */
    uint64_t done, total;
    uint64_t written; /* bytes of the output so far */
};

struct convert_options {
    struct block *source; /* borrowed; the guest's disk */
    struct flow *flow;    /* instead of it: borrowed; a disk that arrives */
    /* [opt] Of a disk that arrives: zeroed, for convert_verify() to know what came. */
    struct tally *tally;
    int fd;     /* empty, open for writing, seekable; borrowed */
    int direct; /* the same file with O_DIRECT; borrowed; 0: none */
    enum image_format format;
    const char
        *kind; /* [opt] "dynamic", "fixed"; "monolithicSparse", "streamOptimized" */
    const char *name; /* [opt] of the file, without folders: a VMDK names itself */
    enum convert_compression compression;
    uint32_t cluster; /* bytes, a power of two, for QCOW2; 0: 64 KiB */
    /* Bytes of a block of the filesystem that fd is on, a power of two: of what is to be
     * written, blocks that a file holds as they are, are shared with it.  0: none is. */
    uint32_t clone_unit;
    clone_fn *clone;        /* [opt] instead of the system's, for tests */
    unsigned threads;       /* 0: one a processor; more than 16 are not used */
    unsigned threads_least; /* instead of fewer processors: the source is far away */
    /* [opt] Told now and then from the thread that called convert_run(); non-zero cancels
     * (ERR_CANCELED). */
    int (*progress)(void *arg, const struct convert_progress *p);
    void *progress_arg;
};

struct convert_result {
    uint64_t virtual_size; /* of the output: a VHD is rounded up to whole MiB */
    uint64_t data_bytes;   /* guest bytes that were not zero, in clusters */
    uint64_t file_size;    /* of the output */
    uint64_t cloned_bytes; /* of it, shared with the source */
    const char *kind;      /* static; "" when the format has only one */
    enum convert_compression compression;
};

/* Must the size of the disk be known before the first byte is written?  Then a flow that
 * does not know it is refused. */
bool convert_needs_size(const struct convert_options *options);

/* Writes everything but syncs nothing.  The bytes written depend on what the source reads
 * as and on these options but direct, threads and cloning, and on nothing else.  Needs
 * about 32 MiB at most, whatever the size of the disk, and no system calls but pwrite,
 * ftruncate, those of the source, those of threads, and FICLONERANGE when blocks are
 * shared.  On failure the content of fd is garbage: the caller discards it. ERR_IO
 * carries the errno (ENOSPC) in err->sys; under RLIMIT_FSIZE the caller ignores SIGXFSZ.
 * When several things fail, the one that comes first on the disk is told. */
int convert_run(struct convert_result *ret, const struct convert_options *options,
                struct err *err);
