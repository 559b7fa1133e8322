/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob_dir.h: for tests of what not every filesystem does */
#pragma once

#include "store/blob.h"

/* Writes to named files from now on, as on a filesystem without O_TMPFILE. */
void blob_dir_use_names(struct blobs *b);
