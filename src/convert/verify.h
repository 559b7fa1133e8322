/* SPDX-License-Identifier: GPL-2.0-or-later */
/* verify.h: the output read back and held against the source */
#pragma once

#include "convert/convert.h"

/* Compares the guest's disk with the image in `written`, as our own reader sees it: every
 * byte, but where both know of a hole.  What the output has behind the source's end must
 * be zeros.  ERR_CORRUPT when they differ, with the offset.  Of a disk that
 * arrived, and is gone, the tallies are compared. */
int convert_verify(const struct convert_options *options, struct block *written,
                   struct err *err);
