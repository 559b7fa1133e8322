/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <sys/stat.h>

#include "fs/btrfs/btrfs.h"

enum { INODE_IMMUTABLE = 1 << 6 };

static enum fs_node_type type_of(uint32_t mode)
{
    switch (mode & S_IFMT) {
    case S_IFREG:
        return FS_REG;
    case S_IFDIR:
        return FS_DIR;
    case S_IFLNK:
        return FS_SYMLINK;
    default:
        return FS_OTHER;
    }
}

/* Size at 16, owner at 44, mode at 52, flags at 64, time of the content at 136. */
static int decode(struct fs_stat *ret, uint64_t ino, struct bytes item, struct err *err)
{
    struct fs_stat st = {.ino = ino};

    if (item.n < BTRFS_INODE_SIZE)
        return FAIL(err, ERR_CORRUPT, "item of %zu bytes", item.n);
    st.size = load_le64(item.p + 16);
    st.uid = load_le32(item.p + 44);
    st.gid = load_le32(item.p + 48);
    st.mode = load_le32(item.p + 52);
    st.mtime = (int64_t)load_le64(item.p + 136);
    st.type = type_of(st.mode);
    if (load_le64(item.p + 64) & INODE_IMMUTABLE)
        st.flags |= FS_NODE_IMMUTABLE;
    if (st.size > INT64_MAX)
        return FAIL(err, ERR_CORRUPT, "size %" PRIu64, st.size);
    *ret = st;
    return 0;
}

int btrfs_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    AUTO(btrfs_path_fini) struct btrfs_path p = {0};
    struct btrfs *b = btrfs_of(fs);
    struct btrfs_key key = {.type = BTRFS_INODE_ITEM};
    const struct btrfs_root *root;
    int r = btrfs_ino_split(&root, &key.objectid, b, ino, err);

    if (r < 0)
        return r;
    if (key.objectid == BTRFS_EMPTY_DIR) {
        *ret = (struct fs_stat){.ino = ino, .type = FS_DIR, .mode = S_IFDIR | 0755};
        return 0;
    }
    p = btrfs_path(b, root);
    r = btrfs_find(&p, &key, err);
    if (r == 0)
        r = FAIL(err, ERR_CORRUPT, "there is no such inode");
    else if (r == 1)
        r = decode(ret, ino, p.item, err);
    if (r < 0)
        err_prefix(err, "inode %" PRIu64 " of subvolume %" PRIu64, key.objectid,
                   root->id);
    return r;
}

/* A target is an inline extent. */
int btrfs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                   struct err *err)
{
    size_t n = (size_t)node->size;
    int r = buf_reserve(ret, n, err);

    if (r == 0 && n)
        r = btrfs_read(fs, node, ret->p + ret->n, n, 0, err);
    if (r < 0)
        return r;
    ret->n += n;
    if (ret->p)
        ret->p[ret->n] = 0;
    return 0;
}
