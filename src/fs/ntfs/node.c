/* SPDX-License-Identifier: GPL-2.0-or-later */
/* node.c: files and folders */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "fs/ntfs/ntfs.h"

/* Behind ours: these do not include what they need. */
#include <ntfs-3g/dir.h>
#include <ntfs-3g/ntfstime.h>
#include <ntfs-3g/unistr.h>

static void inode_closep(ntfs_inode **ni)
{
    if (*ni)
        ntfs_inode_close(*ni);
}

static int open_inode(struct ntfs *n, ntfs_inode **ret, uint64_t ino, struct err *err)
{
    errno = 0;
    *ret = ntfs_inode_open(n->volume, ino);
    return *ret ? 0 : ntfs_fail(n, err, "MFT record", ino);
}

static int fill_stat(struct ntfs *n, struct fs_stat *ret, ntfs_inode *ni, struct err *err)
{
    bool dir = ni->mrec->flags & MFT_RECORD_IS_DIRECTORY;
    struct ntfs_reparse reparse;
    int r = ntfs_reparse_read(n, ni, &reparse, err);

    if (r < 0)
        return r;
    *ret = (struct fs_stat){
        .ino = ni->mft_no,
        .type = dir ? FS_DIR : FS_REG,
        .mode = (dir ? 0040555u : 0100444u) |
                (ni->flags & FILE_ATTR_READONLY && !dir ? 0u : 0200u),
        .size = dir ? 0 : (uint64_t)ni->data_size,
        .mtime = ntfs2timespec(ni->last_data_change_time).tv_sec,
    };
    switch (ntfs_reparse_kind(reparse.tag, dir)) {
    case NTFS_PLAIN:
        break;
    case NTFS_LINK:
        ret->type = FS_SYMLINK;
        ret->size = 0;
        break;
    case NTFS_SPECIAL:
        ret->type = FS_OTHER;
        break;
    case NTFS_ELSEWHERE:
        ret->flags |= FS_NODE_ENCRYPTED;
        break;
    }
    if (ni->flags & FILE_ATTR_ENCRYPTED && !dir)
        ret->flags |= FS_NODE_ENCRYPTED;
    return 0;
}

int ntfs_stat_node(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    struct ntfs *n = ntfs_of(fs);
    int r;

    ntfs_enter(n);
    {
        AUTO(inode_closep) ntfs_inode *ni = NULL;

        r = open_inode(n, &ni, ino, err);
        if (r == 0)
            r = fill_stat(n, ret, ni, err);
    }
    return ntfs_leave(n, r, err);
}

static int open_dir(struct ntfs *n, ntfs_inode **ret, uint64_t dir, struct err *err)
{
    int r = open_inode(n, ret, dir, err);

    if (r == 0 && !((*ret)->mrec->flags & MFT_RECORD_IS_DIRECTORY))
        r = FAIL(err, ERR_CORRUPT, "MFT record %" PRIu64 " is no folder", dir);
    return r;
}

#define NOWHERE ((uint64_t)-1)

static uint64_t search(struct ntfs *n, ntfs_inode *up, const ntfschar *name, int len,
                       bool case_sensitive)
{
    uint64_t ref;

    if (!case_sensitive)
        n->volume->state &= ~(1ul << NV_CaseSensitive);
    errno = 0;
    ref = ntfs_inode_lookup_by_name(up, name, len);
    /* Else readdir() gives names in small letters. */
    NVolSetCaseSensitive(n->volume);
    return ref;
}

/* A driver of Windows may show more in a folder than the volume has of it. */
static int is_all_here(struct ntfs *n, ntfs_inode *dir, struct err *err)
{
    struct ntfs_reparse reparse;
    int r = ntfs_reparse_read(n, dir, &reparse, err);

    if (r < 0 || ntfs_reparse_kind(reparse.tag, false) != NTFS_ELSEWHERE)
        return r;
    return FAIL(err, ERR_UNSUPPORTED,
                "folder in MFT record %" PRIu64
                ": not all of it may be on this volume (reparse tag %#" PRIx32 ")",
                dir->mft_no, reparse.tag);
}

static int find(struct ntfs *n, struct fs_stat *ret, uint64_t dir, const char *name,
                struct err *err)
{
    AUTO(inode_closep) ntfs_inode *up = NULL, *ni = NULL;
    AUTO(freep) ntfschar *wide = NULL;
    uint64_t ref;
    int len, r = open_dir(n, &up, dir, err);

    if (r < 0)
        return r;
    len = ntfs_mbstoucs(name, &wide);
    if (len <= 0)
        return 0; /* no name that NTFS could hold */
    /* A folder may have names that differ in case alone: the very same one first. */
    ref = search(n, up, wide, len, true);
    if (ref == NOWHERE && errno == ENOENT && !n->io.code)
        ref = search(n, up, wide, len, false);
    if (ref == NOWHERE)
        return errno == ENOENT && !n->io.code
                   ? is_all_here(n, up, err)
                   : ntfs_fail(n, err, "folder in MFT record", dir);
    r = open_inode(n, &ni, MREF(ref), err);
    if (r == 0)
        r = fill_stat(n, ret, ni, err);
    return r < 0 ? r : 1;
}

int ntfs_find(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
              size_t len, struct err *err)
{
    struct ntfs *n = ntfs_of(fs);
    char text[FS_NAME_MAX + 1];
    int r;

    memcpy(text, name, len);
    text[len] = 0;
    ntfs_enter(n);
    r = find(n, ret, dir, text, err);
    return ntfs_leave(n, r, err);
}

struct listing {
    struct ntfs *n;
    int (*fn)(void *arg, const struct fs_dirent *d, struct err *err);
    void *arg;
    struct err *err;
    int said;
};

static int list_one(void *arg, const ntfschar *name, const int len, const int name_type,
                    const s64 pos, const MFT_REF mref, const unsigned type)
{
    struct listing *l = arg;
    struct fs_dirent d = {.ino = MREF(mref), .type = FS_OTHER};
    char text[256 * 3 + 4];

    (void)pos, (void)type;
    /* The first records are the filesystem's own. */
    if (len <= 0 || (name_type & ~FILE_NAME_WIN32) == FILE_NAME_DOS ||
        d.ino < FILE_first_user)
        return 0;
    d.name_n = text_utf16le(text, sizeof text, bytes_of(name, 2 * (size_t)len));
    if (d.name_n == 0 || d.name_n > FS_NAME_MAX || memchr(text, '/', d.name_n) ||
        strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
        return 0; /* no path could name it */
    memcpy(d.name, text, d.name_n + 1);
    l->said = l->fn(l->arg, &d, l->err);
    return l->said != 0;
}

static int list(struct listing *l, uint64_t dir, struct err *err)
{
    AUTO(inode_closep) ntfs_inode *up = NULL;
    s64 pos = 0;
    int r = open_dir(l->n, &up, dir, err);

    if (r < 0)
        return r;
    r = ntfs_readdir(up, &pos, l, list_one);
    if (l->said)
        return l->said;
    return r < 0 ? ntfs_fail(l->n, err, "folder in MFT record", dir) : 0;
}

int ntfs_list(struct fs *fs, uint64_t dir,
              int (*fn)(void *arg, const struct fs_dirent *d, struct err *err), void *arg,
              struct err *err)
{
    struct ntfs *n = ntfs_of(fs);
    struct listing l = {.n = n, .fn = fn, .arg = arg, .err = err};
    int r;

    ntfs_enter(n);
    r = list(&l, dir, err);
    return ntfs_leave(n, r, err);
}

/* Why the data of a file is not what the file has. */
static int refuse(struct ntfs *n, ntfs_inode *ni, struct err *err)
{
    struct ntfs_reparse reparse;
    int r = ntfs_reparse_read(n, ni, &reparse, err);

    if (r < 0)
        return r;
    if (ni->flags & FILE_ATTR_ENCRYPTED)
        return FAIL(err, ERR_UNSUPPORTED, "MFT record %" PRIu64 ": encrypted (EFS)",
                    ni->mft_no);
    return FAIL(err, ERR_UNSUPPORTED,
                "MFT record %" PRIu64 ": %s (reparse tag %#" PRIx32 ")", ni->mft_no,
                ntfs_reparse_why(reparse.tag), reparse.tag);
}

void ntfs_forget_file(struct ntfs *n)
{
    ntfs_attr_closep(&n->file_data);
    inode_closep(&n->file);
    n->file_data = NULL;
    n->file = NULL;
}

/* Big files are read piece by piece, and one in many runs takes its time to open. */
static int open_file(struct ntfs *n, uint64_t ino, struct err *err)
{
    int r;

    if (n->file && n->file->mft_no == ino)
        return 0;
    ntfs_forget_file(n);
    r = open_inode(n, &n->file, ino, err);
    if (r < 0)
        return r;
    errno = 0;
    n->file_data = ntfs_attr_open(n->file, AT_DATA, AT_UNNAMED, 0);
    return n->file_data ? 0 : ntfs_fail(n, err, "data of MFT record", ino);
}

static int read_file(struct ntfs *n, const struct fs_stat *node, void *buf, size_t len,
                     uint64_t off, struct err *err)
{
    AUTO(inode_closep) ntfs_inode *ni = NULL;
    int r;

    if (node->flags & FS_NODE_ENCRYPTED) {
        r = open_inode(n, &ni, node->ino, err);
        return r < 0 ? r : refuse(n, ni, err);
    }
    r = open_file(n, node->ino, err);
    if (r == 0)
        r = ntfs_value_read(n, n->file_data, buf, len, off, err);
    if (r < 0 || n->io.code)
        ntfs_forget_file(n);
    return r;
}

int ntfs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t len,
              uint64_t off, struct err *err)
{
    struct ntfs *n = ntfs_of(fs);
    int r;

    ntfs_enter(n);
    r = read_file(n, node, buf, len, off, err);
    return ntfs_leave(n, r, err);
}

static int read_link(struct ntfs *n, struct buf *ret, uint64_t ino, struct err *err)
{
    AUTO(inode_closep) ntfs_inode *ni = NULL;
    struct ntfs_reparse reparse;
    int r = open_inode(n, &ni, ino, err);

    if (r == 0)
        r = ntfs_reparse_read(n, ni, &reparse, err);
    if (r == 0)
        r = ntfs_reparse_target(ret, &reparse, err);
    if (r < 0)
        err_prefix(err, "MFT record %" PRIu64, ino);
    return r;
}

int ntfs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                  struct err *err)
{
    struct ntfs *n = ntfs_of(fs);
    int r;

    ntfs_enter(n);
    r = read_link(n, ret, node->ino, err);
    return ntfs_leave(n, r, err);
}
