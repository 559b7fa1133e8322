/* SPDX-License-Identifier: GPL-2.0-or-later */
/* driver.h: filesystems that can be written; private to src/mend
 *
 * How an error is meant: ERR_CORRUPT the filesystem contradicts itself, ERR_UNSUPPORTED
 * we do not write this, ERR_CONFLICT somebody else's changes wait in it, ERR_LIMIT it is
 * full or too much for us.  After any, what was written to the overlay is thrown away. */
#pragma once

#include "mend/edit.h"
#include "mend/overlay.h"

enum mend_step {
    MEND_PUT, /* `name` in `dir`, below `folders`, gets the content; made if need be */
    MEND_CONTENT, /* the file `ino` gets the content */
    MEND_UNLINK,  /* `name` in `dir`, which is `ino`, and no folder */
    MEND_RMDIR,   /* an empty folder */
};

/* One thing to do on one filesystem.  Inodes are those of its reader in src/fs. */
struct mend_do {
    enum mend_step step;
    uint64_t dir, ino;
    const char *name;
    const char *folders; /* "a/b": to be made in `dir` first; "" */
    struct bytes content;
    uint32_t mode; /* of a new file */
};

struct mend_fs;

/* Each function but close() may fail.  One thread at a time. */
struct mend_driver {
    /* Writes nothing yet.  `o` is borrowed until close(). */
    int (*open)(struct mend_fs **ret, struct overlay *o, struct err *err);
    /* Is what we write by in order?  Looked at before and, in a new one, after. */
    int (*look)(struct mend_fs *fs, struct err *err);
    int (*run)(struct mend_fs *fs, const struct mend_do *d, struct err *err);
    int (*flush)(struct mend_fs *fs, struct err *err);
    void (*close)(struct mend_fs *fs);
};

/* Drivers put this first. */
struct mend_fs {
    const struct mend_driver *driver;
};

extern const struct mend_driver mend_ext, mend_ntfs;
