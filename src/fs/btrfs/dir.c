/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dir.c: directories and extended attributes
 *
 * A name is stored twice: under the hash of the name (DIR_ITEM, several in one item when
 * hashes collide), for lookups, and under a running number (DIR_INDEX), for lists. */
#include <inttypes.h>
#include <string.h>

#include "base/crc.h"
#include "fs/btrfs/btrfs.h"

/* CRC-32C that begins with ~1 and is not inverted at the end. */
uint64_t btrfs_name_hash(const void *name, size_t n)
{
    return ~crc32c(1, name, n);
}

/* Key 17, transaction 8, length of data 2, of the name 2, type 1, name, data. */
int btrfs_entry_next(struct btrfs_entry *ret, struct cursor *c, struct err *err)
{
    const uint8_t *p;
    struct btrfs_entry e;
    size_t data_n;

    if (cursor_left(c) == 0)
        return 0;
    p = cursor_take(c, BTRFS_DIR_ITEM_SIZE);
    if (!p)
        return FAIL(err, ERR_CORRUPT, "an entry that is cut off");
    e.location = btrfs_key_load(p);
    data_n = load_le16(p + 25);
    e.name_n = load_le16(p + 27);
    e.type = p[29];
    e.name = cursor_take(c, e.name_n);
    cursor_skip(c, data_n);
    if (c->bad || e.name_n == 0 || e.name_n > FS_NAME_MAX)
        return FAIL(err, ERR_CORRUPT, "an entry with a name of %zu bytes", e.name_n);
    *ret = e;
    return 1;
}

int btrfs_entry_find(struct btrfs_entry *ret, struct btrfs_path *p, uint64_t dir,
                     enum btrfs_type type, const void *name, size_t n, struct err *err)
{
    const struct btrfs_key key = {dir, (uint8_t)type, btrfs_name_hash(name, n)};
    struct btrfs_entry e;
    struct cursor c;
    int r = btrfs_find(p, &key, err);

    if (r <= 0)
        return r;
    c = cursor(p->item);
    while ((r = btrfs_entry_next(&e, &c, err)) == 1)
        if (e.name_n == n && memcmp(e.name, name, n) == 0) {
            *ret = e;
            return 1;
        }
    if (r < 0)
        err_prefix(err, "inode %" PRIu64, dir);
    return r;
}

/* A subvolume is entered where the root tree says it belongs.  A snapshot keeps the
 * entries of the subvolumes that were in the original, and Linux shows empty directories
 * for them. */
static int entry_ino(uint64_t *ret, const struct btrfs *b, const struct btrfs_root *root,
                     uint64_t dir, const struct btrfs_entry *e, struct err *err)
{
    const struct btrfs_root *sub;

    if (e->location.type == BTRFS_ROOT_ITEM) {
        sub = btrfs_root_find(b, e->location.objectid);
        if (sub && sub->name && sub->parent == root->id && sub->dir == dir &&
            sub->name_n == e->name_n && memcmp(sub->name, e->name, e->name_n) == 0)
            *ret = btrfs_ino(b, sub, BTRFS_FIRST_FREE);
        else
            *ret = btrfs_ino(b, root, BTRFS_EMPTY_DIR);
        return 0;
    }
    if (e->location.type != BTRFS_INODE_ITEM || e->location.objectid < BTRFS_FIRST_FREE)
        return FAIL(err, ERR_CORRUPT,
                    "inode %" PRIu64 ": an entry that leads to an item of type %u", dir,
                    e->location.type);
    if (e->location.objectid >> BTRFS_INO_BITS)
        return FAIL(err, ERR_LIMIT, "inode %" PRIu64 ": more than %d bits",
                    e->location.objectid, BTRFS_INO_BITS);
    *ret = btrfs_ino(b, root, e->location.objectid);
    return 0;
}

int btrfs_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
                 size_t n, struct err *err)
{
    AUTO(btrfs_path_fini) struct btrfs_path p = {0};
    struct btrfs *b = btrfs_of(fs);
    const struct btrfs_root *root;
    struct btrfs_entry e;
    uint64_t objectid, ino;
    int r = btrfs_ino_split(&root, &objectid, b, dir, err);

    if (r < 0)
        return r;
    p = btrfs_path(b, root);
    r = btrfs_entry_find(&e, &p, objectid, BTRFS_DIR_ITEM, name, n, err);
    if (r <= 0)
        return r;
    r = entry_ino(&ino, b, root, objectid, &e, err);
    if (r == 0)
        r = btrfs_stat(ret, fs, ino, err);
    return r < 0 ? r : 1;
}

static void set_type(struct fs_dirent *d, uint8_t type)
{
    static const struct {
        bool known;
        enum fs_node_type type;
    } rows[] = {
        [1] = {true, FS_REG},     [2] = {true, FS_DIR},   [3] = {true, FS_OTHER},
        [4] = {true, FS_OTHER},   [5] = {true, FS_OTHER}, [6] = {true, FS_OTHER},
        [7] = {true, FS_SYMLINK},
    };

    d->type_known = type < ARRAY_SIZE(rows) && rows[type].known;
    d->type = d->type_known ? rows[type].type : FS_OTHER;
}

static int list_entry(struct btrfs *b, const struct btrfs_root *root, uint64_t dir,
                      const struct btrfs_entry *e,
                      int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                      void *arg, struct err *err)
{
    struct fs_dirent d = {.name_n = e->name_n};
    int r = entry_ino(&d.ino, b, root, dir, e, err);

    if (r < 0)
        return r;
    if (memchr(e->name, 0, e->name_n) || memchr(e->name, '/', e->name_n))
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": a name that cannot be", dir);
    memcpy(d.name, e->name, e->name_n);
    if (strcmp(d.name, ".") == 0 || strcmp(d.name, "..") == 0)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": a name that cannot be", dir);
    set_type(&d, e->type);
    return fn(arg, &d, err);
}

int btrfs_readdir(struct fs *fs, uint64_t dir,
                  int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                  void *arg, struct err *err)
{
    AUTO(btrfs_path_fini) struct btrfs_path p = {0};
    struct btrfs *b = btrfs_of(fs);
    const struct btrfs_root *root;
    struct btrfs_key first = {.type = BTRFS_DIR_INDEX};
    struct btrfs_entry e;
    int r = btrfs_ino_split(&root, &first.objectid, b, dir, err);

    if (r < 0)
        return r;
    p = btrfs_path(b, root);
    r = btrfs_seek_from(&p, &first, err);
    while (r == 1 && p.key.objectid == first.objectid && p.key.type == BTRFS_DIR_INDEX) {
        struct cursor c = cursor(p.item);

        while ((r = btrfs_entry_next(&e, &c, err)) == 1) {
            r = list_entry(b, root, first.objectid, &e, fn, arg, err);
            if (r != 0)
                return r;
        }
        if (r == 0)
            r = btrfs_next(&p, err);
    }
    return r < 0 ? r : 0;
}

int btrfs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                    struct err *err)
{
    AUTO(btrfs_path_fini) struct btrfs_path p = {0};
    struct btrfs *b = btrfs_of(fs);
    const struct btrfs_root *root;
    struct btrfs_entry e;
    uint64_t objectid;
    int r = btrfs_ino_split(&root, &objectid, b, node->ino, err);

    if (r < 0)
        return r;
    p = btrfs_path(b, root);
    return btrfs_entry_find(&e, &p, objectid, BTRFS_XATTR_ITEM, name, strlen(name), err);
}
