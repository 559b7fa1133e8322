/* SPDX-License-Identifier: GPL-2.0-or-later */
/* format.h: what btrfs has on disk, and what we make of it
 *
 *   superblock (64 KiB, copies at 64 MiB and 256 GiB)
 *     ├─ system chunks ─> chunk tree     logical address -> offsets on devices
 *     ├─ root tree                       a ROOT_ITEM for every other tree
 *     │    ├─ "default"                  which subvolume is mounted
 *     │    ├─ subvolume 5, the top level
 *     │    └─ subvolumes 256, 257 ...    inodes, directories, extents
 *     └─ log tree                        what was fsynced after the last commit
 *
 * A tree is a B-tree of nodes of one size; its items are sorted by (objectid, type,
 * offset).  Addresses are logical.  Numbers are little-endian.
 *
 * The layout is documented in btrfs-progs, Documentation/dev/On-disk-format.rst. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"

enum {
    BTRFS_SUPER_AT = 64 * 1024,
    BTRFS_SUPER_SIZE = 4096,
    BTRFS_SYS_CHUNKS_AT = 811,
    BTRFS_SYS_CHUNKS_MAX = 2048,
    BTRFS_SUM_MAX = 32,
    BTRFS_KEY_SIZE = 17,
    BTRFS_HEADER_SIZE = 101,
    BTRFS_ITEM_SIZE = 25,    /* in a leaf: key, offset, size */
    BTRFS_POINTER_SIZE = 33, /* in a node above: key, address, generation */
    BTRFS_CHUNK_SIZE = 48,   /* without its stripes */
    BTRFS_STRIPE_SIZE = 32,
    BTRFS_LEVELS = 8,
    BTRFS_NODE_MAX = 64 * 1024,
    BTRFS_SECTOR_MIN = 4096,
    BTRFS_DIR_ITEM_SIZE = 30, /* without the name */
    BTRFS_INODE_SIZE = 160,
    BTRFS_ROOT_SIZE = 239,     /* as it was before subvolumes had times */
    BTRFS_ROOT_REF_SIZE = 18,  /* without the name */
    BTRFS_EXTENT_HEAD = 21,    /* then inline data */
    BTRFS_EXTENT_SIZE = 53,    /* regular and preallocated */
    BTRFS_PACKED_MAX = 131072, /* bytes of a compressed extent, both ways */
};

enum btrfs_sum {
    BTRFS_SUM_CRC32C,
    BTRFS_SUM_XXHASH,
    BTRFS_SUM_SHA256,
    BTRFS_SUM_BLAKE2,
    BTRFS_SUMS,
};

enum btrfs_incompat {
    BTRFS_METADATA_UUID = 1 << 10,
    BTRFS_ZONED = 1 << 12,
    BTRFS_EXTENT_TREE_V2 = 1 << 13,
    BTRFS_STRIPE_TREE = 1 << 14,
};

enum btrfs_type { /* of a key */
                  BTRFS_INODE_ITEM = 1,
                  BTRFS_XATTR_ITEM = 24,
                  BTRFS_DIR_ITEM = 84,
                  BTRFS_DIR_INDEX = 96,
                  BTRFS_EXTENT_DATA = 108,
                  BTRFS_ROOT_ITEM = 132,
                  BTRFS_ROOT_BACKREF = 144,
                  BTRFS_CHUNK_ITEM = 228,
};

enum btrfs_object {
    BTRFS_ROOT_TREE = 1,
    BTRFS_CHUNK_TREE = 3,
    BTRFS_TOP_LEVEL = 5,
    BTRFS_CHUNKS = 256, /* objectid of chunk items */
    BTRFS_FIRST_FREE = 256,
};

/* Objectids from here on are the filesystem's own. */
#define BTRFS_LAST_FREE UINT64_C(0xffffffffffffff00)

enum btrfs_profile { /* of a chunk; none of them: single */
                     BTRFS_DATA = 1 << 0,
                     BTRFS_SYSTEM = 1 << 1,
                     BTRFS_METADATA = 1 << 2,
                     BTRFS_RAID0 = 1 << 3,
                     BTRFS_RAID1 = 1 << 4,
                     BTRFS_DUP = 1 << 5,
                     BTRFS_RAID10 = 1 << 6,
                     BTRFS_RAID5 = 1 << 7,
                     BTRFS_RAID6 = 1 << 8,
                     BTRFS_RAID1C3 = 1 << 9,
                     BTRFS_RAID1C4 = 1 << 10,
};

enum btrfs_packing {
    BTRFS_PLAIN,
    BTRFS_ZLIB,
    BTRFS_LZO,
    BTRFS_ZSTD,
};

enum btrfs_extent_type {
    BTRFS_INLINE,
    BTRFS_REGULAR,
    BTRFS_PREALLOC,
};

struct btrfs_key {
    uint64_t objectid;
    uint8_t type;
    uint64_t offset;
};

struct btrfs_super {
    uint8_t fsid[16]; /* the one that blkid prints */
    uint8_t meta[16]; /* the one in the header of every node */
    uint64_t at;      /* offset of the one that was used */
    bool newer_copy;  /* the first one was used, and is not the newest */
    uint64_t flags, generation, chunk_generation;
    uint64_t root, chunk_root, log_root; /* logical */
    uint8_t root_level, chunk_level;
    uint64_t total_bytes, bytes_used, root_dir, devices;
    uint32_t sector_size, node_size, sys_n;
    uint64_t compat_ro, incompat;
    uint16_t sum_type;
    uint64_t devid, device_bytes;
    uint8_t sys[BTRFS_SYS_CHUNKS_MAX]; /* keys and chunks, sys_n bytes */
};

/* The first one, or when it is damaged the newest of its copies, checked in every field
 * above.  ERR_UNSUPPORTED for features that we do not read. */
struct block;
int btrfs_super_read(struct btrfs_super *ret, struct block *dev, struct err *err);

/* Writes the names of the bits as `btrfs inspect-internal dump-super` has them, blanks
 * between; a bit without a name as "FEATURE_I30" or "FEATURE_R30". */
void btrfs_features_format(char *to, size_t cap, uint64_t incompat, uint64_t compat_ro);

/* Is the checksum at the start of a block right for what follows its 32 bytes? */
bool btrfs_sum_ok(enum btrfs_sum type, struct bytes block);
const char *btrfs_sum_name(enum btrfs_sum type);

/* Fills n bytes with what a compressed extent holds; what it has less reads as zeros, as
 * Linux has it. */
int btrfs_unpack(enum btrfs_packing packing, uint8_t *to, size_t n, struct bytes from,
                 uint32_t sector_size, struct err *err);

static inline int btrfs_key_compare(const struct btrfs_key *a, const struct btrfs_key *b)
{
    if (a->objectid != b->objectid)
        return a->objectid < b->objectid ? -1 : 1;
    if (a->type != b->type)
        return a->type < b->type ? -1 : 1;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static inline struct btrfs_key btrfs_key_load(const uint8_t *p)
{
    return (struct btrfs_key){load_le64(p), p[8], load_le64(p + 9)};
}
