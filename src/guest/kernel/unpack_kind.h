/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unpack_kind.h: the table behind unpack.h
 *
 * A kind either steps through its stream with a library that keeps its own state (`step`)
 * or decodes whole blocks (`block`).  Rows put struct unpack first in their own struct.
 */
#pragma once

#include "guest/kernel/unpack.h"

struct unpack {
    const struct unpack_kind *kind;
    struct feed *feed; /* borrowed */
    uint8_t *out;      /* owned */
    size_t out_cap;
    bool ended;
};

struct unpack_kind {
    const char *name;
    uint8_t magic[2];
    size_t size; /* of the struct that begins with struct unpack */

    /* [opt] Prepares the zeroed struct. */
    int (*open)(struct unpack *u, struct err *err);

    /* [opt] Takes from *in what it can and writes at most out_cap bytes to out; *in moves
     * on and *ret_n is what was written.  1 at the end of the stream, else 0, also when
     * it can do nothing without more input. */
    int (*step)(struct unpack *u, struct bytes *in, size_t *ret_n, struct err *err);

    /* [opt] Without `step`: the next block of plain bytes.  1, 0 at the end. */
    int (*block)(struct unpack *u, struct bytes *ret, struct err *err);

    /* [opt] Releases what open() took. */
    void (*close)(struct unpack *u);
};

extern const struct unpack_kind unpack_gzip, unpack_bzip2, unpack_lzma, unpack_xz,
    unpack_zstd;                                        /* unpack_stream.c */
extern const struct unpack_kind unpack_lz4, unpack_lzo; /* unpack_block.c */

/* Makes u->out hold n bytes; what was in it is lost. */
int unpack_room(struct unpack *u, size_t n, struct err *err);
