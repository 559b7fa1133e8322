/* SPDX-License-Identifier: GPL-2.0-or-later */
/* raw.c: the file is the disk
 *
 * The block of the file itself is handed out, so its holes are the disk's.  A size that
 * is not a multiple of 512 stays as it is: dd and some downloads leave such files. */
#include "block/image.h"

/* Raw is what nobody recognises; probe.c never asks. */
static int raw_recognise(struct block *file, struct err *err)
{
    (void)file;
    (void)err;
    return 0;
}

static int raw_open(struct block **ret, struct block *file, struct image_ctx *ctx,
                    struct err *err)
{
    (void)err;
    ctx->info->virtual_size = file->size;
    *ret = block_ref(file);
    return 0;
}

const struct image_driver raw_driver = {
    .format = IMAGE_RAW,
    .name = "raw",
    .recognise = raw_recognise,
    .open = raw_open,
};
