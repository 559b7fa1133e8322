/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fault_fs.c: a filesystem whose device fails
 *
 *     fault_fs IMAGE...
 *
 * Identifies, opens, lists, reads and looks up everything, with the 1st, 2nd, 3rd...
 * access to the device failing, until all goes well.  A failure must be told as the error
 * it is and never become an absent file or a damaged filesystem; what leaks the sanitizer
 * build tells. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "../ntfs_leaks.h"
#include "fs/tree.h"

enum { PIECE = 96 << 10, DEPTH_MAX = 40 };

struct visit {
    struct fs *fs;
    uint64_t dir;
    unsigned depth, entries;
    char *buf;
};

static int visit_dir(struct visit *v, uint64_t dir, struct err *err);

static int visit_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct visit *v = arg;
    AUTO(buf_fini) struct buf target = {.max = FS_LINK_MAX};
    struct fs_stat st;
    int r = fs_lookup(&st, v->fs, v->dir, d->name, d->name_n, err);

    v->entries++;
    if (r == 0)
        return FAIL(err, ERR_CONFLICT, "%s: listed, but not found", d->name);
    if (r < 0)
        return r;
    r = fs_has_xattr(v->fs, &st, "security.selinux", err);
    if (r < 0)
        return r;
    if (st.type == FS_SYMLINK)
        return fs_readlink(&target, v->fs, &st, err);
    if (st.type == FS_DIR)
        return visit_dir(v, st.ino, err);
    for (uint64_t off = 0; st.type == FS_REG && off < st.size; off += PIECE) {
        size_t n = st.size - off < PIECE ? (size_t)(st.size - off) : PIECE;

        r = fs_read(v->fs, &st, v->buf, n, off, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int visit_dir(struct visit *v, uint64_t dir, struct err *err)
{
    uint64_t above = v->dir;
    int r;

    if (v->depth == DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "depth");
    v->depth++;
    v->dir = dir;
    r = fs_readdir(v->fs, dir, visit_entry, v, err);
    v->dir = above;
    v->depth--;
    return r;
}

static int count_area(void *arg, const struct fs_area *a, struct err *err)
{
    (void)a, (void)err;
    ++*(unsigned *)arg;
    return 0;
}

static int use(struct block *file, unsigned nth, unsigned *entries, unsigned *accesses,
               struct err *err)
{
    static char buf[PIECE];
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct visit v = {.buf = buf};
    struct fs_ident id;
    atomic_uint count = 0;
    int r = block_fault_open(&dev, file, nth, &count, err);

    if (r == 0)
        r = fs_identify(&id, dev, err);
    if (r == 0)
        r = fs_open(&fs, &id, dev, err);
    if (r == 0) {
        v.fs = fs;
        r = visit_dir(&v, fs->root, err);
        if (r == 0)
            r = fs_usage(fs, count_area, &v.entries, err);
    }
    *entries = v.entries;
    *accesses = count;
    return r;
}

static int loop(const char *path)
{
    AUTO(closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    AUTO(block_unrefp) struct block *file = NULL;
    struct err err = {0};
    unsigned all, entries, accesses, total;

    if (fd < 0 || block_file_open(&file, fd, &err) < 0) {
        perror(path);
        return 1;
    }
    fd = -1;
    if (use(file, 0, &all, &total, &err) < 0 || all < 10) {
        fprintf(stderr, "%s: %u entries, %s\n", path, all, err.msg);
        return 1;
    }
    for (unsigned nth = 1; nth <= total; nth++) {
        int r;

        err_clear(&err);
        r = use(file, nth, &entries, &accesses, &err);
        if (r != -ERR_IO || err.code != ERR_IO || !strstr(err.msg, "injected fault")) {
            fprintf(stderr, "%s: access %u of %u failed, and was told as %d %s\n", path,
                    nth, total, r, err.msg);
            return 1;
        }
    }
    err_clear(&err);
    if (use(file, total + 1, &entries, &accesses, &err) < 0 || entries != all) {
        fprintf(stderr, "%s: %s\n", path, err.msg);
        return 1;
    }
    printf("%s: %u entries, %u accesses\n", path, all, total);
    return 0;
}

int main(int argc, char **argv)
{
    int bad = argc < 2;

    for (int i = 1; i < argc; i++)
        bad |= loop(argv[i]);
    return bad;
}
