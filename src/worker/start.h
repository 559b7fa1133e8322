/* SPDX-License-Identifier: GPL-2.0-or-later */
/* start.h: the jobs behind `imgport boot` */
#pragma once

#include "guest/inspect.h"

enum { START_FILE_MAX = 512 << 20 }; /* bytes of a kernel, or of its initramfs */

/* An inspection that also copies what the default boot entry starts: the kernel to one
 * descriptor, to the other the initramfs, where the entry has several files one behind
 * the other as a loader does it.  Both are empty files, and stay so when the entry has
 * none; what could not be copied is a problem of the layer "start" among the facts, and
 * its file is empty again. */
struct start_files {
    int kernel, initramfs;
};

int start_look(struct facts *ret, struct arena *a, struct block *source,
               const struct inspect_options *options, const struct start_files *files,
               struct err *err);

/* The guest's disk to an NBD client on `sock`, until that leaves; says RESULT. */
int start_serve(struct block *source, const struct image_options *options, int sock,
                struct err *err);
