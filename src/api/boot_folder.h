/* SPDX-License-Identifier: GPL-2.0-or-later */
/* boot_folder.h: where a start keeps its sockets and the log of its console
 *
 * Who makes a folder holds a lock on a file in it, "lock", for as long as it needs it.
 * One whose owner was killed is unlocked, and goes when somebody makes the next.  Only
 * what is ours goes: of that name, of the same user, closed to others, with such a file
 * of that user in it.  One without the file is left: its owner may be about to make it,
 * and then holds the lock as soon as it has its name. */
#pragma once

#include <limits.h>

#include "base/err.h"

struct boot_folder {
    char path[PATH_MAX]; /* "" none */
    int fd, lock;        /* -1 */
};

#define BOOT_FOLDER_NONE     \
    {                        \
        .fd = -1, .lock = -1 \
    }

/* In the folder `around`, of a name of its own, and empty but for its lock. */
int boot_folder_make(struct boot_folder *ret, const char *around, struct err *err);
/* Files and sockets in it go with it. */
void boot_folder_remove(struct boot_folder *f);
