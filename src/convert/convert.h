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

#include "block/image.h"

enum convert_compression {
    CONVERT_PLAIN,
    CONVERT_ZLIB,
    CONVERT_ZSTD,
};

struct convert_progress {
    const char *phase; /* "plan" (total is 0), "convert", then "flush" once */
    /* Bytes of the source that hold data, in whole clusters; holes cost nothing.  done is
     * total in "flush" only, when all tables are written too. */
    uint64_t done, total;
    uint64_t written; /* bytes of the output so far */
};

struct convert_options {
    struct block *source;     /* borrowed; the guest's disk */
    int fd;                   /* empty, open for writing, seekable; borrowed */
    enum image_format format; /* IMAGE_QCOW2 */
    enum convert_compression compression;
    unsigned threads; /* 0: one a processor; more than 16 are not used */
    /* [opt] Told now and then from the thread that called convert_run(); non-zero cancels
     * (ERR_CANCELED). */
    int (*progress)(void *arg, const struct convert_progress *p);
    void *progress_arg;
};

struct convert_result {
    uint64_t virtual_size;
    uint64_t data_bytes; /* guest bytes that were not zero, in clusters */
    uint64_t file_size;  /* of the output */
};

/* Writes everything but syncs nothing.  The bytes written depend on what the source reads
 * as, the format and the compression, and on nothing else.  Needs about 32 MiB at most,
 * whatever the size of the disk, and no system calls but pwrite, those of the source and
 * those of threads.  On failure the content of fd is garbage: the caller discards it.
 * ERR_IO carries the errno (ENOSPC) in err->sys; under RLIMIT_FSIZE the caller ignores
 * SIGXFSZ.  When several things fail, the one that comes first on the disk is told. */
int convert_run(struct convert_result *ret, const struct convert_options *options,
                struct err *err);
