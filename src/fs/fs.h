/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fs.h: a block turned into a read-only tree
 *
 * Two questions.  fs_identify() says what lies on a block (also kinds we do not open: it
 * is how "encrypted", "swap" or "xfs" get their names).  fs_open() opens the kinds that
 * have a driver.  Inodes are numbers, names are bytes, and paths do not exist here:
 * tree.h walks them once for every driver. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "block/block.h"

struct fs;

enum fs_type {
    FS_UNKNOWN, /* nothing we know; FS_EMPTY when it is all zeros where superblocks live
                 */
    FS_EMPTY,
    FS_EXT2,
    FS_EXT3,
    FS_EXT4,
    FS_XFS,
    FS_BTRFS,
    FS_NTFS,
    FS_VFAT,
    FS_EXFAT,
    FS_SWAP,
    FS_LVM2,   /* a physical volume */
    FS_MDRAID, /* Linux software RAID member */
    FS_LUKS,
    FS_BITLOCKER,
    FS_ISO9660,
    FS_UDF,
    FS_SQUASHFS,
    FS_F2FS,
    FS_REISERFS,
    FS_JFS,
    FS_ZFS,
    FS_UFS, /* the BSDs */
    FS_REFS,
    FS_HFSPLUS,
    FS_APFS,
    FS_VMFS,
    FS_TYPE_MAX,
};

/* Names as blkid has them: "ext4", "xfs", "vfat", "LVM2_member", "crypto_LUKS", ...;
 * "unknown", "empty".  Family names are the same constants. */
const char *fs_type_name(enum fs_type type);
enum fs_type fs_type_from_name(const char *name); /* FS_TYPE_MAX: unknown */

enum { FS_LABEL_MAX = 256 };

struct fs_ident {
    enum fs_type type;
    char uuid[40];            /* as blkid prints it; "" none */
    char label[FS_LABEL_MAX]; /* cleaned; "" none */
};

/* Reads the first 68 KiB, some sectors behind them, and the last 64 KiB.  Nothing known
 * there is not an error. */
int fs_identify(struct fs_ident *ret, struct block *dev, struct err *err);

enum fs_node_type {
    FS_REG,
    FS_DIR,
    FS_SYMLINK,
    FS_OTHER, /* devices, sockets, fifos */
};

enum fs_node_flags {
    FS_NODE_IMMUTABLE = 1 << 0, /* ext: chattr +i (L31) */
    FS_NODE_ENCRYPTED =
        1 << 1, /* content cannot be read: read() answers ERR_UNSUPPORTED */
};

struct fs_stat {
    uint64_t ino;
    enum fs_node_type type;
    uint32_t mode; /* POSIX, with the type bits */
    uint32_t uid, gid;
    uint64_t size;  /* bytes */
    int64_t mtime;  /* seconds since 1970 */
    uint32_t flags; /* enum fs_node_flags */
};

enum { FS_NAME_MAX = 255 };

struct fs_dirent {
    uint64_t ino;
    enum fs_node_type type; /* FS_OTHER when the directory does not tell: use stat() */
    bool type_known;
    size_t name_n;
    char name[FS_NAME_MAX + 1]; /* bytes as stored, then a NUL; never "." or ".." */
};

/* What the filesystem says of itself.  Plain data. */
struct fs_info {
    struct fs_ident ident;
    uint32_t block_size;
    uint64_t total_bytes,
        free_bytes; /* free as an ordinary user sees it is not meant: all */
    uint64_t total_inodes, free_inodes; /* 0 and 0: no such count */
    bool clean;                         /* unmounted cleanly, no error flag (P19) */
    bool needs_recovery; /* a journal had to be replayed (in memory) or could not be */
    bool stale_possible; /* ... could not: what we read may be older than what was written
                          */
    char stale_reason[160];
    int64_t last_checked;                  /* seconds since 1970; 0 unknown (P20) */
    uint32_t mount_count, max_mount_count; /* max 0: never forced */
    uint32_t check_interval;               /* seconds; 0: never forced */
    char features[512]; /* names separated by blanks, as the filesystem's tools print them
                         */
};

/* A piece of what a filesystem lies on. */
struct fs_area {
    uint64_t start, length; /* bytes of the device */
    bool is_free;           /* else something of the filesystem is there */
};

typedef int fs_area_fn(void *arg, const struct fs_area *a, struct err *err);

struct fs_usage;

/* A tree of a filesystem that can be mounted by itself.  Inode numbers are the same
 * through each of them. */
enum { FS_SUBVOLUME_PATH_MAX = 1024 };

struct fs_subvolume {
    uint64_t id;
    bool is_default; /* it is what fs_open() gave */
    /* From the top level, without a slash in front, bytes as stored; "" for the top level
     * itself, and for what has no place in it. */
    char path[FS_SUBVOLUME_PATH_MAX];
};

/* A read-only filesystem.  Members marked [opt] may be NULL.  Immutable after open() as
 * seen from outside; drivers lock internally where a library needs it. */
struct fs_driver {
    const char *name;

    /* Takes its own reference to dev on success.  ERR_UNSUPPORTED for an incompatible
     * feature bit it does not know: never guess. */
    int (*open)(struct fs **ret, struct block *dev, struct err *err);

    void (*info)(struct fs *fs, struct fs_info *ret);

    /* One name in one directory.  1 and *ret, 0: no such name, negative: error. */
    int (*lookup)(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
                  size_t n, struct err *err);

    int (*stat)(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);

    /* Calls fn for every entry but "." and ".." until it returns non-zero, which is then
     * returned. */
    int (*readdir)(struct fs *fs, uint64_t dir,
                   int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                   void *arg, struct err *err);

    /* Fill buf with exactly n bytes of file data; holes read as zero.  fs.c guarantees
     * that the range lies within the file. */
    int (*read)(struct fs *fs, const struct fs_stat *node, void *buf, size_t n,
                uint64_t off, struct err *err);

    /* The target as stored, at most FS_LINK_MAX bytes. */
    int (*readlink)(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                    struct err *err);

    /* [opt] Does the node carry the extended attribute (full name, "security.selinux")?
     * 1, 0, negative.  Default: ERR_UNSUPPORTED. */
    int (*has_xattr)(struct fs *fs, const struct fs_stat *node, const char *name,
                     struct err *err);

    /* [opt] Calls fn for every subvolume, by id, until it returns non-zero, which is then
     * returned.  Default: there are none. */
    int (*subvolumes)(struct fs *fs,
                      int (*fn)(void *arg, const struct fs_subvolume *s, struct err *err),
                      void *arg, struct err *err);

    /* With subvolumes().  ERR_NOTFOUND: there is none with this id.  The new one lives
     * on without the old. */
    int (*subvolume_open)(struct fs **ret, struct fs *fs, uint64_t id, struct err *err);

    /* [opt] Tells `to` what is used and what is free, by usage.h. */
    int (*usage)(struct fs *fs, struct fs_usage *to, struct err *err);

    void (*close)(struct fs *fs);
};

enum { FS_LINK_MAX = 4096 };

/* Drivers put this first in their own struct. */
struct fs {
    const struct fs_driver *driver;
    struct block *dev; /* own reference, dropped by the driver's close() */
    uint64_t root;     /* inode of the root directory */
};

/* Is there a driver for this kind? */
bool fs_is_read(enum fs_type type);

/* Opens by identity.  ERR_UNSUPPORTED, with the name, for a kind without a driver. */
int fs_open(struct fs **ret, const struct fs_ident *ident, struct block *dev,
            struct err *err);
void fs_close(struct fs *fs); /* NULL is fine */

static inline void fs_closep(struct fs **fs)
{
    fs_close(*fs);
    *fs = NULL;
}

void fs_info(struct fs *fs, struct fs_info *ret);
int fs_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err);
int fs_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
              size_t n, struct err *err);
int fs_readdir(struct fs *fs, uint64_t dir,
               int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
               void *arg, struct err *err);
/* ERR_SHORT when the range is not within the file. */
int fs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
            struct err *err);
/* A regular file as a block; the filesystem must outlive it. */
int fs_file_open(struct block **ret, struct fs *fs, const struct fs_stat *node,
                 struct err *err);
int fs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                struct err *err);
int fs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                 struct err *err);
int fs_subvolumes(struct fs *fs,
                  int (*fn)(void *arg, const struct fs_subvolume *s, struct err *err),
                  void *arg, struct err *err);
int fs_subvolume_open(struct fs **ret, struct fs *fs, uint64_t id, struct err *err);

/* Calls fn for what is used and what is free, from the beginning of the device to the end
 * of the filesystem, in order and without gaps; neighbours differ.  Its negative answer
 * ends it.  After a failure what was told is true, and of the rest nothing is known. */
int fs_usage(struct fs *fs, fs_area_fn *fn, void *arg, struct err *err);

/* Kinds with a driver. */
extern const struct fs_driver btrfs_driver, ext_driver, fat_driver, ntfs_driver,
    xfs_driver;
