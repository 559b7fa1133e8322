/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dir.c: inodes, names and extended attributes */
#include <inttypes.h>
#include <string.h>

#include "fs/ext/ext.h"

int ext_inode(struct ext *e, struct ext2_inode_large *ret, uint64_t ino, struct err *err)
{
    struct ext2_inode_large inode = {0};
    errcode_t code;

    if (ino == 0 || ino > e->super.inodes)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": there are %" PRIu64, ino,
                    e->super.inodes);
    /* The library takes the small struct and a size: its way of having two. */
    code = ext2fs_read_inode_full(e->lib, (ext2_ino_t)ino,
                                  (struct ext2_inode *)(void *)&inode, sizeof inode);
    if (code)
        return ext_fail(e, err, code, "inode %" PRIu64, ino);
    if (inode.i_mode == 0)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": not in use", ino);
    *ret = inode;
    return 0;
}

static enum fs_node_type node_type(uint16_t mode)
{
    if (LINUX_S_ISREG(mode))
        return FS_REG;
    if (LINUX_S_ISDIR(mode))
        return FS_DIR;
    return LINUX_S_ISLNK(mode) ? FS_SYMLINK : FS_OTHER;
}

static int64_t inode_mtime(const struct ext2_inode_large *i)
{
    int64_t t = (int32_t)i->i_mtime;

    /* The low two bits of the extra word carry seconds past 2038. */
    if (i->i_extra_isize >= 12)
        t += (int64_t)(i->i_mtime_extra & 3) << 32;
    return t;
}

static int stat_locked(struct ext *e, struct fs_stat *ret, uint64_t ino, struct err *err)
{
    struct ext2_inode_large i;
    int r = ext_inode(e, &i, ino, err);

    if (r < 0)
        return r;
    *ret = (struct fs_stat){
        .ino = ino,
        .type = node_type(i.i_mode),
        .mode = i.i_mode,
        .uid = i.i_uid | (uint32_t)i.osd2.linux2.l_i_uid_high << 16,
        .gid = i.i_gid | (uint32_t)i.osd2.linux2.l_i_gid_high << 16,
        .size = i.i_size | (uint64_t)i.i_size_high << 32,
        .mtime = inode_mtime(&i),
        .flags = (i.i_flags & EXT2_IMMUTABLE_FL ? FS_NODE_IMMUTABLE : 0) |
                 (i.i_flags & EXT4_ENCRYPT_FL ? FS_NODE_ENCRYPTED : 0),
    };
    /* The library reads sizes as signed. */
    if (ret->size > INT64_MAX)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": size %" PRIu64, ino, ret->size);
    return 0;
}

int ext_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    struct ext *e = ext_of(fs);
    int r;

    ext_enter(e);
    r = stat_locked(e, ret, ino, err);
    return ext_leave(e, r, err);
}

/* Names of an encrypted directory are ciphertext, and there is no key in the image. */
static int check_dir(struct ext *e, uint64_t dir, struct err *err)
{
    struct ext2_inode_large inode;
    int r = ext_inode(e, &inode, dir, err);

    if (r < 0)
        return r;
    if (!LINUX_S_ISDIR(inode.i_mode))
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": not a directory", dir);
    if (inode.i_flags & EXT4_ENCRYPT_FL)
        return FAIL(err, ERR_UNSUPPORTED, "directory inode %" PRIu64 " is encrypted",
                    dir);
    return 0;
}

int ext_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
               size_t n, struct err *err)
{
    struct ext *e = ext_of(fs);
    ext2_ino_t ino = 0;
    errcode_t code;
    int r;

    ext_enter(e);
    r = check_dir(e, dir, err);
    if (r == 0) {
        code = ext2fs_lookup(e->lib, (ext2_ino_t)dir, name, (int)n, NULL, &ino);
        if (code == 0) {
            r = stat_locked(e, ret, ino, err);
            r = r < 0 ? r : 1;
        } else if (code != EXT2_ET_FILE_NOT_FOUND) {
            r = ext_fail(e, err, code, "directory inode %" PRIu64, dir);
        }
    }
    return ext_leave(e, r, err);
}

struct walk {
    struct ext *e;
    int (*fn)(void *arg, const struct fs_dirent *d, struct err *err);
    void *arg;
    struct err *err;
    int r;
};

static int walk_entry(struct ext2_dir_entry *raw, int offset, int block_size, char *block,
                      void *arg)
{
    static const enum fs_node_type types[] = {
        [EXT2_FT_UNKNOWN] = FS_OTHER, [EXT2_FT_REG_FILE] = FS_REG,
        [EXT2_FT_DIR] = FS_DIR,       [EXT2_FT_CHRDEV] = FS_OTHER,
        [EXT2_FT_BLKDEV] = FS_OTHER,  [EXT2_FT_FIFO] = FS_OTHER,
        [EXT2_FT_SOCK] = FS_OTHER,    [EXT2_FT_SYMLINK] = FS_SYMLINK,
    };
    struct walk *w = arg;
    unsigned type = (unsigned)ext2fs_dirent_file_type(raw);
    struct fs_dirent d = {
        .ino = raw->inode,
        .name_n = (size_t)ext2fs_dirent_name_len(raw),
    };

    (void)offset, (void)block_size, (void)block;
    if (d.name_n <= 2 && memcmp(raw->name, "..", d.name_n) == 0 && d.name_n)
        return 0;
    memcpy(d.name, raw->name, d.name_n);
    if (d.name_n == 0 || memchr(d.name, '/', d.name_n) || memchr(d.name, 0, d.name_n)) {
        w->r = FAIL(w->err, ERR_CORRUPT, "a name that no file can have");
        return DIRENT_ABORT;
    }
    if (type != EXT2_FT_UNKNOWN && type < ARRAY_SIZE(types)) {
        d.type = types[type];
        d.type_known = true;
    } else {
        d.type = FS_OTHER;
    }
    w->r = w->fn(w->arg, &d, w->err);
    return w->r ? DIRENT_ABORT : 0;
}

int ext_readdir(struct fs *fs, uint64_t dir,
                int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                void *arg, struct err *err)
{
    struct ext *e = ext_of(fs);
    struct walk w = {.e = e, .fn = fn, .arg = arg, .err = err};
    errcode_t code;
    int r;

    ext_enter(e);
    r = check_dir(e, dir, err);
    if (r == 0) {
        code = ext2fs_dir_iterate(e->lib, (ext2_ino_t)dir, 0, NULL, walk_entry, &w);
        if (w.r)
            r = w.r;
        else if (code)
            r = ext_fail(e, err, code, "directory inode %" PRIu64, dir);
    }
    return ext_leave(e, r, err);
}

static int has_xattr_locked(struct ext *e, uint64_t ino, const char *name,
                            struct err *err)
{
    struct ext2_xattr_handle *h = NULL;
    void *value = NULL;
    size_t n = 0;
    errcode_t code = ext2fs_xattrs_open(e->lib, (ext2_ino_t)ino, &h);

    if (code == 0)
        code = ext2fs_xattrs_read(h);
    if (code == 0)
        code = ext2fs_xattr_get(h, name, &value, &n);
    free(value);
    if (h)
        ext2fs_xattrs_close(&h);
    if (code == EXT2_ET_EA_KEY_NOT_FOUND)
        return 0;
    return code ? ext_fail(e, err, code, "attributes of inode %" PRIu64, ino) : 1;
}

int ext_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                  struct err *err)
{
    struct ext *e = ext_of(fs);
    struct ext2_inode_large inode;
    int r;

    ext_enter(e);
    r = ext_inode(e, &inode, node->ino, err);
    if (r == 0)
        r = has_xattr_locked(e, node->ino, name, err);
    return ext_leave(e, r, err);
}
