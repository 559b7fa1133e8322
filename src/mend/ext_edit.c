/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ext_edit.c: files and folders of ext */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "mend/ext.h"

static int inode_read(struct mend_ext *e, struct ext2_inode *ret, ext2_ino_t ino,
                      struct err *err)
{
    errcode_t code = ext2fs_read_inode(e->lib, ino, ret);

    return code ? mend_ext_fail(e, err, code, "inode %" PRIu32, ino)
                : mend_ext_check_flags(e, ret, ino, err);
}

static int inode_write(struct mend_ext *e, const struct ext2_inode *inode, ext2_ino_t ino,
                       struct err *err)
{
    struct ext2_inode copy = *inode;
    errcode_t code = ext2fs_write_inode(e->lib, ino, &copy);

    return code ? mend_ext_fail(e, err, code, "inode %" PRIu32, ino) : 0;
}

/* Until 2038 all of it is in these words. */
static uint32_t now_of(const struct mend_ext *e)
{
    return (uint32_t)(e->lib->now ? e->lib->now : time(NULL));
}

static int touch(struct mend_ext *e, ext2_ino_t ino, struct err *err)
{
    struct ext2_inode inode;
    int r = inode_read(e, &inode, ino, err);

    if (r < 0)
        return r;
    inode.i_mtime = inode.i_ctime = now_of(e);
    return inode_write(e, &inode, ino, err);
}

/* ---- content */

static int put_content(struct mend_ext *e, ext2_file_t file, struct bytes content,
                       struct err *err)
{
    errcode_t code = ext2fs_file_set_size2(file, 0);

    while (code == 0 && content.n) {
        unsigned done = 0;

        code = ext2fs_file_write(file, content.p, (unsigned)content.n, &done);
        if (code == 0 && done == 0)
            code = EXT2_ET_SHORT_WRITE;
        content = bytes_sub(content, done, content.n - done);
    }
    if (code == 0)
        code = ext2fs_file_flush(file);
    return code ? mend_ext_fail(e, err, code, "content") : 0;
}

static int set_content(struct mend_ext *e, ext2_ino_t ino, struct bytes content,
                       struct err *err)
{
    struct ext2_inode inode;
    ext2_file_t file;
    errcode_t code;
    int r = inode_read(e, &inode, ino, err);

    if (r < 0)
        return r;
    if (inode.i_links_count == 0) /* removed meanwhile, by another wish */
        return 0;
    if (!LINUX_S_ISREG(inode.i_mode))
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu32 " is no regular file", ino);
    code = ext2fs_file_open(e->lib, ino, EXT2_FILE_WRITE, &file);
    if (code)
        return mend_ext_fail(e, err, code, "inode %" PRIu32, ino);
    r = put_content(e, file, content, err);
    code = ext2fs_file_close(file);
    if (r == 0 && code)
        r = mend_ext_fail(e, err, code, "inode %" PRIu32, ino);
    return r < 0 ? r : touch(e, ino, err);
}

/* ---- names */

/* 1: *ret is the entry; 0: there is none. */
static int lookup(struct mend_ext *e, ext2_ino_t *ret, ext2_ino_t dir, const char *name,
                  size_t n, struct err *err)
{
    struct ext2_inode inode;
    errcode_t code;
    int r = inode_read(e, &inode, dir, err);

    if (r < 0)
        return r;
    code = ext2fs_lookup(e->lib, dir, name, (int)n, NULL, ret);
    if (code == EXT2_ET_FILE_NOT_FOUND)
        return 0;
    return code ? mend_ext_fail(e, err, code, "folder %" PRIu32, dir) : 1;
}

static int link_name(struct mend_ext *e, ext2_ino_t dir, const char *name, ext2_ino_t ino,
                     int type, struct err *err)
{
    errcode_t code = ext2fs_link(e->lib, dir, name, ino, type);

    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(e->lib, dir);
        if (code == 0)
            code = ext2fs_link(e->lib, dir, name, ino, type);
    }
    return code ? mend_ext_fail(e, err, code, "folder %" PRIu32, dir)
                : touch(e, dir, err);
}

static int make_folder(struct mend_ext *e, ext2_ino_t *ret, ext2_ino_t dir,
                       const char *name, struct err *err)
{
    errcode_t code = ext2fs_mkdir(e->lib, dir, 0, name);

    if (code == EXT2_ET_DIR_NO_SPACE) {
        code = ext2fs_expand_dir(e->lib, dir);
        if (code == 0)
            code = ext2fs_mkdir(e->lib, dir, 0, name);
    }
    if (code == 0)
        code = ext2fs_lookup(e->lib, dir, name, (int)strlen(name), NULL, ret);
    return code ? mend_ext_fail(e, err, code, "folder %s", name) : touch(e, dir, err);
}

/* The folder `folders` below *dir, made where it is not. */
static int make_folders(struct mend_ext *e, ext2_ino_t *dir, const char *folders,
                        struct err *err)
{
    char name[EXT2_NAME_LEN + 1];

    while (*folders) {
        size_t n = strcspn(folders, "/");
        ext2_ino_t next;
        int r;

        if (n >= sizeof name)
            return FAIL(err, ERR_UNSUPPORTED, "a name of %zu bytes", n);
        memcpy(name, folders, n);
        name[n] = '\0';
        r = lookup(e, &next, *dir, name, n, err);
        if (r == 0)
            r = make_folder(e, &next, *dir, name, err);
        if (r < 0)
            return r;
        *dir = next;
        folders += n + (folders[n] == '/');
    }
    return 0;
}

static int make_file(struct mend_ext *e, ext2_ino_t *ret, ext2_ino_t dir,
                     const struct mend_do *d, struct err *err)
{
    struct ext2_inode inode = {0};
    ext2_extent_handle_t extents;
    ext2_ino_t ino;
    errcode_t code = ext2fs_new_inode(e->lib, dir, LINUX_S_IFREG, NULL, &ino);
    int r;

    if (code)
        return mend_ext_fail(e, err, code, "new file");
    ext2fs_inode_alloc_stats2(e->lib, ino, 1, 0);
    inode.i_mode = (uint16_t)(LINUX_S_IFREG | (d->mode ? d->mode : 0644));
    inode.i_links_count = 1;
    inode.i_atime = inode.i_ctime = inode.i_mtime = now_of(e);
    if (ext2fs_has_feature_extents(e->lib->super)) {
        code = ext2fs_extent_open2(e->lib, ino, &inode, &extents);
        if (code)
            return mend_ext_fail(e, err, code, "new file");
        ext2fs_extent_free(extents);
    }
    code = ext2fs_write_new_inode(e->lib, ino, &inode);
    if (code)
        return mend_ext_fail(e, err, code, "new file");
    r = link_name(e, dir, d->name, ino, EXT2_FT_REG_FILE, err);
    if (r == 0)
        *ret = ino;
    return r;
}

static int put(struct mend_ext *e, const struct mend_do *d, struct err *err)
{
    ext2_ino_t dir = (ext2_ino_t)d->dir, ino;
    int r = make_folders(e, &dir, d->folders, err);

    if (r < 0)
        return r;
    r = lookup(e, &ino, dir, d->name, strlen(d->name), err);
    if (r == 0)
        r = make_file(e, &ino, dir, d, err);
    return r < 0 ? r : set_content(e, ino, d->content, err);
}

/* ---- removal */

static int free_inode(struct mend_ext *e, ext2_ino_t ino, bool folder, struct err *err)
{
    struct ext2_inode_large large = {0};
    struct ext2_inode *inode = (struct ext2_inode *)&large;
    errcode_t code = ext2fs_read_inode_full(e->lib, ino, inode, sizeof large);

    if (code == 0)
        code = ext2fs_free_ext_attr(e->lib, ino, &large);
    if (code == 0 && ext2fs_inode_has_valid_blocks2(e->lib, inode))
        code = ext2fs_punch(e->lib, ino, inode, NULL, 0, ~0ULL);
    inode->i_links_count = 0;
    inode->i_size = 0;
    inode->i_size_high = 0;
    inode->i_dtime = now_of(e);
    if (code == 0)
        code = ext2fs_write_inode_full(e->lib, ino, inode, sizeof large);
    if (code)
        return mend_ext_fail(e, err, code, "inode %" PRIu32, ino);
    ext2fs_inode_alloc_stats2(e->lib, ino, -1, folder);
    return 0;
}

static int unlink_name(struct mend_ext *e, const struct mend_do *d, struct err *err)
{
    errcode_t code =
        ext2fs_unlink(e->lib, (ext2_ino_t)d->dir, d->name, (ext2_ino_t)d->ino, 0);

    return code ? mend_ext_fail(e, err, code, "folder %" PRIu64, d->dir)
                : touch(e, (ext2_ino_t)d->dir, err);
}

static int remove_file(struct mend_ext *e, const struct mend_do *d, struct err *err)
{
    ext2_ino_t ino = (ext2_ino_t)d->ino, found;
    struct ext2_inode inode;
    int r = lookup(e, &found, (ext2_ino_t)d->dir, d->name, strlen(d->name), err);

    if (r <= 0 || found != ino) /* removed already, by another wish */
        return r < 0 ? r : 0;
    r = inode_read(e, &inode, ino, err);
    if (r < 0)
        return r;
    if (LINUX_S_ISDIR(inode.i_mode) || inode.i_links_count == 0)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu32 " is not what its name is for",
                    ino);
    r = unlink_name(e, d, err);
    if (r < 0)
        return r;
    if (inode.i_links_count > 1) {
        inode.i_links_count--;
        inode.i_ctime = now_of(e);
        return inode_write(e, &inode, ino, err);
    }
    return free_inode(e, ino, false, err);
}

static int is_other(struct ext2_dir_entry *entry, int offset, int blocksize, char *buf,
                    void *arg)
{
    int n = ext2fs_dirent_name_len(entry);
    bool *any = arg;

    (void)offset, (void)blocksize, (void)buf;
    *any |= entry->inode && !(n == 1 && entry->name[0] == '.') &&
            !(n == 2 && entry->name[0] == '.' && entry->name[1] == '.');
    return 0;
}

static int remove_folder(struct mend_ext *e, const struct mend_do *d, struct err *err)
{
    ext2_ino_t ino = (ext2_ino_t)d->ino, dir = (ext2_ino_t)d->dir;
    struct ext2_inode inode, parent;
    bool any = false;
    errcode_t code;
    int r = inode_read(e, &inode, ino, err);

    if (r < 0)
        return r;
    if (!LINUX_S_ISDIR(inode.i_mode) || ino == EXT2_ROOT_INO || ino == dir)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu32 " is no folder to remove", ino);
    code = ext2fs_dir_iterate(e->lib, ino, 0, NULL, is_other, &any);
    if (code)
        return mend_ext_fail(e, err, code, "folder %" PRIu32, ino);
    if (any)
        return FAIL(err, ERR_CORRUPT, "folder %" PRIu32 " has more names than it listed",
                    ino);
    r = unlink_name(e, d, err);
    if (r == 0)
        r = free_inode(e, ino, true, err);
    if (r == 0)
        r = inode_read(e, &parent, dir, err);
    /* 1 is more than can be counted. */
    if (r < 0 || parent.i_links_count <= 2)
        return r;
    parent.i_links_count--;
    return inode_write(e, &parent, dir, err);
}

int mend_ext_run(struct mend_fs *fs, const struct mend_do *d, struct err *err)
{
    struct mend_ext *e = mend_ext_of(fs);

    switch (d->step) {
    case MEND_PUT:
        return put(e, d, err);
    case MEND_CONTENT:
        return set_content(e, (ext2_ino_t)d->ino, d->content, err);
    case MEND_UNLINK:
        return remove_file(e, d, err);
    case MEND_RMDIR:
        return remove_folder(e, d, err);
    }
    return 0;
}
