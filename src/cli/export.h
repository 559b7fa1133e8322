/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export.h: an image into a bucket, and from there into files */
#pragma once

#include "cli/cloud.h"

struct export_order {
    const char *image, *bucket;
    const char *format, *prefix; /* [opt]; else the format is what output's name says */
    const char *output;          /* NULL: nothing is fetched; else a file, or a folder */
    bool dry_run, wait, overwrite;
};

/* The exit status. */
int export_image(const struct command *self, struct cloud *c,
                 const struct export_order *order);
