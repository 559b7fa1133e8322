/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sums.h: checksums of a mutant made right, so that the parsers behind them are reached
 *
 * What has a checksum is found in the sound image, by its magic at a multiple of a
 * sector: btrfs, XFS 5, ext with metadata_csum, GPT, LVM2, hives, VHD.  In a container
 * whose clusters lie in another order ext is not found. */
#pragma once

#include "mutate/image.h"

enum sum_kind {
    SUM_BTRFS, /* a filesystem: its superblock is here */
    SUM_XFS,
    SUM_EXT,
    SUM_GPT,   /* a header */
    SUM_LABEL, /* of a physical volume */
    SUM_AREA,  /* the header of a metadata area */
    SUM_HIVE,
    SUM_VHD, /* a footer */
    SUM_VHD_HEADER,
};

struct sum {
    enum sum_kind kind;
    uint64_t at;
    struct sums_ext *ext; /* owned; with SUM_EXT */
};

enum { SUMS_MAX = 128 };

struct sums {
    struct sum list[SUMS_MAX];
    size_t n;
};

void sums_find(struct sums *ret, const struct image *image);
void sums_repair(const struct sums *s, struct image *image);
void sums_fini(struct sums *s);

/* ---- ext, sums_ext.c */

/* The filesystem that begins at `at`; NULL when it has no checksums, or what the library
 * says of it cannot be used. */
struct sums_ext *sums_ext_open(const struct image *image, uint64_t at);
void sums_ext_repair(const struct sums_ext *e, struct image *image);
void sums_ext_close(struct sums_ext *e);
