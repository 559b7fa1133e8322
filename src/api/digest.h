/* SPDX-License-Identifier: GPL-2.0-or-later */
/* digest.h: SHA-256 of files, whatever is in them */
#pragma once

#include "base/err.h"
#include "imgport/imgport.h"

enum { DIGEST_TEXT = 65 };

/* The whole file as hexadecimal digits.  Progress is phase "checksum", done of total
 * bytes, with done starting at *base, which is moved on; ERR_CANCELED when it says so. */
int digest_file(char ret[DIGEST_TEXT], int fd, uint64_t *base, uint64_t total,
                imgport_progress_fn *progress, void *arg, struct err *err);
