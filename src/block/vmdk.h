/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk.h: VMware's virtual disk
 *
 * A descriptor (text) says which kind of disk it is and names its extents.  An extent is
 * flat (bytes) or sparse (grains).  The descriptor is a file of its own, or lies within
 * the only extent.
 *
 *   sparse extent, in sectors of 512 bytes, numbers little-endian:
 *     0            header
 *     1 ...        descriptor, if embedded
 *     ...          grain directory ──► grain tables ──► grains
 *
 *   streamOptimized: grains are zlib streams behind a marker (LBA, size), the tables come
 *   after the grains they describe, and the file may end in
 *     EOF-1536     marker of the footer
 *     EOF-1024     footer: the header again, but with the place of the directory
 *     EOF-512      marker of the end
 *
 * See "Virtual Disk Format 5.0", VMware, 2011. */
#pragma once

#include "base/bytes.h"
#include "block/image.h"
#include "block/inflate.h"

enum {
    VMDK_SECTOR = 512,
    VMDK_HEADER_SIZE = 512,
    VMDK_FOOTER_SPAN = 3 * VMDK_SECTOR,
    VMDK_DESC_MAX = 1 << 20, /* bytes of a descriptor; a usual one has 500 */
    VMDK_EXTENTS_MAX = 1024, /* of 2 GiB each when a disk is split */
    VMDK_NAME_MAX = 255,     /* of an extent's file */
    VMDK_GTES_MAX = 512,     /* entries of a grain table; nobody writes another number */
    /* Entries of the directory, 32 MiB of disk each at the usual grain of 64 KiB. */
    VMDK_DIRECTORY_MAX = 4 << 20,
    VMDK_GRAIN_MIN = 8,              /* sectors */
    VMDK_GRAIN_MAX = 0x200000,       /* sectors; the limit of qemu */
    VMDK_PACKED_GRAIN_MAX = 1 << 15, /* sectors, if compressed: is held in memory */
    VMDK_MARKER_SIZE = 12,           /* of a grain: LBA and size, then data */
};

/* Bytes of a disk.  ESXi ends at 62 TB. */
#define VMDK_SIZE_MAX (64ull << 40)
/* Grains that a survey sorts: 1 TiB allocated at 64 KiB. */
#define VMDK_GRAINS_MAX       (16u << 20)
#define VMDK_DIRECTORY_AT_END UINT64_MAX

enum {
    VMDK_FLAG_NEWLINE_TEST = 1 << 0,
    VMDK_FLAG_REDUNDANT = 1 << 1,
    VMDK_FLAG_ZERO_GRAIN = 1 << 2, /* table entry 1 reads as zeros */
    VMDK_FLAG_COMPRESSED = 1 << 16,
    VMDK_FLAG_MARKERS = 1 << 17,
};

/* What a marker that is no grain stands before. */
enum {
    VMDK_MARKER_END = 0,
    VMDK_MARKER_TABLE = 1,
    VMDK_MARKER_DIRECTORY = 2,
    VMDK_MARKER_FOOTER = 3,
};

struct vmdk_header {
    uint32_t version, flags;
    uint64_t capacity, grain_size;   /* sectors */
    uint64_t desc_offset, desc_size; /* sectors; 0: no descriptor in here */
    uint32_t gtes;                   /* entries of one grain table */
    uint64_t redundant_offset, directory_offset, overhead; /* sectors */
    bool unclean;
    uint8_t newlines[4];
    uint16_t compression; /* 0 none, 1 deflate */
};

/* b holds VMDK_HEADER_SIZE bytes.  False when the magic is not there. */
bool vmdk_header_decode(struct vmdk_header *ret, struct bytes b);

/* What a header says by itself: versions, flags, sizes. */
int vmdk_header_check(const struct vmdk_header *h, struct image_ctx *ctx,
                      struct err *err);

/* Is it the footer of that header?  Its directory becomes the header's. */
int vmdk_footer_check(struct vmdk_header *h, const struct vmdk_header *footer,
                      struct image_ctx *ctx, struct err *err);

/* The descriptor within `file`, whose header this is. */
int vmdk_embedded_check(struct block *file, const struct vmdk_header *h,
                        struct image_ctx *ctx, struct err *err);

/* ---- sparse extents (vmdk_sparse.c, vmdk_survey.c) */

/* Immutable after open but for its caches, which lock internally.  Nothing is inflated
 * under a lock. */
struct vmdk_sparse {
    struct block block;
    struct block *file;   /* own reference */
    struct block *tables; /* the file again, through a cache: grain tables */
    struct vmdk_header header;
    uint64_t grain_bytes;
    uint32_t *directory; /* sectors of grain tables, 0: none */
    uint32_t tables_n;   /* entries of it */
    uint64_t table_bytes;
    bool packed;
    struct inflate_pool *inflate;   /* if packed */
    struct inflate_cache *inflated; /* if packed */
};

/* Header of the extent in `file`, with the footer's word on the directory. */
int vmdk_sparse_header(struct vmdk_header *ret, struct block *file, struct image_ctx *ctx,
                       struct err *err);
int vmdk_sparse_open(struct vmdk_sparse **ret, struct block *file,
                     const struct vmdk_header *h, struct image_ctx *ctx, struct err *err);

/* Where a grain is: its sector in the file, 0 none, 1 zeros if the header allows. */
int vmdk_sparse_table(struct vmdk_sparse *s, uint32_t table, uint32_t first, uint32_t n,
                      uint32_t *ret, struct err *err);

/* What stands before a compressed grain. */
struct vmdk_marker {
    uint64_t lba;
    uint32_t size;
};

/* Decodes the marker at byte `off`. */
int vmdk_sparse_marker(struct vmdk_marker *ret, struct vmdk_sparse *s, uint64_t off,
                       struct err *err);

int vmdk_sparse_survey(struct vmdk_sparse *s, struct image_ctx *ctx, struct err *err);

/* ---- descriptors (vmdk_desc.c) */

enum vmdk_extent_type {
    VMDK_EXTENT_SPARSE,
    VMDK_EXTENT_FLAT,
    VMDK_EXTENT_ZERO,
    VMDK_EXTENT_OTHER, /* one that belongs to a kind that is not taken */
};

struct vmdk_desc_extent {
    enum vmdk_extent_type type;
    uint64_t sectors;
    uint64_t offset;   /* flat: sectors into its file */
    struct bytes name; /* in the text that was parsed; may be anything */
};

/* Borrows the text it was parsed from. */
struct vmdk_desc {
    struct bytes create_type;
    struct vmdk_desc_extent *extents;
    size_t n;
};

void vmdk_desc_fini(struct vmdk_desc *d);

/* Does the text look like a descriptor? */
bool vmdk_desc_is(struct bytes text);

/* Parses it line by line and refuses what needs another disk: parents, snapshots, raw
 * devices.  The caller checks that the kind and its extents agree. */
int vmdk_desc_parse(struct vmdk_desc *ret, struct bytes text, struct image_ctx *ctx,
                    struct err *err);

/* One plain name in the descriptor's own folder? */
bool vmdk_desc_name_is_plain(struct bytes name);
