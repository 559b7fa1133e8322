/* SPDX-License-Identifier: GPL-2.0-or-later */
/* journal.h: the log of jbd2 (ext3, ext4), as if it had been replayed
 *
 *   block 0         journal superblock: where the log begins, which features
 *   first … last    a ring of transactions, each with one sequence number:
 *                     descriptor (tags: block n of the filesystem) data data …
 *                     revoke     (block n must not be replayed up to here)
 *                     commit
 *   last … end      fast commits, where that feature is on
 *
 * A snapshot of a running machine has its newest changes only here.  Nothing is written:
 * three passes over the log (find its end, collect revokes, map blocks) leave a table
 * from block of the filesystem to block of the log, and reads are answered through it.
 *
 * Numbers are big-endian.  The layout is documented in Linux,
 * Documentation/filesystems/ext4/journal.rst. */
#pragma once

#include "block/block.h"

struct journal;

enum {
    JOURNAL_MAPPED_MAX = 1 << 18, /* blocks: 1 GiB of 4 KiB each, the largest usual log */
    JOURNAL_REVOKED_MAX = 1 << 18,
    JOURNAL_PROBLEM_MAX = 120,
};

struct journal_look {
    bool in_use;                       /* there is something to replay */
    char problem[JOURNAL_PROBLEM_MAX]; /* why the replay is not whole; "" it is */
};

/* `log` is the content of the journal's inode; a reference is taken when *ret is set.
 * *ret stays NULL when no block is to be read from the log.  A log that contradicts
 * itself is no error: it is used up to its last sound transaction, and look->problem says
 * so. */
int journal_open(struct journal **ret, struct journal_look *look, struct block *log,
                 uint32_t block_size, struct err *err);
void journal_close(struct journal *j); /* NULL is fine */

/* Is the newest content of this block in the log? */
bool journal_has(const struct journal *j, uint64_t block);

/* Fills buf with one block that journal_has().  ERR_CORRUPT when its checksum is wrong.
 */
int journal_read(const struct journal *j, void *buf, uint64_t block, struct err *err);
