/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_make.h: for tests, small VMDKs in memory, always with the same disk
 *
 * Nine and a half grains of 4 KiB, four grains to a table: 1 and 2 hold data (2 before 1
 * in the file), 3 is zeros by an entry of 1 if there is none by the flag, table 1 is
 * missing, 9 is the half one and holds data.  Failures abort. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum {
    MAKE_SECTOR = 512,
    MAKE_GRAIN = 4096,
    MAKE_GRAIN_SECTORS = 8,
    MAKE_GTES = 4,
    MAKE_CAPACITY = 76, /* sectors */
    MAKE_DISK = MAKE_CAPACITY * MAKE_SECTOR,
    /* Where things are in a plain sparse extent, in sectors. */
    MAKE_DESCRIPTOR = 1,
    MAKE_DIRECTORY = 2,
    MAKE_TABLE0 = 3,
    MAKE_TABLE2 = 4,
    MAKE_GRAIN2 = 5,
    MAKE_GRAIN1 = 13,
    MAKE_GRAIN9 = 21,
    MAKE_SPARSE_SECTORS = 25,
    MAKE_SPARSE_SIZE = MAKE_SPARSE_SECTORS * MAKE_SECTOR,
    /* Offsets in the header. */
    FIELD_VERSION = 4,
    FIELD_FLAGS = 8,
    FIELD_CAPACITY = 12,
    FIELD_GRAIN_SIZE = 20,
    FIELD_DESC_OFFSET = 28,
    FIELD_DESC_SIZE = 36,
    FIELD_GTES = 44,
    FIELD_REDUNDANT = 48,
    FIELD_DIRECTORY = 56,
    FIELD_OVERHEAD = 64,
    FIELD_UNCLEAN = 72,
    FIELD_NEWLINES = 73,
    FIELD_COMPRESSION = 77,
};

/* MAKE_DISK bytes: what every image here holds. */
void vmdk_make_want(uint8_t *want);

/* MAKE_SPARSE_SIZE bytes: a monolithicSparse with its descriptor. */
void vmdk_make_sparse(uint8_t *p);

/* A streamOptimized: grains, tables, directory, footer, end.  Owned by the caller. */
uint8_t *vmdk_make_stream(size_t *ret_size);

/* Where the stream has things. */
struct vmdk_make_places {
    size_t grain[3]; /* markers of 2, 1 and 9 */
    size_t table0, directory, footer;
};

struct vmdk_make_places vmdk_make_find(const uint8_t *p, size_t n);
