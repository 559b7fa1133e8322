/* SPDX-License-Identifier: GPL-2.0-or-later */
/* dir.c: directories
 *
 *   in the inode   parent and entries, one behind the other
 *   one block      entries, free space, and the hash index at its end
 *   more           blocks of entries from 0 on; the hash index lies 32 GiB into the file,
 *                  behind its size, and is not used */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/xfs/xfs.h"

enum {
    DATA_4 = 16, /* header of a block, by version */
    DATA_5 = 64,
    UNUSED_TAG = 0xffff,
    TAIL = 8, /* counts of the index in a directory of one block */
    INDEX = 8,
};

struct walk {
    struct xfs *x;
    const struct xfs_inode *dir;
    int (*fn)(void *arg, const struct fs_dirent *d, struct err *err);
    void *arg;
};

static int corrupt(const struct walk *w, const char *what, struct err *err)
{
    return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": directory: %s", w->dir->st.ino,
                what);
}

static void set_type(struct fs_dirent *d, uint8_t type)
{
    static const enum fs_node_type types[] = {
        [1] = FS_REG,   [2] = FS_DIR,   [3] = FS_OTHER,   [4] = FS_OTHER,
        [5] = FS_OTHER, [6] = FS_OTHER, [7] = FS_SYMLINK,
    };

    d->type_known = type > 0 && type < ARRAY_SIZE(types);
    d->type = d->type_known ? types[type] : FS_OTHER;
}

/* `type` 0: not told. */
static int give(const struct walk *w, uint64_t ino, const uint8_t *name, size_t n,
                uint8_t type, struct err *err)
{
    struct fs_dirent d = {.ino = ino, .name_n = n};

    if (n == 0 || memchr(name, 0, n) || memchr(name, '/', n))
        return corrupt(w, "a name that cannot be", err);
    memcpy(d.name, name, n);
    if (strcmp(d.name, ".") == 0 || strcmp(d.name, "..") == 0)
        return 0;
    set_type(&d, type);
    return w->fn(w->arg, &d, err);
}

/* Count 1, count of long numbers 1, parent 4 or 8; entries: length 1, place 2, name,
 * type 0 or 1, number 4 or 8. */
static int walk_short(const struct walk *w, struct err *err)
{
    struct cursor c = cursor(w->dir->data.b);
    unsigned count = cursor_u8(&c);
    bool wide = cursor_u8(&c) != 0, ftype = w->x->super.ftype;

    cursor_skip(&c, wide ? 8 : 4);
    for (unsigned k = 0; k < count; k++) {
        uint8_t n = cursor_u8(&c), type;
        const uint8_t *name;
        uint64_t ino;
        int r;

        cursor_skip(&c, 2);
        name = cursor_take(&c, n);
        type = ftype ? cursor_u8(&c) : 0;
        ino = wide ? cursor_be64(&c) : cursor_be32(&c);
        if (c.bad)
            return corrupt(w, "an entry that is cut off", err);
        r = give(w, ino, name, n, type, err);
        if (r != 0)
            return r;
    }
    return c.bad ? corrupt(w, "it is cut off", err) : 0;
}

/* Where the entries of a block end, or 0. */
static size_t entries_end(const struct walk *w, struct bytes b, bool alone,
                          struct err *err)
{
    static const struct xfs_marks marks = {4, 24, 40};
    bool v5 = w->x->super.version == 5;
    size_t end = b.n;

    if (alone && memcmp(b.p, v5 ? "XDB3" : "XD2B", 4) == 0) {
        uint32_t count = load_be32(b.p + b.n - TAIL);

        if (count > (b.n - DATA_5 - TAIL) / INDEX) {
            (void)corrupt(w, "an index longer than its block", err);
            return 0;
        }
        end = b.n - TAIL - count * INDEX;
    } else if (memcmp(b.p, v5 ? "XDD3" : "XD2D", 4) != 0) {
        (void)corrupt(w, "a block that is none of it", err);
        return 0;
    }
    if (!xfs_marks_right(w->x, b, &marks, w->dir->st.ino)) {
        (void)corrupt(w, "checksum, or a block of another one", err);
        return 0;
    }
    return end;
}

/* Number 8, length 1, name, type 0 or 1, place 2, in units of 8 bytes. */
static int walk_block(const struct walk *w, struct bytes b, bool alone, struct err *err)
{
    bool ftype = w->x->super.ftype;
    size_t at = w->x->super.version == 5 ? DATA_5 : DATA_4,
           end = entries_end(w, b, alone, err);

    if (end == 0)
        return -ERR_CORRUPT;
    while (at < end) {
        size_t n, size;
        int r;

        if (end - at < 8)
            return corrupt(w, "an entry that is cut off", err);
        if (load_be16(b.p + at) == UNUSED_TAG) {
            size = load_be16(b.p + at + 2);
            if (size == 0 || size % 8 || size > end - at)
                return corrupt(w, "free space that does not fit", err);
            at += size;
            continue;
        }
        n = end - at > 8 ? b.p[at + 8] : 0;
        size = (size_t)round_up(11 + n + ftype, 8);
        if (size > end - at)
            return corrupt(w, "an entry that is cut off", err);
        r = give(w, load_be64(b.p + at), b.p + at + 9, n, ftype ? b.p[at + 9 + n] : 0,
                 err);
        if (r != 0)
            return r;
        at += size;
    }
    return 0;
}

static int walk_blocks(const struct walk *w, struct err *err)
{
    uint32_t size = w->x->super.dir_size;
    unsigned log = w->x->super.block_log;
    uint64_t end = w->dir->st.size;
    AUTO(freep) uint8_t *buf = NULL;

    if (end % size || end == 0)
        return corrupt(w, "it does not end with a block", err);
    if (end > XFS_DIR_BYTES_MAX)
        return FAIL(err, ERR_LIMIT,
                    "inode %" PRIu64 ": directory of %" PRIu64 " bytes, limit %d",
                    w->dir->st.ino, end, XFS_DIR_BYTES_MAX);
    buf = malloc(size);
    if (!buf)
        return FAIL(err, ERR_NOMEM, "directory");
    for (uint64_t off = 0; off < end; off += size) {
        struct xfs_run run;
        int r = xfs_map(w->x, &run, w->dir, &w->dir->data, off >> log, err);

        if (r < 0)
            return r;
        /* A block whose entries all went is given back. */
        if (run.zero)
            continue;
        r = xfs_fork_read(w->x, w->x->cache, w->dir, &w->dir->data, buf, size, off, err);
        if (r == 0)
            r = walk_block(w, bytes_of(buf, size), end == size, err);
        if (r != 0)
            return r;
    }
    return 0;
}

int xfs_readdir(struct fs *fs, uint64_t dir,
                int (*fn)(void *arg, const struct fs_dirent *d, struct err *err),
                void *arg, struct err *err)
{
    struct xfs_inode i;
    struct walk w = {.x = xfs_of(fs), .dir = &i, .fn = fn, .arg = arg};
    int r = xfs_inode_read(w.x, &i, dir, err);

    if (r < 0)
        return r;
    if (i.st.type != FS_DIR)
        return FAIL(err, ERR_CORRUPT, "inode %" PRIu64 ": no directory", dir);
    return i.data.format == XFS_LOCAL ? walk_short(&w, err) : walk_blocks(&w, err);
}

struct wanted {
    const char *name;
    size_t n;
    bool ascii_ci;
    uint64_t ino;
};

static uint8_t lower(char c)
{
    return (uint8_t)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int compare(void *arg, const struct fs_dirent *d, struct err *err)
{
    struct wanted *w = arg;

    (void)err;
    if (d->name_n != w->n)
        return 0;
    if (memcmp(d->name, w->name, w->n) != 0) {
        if (!w->ascii_ci)
            return 0;
        for (size_t i = 0; i < w->n; i++)
            if (lower(d->name[i]) != lower(w->name[i]))
                return 0;
    }
    w->ino = d->ino;
    return 1;
}

int xfs_lookup(struct fs_stat *ret, struct fs *fs, uint64_t dir, const char *name,
               size_t n, struct err *err)
{
    struct wanted w = {.name = name, .n = n, .ascii_ci = xfs_of(fs)->super.ascii_ci};
    int r = xfs_readdir(fs, dir, compare, &w, err);

    if (r <= 0)
        return r;
    r = xfs_stat(ret, fs, w.ino, err);
    return r < 0 ? r : 1;
}
