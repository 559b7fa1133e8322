/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/guest_test_fs.h"

#include <assert.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

struct node {
    const struct test_file *file; /* NULL: a folder that came by itself */
    const char *name;             /* within file->path of itself or of a node below */
    size_t name_n;
    size_t above; /* index; the root is its own */
    enum fs_node_type type;
};

struct test_fs {
    struct fs fs;
    struct fs_info info;
    const struct test_subvolume *subvolumes; /* NULL: none */
    struct node *nodes;                      /* inode is the index plus one */
    size_t n, cap;
};

static struct test_fs *test_fs_of(struct fs *fs)
{
    return CONTAINER_OF(fs, struct test_fs, fs);
}

static struct node *node_of(struct fs *fs, uint64_t ino)
{
    struct test_fs *t = test_fs_of(fs);

    return ino >= 1 && ino <= t->n ? &t->nodes[ino - 1] : NULL;
}

static const char *link_of(const struct test_file *f)
{
    return f->text && strncmp(f->text, "-> ", 3) == 0 ? f->text + 3 : NULL;
}

static struct bytes content(const struct test_file *f)
{
    return f->text ? bytes_of(f->text, strlen(f->text)) : bytes_of(f->data, f->n);
}

static void fill_stat(struct fs_stat *ret, struct test_fs *t, size_t i)
{
    const struct node *n = &t->nodes[i];
    const struct test_file *f = n->file;
    uint32_t mode = f && f->mode ? f->mode : n->type == FS_DIR ? 0755 : 0644;

    *ret = (struct fs_stat){.ino = i + 1, .type = n->type};
    ret->mode = mode | (n->type == FS_DIR       ? (uint32_t)S_IFDIR
                        : n->type == FS_SYMLINK ? (uint32_t)S_IFLNK
                                                : (uint32_t)S_IFREG);
    if (!f)
        return;
    ret->flags = f->flags;
    ret->mtime = f->mtime;
    if (n->type == FS_SYMLINK)
        ret->size = strlen(link_of(f));
    else if (n->type == FS_REG)
        ret->size = max_u64(f->size, content(f).n);
}

static int find_child(struct test_fs *t, size_t dir, const char *name, size_t n)
{
    for (size_t i = 1; i < t->n; i++)
        if (t->nodes[i].above == dir && t->nodes[i].name_n == n &&
            memcmp(t->nodes[i].name, name, n) == 0)
            return (int)i;
    return -1;
}

static int injected(const struct node *n, struct err *err)
{
    if (n->file && n->file->fail)
        return FAIL(err, n->file->fail, "injected fault");
    return 0;
}

static int test_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
                       size_t n, struct err *err)
{
    struct test_fs *t = test_fs_of(fs);
    const struct node *d = node_of(fs, dir);
    int i;

    if (!d || d->type != FS_DIR)
        return FAIL(err, ERR_CORRUPT, "test: not a directory");
    i = injected(d, err);
    if (i < 0)
        return i;
    i = find_child(t, dir - 1, name, n);
    if (i < 0)
        return 0;
    fill_stat(ret, t, (size_t)i);
    return 1;
}

static int test_stat(struct fs_stat *ret, struct fs *fs, uint64_t ino, struct err *err)
{
    if (!node_of(fs, ino))
        return FAIL(err, ERR_CORRUPT, "test: no such inode");
    fill_stat(ret, test_fs_of(fs), ino - 1);
    return 0;
}

static int test_readdir(struct fs *fs, uint64_t dir,
                        int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                        void *arg, struct err *err)
{
    struct test_fs *t = test_fs_of(fs);
    const struct node *d = node_of(fs, dir);
    int r;

    if (!d || d->type != FS_DIR)
        return FAIL(err, ERR_CORRUPT, "test: not a directory");
    r = injected(d, err);
    for (size_t i = 1; i < t->n && r == 0; i++) {
        const struct node *n = &t->nodes[i];
        struct fs_dirent e = {.ino = i + 1, .type = n->type, .type_known = true};

        if (n->above != dir - 1)
            continue;
        e.name_n = n->name_n;
        memcpy(e.name, n->name, n->name_n);
        r = fn(arg, &e, err);
    }
    return r;
}

static int test_read(struct fs *fs, const struct fs_stat *st, void *buf, size_t n,
                     uint64_t off, struct err *err)
{
    const struct node *node = node_of(fs, st->ino);
    struct bytes b;
    size_t have;
    int r;

    if (!node || node->type != FS_REG)
        return FAIL(err, ERR_CORRUPT, "test: not a file");
    r = injected(node, err);
    if (r < 0)
        return r;
    b = content(node->file);
    have = off < b.n ? min_size(n, b.n - (size_t)off) : 0;
    if (have)
        memcpy(buf, b.p + off, have);
    memset((char *)buf + have, 0, n - have);
    return 0;
}

static int test_readlink(struct buf *ret, struct fs *fs, const struct fs_stat *st,
                         struct err *err)
{
    const struct node *node = node_of(fs, st->ino);
    int r;

    if (!node || node->type != FS_SYMLINK)
        return FAIL(err, ERR_CORRUPT, "test: not a symlink");
    r = injected(node, err);
    return r < 0 ? r : buf_puts(ret, link_of(node->file), err);
}

static int test_has_xattr(struct fs *fs, const struct fs_stat *st, const char *name,
                          struct err *err)
{
    const struct node *node = node_of(fs, st->ino);

    if (!node)
        return FAIL(err, ERR_CORRUPT, "test: no such inode");
    return node->file && node->file->xattr && strcmp(node->file->xattr, name) == 0;
}

static void test_info(struct fs *fs, struct fs_info *ret)
{
    *ret = test_fs_of(fs)->info;
}

static void test_close(struct fs *fs)
{
    struct test_fs *t = test_fs_of(fs);

    free(t->nodes);
    free(t);
}

static int test_subvolumes(struct fs *fs,
                           int (*fn)(void *arg, const struct fs_subvolume *s,
                                     struct err *err),
                           void *arg, struct err *err)
{
    const struct test_subvolume *v = test_fs_of(fs)->subvolumes;
    int r = 0;

    for (; v && v->id && r == 0; v++) {
        struct fs_subvolume s = {.id = v->id, .is_default = v->is_default};

        snprintf(s.path, sizeof s.path, "%s", v->path);
        r = fn(arg, &s, err);
    }
    return r;
}

static int test_subvolume_open(struct fs **ret, struct fs *fs, uint64_t id,
                               struct err *err)
{
    const struct test_subvolume *v = test_fs_of(fs)->subvolumes;
    int r;

    while (v && v->id && v->id != id)
        v++;
    if (!v || !v->id)
        return FAIL(err, ERR_NOTFOUND, "no such subvolume");
    r = test_fs_open(ret, v->files, err);
    if (r == 0)
        test_fs_of(*ret)->subvolumes = test_fs_of(fs)->subvolumes;
    return r;
}

static const struct fs_driver test_driver = {
    .name = "test",
    .info = test_info,
    .lookup = test_lookup,
    .stat = test_stat,
    .readdir = test_readdir,
    .read = test_read,
    .readlink = test_readlink,
    .has_xattr = test_has_xattr,
    .subvolumes = test_subvolumes,
    .subvolume_open = test_subvolume_open,
    .close = test_close,
};

static struct node *add_node(struct test_fs *t)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 64;
        struct node *more = realloc(t->nodes, cap * sizeof *more);

        if (!more)
            return NULL;
        t->nodes = more;
        t->cap = cap;
    }
    t->nodes[t->n] = (struct node){0};
    return &t->nodes[t->n++];
}

static int add_file(struct test_fs *t, const struct test_file *f, struct err *err)
{
    const char *p = f->path;
    size_t dir = 0;

    while (*p == '/')
        p++;
    while (*p) {
        size_t n = strcspn(p, "/");
        bool last = p[n] == 0 || p[n + 1] == 0;
        int i = find_child(t, dir, p, n);

        if (i < 0) {
            struct node *node = add_node(t);

            if (!node)
                return FAIL(err, ERR_NOMEM, "test filesystem");
            *node = (struct node){NULL, p, n, dir, FS_DIR};
            i = (int)t->n - 1;
        }
        if (last) {
            t->nodes[i].file = f;
            t->nodes[i].type = p[n] == '/' ? FS_DIR : link_of(f) ? FS_SYMLINK : FS_REG;
        }
        dir = (size_t)i;
        p += n;
        while (*p == '/')
            p++;
    }
    return 0;
}

int test_fs_open(struct fs **ret, const struct test_file *files, struct err *err)
{
    struct test_fs *t = calloc(1, sizeof *t);
    int r = 0;

    if (!t || !add_node(t)) {
        free(t);
        return FAIL(err, ERR_NOMEM, "test filesystem");
    }
    t->nodes[0].type = FS_DIR;
    t->fs.driver = &test_driver;
    t->fs.root = 1;
    t->info.ident.type = FS_EXT4;
    t->info.clean = true;
    t->info.block_size = 4096;
    for (const struct test_file *f = files; f && f->path && r == 0; f++)
        r = add_file(t, f, err);
    if (r < 0) {
        test_close(&t->fs);
        return r;
    }
    *ret = &t->fs;
    return 0;
}

void test_fs_set_subvolumes(struct fs *fs, const struct test_subvolume *subvolumes)
{
    test_fs_of(fs)->subvolumes = subvolumes;
}

struct fs_info *test_fs_info(struct fs *fs)
{
    return &test_fs_of(fs)->info;
}

struct guest_fs *test_guest_add(struct test_guest *t, const struct test_file *files,
                                const char *device, const char *uuid, const char *label)
{
    struct guest_fs *gfs = &t->fs[t->guest.fs_n];
    struct fs_info *info;
    struct err err = {0};
    int r;

    assert(t->guest.fs_n < TEST_GUEST_FS_MAX);
    r = test_fs_open(&gfs->fs, files, &err);
    assert(r == 0);
    (void)r;
    info = test_fs_info(gfs->fs);
    snprintf(info->ident.uuid, sizeof info->ident.uuid, "%s", uuid);
    snprintf(info->ident.label, sizeof info->ident.label, "%s", label);
    gfs->ident = info->ident;
    gfs->device = device;
    t->guest.fs_n++;
    return gfs;
}

void test_guest_init(struct test_guest *t, const struct test_file *root)
{
    *t = (struct test_guest){0};
    facts_init(&t->facts);
    t->guest.facts = &t->facts;
    t->guest.arena = &t->arena;
    t->guest.fs = t->fs;
    t->guest.fs_max = TEST_GUEST_FS_MAX;
    t->guest.root = test_guest_add(t, root, "partition 1",
                                   "11111111-2222-3333-4444-555555555555", "root");
    tree_init(&t->guest.tree, t->guest.root->fs);
}

void test_guest_fini(struct test_guest *t)
{
    for (unsigned i = 0; i < t->guest.fs_n; i++)
        fs_close(t->guest.fs[i].fs);
    arena_fini(&t->arena);
}
