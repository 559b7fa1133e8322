/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "mend/plan.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"

/* Which filesystem of the disk is mounted there? */
static int fs_of(unsigned *ret, const struct mend_plan *p, unsigned mount,
                 struct err *err)
{
    const struct fs *fs = p->g->tree.mount[mount].fs;

    for (unsigned i = 0; i < p->g->fs_n; i++)
        if (p->g->fs[i].fs == fs) {
            *ret = i;
            return 0;
        }
    return FAIL(err, ERR_UNSUPPORTED,
                "the system is put together at its start, and is not written");
}

static int add(struct mend_plan *p, unsigned mount, const char *path,
               const struct mend_do *d, struct err *err)
{
    struct mend_planned *to;
    unsigned fs = 0;
    int r = fs_of(&fs, p, mount, err);

    if (r < 0)
        return r;
    if (p->things.n == MEND_THINGS_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d changes", MEND_THINGS_MAX);
    to = LIST_ADD(p->arena, &p->things);
    if (!to)
        return arena_check(p->arena, err);
    *to = (struct mend_planned){
        .fs = fs,
        .path = arena_text(p->arena, bytes_of(path, strlen(path)), MEND_PATH_MAX),
        .d = *d,
    };
    return 0;
}

/* ---- entries of a folder */

struct listing {
    struct mend_plan *p;
    struct mend_entry entry;
    LIST(struct mend_entry) list;
};

static int list_entry(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct listing *l = arg;
    struct mend_entry *to;

    if (++l->p->names > MEND_NAMES_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d names", MEND_NAMES_MAX);
    if (strlen(d->name) != d->name_n || d->name_n == 0 || strchr(d->name, '/'))
        return FAIL(err, ERR_CORRUPT, "a name that nothing can have");
    to = LIST_ADD(l->p->arena, &l->list);
    if (!to)
        return arena_check(l->p->arena, err);
    *to = l->entry;
    to->name = arena_strn(l->p->arena, d->name, d->name_n);
    to->st.ino = d->ino;
    return 0;
}

static bool is_covered(const struct tree *t, unsigned mount, uint64_t ino)
{
    for (unsigned i = 1; i < t->mounts; i++)
        if (t->mount[i].above == mount && t->mount[i].ino == ino)
            return true;
    return false;
}

int mend_plan_each(struct mend_plan *p, unsigned mount, uint64_t dir, mend_entry_fn *fn,
                   void *arg, struct err *err)
{
    struct fs *fs = p->g->tree.mount[mount].fs;
    struct listing l = {.p = p, .entry = {.mount = mount, .dir = dir}};
    int r = fs_readdir(fs, dir, list_entry, &l, err);

    for (size_t i = 0; i < l.list.n && r >= 0; i++) {
        struct mend_entry *e = &l.list.v[i];

        r = fs_stat(&e->st, fs, e->st.ino, err);
        e->covered = is_covered(&p->g->tree, mount, e->st.ino);
        if (r >= 0)
            r = fn(p, e, arg, err);
    }
    return r;
}

int mend_plan_unlink(struct mend_plan *p, const struct mend_entry *e, struct err *err)
{
    struct mend_do d = {
        .step = e->st.type == FS_DIR ? MEND_RMDIR : MEND_UNLINK,
        .dir = e->dir,
        .ino = e->st.ino,
        .name = e->name,
        .folders = "",
    };

    return add(p, e->mount, e->name, &d, err);
}

int mend_plan_truncate(struct mend_plan *p, const struct mend_entry *e, struct err *err)
{
    struct mend_do d = {.step = MEND_CONTENT, .ino = e->st.ino, .content = {NULL, 0}};

    return e->st.size ? add(p, e->mount, e->name, &d, err) : 0;
}

struct removal {
    unsigned depth;
    bool kept; /* something stays in the folder */
};

static int remove_entry(struct mend_plan *p, const struct mend_entry *e, void *arg,
                        struct err *err)
{
    struct removal *above = arg, below = {.depth = above->depth + 1};
    int r = 0;

    if (e->covered) {
        above->kept = true;
        return 0;
    }
    if (above->depth > MEND_FOLDERS_DEEP)
        return FAIL(err, ERR_LIMIT, "folders more than %d deep", MEND_FOLDERS_DEEP);
    if (e->st.type == FS_DIR)
        r = mend_plan_each(p, e->mount, e->st.ino, remove_entry, &below, err);
    above->kept |= below.kept;
    return r < 0 || below.kept ? r : mend_plan_unlink(p, e, err);
}

int mend_plan_remove_tree(struct mend_plan *p, const struct mend_entry *e, unsigned depth,
                          struct err *err)
{
    struct removal above = {.depth = depth};

    return remove_entry(p, e, &above, err);
}

/* ---- paths */

/* The folder that the name at the end of the path is in.  1 and *ret, *name; 0: it is not
 * there, and *rest is what is missing of it. */
static int find_folder(struct mend_plan *p, struct tree_node *ret, const char **name,
                       const char **rest, const char *path, struct err *err)
{
    const char *slash = strrchr(path, '/');
    const char *folder = arena_strn(p->arena, path, (size_t)(slash - path));
    size_t n = strlen(folder);

    *name = slash + 1;
    *rest = "";
    for (;;) {
        const char *part = arena_strn(p->arena, folder, n);
        int r = tree_find(&p->g->tree, part, ret, err);

        if (r < 0)
            return r;
        if (r && ret->st.type != FS_DIR)
            return FAIL(err, ERR_UNSUPPORTED, "%s is no folder", part);
        if (r)
            break;
        while (n && folder[n - 1] != '/')
            n--;
        n -= n > 0;
    }
    *rest = folder + n + (folder[n] == '/');
    return **rest == '\0';
}

int mend_plan_remove(struct mend_plan *p, const char *path, struct err *err)
{
    struct mend_entry e = {0};
    struct tree_node folder, node;
    const char *rest;
    int r = find_folder(p, &folder, &e.name, &rest, path, err);

    if (r == 1)
        r = tree_lfind(&p->g->tree, path, &node, err);
    if (r <= 0 || node.st.type == FS_DIR)
        return r < 0 ? r : 0;
    e.mount = folder.mount;
    e.dir = folder.st.ino;
    e.st = node.st;
    return mend_plan_unlink(p, &e, err);
}

struct emptying {
    const char *keep;
};

static int empty_entry(struct mend_plan *p, const struct mend_entry *e, void *arg,
                       struct err *err)
{
    const struct emptying *m = arg;

    if (m->keep && strcmp(m->keep, e->name) == 0)
        return 0;
    return mend_plan_remove_tree(p, e, 1, err);
}

int mend_plan_empty(struct mend_plan *p, const char *path, const char *keep,
                    struct err *err)
{
    struct emptying m = {keep};
    struct tree_node node;
    int r = tree_find(&p->g->tree, path, &node, err);

    if (r <= 0 || node.st.type != FS_DIR)
        return r < 0 ? r : 0;
    return mend_plan_each(p, node.mount, node.st.ino, empty_entry, &m, err);
}

int mend_plan_content(struct mend_plan *p, const char *path, struct bytes content,
                      struct err *err)
{
    struct mend_do d = {.step = MEND_CONTENT, .content = content};
    struct tree_node node;
    int r = tree_find(&p->g->tree, path, &node, err);

    if (r <= 0 || node.st.type != FS_REG)
        return r < 0 ? r : 0;
    d.ino = node.st.ino;
    return add(p, node.mount, path, &d, err);
}

/* What is not there as a folder may be there as a link, to what only the guest has when
 * it runs, or to nothing.  Nothing can be put beneath that. */
static int check_way(struct mend_plan *p, const struct tree_node *folder,
                     const struct mend_do *d, const char *path, struct err *err)
{
    size_t n = strcspn(d->folders, "/");
    size_t behind = strlen(d->folders) - n + 1 + strlen(d->name);
    struct fs_stat st;
    int r = fs_lookup(&st, p->g->tree.mount[folder->mount].fs, folder->st.ino, d->folders,
                      n, err);

    if (r == 1)
        return FAIL(err, ERR_UNSUPPORTED,
                    "%.*s is a link that leads to nothing on this disk",
                    (int)(strlen(path) - behind), path);
    return r;
}

static int plan_write(struct mend_plan *p, const struct mend_edit *e, struct err *err)
{
    struct mend_do d = {
        .step = MEND_PUT,
        .content = e->content,
        .mode = e->mode,
    };
    struct tree_node folder, node;
    int r = find_folder(p, &folder, &d.name, &d.folders, e->path, err);

    if (r == 1)
        r = tree_lfind(&p->g->tree, e->path, &node, err);
    else if (r == 0)
        r = check_way(p, &folder, &d, e->path, err);
    if (r < 0)
        return r;
    if (r && node.st.type == FS_SYMLINK)
        r = mend_plan_remove(p, e->path, err);
    else if (r && (node.st.type != FS_REG || node.mount != folder.mount))
        return FAIL(err, ERR_UNSUPPORTED, "%s is no regular file", e->path);
    if (r < 0)
        return r;
    if (strlen(d.name) > FS_NAME_MAX)
        return FAIL(err, ERR_UNSUPPORTED, "%s: the name is too long", e->path);
    d.dir = folder.st.ino;
    return add(p, folder.mount, e->path, &d, err);
}

int mend_plan_edit(struct mend_plan *p, const struct mend_edit *e, struct err *err)
{
    if (e->system != MEND_ANY && (e->system == MEND_WINDOWS) != p->g->windows)
        return 0;
    switch (e->op) {
    case MEND_WRITE:
        return plan_write(p, e, err);
    case MEND_REMOVE:
        return mend_plan_remove(p, e->path, err);
    case MEND_EMPTY:
        return mend_plan_empty(p, e->path, NULL, err);
    }
    return 0;
}
