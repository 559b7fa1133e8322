/* SPDX-License-Identifier: GPL-2.0-or-later */
/* tree.h: paths over one or more filesystems, as the guest would see them
 *
 * A tree is a root filesystem and what fstab mounts on it.  Symlinks are resolved inside
 * the image, absolute ones from the tree's root, ".." never above it, at most
 * TREE_LINKS_MAX of them a path.  Budgets make a hostile tree cost a bounded amount of
 * work, and running into one is ERR_LIMIT.  One thread at a time. */
#pragma once

#include "fs/fs.h"

enum {
    TREE_LINKS_MAX = 40,
    TREE_MOUNTS_MAX = 16,
    TREE_PATH_MAX = 4096,
    TREE_DEPTH_MAX = 256,       /* directories a path may lie deep */
    TREE_LOOKUPS_MAX = 2000000, /* names looked up in the life of a tree */
    TREE_ENTRIES_MAX = 4000000, /* directory entries seen in the life of a tree */
};

struct tree {
    struct {
        struct fs *fs; /* borrowed */
        const char
            *where;     /* "/", "/boot"; borrowed, no trailing slash but for the root */
        uint64_t root;  /* directory of fs that is seen there */
        uint64_t ino;   /* directory of the filesystem above that it covers */
        unsigned above; /* index of that filesystem */
    } mount[TREE_MOUNTS_MAX];
    unsigned mounts;
    uint64_t lookups, entries; /* spent so far */
};

struct tree_node {
    unsigned mount; /* index into tree.mount */
    struct fs_stat st;
};

/* Root must outlive the tree. */
void tree_init(struct tree *t, struct fs *root);

/* Mounts fs at a directory that exists; ERR_NOTFOUND when it does not. */
int tree_mount(struct tree *t, const char *where, struct fs *fs, struct err *err);

/* The same with a directory of the tree, without what is mounted in it. */
int tree_bind(struct tree *t, const char *where, const char *from, struct err *err);

/* Resolves a path ("/etc/os-release"; "" and "/" are the root).  1 and *ret, 0: some
 * component does not exist (a dangling symlink too), negative: could not look.  The last
 * component's symlink is followed by tree_find() and not by tree_lfind(). */
int tree_find(struct tree *t, const char *path, struct tree_node *ret, struct err *err);
int tree_lfind(struct tree *t, const char *path, struct tree_node *ret, struct err *err);

/* Is there a regular file (a directory)?  1, 0, negative as above. */
int tree_has_file(struct tree *t, const char *path, struct err *err);
int tree_has_dir(struct tree *t, const char *path, struct err *err);

/* Appends the content of a regular file.  1 read, 0 no such regular file.  ret->max
 * bounds it (ERR_LIMIT for a larger file, before anything is read); 0 there is a mistake.
 */
int tree_read(struct tree *t, const char *path, struct buf *ret, struct err *err);

int tree_pread(struct tree *t, const struct tree_node *node, void *buf, size_t n,
               uint64_t off, struct err *err);
/* 1 and the target as stored; 0: not there or not a symlink. */
int tree_readlink(struct tree *t, const char *path, struct buf *ret, struct err *err);

/* Entries of a directory, one after the other, in the order of the directory; `fn` may
 * stop with a non-zero value, which is returned.  0 also when there is no such directory.
 */
typedef int tree_entry_fn(void *arg, const struct fs_dirent *d, struct err *err);
int tree_list(struct tree *t, const char *path, tree_entry_fn *fn, void *arg,
              struct err *err);

/* Names in a directory, sorted by bytes, cleaned of nothing; in the arena.  At most `max`
 * (ERR_LIMIT beyond).  An absent directory gives an empty list. */
struct tree_names {
    LIST(const char *) names;
};
int tree_names(struct tree *t, const char *path, struct arena *a, size_t max,
               struct tree_names *ret, struct err *err);
