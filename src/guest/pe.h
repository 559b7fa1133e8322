/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pe.h: programs of Windows and EFI: processor, version, sections
 *
 *   MZ ──► PE header ──► sections ──► .rsrc: type 16 ──► name ──► language ──► version
 *
 * See Microsoft's "PE Format"; the version is VS_FIXEDFILEINFO. */
#pragma once

#include "block/block.h"

enum {
    PE_VERSION_MAX = 32,
    PE_SECTIONS_MAX = 96, /* the limit of Windows' own loader */
};

struct pe {
    const char *machine;          /* "x86_64", "i386", "arm64", "ia64", "other" */
    char version[PE_VERSION_MAX]; /* "100.93.104.24000"; "" none */
};

/* ERR_CORRUPT: no program.  A version that cannot be found is no error. */
int pe_read(struct pe *ret, struct block *dev, struct err *err);

struct pe_section {
    char name[9];      /* up to 8 bytes as stored */
    uint64_t at, size; /* bytes of the file; without what pads it */
};

struct pe_sections {
    struct pe_section v[PE_SECTIONS_MAX];
    unsigned n;
};

/* 1 and every section that has bytes in the file; 0: it is no program.  ERR_CORRUPT for
 * one whose sections are not within it. */
int pe_sections_read(struct pe_sections *ret, struct block *dev, struct err *err);
