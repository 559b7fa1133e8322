/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/view.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"

struct view {
    struct fs fs;
    struct fs *below; /* borrowed */
    const struct fs_view_name *names;
    size_t n;
    struct fs_driver driver; /* with the members that the one below has */
};

static struct view *view_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct view, fs);
}

/* Added names have the highest numbers, which no filesystem gives to a file. */
static uint64_t ino_of(size_t i)
{
    return UINT64_MAX - i;
}

static const struct fs_view_name *added(const struct view *v, uint64_t ino)
{
    return UINT64_MAX - ino < v->n ? &v->names[UINT64_MAX - ino] : NULL;
}

static void fill_stat(struct fs_stat *ret, const struct view *v, size_t i)
{
    const char *target = v->names[i].target;

    *ret = (struct fs_stat){
        .ino = ino_of(i),
        .type = target ? FS_SYMLINK : FS_DIR,
        .mode = target ? 0120777 : 040755,
        .size = target ? strlen(target) : 0,
    };
}

static void view_info(struct fs *fs, struct fs_info *ret)
{
    fs_info(view_of(fs)->below, ret);
}

static int view_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
                       size_t n, struct err *err)
{
    const struct view *v = view_of(fs);
    int r = added(v, dir) ? 0 : fs_lookup(ret, v->below, dir, name, n, err);

    for (size_t i = 0; r == 0 && dir == fs->root && i < v->n; i++)
        if (strlen(v->names[i].name) == n && memcmp(v->names[i].name, name, n) == 0) {
            fill_stat(ret, v, i);
            return 1;
        }
    return r;
}

static int view_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    const struct view *v = view_of(fs);

    if (!added(v, ino))
        return fs_stat(ret, v->below, ino, err);
    fill_stat(ret, v, UINT64_MAX - ino);
    return 0;
}

static int view_readdir(struct fs *fs, uint64_t dir,
                        int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                        void *arg, struct err *err)
{
    const struct view *v = view_of(fs);
    int r = added(v, dir) ? 0 : fs_readdir(v->below, dir, fn, arg, err);

    for (size_t i = 0; r == 0 && dir == fs->root && i < v->n; i++) {
        struct fs_dirent d = {.ino = ino_of(i), .type_known = true};
        struct fs_stat st;

        d.name_n = strlen(v->names[i].name);
        memcpy(d.name, v->names[i].name, d.name_n);
        r = fs_lookup(&st, v->below, dir, d.name, d.name_n, err);
        if (r < 0)
            return r;
        d.type = v->names[i].target ? FS_SYMLINK : FS_DIR;
        r = r == 1 ? 0 : fn(arg, &d, err);
    }
    return r;
}

static int view_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n,
                     uint64_t off, struct err *err)
{
    return fs_read(view_of(fs)->below, node, buf, n, off, err);
}

static int view_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *node,
                         struct err *err)
{
    const struct view *v = view_of(fs);
    const struct fs_view_name *name = added(v, node->ino);

    return name ? buf_puts(ret, name->target, err)
                : fs_readlink(ret, v->below, node, err);
}

static int view_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                          struct err *err)
{
    const struct view *v = view_of(fs);

    return added(v, node->ino) ? 0 : fs_has_xattr(v->below, node, name, err);
}

static void view_close(struct fs *fs)
{
    free(view_of(fs));
}

int fs_view_open(struct fs **ret, struct fs *below, uint64_t folder,
                 const struct fs_view_name *names, struct err *err)
{
    struct view *v = calloc(1, sizeof *v);

    if (!v)
        return FAIL(err, ERR_NOMEM, "view");
    v->below = below;
    v->names = names;
    while (names && names[v->n].name)
        v->n++;
    assert(v->n <= FS_VIEW_NAMES_MAX);
    v->driver = (struct fs_driver){
        .name = below->driver->name,
        .info = view_info,
        .lookup = view_lookup,
        .stat = view_stat,
        .readdir = view_readdir,
        .read = view_read,
        .readlink = view_readlink,
        .has_xattr = below->driver->has_xattr ? view_has_xattr : NULL,
        .close = view_close,
    };
    v->fs.driver = &v->driver;
    v->fs.dev = below->dev;
    v->fs.root = folder;
    *ret = &v->fs;
    return 0;
}
