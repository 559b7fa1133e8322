/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/fs.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

/* A kind with a driver is one row. */
static const struct {
    enum fs_type type;
    const struct fs_driver *driver;
} drivers[] = {
    {FS_EXT2, &ext_driver},    {FS_EXT3, &ext_driver},  {FS_EXT4, &ext_driver},
    {FS_BTRFS, &btrfs_driver}, {FS_NTFS, &ntfs_driver}, {FS_VFAT, &fat_driver},
    {FS_XFS, &xfs_driver},
};

static const struct fs_driver *driver_of(enum fs_type type)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++)
        if (drivers[i].type == type)
            return drivers[i].driver;
    return NULL;
}

bool fs_is_read(enum fs_type type)
{
    return driver_of(type) != NULL;
}

int fs_open(struct fs **ret, const struct fs_ident *ident, struct block *dev,
            struct err *err)
{
    const struct fs_driver *driver = driver_of(ident->type);
    int r;

    if (!driver)
        return FAIL(err, ERR_UNSUPPORTED, "%s: there is no reader for it",
                    fs_type_name(ident->type));
    r = driver->open(ret, dev, err);
    if (r < 0)
        err_prefix(err, "%s", fs_type_name(ident->type));
    else
        log_debug(LOG_FS, "%s opened", fs_type_name(ident->type));
    return r;
}

void fs_close(struct fs *fs)
{
    if (fs)
        fs->driver->close(fs);
}

void fs_info(struct fs *fs, struct fs_info *ret)
{
    fs->driver->info(fs, ret);
}

int fs_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    return fs->driver->stat(ret, fs, ino, err);
}

int fs_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
              size_t n, struct err *err)
{
    /* No directory can hold these names, and "." and ".." are the walker's. */
    if (n == 0 || n > FS_NAME_MAX || memchr(name, '/', n) || memchr(name, 0, n) ||
        (name[0] == '.' && (n == 1 || (n == 2 && name[1] == '.'))))
        return 0;
    return fs->driver->lookup(ret, fs, dir, name, n, err);
}

int fs_readdir(struct fs *fs, uint64_t dir,
               int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
               void *arg, struct err *err)
{
    return fs->driver->readdir(fs, dir, fn, arg, err);
}

int fs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
            struct err *err)
{
    if (!range_within(off, n, node->size))
        return FAIL(err, ERR_SHORT,
                    "inode %" PRIu64 ": %zu bytes at offset %" PRIu64
                    ", but it ends at %" PRIu64,
                    node->ino, n, off, node->size);
    return n ? fs->driver->read(fs, node, buf, n, off, err) : 0;
}

struct fs_file {
    struct block block;
    struct fs *fs; /* borrowed */
    struct fs_stat node;
};

static int file_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct fs_file *f = CONTAINER_OF(b, struct fs_file, block);

    return fs_read(f->fs, &f->node, buf, n, off, err);
}

static void file_close(struct block *b)
{
    free(CONTAINER_OF(b, struct fs_file, block));
}

static const struct block_driver file_driver = {
    .name = "file of a filesystem",
    .read = file_read,
    .close = file_close,
};

int fs_file_open(struct block **ret, struct fs *fs, const struct fs_stat *node,
                 struct err *err)
{
    struct fs_file *f = calloc(1, sizeof *f);

    if (!f)
        return FAIL(err, ERR_NOMEM, "file");
    f->fs = fs;
    f->node = *node;
    block_init(&f->block, &file_driver, node->size);
    *ret = &f->block;
    return 0;
}

int fs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                struct err *err)
{
    if (node->size > FS_LINK_MAX)
        return FAIL(err, ERR_LIMIT,
                    "inode %" PRIu64 ": symlink of %" PRIu64 " bytes, limit %d",
                    node->ino, node->size, FS_LINK_MAX);
    return fs->driver->readlink(ret, fs, node, err);
}

int fs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                 struct err *err)
{
    if (!fs->driver->has_xattr)
        return FAIL(err, ERR_UNSUPPORTED, "%s: extended attributes are not read",
                    fs->driver->name);
    return fs->driver->has_xattr(fs, node, name, err);
}

int fs_subvolumes(struct fs *fs,
                  int (*fn)(void *arg, const struct fs_subvolume *s, struct err *err),
                  void *arg, struct err *err)
{
    return fs->driver->subvolumes ? fs->driver->subvolumes(fs, fn, arg, err) : 0;
}

int fs_subvolume_open(struct fs **ret, struct fs *fs, uint64_t id, struct err *err)
{
    if (!fs->driver->subvolume_open)
        return FAIL(err, ERR_NOTFOUND, "%s: there are no subvolumes", fs->driver->name);
    return fs->driver->subvolume_open(ret, fs, id, err);
}
