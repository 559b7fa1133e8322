/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xattr.c: names of extended attributes, in the inode or in a chain of leaf blocks */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/xfs/xfs.h"

enum {
    IN_LEAF = 1 << 0, /* the value lies beside the name */
    TRUSTED = 1 << 1,
    SECURITY = 1 << 2,
    PARENT = 1 << 3,
    UNFINISHED = 1 << 7,
    NAMESPACES = TRUSTED | SECURITY | PARENT,
};

struct wanted {
    unsigned space;
    const char *name; /* without the namespace */
    size_t n;
};

static bool split(struct wanted *ret, const char *name)
{
    static const struct {
        const char *prefix;
        unsigned space;
    } rows[] = {{"user.", 0}, {"trusted.", TRUSTED}, {"security.", SECURITY}};

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        size_t n = strlen(rows[i].prefix);

        if (strncmp(name, rows[i].prefix, n) == 0) {
            *ret = (struct wanted){rows[i].space, name + n, strlen(name + n)};
            return true;
        }
    }
    return false;
}

static bool is_it(const struct wanted *w, unsigned flags, const uint8_t *name, size_t n)
{
    return (flags & NAMESPACES) == w->space && !(flags & UNFINISHED) && n == w->n &&
           memcmp(name, w->name, n) == 0;
}

static int corrupt(uint64_t ino, struct err *err)
{
    return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": attributes", ino);
}

/* Size 2, count 1, unused 1; entries: length of name 1, of value 1, flags 1. */
static int find_local(const struct xfs_inode *i, const struct wanted *w, struct err *err)
{
    struct cursor c = cursor(i->attr.b);
    unsigned count;

    cursor_skip(&c, 2);
    count = cursor_u8(&c);
    cursor_skip(&c, 1);
    for (unsigned k = 0; k < count && !c.bad; k++) {
        uint8_t n = cursor_u8(&c), value = cursor_u8(&c), flags = cursor_u8(&c);
        const uint8_t *name = cursor_take(&c, n);

        cursor_skip(&c, value);
        if (!c.bad && is_it(w, flags, name, n))
            return 1;
    }
    return c.bad ? corrupt(i->st.ino, err) : 0;
}

static int find_in_leaf(const struct xfs_inode *i, const struct wanted *w, struct bytes b,
                        size_t head, size_t entries, struct err *err)
{
    unsigned count = load_be16(b.p + head);

    if (count > (b.n - entries) / 8)
        return corrupt(i->st.ino, err);
    for (unsigned k = 0; k < count; k++) {
        const uint8_t *e = b.p + entries + k * 8;
        /* Length of the value 2, or its block and length 8; length of the name 1. */
        struct cursor c = cursor_at(b, load_be16(e + 4) + (e[6] & IN_LEAF ? 2u : 8u));
        uint8_t n = cursor_u8(&c);
        const uint8_t *name = cursor_take(&c, n);

        if (!name)
            return corrupt(i->st.ino, err);
        if (is_it(w, e[6], name, n))
            return 1;
    }
    return 0;
}

static int find_in_blocks(struct xfs *x, const struct xfs_inode *i,
                          const struct wanted *w, struct err *err)
{
    static const struct xfs_marks marks = {12, 32, 48};
    bool v5 = x->super.version == 5;
    size_t head = v5 ? 56 : 12, size = x->super.block_size;
    unsigned leaf = v5 ? 0x3bee : 0xfbee, node = v5 ? 0x3ebe : 0xfebe;
    AUTO(freep) uint8_t *buf = malloc(size);
    uint64_t at = 0;

    if (!buf)
        return FAIL(err, ERR_NOMEM, "attributes");
    for (unsigned k = 0; k < XFS_ATTR_BLOCKS_MAX; k++) {
        int r = xfs_fork_read(x, x->cache, i, &i->attr, buf, size,
                              at << x->super.block_log, err);

        if (r < 0)
            return r;
        if (!xfs_marks_right(x, bytes_of(buf, size), &marks, i->st.ino))
            return corrupt(i->st.ino, err);
        if (load_be16(buf + 8) == node) {
            /* Down to the first leaf; the leaves are chained. */
            at = load_be32(buf + (v5 ? 64 : 16) + 4);
            continue;
        }
        if (load_be16(buf + 8) != leaf)
            return corrupt(i->st.ino, err);
        r = find_in_leaf(i, w, bytes_of(buf, size), head, v5 ? 80 : 32, err);
        if (r != 0)
            return r;
        at = load_be32(buf);
        if (at == 0)
            return 0;
    }
    return FAIL(err, ERR_LIMIT, "inode %" PRIu64 ": attributes in more than %d blocks",
                i->st.ino, XFS_ATTR_BLOCKS_MAX);
}

int xfs_has_xattr(struct fs *fs, const struct fs_stat *node, const char *name,
                  struct err *err)
{
    struct xfs *x = xfs_of(fs);
    struct xfs_inode i;
    struct wanted w;
    int r = xfs_inode_read(x, &i, node->ino, err);

    if (r < 0)
        return r;
    if (!split(&w, name) || i.attr.b.n == 0)
        return 0;
    if (i.attr.format == XFS_LOCAL)
        return find_local(&i, &w, err);
    if (i.attr.format == XFS_EXTENTS && i.attr.extents == 0)
        return 0;
    return find_in_blocks(x, &i, &w, err);
}
