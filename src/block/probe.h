/* SPDX-License-Identifier: GPL-2.0-or-later */
/* probe.h: what image_open() is made of, for disks that arrive in order */
#pragma once

#include "block/image.h"

/* The driver for a file whose beginning this is.  raw_driver may be a fixed VHD still,
 * which only its end tells.  Fails with a fault as image_open() does. */
int image_begins_as(const struct image_driver **ret, struct block *head,
                    struct image_ctx *ctx, struct err *err);

/* IMAGE_FAULT_NESTED when the guest's disk is a container itself. */
int image_refuse_nested(struct block *disk, struct image_ctx *ctx, struct err *err);
