/* SPDX-License-Identifier: GPL-2.0-or-later */
/* guest_test_fs.h: a filesystem out of a table, for tests only
 *
 *     static const struct test_file files[] = {
 *         {"/etc/hostname", "host\n"},
 *         {"/etc/os-release", "-> ../usr/lib/os-release"},
 *         {"/var/empty/"},
 *         {"/etc/shadow", "root:*:\n", .mode = 0640},
 *         {"/boot/initrd", .data = raw, .n = sizeof raw},
 *         {"/boot/bad", "x", .fail = ERR_CORRUPT},
 *         {0},
 *     };
 *
 * Folders above a file come by themselves.  A text that begins with "-> " is a symlink, a
 * path that ends in "/" an empty folder.  The table must outlive the filesystem. */
#pragma once

#include "guest/inspect.h"

struct test_file {
    const char *path;
    const char *text; /* NULL: `data` */
    const void *data;
    size_t n;
    uint32_t mode;      /* permission bits; 0: 0644, folders 0755 */
    uint32_t flags;     /* enum fs_node_flags */
    int64_t mtime;      /* seconds */
    uint64_t size;      /* 0: that of the content; more reads as zeros */
    const char *xattr;  /* full name of its only extended attribute; NULL none */
    enum err_code fail; /* reading it, listing it or looking up in it fails so */
};

/* Close with fs_close(). */
int test_fs_open(struct fs **ret, const struct test_file *files, struct err *err);

/* What fs_info() will answer; starts as a clean ext4 without name. */
struct fs_info *test_fs_info(struct fs *fs);

struct test_subvolume {
    uint64_t id; /* 0: the end */
    const char *path;
    const struct test_file *files;
    bool is_default; /* the one that `fs` is */
};

/* The table must outlive the filesystem, and has `fs` itself in it. */
void test_fs_set_subvolumes(struct fs *fs, const struct test_subvolume *subvolumes);

enum { TEST_GUEST_FS_MAX = 8 };

/* A guest with such filesystems, the first being the root.  More are added before it is
 * used; they are mounted by whoever tests (tree_mount). */
struct test_guest {
    struct guest guest;
    struct facts facts;
    struct arena arena;
    struct guest_fs fs[TEST_GUEST_FS_MAX];
};

/* Aborts when it cannot: it is a test's first line. */
void test_guest_init(struct test_guest *t, const struct test_file *root);
struct guest_fs *test_guest_add(struct test_guest *t, const struct test_file *files,
                                const char *device, const char *uuid, const char *label);
void test_guest_fini(struct test_guest *t);
