/* SPDX-License-Identifier: GPL-2.0-or-later */
/* clone.h: blocks of the source that the output shares instead of a copy
 *
 *   disk    |........|########|########|zeros   |
 *   source  ...|#################|...            a file that holds it as it is
 *   output  ...|w|###############|w|...          # shared by FICLONERANGE, w written
 *
 * Filesystems with reflinks (btrfs, XFS) let files have blocks in common until one of
 * them is written to.  The bytes of the output are the same as without.  What the
 * filesystem refuses, for whatever reason, is written, and it is not asked again. */
#pragma once

#include <stdatomic.h>

#include "block/block.h"

/* n bytes of `from` at `where` appear in `to` at `off`.  0 or an errno; then nothing that
 * matters changed. */
typedef int clone_fn(int to, int from, uint64_t where, uint64_t n, uint64_t off);

struct clone {
    struct block *disk; /* borrowed */
    uint64_t unit;      /* bytes of a block of the filesystem; a power of two */
    clone_fn *call;
    bool refused;      /* or there is nothing to ask */
    atomic_bool works; /* it was done, and never refused */
    uint64_t bytes;    /* shared so far */
    uint64_t at;       /* of the disk: what was located last */
    struct location last;
};

/* unit 0: nothing is shared.  call NULL: the system's. */
void clone_begin(struct clone *c, struct block *disk, uint64_t unit, clone_fn *call);

/* [off, off + n) of the output `fd`, n > 0, is to hold what the disk has at `guest`.
 * true: the first *ret bytes of it are shared.  false: they have to be written.  One
 * thread at a time. */
bool clone_run(struct clone *c, uint64_t *ret, int fd, uint64_t guest, uint64_t n,
               uint64_t off);

/* Will all of the disk's [guest, guest + n) be shared, so that reading it is for nothing?
 * As far as can be told before; of an output whose offsets are the guest's, in blocks of
 * the filesystem.  Any thread. */
bool clone_expects(struct clone *c, uint64_t guest, uint64_t n);
