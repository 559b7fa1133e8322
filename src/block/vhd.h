/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhd.h: Microsoft's Virtual Hard Disk, version 1 ("vpc" in qemu)
 *
 *   fixed:    data ... footer
 *   dynamic:  copy of the footer | dynamic header | table (BAT) | blocks ... | footer
 *
 * All numbers are big-endian.  A block is a bitmap of its sectors, rounded up to a
 * sector, and then its data; the table gives the sector where it begins, or all ones. See
 * "Virtual Hard Disk Image Format Specification", version 1.0, 2006. */
#pragma once

#include "base/bytes.h"
#include "block/image.h"

enum {
    VHD_SECTOR = 512,
    VHD_FOOTER_SIZE = 512,
    /* Virtual PC before 2004 left out the last byte, which is reserved. */
    VHD_FOOTER_OLD_SIZE = 511,
    VHD_HEADER_SIZE = 1024,
    VHD_FIXED = 2,
    VHD_DYNAMIC = 3,
    VHD_DIFFERENCING = 4,
    /* Where the sum stands in footer and header. */
    VHD_FOOTER_SUM = 64,
    VHD_HEADER_SUM = 36,
};

#define VHD_UNALLOCATED 0xffffffffu
/* 2040 GiB, from the 32-bit sector numbers of the table; also the limit of Hyper-V. */
#define VHD_SIZE_MAX (2040ull << 30)
/* Entries of the table that we hold: 2040 GiB in blocks of 256 KiB.  2 MiB is usual. */
#define VHD_TABLE_MAX (8u << 20)

struct vhd_footer {
    uint64_t data_offset; /* of the dynamic header */
    uint64_t current_size;
    uint32_t version;
    uint32_t type;
    uint32_t checksum;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint8_t creator[4];
};

struct vhd_header {
    uint64_t table_offset;
    uint32_t version;
    uint32_t max_entries;
    uint32_t block_size;
    uint32_t checksum;
};

/* b holds VHD_FOOTER_SIZE (VHD_HEADER_SIZE) bytes.  False when the magic is not there. */
bool vhd_footer_decode(struct vhd_footer *ret, struct bytes b);
bool vhd_header_decode(struct vhd_header *ret, struct bytes b);

/* The complement of the sum of all bytes but the four at `skip`. */
uint32_t vhd_checksum(struct bytes b, size_t skip);

/* What the guest saw as the size of its disk, in bytes; see vhd.c. */
uint64_t vhd_footer_disk_size(const struct vhd_footer *f);
