/* SPDX-License-Identifier: GPL-2.0-or-later */
/* channel.h: libext2fs on whatever has bytes; for src/fs/ext and src/mend
 *
 * An io_manager of the library over the functions of its user. */
#pragma once

/* The library's headers are not clean under our warnings. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <ext2fs/ext2_fs.h>
#include <ext2fs/ext2fs.h>
#pragma GCC diagnostic pop

#include "base/bytes.h"
#include "base/err.h"

/* Its address stays the same while the library is open. */
struct ext_channel {
    uint64_t size;
    /* Ranges are within `size`, in blocks of `unit` bytes.  write() NULL: read-only. */
    int (*read)(struct ext_channel *c, void *buf, size_t n, uint64_t off, size_t unit,
                struct err *err);
    int (*write)(struct ext_channel *c, const void *buf, size_t n, uint64_t off,
                 struct err *err);
    struct err err; /* what failed below the library; it only hears that it did */
};

errcode_t ext_channel_open(ext2_filsys *ret, struct ext_channel *c, int flags);

/* Makes an error of what failed below the library, else of its code.  ERR_LIMIT: the
 * filesystem is full. */
int ext_channel_fail(const struct ext_channel *c, struct err *err, errcode_t code,
                     const char *what);
