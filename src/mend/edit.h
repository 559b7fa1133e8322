/* SPDX-License-Identifier: GPL-2.0-or-later */
/* edit.h: what is to be changed on a guest's disk, and what came of it
 *
 * Edits are a wish.  A filesystem gets all that are for it or none, and only one that was
 * unmounted cleanly, that we can write (ext2, ext3, ext4, NTFS), and that stands a look
 * at all of it before and after.  Otherwise it is left as it is, and the report says so:
 * that is no error. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

enum mend_op {
    /* The file has this content.  One that is there keeps its owner, mode and labels; a
     * symlink in its place is replaced.  A new one belongs to root, and so do folders on
     * its way that are not there. */
    MEND_WRITE,
    MEND_REMOVE, /* a file or symlink; what is not there is fine, a folder stays */
    MEND_EMPTY,  /* nothing is left in the folder, however deep */
};

/* Where an edit applies; elsewhere it is passed over. */
enum mend_system {
    MEND_ANY,
    MEND_LINUX,
    MEND_WINDOWS,
};

/* Strings and bytes are borrowed. */
struct mend_edit {
    enum mend_op op;
    enum mend_system system;
    /* As the guest sees it, with slashes, from its root on ("/etc/hostname"); in Windows
     * from that of its system drive.  Links on the way are followed. */
    const char *path;
    struct bytes content; /* MEND_WRITE; at most MEND_CONTENT_MAX */
    uint32_t mode;        /* permission bits of a new file; 0: 0644 */
};

struct mend_edits {
    const struct mend_edit *v;
    size_t n; /* at most MEND_EDITS_MAX */
    /* What makes a Linux system the one that it is: SSH host keys, machine-id, what
     * cloud-init remembers, logs and shell histories are removed, and /etc/fstab loses
     * the entries of disks that are not in the image.  Where the system has something
     * mounted, or bound, it is what is seen there; what cannot be read of that is left,
     * and told (MEND_NOT_WRITTEN). */
    bool identity;
};

enum mend_outcome {
    MEND_NOTHING,     /* nothing was asked for, or nothing had to be changed */
    MEND_DONE,        /* all of it */
    MEND_NO_SYSTEM,   /* no system was found on the disk */
    MEND_NOT_WRITTEN, /* a filesystem, or a feature of it, that we do not write, or a path
                       * that leads to none */
    MEND_DIRTY,       /* not unmounted cleanly, or hibernated */
    MEND_DAMAGED,     /* it contradicts itself, or what came out did not stand a look */
    MEND_NO_ROOM,     /* the filesystem is full, or it is more than we keep in memory */
    MEND_OUTCOME_MAX,
};

enum {
    MEND_EDITS_MAX = 64,
    MEND_PATH_MAX = 1024,
    MEND_CONTENT_MAX = 256 << 10, /* bytes of one file */
    MEND_WHY_MAX = 480,
};

struct mend_report {
    enum mend_outcome outcome; /* the worst of all filesystems */
    char why[MEND_WHY_MAX];    /* which filesystem was left as it is, and why; "" */
    unsigned changed;          /* files and folders written, emptied or removed */
};

/* "nothing", "done", "no-system", "not-written", "dirty", "damaged", "no-room". */
const char *mend_outcome_name(enum mend_outcome outcome);
enum mend_outcome
mend_outcome_from_name(const char *name); /* MEND_OUTCOME_MAX: unknown */

static inline bool mend_wants(const struct mend_edits *e)
{
    return e && (e->n || e->identity);
}
