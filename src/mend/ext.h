/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext.h: ext2, ext3 and ext4, written by libext2fs; private to src/mend
 *
 * The library reads and writes the overlay.  The journal must have nothing to
 * replay, and is not written: what changes is whole when the overlay appears. */
#pragma once

#include "base/scoped.h"
#include "fs/ext/channel.h"
#include "mend/driver.h"

enum {
    /* Blocks the library may ask for in the life of a filesystem: it follows what the
     * filesystem says for as long as it says so. */
    MEND_EXT_BLOCKS_MAX = 1 << 25,
};

struct mend_ext {
    struct mend_fs fs;
    struct overlay *o; /* borrowed */
    ext2_filsys lib;
    struct ext_channel channel;
    uint64_t blocks; /* that it asked for */
};

static inline struct mend_ext *mend_ext_of(struct mend_fs *fs)
{
    return CONTAINER_OF(fs, struct mend_ext, fs);
}

/* Makes an error of a code of the library, or of what failed below it. */
int mend_ext_fail(struct mend_ext *e, struct err *err, errcode_t code, const char *fmt,
                  ...) __attribute__((format(printf, 4, 5)));

/* ---- ext_look.c */

/* ERR_CORRUPT when it has the flag of a feature that the filesystem is without: the
 * library would go by the flag. */
int mend_ext_check_flags(const struct mend_ext *e, const struct ext2_inode *inode,
                         ext2_ino_t ino, struct err *err);

int mend_ext_look(struct mend_fs *fs, struct err *err);

/* ---- ext_edit.c */

int mend_ext_run(struct mend_fs *fs, const struct mend_do *d, struct err *err);
