/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/tree.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

enum { PENDING_MAX = 4 * TREE_PATH_MAX }; /* what is still to be walked, links expanded */

/* Where a walk stands.  The directories above are kept, so ".." needs no entry on disk
 * and leads from a mounted filesystem to the one below it. */
struct walk {
    struct tree *tree;
    struct tree_node at[TREE_DEPTH_MAX];
    unsigned depth; /* index of the current one; 0 is the root */
    unsigned links;
    struct buf pending; /* from `next` on not yet walked */
    size_t next;
};

static void walk_fini(struct walk *w)
{
    buf_fini(&w->pending);
}

void tree_init(struct tree *t, struct fs *root)
{
    *t = (struct tree){.mounts = 1};
    t->mount[0].fs = root;
    t->mount[0].where = "/";
    t->mount[0].root = root->root;
}

static int path_error(struct err *err, const char *path, int r)
{
    char clean[160];

    if (r < 0) {
        text_clean(clean, sizeof clean, bytes_of(path, strlen(path)), sizeof clean - 1);
        err_prefix(err, "%s", clean);
    }
    return r;
}

/* From a directory to the root of what is mounted over it, the last mount first. */
static int cross_mounts(struct tree *t, struct tree_node *node, struct err *err)
{
    for (unsigned i = t->mounts; i-- > 1;) {
        struct fs *fs = t->mount[i].fs;

        if (t->mount[i].above != node->mount || t->mount[i].ino != node->st.ino)
            continue;
        node->mount = i;
        i = t->mounts;
        if (fs_stat(&node->st, fs, t->mount[node->mount].root, err) < 0)
            return -(int)err->code;
    }
    return 0;
}

static int push_root(struct walk *w, struct err *err)
{
    struct fs *root = w->tree->mount[0].fs;

    w->depth = 0;
    w->at[0].mount = 0;
    return fs_stat(&w->at[0].st, root, root->root, err);
}

/* Puts a link's target in front of what is still to be walked. */
static int expand_link(struct walk *w, const struct tree_node *link, struct err *err)
{
    AUTO(buf_fini) struct buf b = {.max = PENDING_MAX};
    int r;

    if (++w->links > TREE_LINKS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d symlinks", TREE_LINKS_MAX);
    r = fs_readlink(&b, w->tree->mount[link->mount].fs, &link->st, err);
    if (r < 0)
        return r;
    if (b.n == 0 || memchr(b.p, 0, b.n))
        return 0; /* no target: leads nowhere */
    if (b.p[0] == '/') {
        r = push_root(w, err);
        if (r < 0)
            return r;
    }
    if (w->next < w->pending.n) {
        r = buf_puts(&b, "/", err);
        if (r == 0)
            r = buf_append(&b, w->pending.p + w->next, w->pending.n - w->next, err);
        if (r < 0)
            return r;
    }
    buf_fini(&w->pending);
    w->pending = b;
    b = (struct buf){0};
    w->next = 0;
    return 1;
}

/* The next component; false at the end. */
static bool next_component(struct walk *w, const char **name, size_t *n)
{
    const char *p = w->pending.p;

    while (w->next < w->pending.n && p[w->next] == '/')
        w->next++;
    *name = p + w->next;
    *n = 0;
    while (w->next < w->pending.n && p[w->next] != '/') {
        w->next++;
        (*n)++;
    }
    return *n != 0;
}

/* 1 moved on, 0 there is no such name. */
static int step(struct walk *w, const char *name, size_t n, bool follow, struct err *err)
{
    struct tree *t = w->tree;
    const struct tree_node *dir = &w->at[w->depth];
    struct tree_node node = {.mount = dir->mount};
    bool last = w->next == w->pending.n;
    int r;

    if (dir->st.type != FS_DIR)
        return 0;
    if (n == 1 && name[0] == '.')
        return 1;
    if (n == 2 && name[0] == '.' && name[1] == '.') {
        if (w->depth)
            w->depth--;
        return 1;
    }
    if (++t->lookups > TREE_LOOKUPS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d names looked up", TREE_LOOKUPS_MAX);
    r = fs_lookup(&node.st, t->mount[dir->mount].fs, dir->st.ino, name, n, err);
    if (r <= 0)
        return r;
    if (node.st.type == FS_SYMLINK && (follow || !last))
        return expand_link(w, &node, err);
    if (node.st.type == FS_DIR && cross_mounts(t, &node, err) < 0)
        return -(int)err->code;
    if (w->depth + 1 == TREE_DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d directories deep", TREE_DEPTH_MAX);
    w->at[++w->depth] = node;
    return 1;
}

static int walk(struct walk *w, const char *path, bool follow, struct err *err)
{
    const char *name;
    size_t n = strlen(path);
    int r;

    if (n >= TREE_PATH_MAX)
        return FAIL(err, ERR_LIMIT, "path of %zu bytes, limit %d", n, TREE_PATH_MAX - 1);
    r = buf_append(&w->pending, path, n, err);
    if (r == 0)
        r = push_root(w, err);
    if (r < 0)
        return r;
    while (next_component(w, &name, &n)) {
        r = step(w, name, n, follow, err);
        if (r <= 0)
            return r;
    }
    /* "file/" names a directory, and there is none. */
    if (w->pending.n && w->pending.p[w->pending.n - 1] == '/')
        return w->at[w->depth].st.type == FS_DIR;
    return 1;
}

static int resolve(struct tree *t, const char *path, bool follow, struct tree_node *ret,
                   struct err *err)
{
    AUTO(walk_fini) struct walk w = {.tree = t, .pending = {.max = PENDING_MAX}};
    int r = walk(&w, path, follow, err);

    if (r > 0)
        *ret = w.at[w.depth];
    return path_error(err, path, r);
}

int tree_find(struct tree *t, const char *path, struct tree_node *ret, struct err *err)
{
    return resolve(t, path, true, ret, err);
}

int tree_lfind(struct tree *t, const char *path, struct tree_node *ret, struct err *err)
{
    return resolve(t, path, false, ret, err);
}

/* 1, or an error: where something can be mounted. */
static int find_place(struct tree_node *ret, struct tree *t, const char *where,
                      struct err *err)
{
    int r = tree_find(t, where, ret, err);

    if (r < 0)
        return r;
    if (r == 0 || ret->st.type != FS_DIR)
        return path_error(err, where, FAIL(err, ERR_NOTFOUND, "no such directory"));
    if (t->mounts == TREE_MOUNTS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d filesystems mounted", TREE_MOUNTS_MAX);
    return 1;
}

static void mount_at(struct tree *t, const char *where, const struct tree_node *place,
                     struct fs *fs, uint64_t root)
{
    t->mount[t->mounts].fs = fs;
    t->mount[t->mounts].where = where;
    t->mount[t->mounts].root = root;
    t->mount[t->mounts].above = place->mount;
    t->mount[t->mounts].ino = place->st.ino;
    t->mounts++;
}

int tree_mount(struct tree *t, const char *where, struct fs *fs, struct err *err)
{
    struct tree_node place;
    int r = find_place(&place, t, where, err);

    if (r < 0)
        return r;
    mount_at(t, where, &place, fs, fs->root);
    return 0;
}

int tree_bind(struct tree *t, const char *where, const char *from, struct err *err)
{
    struct tree_node place, node;
    int r = find_place(&place, t, where, err);

    if (r == 1)
        r = tree_find(t, from, &node, err);
    if (r < 0)
        return r;
    if (r == 0 || node.st.type != FS_DIR)
        return path_error(err, from, FAIL(err, ERR_NOTFOUND, "no such directory"));
    mount_at(t, where, &place, t->mount[node.mount].fs, node.st.ino);
    return 0;
}

static int tree_has(struct tree *t, const char *path, enum fs_node_type type,
                    struct err *err)
{
    struct tree_node node;
    int r = tree_find(t, path, &node, err);

    return r > 0 ? node.st.type == type : r;
}

int tree_has_file(struct tree *t, const char *path, struct err *err)
{
    return tree_has(t, path, FS_REG, err);
}

int tree_has_dir(struct tree *t, const char *path, struct err *err)
{
    return tree_has(t, path, FS_DIR, err);
}

int tree_pread(struct tree *t, const struct tree_node *node, void *buf, size_t n,
               uint64_t off, struct err *err)
{
    return fs_read(t->mount[node->mount].fs, &node->st, buf, n, off, err);
}

int tree_read(struct tree *t, const char *path, struct buf *ret, struct err *err)
{
    struct tree_node node;
    size_t n;
    int r = tree_find(t, path, &node, err);

    assert(ret->max);
    if (r <= 0)
        return r;
    if (node.st.type != FS_REG)
        return 0;
    if (node.st.size > ret->max - ret->n)
        return path_error(err, path,
                          FAIL(err, ERR_LIMIT, "%" PRIu64 " bytes, limit %zu",
                               node.st.size, ret->max - ret->n));
    n = (size_t)node.st.size;
    r = buf_reserve(ret, n, err);
    if (r == 0)
        r = tree_pread(t, &node, ret->p + ret->n, n, 0, err);
    if (r < 0)
        return path_error(err, path, r);
    ret->n += n;
    ret->p[ret->n] = 0;
    return 1;
}

int tree_readlink(struct tree *t, const char *path, struct buf *ret, struct err *err)
{
    struct tree_node node;
    int r = tree_lfind(t, path, &node, err);

    if (r <= 0 || node.st.type != FS_SYMLINK)
        return r < 0 ? r : 0;
    r = fs_readlink(ret, t->mount[node.mount].fs, &node.st, err);
    return r < 0 ? path_error(err, path, r) : 1;
}

struct list {
    struct tree *tree;
    tree_entry_fn *fn;
    void *arg;
};

static int list_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct list *l = arg;

    if (++l->tree->entries > TREE_ENTRIES_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d directory entries", TREE_ENTRIES_MAX);
    return l->fn(l->arg, d, err);
}

int tree_list(struct tree *t, const char *path, tree_entry_fn *fn, void *arg,
              struct err *err)
{
    struct list l = {.tree = t, .fn = fn, .arg = arg};
    struct tree_node node;
    int r = tree_find(t, path, &node, err);

    if (r <= 0 || node.st.type != FS_DIR)
        return r < 0 ? r : 0;
    r = fs_readdir(t->mount[node.mount].fs, node.st.ino, list_entry, &l, err);
    return path_error(err, path, r);
}

struct names {
    struct arena *arena;
    struct tree_names *ret;
    size_t max;
};

static int name_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct names *n = arg;
    const char **slot;

    if (n->ret->names.n == n->max)
        return FAIL(err, ERR_LIMIT, "more than %zu names", n->max);
    slot = LIST_ADD(n->arena, &n->ret->names);
    if (!slot)
        return arena_check(n->arena, err);
    *slot = arena_strn(n->arena, d->name, d->name_n);
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int tree_names(struct tree *t, const char *path, struct arena *a, size_t max,
               struct tree_names *ret, struct err *err)
{
    struct names n = {.arena = a, .ret = ret, .max = max};
    int r;

    *ret = (struct tree_names){0};
    r = tree_list(t, path, name_entry, &n, err);
    if (r == 0 && ret->names.n)
        qsort(ret->names.v, ret->names.n, sizeof *ret->names.v, compare_names);
    return r;
}
