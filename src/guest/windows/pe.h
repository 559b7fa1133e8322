/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pe.h: for which processor a program of Windows is built, and its version
 *
 *   MZ ──► PE header ──► sections ──► .rsrc: type 16 ──► name ──► language ──► version
 *
 * See Microsoft's "PE Format"; the version is VS_FIXEDFILEINFO. */
#pragma once

#include "block/block.h"

enum { PE_VERSION_MAX = 32 };

struct pe {
    const char *machine;          /* "x86_64", "i386", "arm64", "ia64", "other" */
    char version[PE_VERSION_MAX]; /* "100.93.104.24000"; "" none */
};

/* ERR_CORRUPT: no program.  A version that cannot be found is no error. */
int pe_read(struct pe *ret, struct block *dev, struct err *err);
