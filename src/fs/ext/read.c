/* SPDX-License-Identifier: GPL-2.0-or-later */
/* read.c: file data in runs of blocks
 *
 * The library's own file reading asks for one block at a time; a run costs one read. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/ext/ext.h"

/* `count` blocks of the file from a logical one on; they lie at `physical`, 0: a hole. */
struct run {
    uint64_t physical, count;
};

void ext_file_fini(struct ext_file *f)
{
    if (f->extents)
        ext2fs_extent_free(f->extents);
    free(f->inline_data);
    *f = (struct ext_file){0};
}

static int load_inline(struct ext *e, struct ext_file *f, struct err *err)
{
    size_t n = 0;
    errcode_t code = ext2fs_inline_data_size(e->lib, f->ino, &n);

    if (code == 0 && n > EXT_INLINE_MAX)
        return FAIL(err, ERR_LIMIT, "inode %u: %zu bytes inside the inode", f->ino, n);
    f->inline_data = calloc(1, n + 1);
    if (!f->inline_data)
        return FAIL(err, ERR_NOMEM, "inode %u", f->ino);
    if (code == 0)
        code = ext2fs_inline_data_get(e->lib, f->ino, &f->inode, f->inline_data, &n);
    f->inline_n = n;
    return code ? ext_fail(e, err, code, "inode %u", f->ino) : 0;
}

static int file_load(struct ext *e, uint64_t ino, struct err *err)
{
    struct ext_file *f = &e->file;
    struct ext2_inode_large inode;
    errcode_t code = 0;
    int r;

    if (f->ino == ino)
        return 0;
    ext_file_fini(f);
    r = ext_inode(e, &inode, ino, err);
    if (r < 0)
        return r;
    if (inode.i_flags & EXT4_ENCRYPT_FL)
        return FAIL(err, ERR_UNSUPPORTED, "inode %" PRIu64 " is encrypted", ino);
    f->ino = (ext2_ino_t)ino;
    memcpy(&f->inode, &inode, sizeof f->inode);
    if (inode.i_flags & EXT4_INLINE_DATA_FL)
        r = load_inline(e, f, err);
    else if (inode.i_flags & EXT4_EXTENTS_FL)
        code = ext2fs_extent_open2(e->lib, f->ino, &f->inode, &f->extents);
    if (code)
        r = ext_fail(e, err, code, "extents of inode %" PRIu64, ino);
    if (r < 0)
        ext_file_fini(f);
    return r;
}

/* What follows the extent that the handle stands at: the next one, or the next entry of a
 * level above.  EXT2_EXTENT_NEXT_LEAF would, in a tree of several levels, come back to
 * the first extent of the leaf. */
static errcode_t next_extent(ext2_extent_handle_t handle, struct ext2fs_extent *ret)
{
    struct ext2_extent_info info;
    errcode_t code;

    do {
        code = ext2fs_extent_get_info(handle, &info);
        if (code)
            return code;
        if (info.curr_entry < info.num_entries)
            return ext2fs_extent_get(handle, EXT2_EXTENT_NEXT_SIB, ret);
        if (info.curr_level == 0)
            return EXT2_ET_EXTENT_NO_NEXT;
        code = ext2fs_extent_get(handle, EXT2_EXTENT_UP, ret);
    } while (code == 0);
    return code;
}

/* In a hole the handle stands at the extent before it, or at the first one. */
static int hole_length(struct ext *e, uint64_t block, uint64_t *ret, struct err *err)
{
    struct ext2fs_extent x;
    errcode_t code = ext2fs_extent_get(e->file.extents, EXT2_EXTENT_CURRENT, &x);

    if (code == 0 && x.e_lblk <= block)
        code = next_extent(e->file.extents, &x);
    if (code == EXT2_ET_EXTENT_NO_NEXT || code == EXT2_ET_NO_CURRENT_NODE) {
        *ret = UINT64_MAX;
        return 0;
    }
    if (code)
        return ext_fail(e, err, code, "extents of inode %u", e->file.ino);
    if (x.e_lblk <= block)
        return FAIL(err, ERR_CORRUPT, "extents of inode %u: out of order", e->file.ino);
    *ret = x.e_lblk - block;
    return 0;
}

static int run_of_extents(struct ext *e, struct run *ret, uint64_t block, struct err *err)
{
    struct ext2fs_extent x;
    errcode_t code = ext2fs_extent_goto(e->file.extents, block);

    if (code == EXT2_ET_EXTENT_NOT_FOUND) {
        ret->physical = 0;
        return hole_length(e, block, &ret->count, err);
    }
    if (code == 0)
        code = ext2fs_extent_get(e->file.extents, EXT2_EXTENT_CURRENT, &x);
    if (code)
        return ext_fail(e, err, code, "extents of inode %u", e->file.ino);
    if (x.e_lblk > block || block - x.e_lblk >= x.e_len)
        return FAIL(err, ERR_CORRUPT, "extents of inode %u: block %" PRIu64, e->file.ino,
                    block);
    ret->count = x.e_len - (block - x.e_lblk);
    /* Allocated, but never written: reads as zeros. */
    ret->physical =
        x.e_flags & EXT2_EXTENT_FLAGS_UNINIT ? 0 : x.e_pblk + block - x.e_lblk;
    return 0;
}

static int run_of_blocks(struct ext *e, struct run *ret, uint64_t block, uint64_t want,
                         struct err *err)
{
    struct ext_file *f = &e->file;
    struct run run = {0};

    for (want = min_u64(want, EXT_RUN_MAX); run.count < want; run.count++) {
        blk64_t at = 0;
        errcode_t code = ext2fs_bmap2(e->lib, f->ino, &f->inode, NULL, 0,
                                      block + run.count, NULL, &at);

        if (code)
            return ext_fail(e, err, code, "blocks of inode %u", f->ino);
        if (run.count == 0)
            run.physical = at;
        else if (at != (run.physical ? run.physical + run.count : 0))
            break;
    }
    *ret = run;
    return 0;
}

static int read_blocks(struct ext *e, char *buf, size_t n, uint64_t off, struct err *err)
{
    uint32_t unit = e->super.block_size;

    while (n) {
        uint64_t block = off / unit, skip = off % unit, at, len = n;
        struct run run = {0};
        int r = e->file.extents
                    ? run_of_extents(e, &run, block, err)
                    : run_of_blocks(e, &run, block, div_up(skip + n, unit), err);

        if (r < 0)
            return r;
        if (run.count <= (skip + n) / unit)
            len = min_u64(n, run.count * unit - skip);
        if (run.physical == 0) {
            memset(buf, 0, (size_t)len);
        } else {
            if (!checked_mul(&at, run.physical, unit))
                return FAIL(err, ERR_CORRUPT, "inode %u: block %" PRIu64, e->file.ino,
                            run.physical);
            r = ext_io_read(e, buf, (size_t)len, at + skip, err);
            if (r < 0) {
                err_prefix(err, "inode %u", e->file.ino);
                return r;
            }
        }
        buf += len;
        n -= (size_t)len;
        off += len;
    }
    return 0;
}

int ext_file_read(struct ext *e, uint64_t ino, void *buf, size_t n, uint64_t off,
                  struct err *err)
{
    struct ext_file *f = &e->file;
    size_t have;
    int r = file_load(e, ino, err);

    if (r < 0)
        return r;
    if (!f->inline_data)
        return read_blocks(e, buf, n, off, err);
    have = off < f->inline_n ? min_size(n, f->inline_n - (size_t)off) : 0;
    memcpy(buf, f->inline_data + (have ? off : 0), have);
    memset((char *)buf + have, 0, n - have);
    return 0;
}

int ext_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n, uint64_t off,
             struct err *err)
{
    struct ext *e = ext_of(fs);

    ext_enter(e);
    return ext_leave(e, ext_file_read(e, node->ino, buf, n, off, err), err);
}

static int readlink_locked(struct buf *ret, struct ext *e, const struct fs_stat *node,
                           struct err *err)
{
    size_t n = (size_t)node->size;
    struct ext2_inode_large inode;
    int r = ext_inode(e, &inode, node->ino, err);

    if (r < 0)
        return r;
    if (inode.i_flags & EXT4_ENCRYPT_FL)
        return FAIL(err, ERR_UNSUPPORTED, "inode %" PRIu64 " is encrypted", node->ino);
    if (ext2fs_is_fast_symlink((struct ext2_inode *)(void *)&inode)) {
        if (n > sizeof inode.i_block)
            return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": symlink of %zu bytes",
                        node->ino, n);
        return buf_append(ret, inode.i_block, n, err);
    }
    r = buf_reserve(ret, n, err);
    if (r == 0)
        r = ext_file_read(e, node->ino, ret->p + ret->n, n, 0, err);
    if (r == 0) {
        ret->n += n;
        ret->p[ret->n] = 0;
    }
    return r;
}

int ext_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                 struct err *err)
{
    struct ext *e = ext_of(fs);

    ext_enter(e);
    return ext_leave(e, readlink_locked(ret, e, node, err), err);
}
