/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"
#include "fs/xfs/xfs.h"

enum {
    CORE_4 = 100,
    CORE_5 = 176,
    FLAG_REALTIME = 1 << 0,
    FLAG_IMMUTABLE = 1 << 3,
    LINK_HEAD = 56, /* of a block of a target, version 5 */
};

int xfs_inode_address(const struct xfs *x, uint64_t ino, uint64_t *ret, struct err *err)
{
    const struct xfs_super *s = &x->super;
    uint64_t slot = ino & ((UINT64_C(1) << s->inodes_log) - 1);
    int r = xfs_address(x, ino >> s->inodes_log, 1, ret, err);

    if (r == 0)
        *ret += slot * s->inode_size;
    return r;
}

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

/* Nanoseconds since 1901 with bigtime, else signed seconds and nanoseconds. */
static int64_t time_of(const uint8_t *p, bool big)
{
    if (big)
        return (int64_t)(load_be64(p) / 1000000000) - (INT64_C(1) << 31);
    return (int32_t)load_be32(p);
}

static int set_forks(struct xfs_inode *i, uint32_t size, bool v5, bool nrext64,
                     struct err *err)
{
    const uint8_t *p = i->raw;
    size_t core = v5 ? CORE_5 : CORE_4, room = size - core, data = (size_t)p[82] * 8;

    if (data > room)
        return FAIL(err, ERR_CORRUPT, "attributes at %zu of %zu bytes", data, room);
    i->data = (struct xfs_fork){
        .format = p[5],
        .extents = nrext64 ? load_be64(p + 24) : load_be32(p + 76),
        .b = bytes_of(p + core, data ? data : room),
    };
    i->attr = (struct xfs_fork){
        .format = p[83],
        .extents = nrext64 ? load_be32(p + 76) : load_be16(p + 80),
        .b = bytes_of(p + core + data, data ? room - data : 0),
    };
    return 0;
}

static int decode(struct xfs *x, struct xfs_inode *i, uint64_t ino, struct err *err)
{
    static const struct xfs_marks marks = {100, 160, 152};
    const uint8_t *p = i->raw;
    bool v5 = x->super.version == 5;
    uint64_t flags2;

    if (memcmp(p, "IN", 2) != 0 || (v5 ? p[4] != 3 : p[4] < 1 || p[4] > 2))
        return FAIL(err, ERR_CORRUPT, "there is none");
    if (!xfs_marks_right(x, bytes_of(p, x->super.inode_size), &marks, ino))
        return FAIL(err, ERR_CORRUPT, "checksum, or of another place");
    flags2 = v5 ? load_be64(p + 120) : 0;
    i->st = (struct fs_stat){
        .ino = ino,
        .mode = load_be16(p + 2),
        .uid = load_be32(p + 8),
        .gid = load_be32(p + 12),
        .size = load_be64(p + 56),
        .mtime = time_of(p + 40, flags2 & XFS_FLAG2_BIGTIME),
        .flags = load_be16(p + 90) & FLAG_IMMUTABLE ? FS_NODE_IMMUTABLE : 0,
    };
    i->st.type = type_of(i->st.mode);
    if (i->st.mode == 0)
        return FAIL(err, ERR_CORRUPT, "it is free");
    if (i->st.size > INT64_MAX)
        return FAIL(err, ERR_CORRUPT, "size %" PRIu64, i->st.size);
    i->realtime = load_be16(p + 90) & FLAG_REALTIME;
    return set_forks(i, x->super.inode_size, v5, flags2 & XFS_FLAG2_NREXT64, err);
}

int xfs_inode_read(struct xfs *x, struct xfs_inode *ret, uint64_t ino, struct err *err)
{
    uint64_t at;
    int r = xfs_inode_address(x, ino, &at, err);

    if (r == 0)
        r = block_read(x->cache, ret->raw, x->super.inode_size, at, err);
    if (r == 0)
        r = decode(x, ret, ino, err);
    if (r < 0)
        err_prefix(err, "inode %" PRIu64, ino);
    return r;
}

int xfs_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    struct xfs_inode i;
    int r = xfs_inode_read(xfs_of(fs), &i, ino, err);

    if (r == 0)
        *ret = i.st;
    return r;
}

/* Version 5 puts a header in front of each run of blocks. */
static int link_piece(struct xfs *x, struct buf *ret, const struct xfs_inode *i,
                      struct bytes b, size_t done, struct err *err)
{
    static const struct xfs_marks marks = {12, 16, 32};
    size_t want = (size_t)i->st.size - done, head = 0;

    if (x->super.version == 5) {
        head = LINK_HEAD;
        want = min_size(want, b.n - head);
        if (memcmp(b.p, "XSLM", 4) != 0 || load_be32(b.p + 4) != done ||
            load_be32(b.p + 8) != want || !xfs_marks_right(x, b, &marks, i->st.ino))
            return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": a block of its target",
                        i->st.ino);
    }
    want = min_size(want, b.n - head);
    return buf_append(ret, b.p + head, want, err);
}

static int remote_link(struct xfs *x, struct buf *ret, const struct xfs_inode *i,
                       struct err *err)
{
    uint32_t size = x->super.block_size, space;
    AUTO(freep) uint8_t *raw = NULL;
    size_t before = ret->n, done;
    uint64_t blocks;

    space = x->super.version == 5 ? size - LINK_HEAD : size;
    blocks = div_up(i->st.size, space);
    raw = malloc((size_t)blocks * size);
    if (!raw)
        return FAIL(err, ERR_NOMEM, "target");
    for (uint64_t at = 0; (done = ret->n - before) < i->st.size;) {
        struct xfs_run run;
        size_t n;
        int r;

        if (at >= blocks)
            return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": target of %zu bytes",
                        i->st.ino, done);
        r = xfs_map(x, &run, i, &i->data, at, err);
        if (r < 0)
            return r;
        if (run.zero)
            return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": target with a hole",
                        i->st.ino);
        run.n = min_u64(run.n, blocks - at);
        n = (size_t)run.n * size;
        r = xfs_fork_read(x, x->cache, i, &i->data, raw, n, at << x->super.block_log,
                          err);
        if (r == 0)
            r = link_piece(x, ret, i, bytes_of(raw, n), done, err);
        if (r < 0)
            return r;
        at += run.n;
    }
    return 0;
}

int xfs_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                 struct err *err)
{
    struct xfs *x = xfs_of(fs);
    struct xfs_inode i;
    int r = xfs_inode_read(x, &i, node->ino, err);

    if (r < 0)
        return r;
    if (i.st.type != FS_SYMLINK || i.st.size == 0 || i.st.size > XFS_LINK_MAX)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": target of %" PRIu64 " bytes",
                    node->ino, i.st.size);
    if (i.data.format != XFS_LOCAL)
        return remote_link(x, ret, &i, err);
    if (i.st.size > i.data.b.n)
        return FAIL(err, ERR_CORRUPT,
                    "inode %" PRIu64 ": target of %" PRIu64 " bytes in %zu", node->ino,
                    i.st.size, i.data.b.n);
    return buf_append(ret, i.data.b.p, (size_t)i.st.size, err);
}
