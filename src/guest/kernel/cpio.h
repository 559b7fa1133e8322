/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpio.h: cpio archives ("newc" 070701, "crc" 070702), pushed through in pieces
 *
 *   header   110 characters: magic and thirteen numbers of eight hex digits
 *   name     with its NUL, padded so that header and name end on a multiple of 4
 *   body     padded to a multiple of 4
 *   ...      until "TRAILER!!!"; zeros and more archives may follow
 *
 * Accepts what init/initramfs.c of Linux accepts: entries whose name or symlink is too
 * long and folders with a body are stepped over; the trailer may be missing.  Hard links
 * are entries like all others, of which all but one have no body.  Bodies are never
 * held.  One thread at a time. */
#pragma once

#include "guest/kernel/initramfs.h"

enum {
    CPIO_HEADER = 110,
    CPIO_LINK_MAX = 4096,
    CPIO_CONTENT_MAX = 64 << 10,
};

struct cpio {
    const struct initramfs_reader *reader;
    unsigned *entries; /* counted there, up to INITRAMFS_ENTRIES_MAX */
    enum cpio_state {
        CPIO_BETWEEN, /* zeros or the next header */
        CPIO_IN_HEADER,
        CPIO_IN_NAME,
        CPIO_IN_CONTENT,
        CPIO_SKIP, /* `skip` bytes nobody wants */
    } state;
    bool started; /* an entry was seen since cpio_begin() */
    uint64_t pos; /* of the next byte, as the alignment counts it */
    uint64_t skip;
    size_t n, need; /* bytes gathered of header, name or content */
    struct initramfs_entry entry;
    uint32_t body;
    uint8_t header[CPIO_HEADER];
    char name[INITRAMFS_NAME_MAX + 4];
    uint8_t content[CPIO_CONTENT_MAX];
};

/* Stands between entries, `pos` bytes after what alignment is counted from. */
void cpio_begin(struct cpio *c, const struct initramfs_reader *reader, unsigned *entries,
                uint64_t pos);

/* Takes bytes from *in.  0 when all were taken, or when what follows is neither padding
 * nor an entry (*in then begins there); else a negative error, or what reader->entry()
 * answered. */
int cpio_push(struct cpio *c, struct bytes *in, struct err *err);

/* How many of the next bytes may be stepped over unseen; cpio_skip() says they were. */
uint64_t cpio_skippable(const struct cpio *c);
void cpio_skip(struct cpio *c, uint64_t n);

/* May the archive end here? */
static inline bool cpio_is_whole(const struct cpio *c)
{
    return c->state == CPIO_BETWEEN;
}
