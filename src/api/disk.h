/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk.h: the disk of a machine: an overlay that stands on an image
 *
 * Any thread.  Image bytes are parsed by the worker alone, edits included. */
#pragma once

#include "imgport/imgport.h"
#include "mend/edit.h"

struct disk_options {
    /* The image.  path NULL: nobody looks at it, so `size` is needed and there can be no
     * edits; then this call starts no worker and reads nothing. */
    struct imgport_source base;
    /* The base's name and format as QEMU is to find them; the name is not followed here.
     * "qcow2", "raw". */
    const char *backing, *backing_format;
    uint64_t size; /* virtual bytes of the disk, at least the base's; 0: the base's */
    const struct mend_edits *edits; /* NULL: none */
    const char *dest;               /* path of the overlay, a qcow2 */
    bool overwrite;
    bool no_sync;
    bool dest_is_open; /* as of struct imgport_convert_options */
    int dest_fd;
    imgport_progress_fn *progress; /* may be NULL */
    void *progress_arg;
};

struct disk_made {
    uint64_t size; /* virtual */
    struct mend_report mended;
};

/* Makes the overlay; whole or not at all, as imgport_convert() does.  Edits that could
 * not be made are told in ret->mended, and the overlay is then without them (of that
 * filesystem).  A worker that died of them counts as MEND_DAMAGED.  0 or -1. */
int disk_make(struct disk_made *ret, const struct disk_options *options,
              struct imgport_error *error);

/* imgport_convert() with edits on the way.  The disk of an instance is a source whose
 * `base` is its image:
 *
 *     .source = {.path = "disk.qcow2", .format = "qcow2",
 *                .base = &(struct imgport_source){.path = blob, .format = "qcow2"}}
 *
 * *ret as of imgport_convert(), to be freed. */
int disk_convert(char **ret, struct mend_report *mended,
                 const struct imgport_convert_options *options,
                 const struct mend_edits *edits, struct imgport_error *error);
