/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map.h: the job "map": what lies where on a disk, sent as it is found */
#pragma once

#include "guest/inspect.h"
#include "worker/wire.h"

/* The files beside the source that were opened for it, in that order. */
struct map_files {
    struct {
        const struct block *block; /* borrowed */
        char name[WIRE_NAME_MAX + 1];
    } v[WIRE_FILES_MAX];
    size_t n;
};

/* Sends LAYOUT and, when the container is taken, the lists.  `options` as for an
 * inspection; `files` may grow until the call returns. */
int map_run(struct block *source, const struct inspect_options *options,
            const struct map_files *files, struct err *err);
