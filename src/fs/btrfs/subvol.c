/* SPDX-License-Identifier: GPL-2.0-or-later */
/* subvol.c: the root tree: which subvolumes there are, and which one is the default */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"

enum {
    ROOT_ITEMS_MAX = 1 << 21, /* items of the root tree that are looked at */
    DIRS_UP_MAX = 256,        /* directories above a subvolume */
    INODE_REF = 12,
    INODE_REF_SIZE = 10, /* without the name */
};

void btrfs_roots_fini(struct btrfs_roots *r)
{
    for (size_t i = 0; i < r->n; i++)
        free(r->v[i].name);
    free(r->v);
    *r = (struct btrfs_roots){0};
}

const struct btrfs_root *btrfs_root_find(const struct btrfs *b, uint64_t id)
{
    size_t lo = 0, hi = b->roots.n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (b->roots.v[mid].id == id)
            return &b->roots.v[mid];
        if (b->roots.v[mid].id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return NULL;
}

int btrfs_ino_split(const struct btrfs_root **root, uint64_t *objectid,
                    const struct btrfs *b, uint64_t ino, struct err *err)
{
    uint64_t index = ino >> BTRFS_INO_BITS;

    if (index >= b->roots.n)
        return FAIL(err, ERR_NOTFOUND, "inode %" PRIu64 ": no such subvolume", ino);
    *root = &b->roots.v[index];
    *objectid = ino & ((UINT64_C(1) << BTRFS_INO_BITS) - 1);
    return 0;
}

static bool is_subvolume(uint64_t id)
{
    return id == BTRFS_TOP_LEVEL || (id >= BTRFS_FIRST_FREE && id < BTRFS_LAST_FREE);
}

/* An inode 160, generation 8, directory 8, address 8, then at 216 the references and at
 * 238 the level.  No references: it is being deleted. */
static int add_root(struct btrfs *b, uint64_t id, struct bytes item, struct err *err)
{
    struct btrfs_roots *roots = &b->roots;
    struct btrfs_root root = {.id = id};

    if (item.n < BTRFS_ROOT_SIZE)
        return FAIL(err, ERR_CORRUPT, "subvolume %" PRIu64 ": item of %zu bytes", id,
                    item.n);
    if (load_le32(item.p + 216) == 0)
        return 0;
    root.generation = load_le64(item.p + 160);
    root.at = load_le64(item.p + 176);
    root.level = item.p[238];
    if (root.level >= BTRFS_LEVELS)
        return FAIL(err, ERR_CORRUPT, "subvolume %" PRIu64 ": tree of %u levels", id,
                    root.level);
    if (roots->n && roots->v[roots->n - 1].id >= id)
        return FAIL(err, ERR_CORRUPT, "subvolume %" PRIu64 " is there twice", id);
    if (roots->n == BTRFS_SUBVOLUMES_MAX)
        return FAIL(err, ERR_LIMIT, "more than %d subvolumes", BTRFS_SUBVOLUMES_MAX);
    if (roots->n == roots->cap) {
        size_t cap = roots->cap ? 2 * roots->cap : 8;
        struct btrfs_root *v = realloc(roots->v, cap * sizeof *v);

        if (!v)
            return FAIL(err, ERR_NOMEM, "subvolumes");
        roots->v = v;
        roots->cap = cap;
    }
    roots->v[roots->n++] = root;
    return 0;
}

/* Where the subvolume appears: directory 8, sequence 8, length of the name 2, name. */
static int add_place(struct btrfs *b, const struct btrfs_key *key, struct bytes item,
                     struct err *err)
{
    struct btrfs_root *root = b->roots.n ? &b->roots.v[b->roots.n - 1] : NULL;
    size_t n;

    if (!root || root->id != key->objectid || root->name)
        return 0;
    if (item.n < BTRFS_ROOT_REF_SIZE)
        return FAIL(err, ERR_CORRUPT, "subvolume %" PRIu64 ": reference of %zu bytes",
                    root->id, item.n);
    n = load_le16(item.p + 16);
    if (n == 0 || n > FS_NAME_MAX || n > item.n - BTRFS_ROOT_REF_SIZE)
        return FAIL(err, ERR_CORRUPT, "subvolume %" PRIu64 ": name of %zu bytes",
                    root->id, n);
    root->name = malloc(n);
    if (!root->name)
        return FAIL(err, ERR_NOMEM, "subvolumes");
    memcpy(root->name, item.p + BTRFS_ROOT_REF_SIZE, n);
    root->name_n = n;
    root->parent = key->offset;
    root->dir = load_le64(item.p);
    return 0;
}

static int load_all(struct btrfs *b, const struct btrfs_root *tree, struct err *err)
{
    const struct btrfs_key first = {BTRFS_TOP_LEVEL, BTRFS_ROOT_ITEM, 0};
    AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(b, tree);
    int r = btrfs_seek_from(&p, &first, err);

    for (unsigned n = 0; r == 1; n++) {
        if (n == ROOT_ITEMS_MAX)
            return FAIL(err, ERR_LIMIT, "more than %d items", ROOT_ITEMS_MAX);
        if (p.key.type == BTRFS_ROOT_ITEM && is_subvolume(p.key.objectid))
            r = add_root(b, p.key.objectid, p.item, err);
        else if (p.key.type == BTRFS_ROOT_BACKREF)
            r = add_place(b, &p.key, p.item, err);
        if (r >= 0)
            r = btrfs_next(&p, err);
    }
    return r;
}

/* The entry "default" of a directory that is in the root tree itself.  An old filesystem
 * has none, or one for the top level. */
static int find_default(struct btrfs *b, const struct btrfs_root *tree, struct err *err)
{
    static const char name[] = "default";
    AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(b, tree);
    const struct btrfs_root *root;
    struct btrfs_entry e;
    int r = btrfs_entry_find(&e, &p, b->super.root_dir, BTRFS_DIR_ITEM, name,
                             strlen(name), err);

    if (r < 0)
        return r;
    root = btrfs_root_find(b, r == 1 ? e.location.objectid : BTRFS_TOP_LEVEL);
    if (!root || (r == 1 && e.location.type != BTRFS_ROOT_ITEM))
        return FAIL(err, ERR_CORRUPT, "the default subvolume %" PRIu64 " does not exist",
                    r == 1 ? e.location.objectid : BTRFS_TOP_LEVEL);
    b->roots.chosen = (size_t)(root - b->roots.v);
    return 0;
}

int btrfs_roots_load(struct btrfs *b, struct err *err)
{
    const struct btrfs_root tree = {
        .id = BTRFS_ROOT_TREE,
        .at = b->super.root,
        .generation = b->super.generation,
        .level = b->super.root_level,
    };
    int r = load_all(b, &tree, err);

    return r < 0 ? r : find_default(b, &tree, err);
}

/* ---- paths of subvolumes, from the end to the front */

struct path {
    char *text; /* FS_SUBVOLUME_PATH_MAX bytes */
    size_t at;  /* where it begins; the NUL is the last byte */
};

/* False when it gets too long. */
static bool put_front(struct path *p, const void *name, size_t n)
{
    bool slash = p->text[p->at] != '\0';

    if (n + slash > p->at || memchr(name, 0, n))
        return false;
    if (slash)
        p->text[--p->at] = '/';
    p->at -= n;
    memcpy(p->text + p->at, name, n);
    return true;
}

/* The directories between a subvolume's place and the root of the one above.  1; 0: too
 * long or damaged, so there is no path. */
static int put_dirs(struct path *path, struct btrfs *b, const struct btrfs_root *above,
                    uint64_t dir, struct err *err)
{
    for (unsigned i = 0; dir != BTRFS_FIRST_FREE; i++) {
        AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(b, above);
        const struct btrfs_key key = {dir, INODE_REF, 0};
        size_t n;
        int r = btrfs_seek_from(&p, &key, err);

        if (r < 0)
            return r;
        if (r == 0 || i == DIRS_UP_MAX || p.key.objectid != dir ||
            p.key.type != INODE_REF || p.item.n < INODE_REF_SIZE)
            return 0;
        n = load_le16(p.item.p + 8);
        if (n > p.item.n - INODE_REF_SIZE ||
            !put_front(path, p.item.p + INODE_REF_SIZE, n))
            return 0;
        dir = p.key.offset;
    }
    return 1;
}

/* "" for the top level, and for what has no place in it. */
static int path_of(char ret[FS_SUBVOLUME_PATH_MAX], struct btrfs *b,
                   const struct btrfs_root *root, struct err *err)
{
    char text[FS_SUBVOLUME_PATH_MAX] = "";
    struct path path = {text, sizeof text - 1};
    int r = 1;

    ret[0] = '\0';
    for (unsigned i = 0; root && root->id != BTRFS_TOP_LEVEL && r == 1; i++) {
        const struct btrfs_root *above =
            root->name ? btrfs_root_find(b, root->parent) : NULL;

        if (!above || i == DIRS_UP_MAX || !put_front(&path, root->name, root->name_n))
            return 0;
        r = put_dirs(&path, b, above, root->dir, err);
        root = above;
    }
    if (r == 1)
        memcpy(ret, text + path.at, sizeof text - path.at);
    return r < 0 ? r : 0;
}

int btrfs_subvolumes(struct fs *fs,
                     int (*fn)(void *arg, const struct fs_subvolume *s, struct err *err),
                     void *arg, struct err *err)
{
    struct btrfs *b = btrfs_of(fs);
    int r = 0;

    for (size_t i = 0; i < b->roots.n && r == 0; i++) {
        struct fs_subvolume s = {.id = b->roots.v[i].id,
                                 .is_default = i == b->roots.chosen};

        r = path_of(s.path, b, &b->roots.v[i], err);
        if (r == 0)
            r = fn(arg, &s, err);
    }
    return r;
}

int btrfs_subvolume_open(struct fs **ret, struct fs *fs, uint64_t id, struct err *err)
{
    struct btrfs *b = btrfs_of(fs);
    const struct btrfs_root *root = btrfs_root_find(b, id);

    if (!root)
        return FAIL(err, ERR_NOTFOUND, "there is no subvolume %" PRIu64, id);
    return btrfs_fs_new(ret, b, fs->dev, root, err);
}
