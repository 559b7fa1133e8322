/* SPDX-License-Identifier: GPL-2.0-or-later */
/* btrfs.h: our own reader of btrfs; private to src/fs/btrfs
 *
 *   fs_read() ... ──> inode.c, dir.c, extent.c     items of one subvolume
 *                       └─> tree.c                 seek, next
 *                             └─> node.c           nodes, checked once and kept
 *                                   └─> chunk.c    logical address -> device
 *                                         └─> cache ──> block
 *
 * A `struct btrfs` is one filesystem; a `struct btrfs_fs` is one of its subvolumes as the
 * root of a tree, and shares the filesystem by a reference.  An inode number of ours is
 * the index of its subvolume above the objectid, so it is one and the same through every
 * subvolume.
 *
 * Immutable after open but for the two caches, which lock internally.  Checksums of nodes
 * are verified; those of file data are not, as no reader needs them to tell a file's
 * content from another's. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "fs/btrfs/format.h"
#include "fs/fs.h"

enum {
    BTRFS_CACHE_LINE = 64 * 1024,
    BTRFS_CACHE_LINES = 32,
    BTRFS_NODES_BYTES = 4 << 20, /* of nodes that are kept */
    BTRFS_NODES_MAX = 256,
    BTRFS_UNPACKED = 8, /* compressed extents kept as they read */
    BTRFS_COPIES = 2,   /* of a chunk on one device */
    BTRFS_CHUNKS_MAX = 1 << 17,
    BTRFS_SUBVOLUMES_MAX = 1 << 15,
    BTRFS_INO_BITS = 48, /* of an objectid in an inode number */
    BTRFS_EMPTY_DIR = 2, /* objectid that Linux gives a subvolume which is not there */
    BTRFS_FILE_EXTENTS_MAX = 1 << 22, /* looked at in one read */
};

struct btrfs_chunk {
    uint64_t logical, size;
    uint64_t at[BTRFS_COPIES]; /* offsets on this device */
    unsigned copies;           /* 0: it lies on other devices alone */
};

struct btrfs_chunks {
    struct btrfs_chunk *v; /* by logical address, none overlaps another */
    size_t n, cap;
};

/* A node of a tree, checked.  Shared; immutable. */
struct btrfs_node {
    atomic_uint refs;
    uint64_t at, generation, owner;
    unsigned level, items;
    uint8_t raw[]; /* node_size */
};

struct btrfs_nodes {
    pthread_mutex_t lock;
    unsigned n, clock;
    struct btrfs_node *node[BTRFS_NODES_MAX]; /* each a reference, or NULL */
    unsigned used[BTRFS_NODES_MAX];
};

/* Where a tree begins, and what its first node must say of itself. */
struct btrfs_root {
    uint64_t id, at, generation;
    uint8_t level;
    /* Of a subvolume: */
    uint64_t parent, dir; /* in which directory of which subvolume it appears; 0: none */
    char *name;           /* ... and as what, name_n bytes; NULL: none */
    size_t name_n;
};

struct btrfs_roots {
    struct btrfs_root *v; /* by id */
    size_t n, cap;
    size_t chosen; /* index of the default subvolume */
};

struct btrfs_unpacked {
    uint64_t at; /* logical address of the compressed bytes */
    uint32_t packed_n, n;
    uint8_t packing;
    unsigned used; /* clock at the last use; 0: empty */
    uint8_t *data;
};

struct btrfs {
    atomic_uint refs;
    struct block *cache;
    struct btrfs_super super;
    struct btrfs_chunks chunks;
    struct btrfs_roots roots; /* subvolumes */
    struct btrfs_nodes nodes;
    struct {
        pthread_mutex_t lock;
        unsigned clock;
        struct btrfs_unpacked v[BTRFS_UNPACKED];
    } unpacked;
    struct fs_info info;
};

struct btrfs_fs {
    struct fs fs;
    struct btrfs *b; /* own reference */
};

static inline struct btrfs *btrfs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct btrfs_fs, fs)->b;
}

/* ---- chunk.c */

void btrfs_chunks_fini(struct btrfs_chunks *c);
/* Those of the superblock, then those of the chunk tree in their place. */
int btrfs_chunks_load(struct btrfs *b, struct err *err);

/* The part of [logical, logical + n) that lies in one chunk: *ret_n bytes, at least 1, in
 * `copies` places.  ERR_UNSUPPORTED when they lie on another device. */
struct btrfs_place {
    uint64_t at[BTRFS_COPIES];
    unsigned copies;
    uint64_t n;
};
int btrfs_map(struct btrfs_place *ret, struct btrfs *b, uint64_t logical, uint64_t n,
              struct err *err);

/* n bytes at a logical address, of the first copy. */
int btrfs_read_logical(struct btrfs *b, void *buf, uint64_t n, uint64_t logical,
                       struct err *err);

/* ---- node.c */

void btrfs_nodes_init(struct btrfs *b);
void btrfs_nodes_fini(struct btrfs *b);

/* What must be known of a node before it is read. */
struct btrfs_want {
    uint64_t at, generation;
    unsigned level;
    uint64_t tree;                 /* id of the tree it is reached through */
    const struct btrfs_key *first; /* NULL: any */
};

/* One reference in *ret. */
int btrfs_node_get(struct btrfs_node **ret, struct btrfs *b,
                   const struct btrfs_want *want, struct err *err);
void btrfs_node_unref(struct btrfs_node *n); /* NULL is fine */

/* slot < node->items. */
struct btrfs_key btrfs_node_key(const struct btrfs_node *n, unsigned slot);
/* The data of an item of a leaf. */
struct bytes btrfs_node_item(const struct btrfs_node *n, unsigned slot);

/* ---- tree.c */

/* Stands on an item, or before the first one. */
struct btrfs_path {
    struct btrfs *b;
    const struct btrfs_root *root;
    struct btrfs_node *node[BTRFS_LEVELS]; /* own references; [0] is the leaf */
    unsigned slot[BTRFS_LEVELS];
    bool before_first;
    struct btrfs_key key; /* of the item it stands on */
    struct bytes item;    /* its data; lives until the path moves */
};

static inline struct btrfs_path btrfs_path(struct btrfs *b, const struct btrfs_root *root)
{
    return (struct btrfs_path){.b = b, .root = root};
}

void btrfs_path_fini(struct btrfs_path *p);

/* The last item with a key of at most this one: 1; 0: there is none, and btrfs_next()
 * gives the first item of the tree. */
int btrfs_seek(struct btrfs_path *p, const struct btrfs_key *key, struct err *err);

/* The next item: 1; 0 at the end. */
int btrfs_next(struct btrfs_path *p, struct err *err);

/* The first item from this key on: 1; 0: none. */
int btrfs_seek_from(struct btrfs_path *p, const struct btrfs_key *key, struct err *err);

/* The item with exactly this key: 1; 0: none. */
int btrfs_find(struct btrfs_path *p, const struct btrfs_key *key, struct err *err);

/* ---- subvol.c */

void btrfs_roots_fini(struct btrfs_roots *r);
int btrfs_roots_load(struct btrfs *b, struct err *err);
/* NULL: there is no such subvolume. */
const struct btrfs_root *btrfs_root_find(const struct btrfs *b, uint64_t id);

static inline uint64_t btrfs_ino(const struct btrfs *b, const struct btrfs_root *root,
                                 uint64_t objectid)
{
    return (uint64_t)(root - b->roots.v) << BTRFS_INO_BITS | objectid;
}

/* What an inode number of ours means. */
int btrfs_ino_split(const struct btrfs_root **root, uint64_t *objectid,
                    const struct btrfs *b, uint64_t ino, struct err *err);

/* Members of the driver. */
int btrfs_subvolumes(struct fs *fs,
                     int (*fn)(void *arg, const struct fs_subvolume *s, struct err *err),
                     void *arg, struct err *err);
int btrfs_subvolume_open(struct fs **ret, struct fs *fs, uint64_t id, struct err *err);

/* ---- open.c */

/* A subvolume as a filesystem; takes a reference. */
int btrfs_fs_new(struct fs **ret, struct btrfs *b, struct block *dev,
                 const struct btrfs_root *root, struct err *err);

/* ---- dir.c */

/* One entry, as it is packed in an item. */
struct btrfs_entry {
    struct btrfs_key location;
    uint8_t type;
    const uint8_t *name;
    size_t name_n;
};

uint64_t btrfs_name_hash(const void *name, size_t n);

/* The next of an item's entries: 1, 0 at the end, ERR_CORRUPT. */
int btrfs_entry_next(struct btrfs_entry *ret, struct cursor *c, struct err *err);

/* The entry of a directory with this name: 1, 0.  ret->name is of the path. */
int btrfs_entry_find(struct btrfs_entry *ret, struct btrfs_path *p, uint64_t dir,
                     enum btrfs_type type, const void *name, size_t n, struct err *err);

/* Members of the driver. */
int btrfs_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
                 size_t n, struct err *err);
int btrfs_readdir(struct fs *fs, uint64_t dir,
                  int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                  void *arg, struct err *err);
int btrfs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                    struct err *err);

/* ---- inode.c, extent.c: members of the driver */

int btrfs_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);
int btrfs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                   struct err *err);
int btrfs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n,
               uint64_t off, struct err *err);
void btrfs_unpacked_fini(struct btrfs *b);

/* ---- usage.c: a member of the driver */

int btrfs_usage(struct fs *fs, struct fs_usage *to, struct err *err);
