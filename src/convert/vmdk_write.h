/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_write.h: what the two kinds of VMDK that are written have in common
 *
 * Sparse extents with an embedded descriptor, grains of 64 KiB, 512 to a grain table,
 * which therefore maps 32 MiB.  Specification: see block/vmdk.h. */
#pragma once

#include "block/vmdk.h"
#include "convert/identity.h"

enum {
    VMDK_GRAIN_SECTORS = CONVERT_CLUSTER / VMDK_SECTOR,
    VMDK_TABLE_BYTES = VMDK_GTES_MAX * 4,
    VMDK_DESC_SECTORS = 20,
    VMDK_NO_TABLE = -1,
};

/* What differs from kind to kind in a header; the rest follows from the capacity. */
struct vmdk_shape {
    uint32_t version, flags;
    uint64_t redundant, directory, overhead; /* sectors */
    uint16_t compression;
};

/* ERR_LIMIT for a disk that no directory of ours can map. */
int vmdk_write_limit(uint64_t virtual_size, struct err *err);

/* Grain tables that the disk needs. */
uint64_t vmdk_write_tables(uint64_t virtual_size);

void vmdk_write_header(uint8_t ret[VMDK_SECTOR], uint64_t virtual_size,
                       const struct vmdk_shape *shape);

/* VMDK_DESC_SECTORS of text.  A name that a descriptor could not quote is replaced. */
void vmdk_write_descriptor(uint8_t ret[VMDK_DESC_SECTORS * VMDK_SECTOR],
                           const char *create_type, const char *name,
                           uint64_t virtual_size, const struct identity *identity);
