/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unwrap.h: a stream that was packed whole, by gzip, xz or zstd
 *
 * Members (gzip), streams (xz) and frames (zstd) that follow each other are one, as their
 * own tools take them; anything else behind them is an error, and so is a cut.  Sums are
 * checked.  What it may cost is bounded:
 *
 *   memory      a dictionary of 64 MiB for xz (its level 9), a window of 128 MiB for zstd
 *               (what its tool takes without being asked); 8 MiB each at usual levels
 *   expansion   UNWRAP_RATIO, counted in bytes that are not zero, since an empty disk is
 *               no bomb and costs no room; UNWRAP_SIZE_MAX counted in all */
#pragma once

#include "block/stream.h"

enum {
    UNWRAP_RATIO = 1000,
    UNWRAP_FREE = 64 << 20, /* bytes that are not zero and have no ratio yet */
    UNWRAP_XZ_MEMORY = 80 << 20,
    UNWRAP_ZSTD_WINDOW_LOG = 27,
};

#define UNWRAP_SIZE_MAX (4ull << 40)

/* "gzip", "xz", "zstd": one that can be unpacked? */
bool unwrap_knows(const char *name);

/* The same word, static, of a stream that unwrap_open() made. */
const char *unwrap_name(const struct stream *s);

/* `in` stands at the beginning of the packed stream, and is borrowed. */
int unwrap_open(struct stream **ret, const char *name, struct stream *in,
                struct err *err);
