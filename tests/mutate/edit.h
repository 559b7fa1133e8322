/* SPDX-License-Identifier: GPL-2.0-or-later */
/* edit.h: what a seed does to an image */
#pragma once

#include "mutate/image.h"

/* Changes the image as the seed says, mostly where a look at it reads structure.  The
 * same seed does the same to the same file. */
void edit_image(struct image *image, uint64_t seed);
