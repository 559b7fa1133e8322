/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_tree.h: what targets do with a filesystem that opened: everything, within a budget
 */
#pragma once

#include <assert.h>

#include "fs/fs.h"

enum {
    FUZZ_STEPS = 1500,
    FUZZ_DEPTH = 10,
    FUZZ_READ_MAX = 64 * 1024,
    FUZZ_READS = 60,
};

struct fuzz_visit {
    struct fs *fs;
    unsigned steps, reads, depth;
};

static char fuzz_buf[FUZZ_READ_MAX];

static int fuzz_visit_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct fuzz_visit *v = arg;
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct err local = {0};
    struct fs_stat st;

    assert(d->name_n <= FS_NAME_MAX && d->name[d->name_n] == 0);
    if (++v->steps > FUZZ_STEPS)
        return 1;
    /* One bad file does not end the walk. */
    if (fs_stat(&st, v->fs, d->ino, &local) < 0)
        return 0;
    (void)fs_has_xattr(v->fs, &st, "security.selinux", NULL);
    if (st.type == FS_SYMLINK)
        (void)fs_readlink(&target, v->fs, &st, NULL);
    if (st.type == FS_REG && st.size && v->reads++ < FUZZ_READS) {
        size_t n = st.size < sizeof fuzz_buf ? (size_t)st.size : sizeof fuzz_buf;

        (void)fs_read(v->fs, &st, fuzz_buf, n, 0, NULL);
        (void)fs_read(v->fs, &st, fuzz_buf, n, st.size - n, NULL);
    }
    if (st.type == FS_DIR && v->depth < FUZZ_DEPTH) {
        int r;

        v->depth++;
        (void)fs_lookup(&st, v->fs, d->ino, "b", 1, NULL);
        r = fs_readdir(v->fs, d->ino, fuzz_visit_entry, v, &local);
        v->depth--;
        (void)err;
        return r > 0;
    }
    return 0;
}

struct fuzz_areas {
    uint64_t next, size;
    unsigned n;
    bool is_free;
};

static int fuzz_area(void *arg, const struct fs_area *a, struct err *err)
{
    struct fuzz_areas *v = arg;

    (void)err;
    assert(a->start == v->next && a->length && a->length <= v->size - a->start);
    assert(v->n == 0 || a->is_free != v->is_free);
    v->next += a->length;
    v->is_free = a->is_free;
    v->n++;
    return 0;
}

/* Areas follow one another, whatever bitmaps and trees say. */
static inline void fuzz_usage(struct fs *fs)
{
    struct fuzz_areas v = {.size = fs->dev->size};
    struct err err = {0};

    if (fs_usage(fs, fuzz_area, &v, &err) < 0)
        assert(err.code != ERR_NONE && err.code != ERR_IO);
}

/* Another tree on the budget of *v. */
static inline void fuzz_tree_within(struct fuzz_visit *v, struct fs *fs)
{
    struct fuzz_visit of = {.fs = fs, .steps = v->steps, .reads = v->reads};
    struct err err = {0};
    struct fs_info info;
    struct fs_stat st;

    fs_info(fs, &info);
    assert(info.free_bytes <= info.total_bytes && info.free_inodes <= info.total_inodes);
    if (fs_stat(&st, fs, fs->root, &err) == 0)
        (void)fs_readdir(fs, fs->root, fuzz_visit_entry, &of, &err);
    v->steps = of.steps;
    v->reads = of.reads;
}

static inline void fuzz_tree(struct fs *fs)
{
    struct fuzz_visit v = {0};

    fuzz_tree_within(&v, fs);
    fuzz_usage(fs);
}
