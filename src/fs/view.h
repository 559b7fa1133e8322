/* SPDX-License-Identifier: GPL-2.0-or-later */
/* view.h: a folder of a filesystem as the root of a tree, with names added to it
 *
 * For systems whose root is put together when they start: an ostree deployment is a
 * folder, and the root of Container Linux gets its folders and links in the initramfs.
 * What the folder itself has hides an added name.  Everything else is the filesystem
 * below, which must outlive the view; so must the table.  Threads as below. */
#pragma once

#include "fs/fs.h"

enum { FS_VIEW_NAMES_MAX = 16 };

struct fs_view_name {
    const char *name;
    const char *target; /* of a symlink; NULL: an empty folder */
};

/* `names` ends with a name of NULL; NULL itself: none. */
int fs_view_open(struct fs **ret, struct fs *below, uint64_t folder,
                 const struct fs_view_name *names, struct err *err);
