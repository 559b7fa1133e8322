/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ntfs_leaks.h: for one file of a program whose leaks are looked for
 *
 * libntfs-3g forgets what it read when it refuses to mount, and inodes whose opening
 * fails half way.  That is no leak of ours, and a worker ends with its check. */
#pragma once

__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "leak:libntfs-3g.so";
}
