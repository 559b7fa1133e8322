/* SPDX-License-Identifier: GPL-2.0-or-later */
/* items.c: items of the log, as bytes of an overlay
 *
 * An item of a block has a map of the pieces of 128 bytes that were written.  An inode's
 * has the fields in the machine's byte order, and what its forks hold in the inode.  Both
 * are older than what lies in place where that says so itself (LSN, version 5).
 * Operations that go on after their transaction leave an intent, and later what was done:
 * one that was not done matters where it would change a file. */
#include <inttypes.h>

#include "base/checked.h"
#include "base/crc.h"
#include "fs/xfs/log.h"
#include "fs/xfs/overlay.h"

enum {
    EFI = 0x1236, /* extents to be freed, and that they were */
    EFD = 0x1237,
    INODE = 0x123b,
    BUFFER = 0x123c,
    DQUOT = 0x123d,
    QUOTAOFF = 0x123e,
    ICREATE = 0x123f,
    RUI = 0x1240, /* reverse mappings, counts of references: no file changes by them */
    CUD = 0x1243,
    BUI = 0x1244, /* mappings of a file, attributes, exchanges */
    XMD = 0x1249,
};

enum {                     /* of a buffer */
       OF_INODES = 1 << 0, /* only the list of unlinked ones */
       CANCEL = 1 << 1,
       OF_QUOTA = 1 << 2 | 1 << 3 | 1 << 4,
       PIECE = 128,
};

enum { /* of an inode */
       DATA_DATA = 0x2,
       DATA_EXTENTS = 0x4,
       DATA_ROOT = 0x8,
       DATA = DATA_DATA | DATA_EXTENTS | DATA_ROOT,
       DEVICE = 0x10,
       ATTR_DATA = 0x40,
       ATTR_EXTENTS = 0x80,
       ATTR_ROOT = 0x100,
       ATTR = ATTR_DATA | ATTR_EXTENTS | ATTR_ROOT,
       NEW_OWNER = 0x600,
       CORE_4 = 100,
       LOGGED_4 = 96, /* without the list of unlinked ones */
       CORE_5 = 176,
       AT_CRC = 100,
       AT_LSN = 112,
};

static int damaged(const char *what, struct err *err)
{
    return FAIL(err, ERR_CORRUPT, "%s of it is damaged", what);
}

/* ---- names */

static struct xfs_name *name_slot(struct xfs_name *v, size_t cap, uint64_t key)
{
    size_t i = (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

    while (v[i].used && v[i].key != key)
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static struct xfs_name *name_find(const struct xfs_names *m, uint64_t key)
{
    struct xfs_name *e = m->cap ? name_slot(m->v, m->cap, key) : NULL;

    return e && e->used ? e : NULL;
}

static int names_grow(struct xfs_names *m, struct err *err)
{
    size_t cap = m->cap ? 2 * m->cap : 64;
    struct xfs_name *v;

    if (cap > XFS_LOG_NAMES_MAX)
        return FAIL(err, ERR_LIMIT, "too many blocks of it are to be replayed");
    v = calloc(cap, sizeof *v);
    if (!v)
        return FAIL(err, ERR_NOMEM, "log");
    for (size_t i = 0; i < m->cap; i++)
        if (m->v[i].used)
            *name_slot(v, cap, m->v[i].key) = m->v[i];
    free(m->v);
    m->v = v;
    m->cap = cap;
    return 0;
}

static int name_add(struct xfs_names *m, uint64_t key, struct err *err)
{
    struct xfs_name *e;

    if (2 * (m->n + 1) > m->cap) {
        int r = names_grow(m, err);

        if (r < 0)
            return r;
    }
    e = name_slot(m->v, m->cap, key);
    if (!e->used)
        m->n++;
    e->used = true;
    e->key = key;
    e->n++;
    return 0;
}

static void name_drop(struct xfs_names *m, uint64_t key)
{
    struct xfs_name *e = name_find(m, key);

    if (e && e->n)
        e->n--;
}

/* A block is known by its first sector and its length in sectors. */
static uint64_t key_of(uint64_t sector, uint64_t n)
{
    return sector << 8 | n;
}

static bool is_cancelled(const struct xfs_items *s, uint64_t key)
{
    const struct xfs_name *e = name_find(&s->cancelled, key);

    return e && e->n;
}

/* ---- blocks */

struct buffer {
    unsigned flags;
    uint64_t sector, n; /* in sectors */
    struct bytes map;
};

static int buffer_decode(const struct xfs_items *s, struct buffer *ret,
                         const struct xfs_item *i, struct err *err)
{
    struct cursor c = cursor(i->v[0]);
    uint32_t words;

    cursor_skip(&c, 4);
    ret->flags = cursor_le16(&c);
    ret->n = cursor_le16(&c);
    ret->sector = cursor_le64(&c);
    words = cursor_le32(&c);
    ret->map = bytes_of(cursor_take(&c, (size_t)words * 4), (size_t)words * 4);
    if (c.bad || ret->n == 0 || ret->n > XFS_BLOCK_MAX / XFS_SECTOR ||
        !range_within(ret->sector, ret->n, s->to->size / XFS_SECTOR))
        return damaged("a block", err);
    return 0;
}

/* Where a block of version 5 has what belongs to its checksum. */
struct kind {
    size_t skip;
    const char *magic;
    size_t crc, lsn, uuid; /* crc 0: we do not read it */
};

static const struct kind *kind_of(const uint8_t *p)
{
    static const struct kind kinds[] = {
        {0, "XFSB", 224, 240, 32},   {0, "BMA3", 64, 32, 40},     {0, "XDB3", 4, 16, 24},
        {0, "XDD3", 4, 16, 24},      {0, "XDF3", 0, 16, 24},      {0, "XSLM", 12, 48, 16},
        {0, "XAGF", 216, 208, 64},   {0, "AB3B", 52, 24, 32},     {0, "AB3C", 0, 24, 32},
        {0, "IAB3", 0, 24, 32},      {0, "FIB3", 0, 24, 32},      {0, "RMB3", 0, 24, 32},
        {0, "R3FC", 0, 24, 32},      {8, "\x3b\xee", 12, 24, 32}, /* attributes: leaf,
                                                                     node */
        {8, "\x3e\xbe", 12, 24, 32}, {8, "\x3d\xf1", 0, 24, 32},  /* the index of a
                                                                     directory */
        {8, "\x3d\xff", 0, 24, 32},
    };

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
        if (memcmp(p + kinds[i].skip, kinds[i].magic, strlen(kinds[i].magic)) == 0)
            return &kinds[i];
    return NULL;
}

static bool is_newer(const struct xfs_items *s, const uint8_t *p, uint64_t lsn)
{
    const struct kind *k = s->x->super.version == 5 ? kind_of(p) : NULL;
    uint64_t of;

    if (!k || memcmp(p + k->uuid, s->x->super.uuid, sizeof s->x->super.uuid) != 0)
        return false;
    of = load_be64(p + k->lsn);
    return of != 0 && of != UINT64_MAX && of >= lsn;
}

/* Free space by size, references, the index of a directory: most of a busy log. */
static bool is_unread(const struct xfs_items *s, const uint8_t *p)
{
    const struct kind *k = s->x->super.version == 5 ? kind_of(p) : NULL;

    return k && k->crc == 0;
}

static bool bit(struct bytes map, size_t i)
{
    return i / 8 < map.n && map.p[i / 8] >> i % 8 & 1;
}

/* A run of pieces is a part of the item, or several. */
static int lay_over(uint8_t *to, size_t n, struct bytes map, const struct xfs_item *i,
                    struct err *err)
{
    size_t part = 1, at = 0;

    while (at < map.n * 8) {
        size_t run = 0;

        if (!bit(map, at)) {
            at++;
            continue;
        }
        while (bit(map, at + run))
            run++;
        if (part == i->n)
            return damaged("a block", err);
        run = min_size(run, i->v[part].n / PIECE);
        if (run == 0 || !range_within(at * PIECE, run * PIECE, n))
            return damaged("a block", err);
        memcpy(to + at * PIECE, i->v[part].p, run * PIECE);
        at += run;
        part++;
    }
    return 0;
}

static int buffer_apply(struct xfs_items *s, const struct xfs_item *i, uint64_t lsn,
                        struct err *err)
{
    struct buffer b;
    uint64_t key;
    int r = buffer_decode(s, &b, i, err);

    if (r < 0)
        return r;
    key = key_of(b.sector, b.n);
    if (b.flags & CANCEL)
        name_drop(&s->cancelled, key);
    if (b.flags & (CANCEL | OF_INODES | OF_QUOTA) || is_cancelled(s, key))
        return 0;
    r = block_read(s->to, s->buf, b.n * XFS_SECTOR, b.sector * XFS_SECTOR, err);
    if (r < 0 || is_newer(s, s->buf, lsn))
        return r;
    r = lay_over(s->buf, b.n * XFS_SECTOR, b.map, i, err);
    if (r == 0 && is_unread(s, s->buf))
        return 0;
    if (r == 0)
        r = xfs_overlay_write(s->to, s->buf, b.n * XFS_SECTOR, b.sector * XFS_SECTOR,
                              err);
    if (r == 0 && s->x->super.version == 5)
        r = name_add(&s->touched, key, err);
    return r;
}

static void crc_set(uint8_t *p, size_t n, size_t at)
{
    store_le32(p + at, 0);
    store_le32(p + at, crc32c(0, p, n));
}

int xfs_items_finish(struct xfs_items *s, struct err *err)
{
    for (size_t i = 0; i < s->touched.cap; i++) {
        const struct xfs_name *e = &s->touched.v[i];
        uint64_t off = (e->key >> 8) * XFS_SECTOR;
        size_t n = (size_t)(e->key & 255) * XFS_SECTOR;
        const struct kind *k;
        int r;

        if (!e->used)
            continue;
        r = block_read(s->to, s->buf, n, off, err);
        k = r == 0 ? kind_of(s->buf) : NULL;
        if (k && k->crc) {
            /* Of a directory's block in several places each is an item by itself. */
            if (k->magic[1] == 'D' && n != s->x->super.dir_size)
                return FAIL(err, ERR_UNSUPPORTED,
                            "it has pieces of a block of a directory");
            crc_set(s->buf, n, k->crc);
            r = xfs_overlay_write(s->to, s->buf, n, off, err);
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- inodes */

/* The core, from the machine's byte order: sizes of its fields, 0 for what is copied. */
static void core_swap(uint8_t *to, const uint8_t *from, bool v5)
{
    bool big_time = v5 && load_le64(from + 120) & XFS_FLAG2_BIGTIME,
         big_counts = v5 && load_le64(from + 120) & XFS_FLAG2_NREXT64;
    struct field {
        uint8_t n, width;
    } fields[] = {
        {4, 2},                  /* magic, mode */
        {4, 1},                  /* version, format, unused */
        {12, 4},                 /* owner, group, links */
        {4, 2},                  /* project */
        {8, v5 ? 8 : 2},         /* extents, or times of flushes */
        {24, big_time ? 8 : 4},  /* times */
        {16, 8},                 /* size, blocks */
        {4, 4},                  /* size of extents */
        {4, 4},                  /* extents */
        {2, big_counts ? 1 : 2}, /* of attributes */
        {2, 1},                  /* where those are, format */
        {4, 4},
        {4, 2},
        {4, 4},
        {4, 4}, /* DMAPI, flags, generation, unlinked */
        {4, 1},
        {24, 8}, /* checksum; changes, LSN, more flags */
        {4, 4},
        {12, 1}, /* of copies on write, unused */
        {8, big_time ? 8 : 4},
        {8, 8},  /* time it was made, number */
        {16, 1}, /* UUID */
    };
    size_t at = 0;

    if (big_counts) /* 32 bits of attributes' extents, and nothing */
        fields[9].width = 1;
    for (size_t i = 0; i < ARRAY_SIZE(fields) && at < (v5 ? CORE_5 : LOGGED_4); i++)
        for (size_t end = at + fields[i].n; at < end; at += fields[i].width)
            for (size_t k = 0; k < fields[i].width; k++)
                to[at + k] = from[at + fields[i].width - 1 - k];
}

/* In memory a root is a node, with its children where a node of that size has them. */
static int root_copy(const struct xfs_items *s, uint8_t *to, size_t room, struct bytes b,
                     struct err *err)
{
    size_t head = s->x->super.version == 5 ? 72 : 24, n, most, from_most;

    if (b.n < head || room < 4)
        return damaged("an inode", err);
    most = (room - 4) / 16;
    from_most = (b.n - head) / 16;
    n = load_be16(b.p + 6);
    if (n > most || n > from_most)
        return damaged("an inode", err);
    memcpy(to, b.p + 4, 4); /* level, count */
    memcpy(to + 4, b.p + head, n * 8);
    memcpy(to + 4 + most * 8, b.p + head + from_most * 8, n * 8);
    return 0;
}

static int fork_copy(const struct xfs_items *s, uint8_t *to, size_t room, bool root,
                     struct bytes b, struct err *err)
{
    if (root)
        return root_copy(s, to, room, b, err);
    if (b.n > room)
        return damaged("an inode", err);
    memcpy(to, b.p, b.n);
    return 0;
}

static int inode_lay_over(const struct xfs_items *s, uint8_t *raw, unsigned fields,
                          const struct xfs_item *i, struct err *err)
{
    bool v5 = s->x->super.version == 5;
    size_t core = v5 ? CORE_5 : CORE_4, room = s->x->super.inode_size - core, data, k = 2;
    uint8_t unlinked[4];
    int r = 0;

    if (i->n < 2 || i->v[1].n < (v5 ? CORE_5 : LOGGED_4) ||
        load_le16(i->v[1].p) != 0x494e)
        return damaged("an inode", err);
    memcpy(unlinked, raw + 96, sizeof unlinked);
    core_swap(raw, i->v[1].p, v5);
    memcpy(raw + 96, unlinked, sizeof unlinked);
    data = (size_t)raw[82] * 8;
    if (data > room)
        return damaged("an inode", err);
    if (fields & DEVICE)
        store_be32(raw + core, load_le32(i->v[0].p + 24));
    if (fields & DATA && k < i->n)
        r = fork_copy(s, raw + core, data ? data : room, fields & DATA_ROOT, i->v[k++],
                      err);
    if (r == 0 && fields & ATTR && k < i->n)
        r = fork_copy(s, raw + core + data, data ? room - data : 0, fields & ATTR_ROOT,
                      i->v[k], err);
    return r;
}

/* Type 2, parts 2, fields 4, sizes 2 and 2, unused 4, inode 8, device 16, sector 8,
 * sectors 4, offset 4; without the unused ones where a 32-bit kernel wrote it. */
static int inode_apply(struct xfs_items *s, const struct xfs_item *i, uint64_t lsn,
                       struct err *err)
{
    const struct xfs_super *super = &s->x->super;
    uint8_t raw[XFS_INODE_MAX];
    uint64_t ino, at, sector, of;
    uint32_t fields, sectors;
    int r;

    if (i->v[0].n != 56)
        return FAIL(err, ERR_UNSUPPORTED, "an inode of it has a form of %zu bytes",
                    i->v[0].n);
    fields = load_le32(i->v[0].p + 4);
    ino = load_le64(i->v[0].p + 16);
    sector = load_le64(i->v[0].p + 40);
    sectors = load_le32(i->v[0].p + 48);
    if (fields & NEW_OWNER)
        return FAIL(err, ERR_UNSUPPORTED, "it exchanges the extents of two files");
    if (is_cancelled(s, key_of(sector, sectors)))
        return 0;
    r = xfs_inode_address(s->x, ino, &at, err);
    if (r < 0)
        return r;
    if (at != sector * XFS_SECTOR + load_le32(i->v[0].p + 52))
        return damaged("an inode", err);
    r = block_read(s->to, raw, super->inode_size, at, err);
    if (r < 0)
        return r;
    if (load_be16(raw) != 0x494e)
        return damaged("an inode", err);
    of = super->version == 5 ? load_be64(raw + AT_LSN) : 0;
    if (of != UINT64_MAX && of > lsn)
        return 0;
    r = inode_lay_over(s, raw, fields, i, err);
    if (r < 0)
        return r;
    if (super->version == 5)
        crc_set(raw, super->inode_size, AT_CRC);
    return xfs_overlay_write(s->to, raw, super->inode_size, at, err);
}

/* What blocks of inodes are given back in. */
static uint32_t cluster_blocks(const struct xfs_super *s)
{
    uint32_t bytes = 8192, large = bytes * (s->inode_size / 256);

    if (s->inode_align >= large >> s->block_log)
        bytes = large;
    return bytes <= s->block_size ? 1 : bytes >> s->block_log;
}

/* Type 2, parts 2; big-endian: group, block in it, inodes, bytes of one, blocks,
 * generation. */
static int create_apply(struct xfs_items *s, const struct xfs_item *i, struct err *err)
{
    const struct xfs_super *super = &s->x->super;
    struct cursor c = cursor(i->v[0]);
    uint8_t raw[XFS_INODE_MAX] = "IN";
    uint64_t group, block, at, step = cluster_blocks(super);
    uint32_t n, size, blocks, generation;
    int r;

    cursor_skip(&c, 4);
    group = cursor_be32(&c);
    block = cursor_be32(&c);
    n = cursor_be32(&c);
    size = cursor_be32(&c);
    blocks = cursor_be32(&c);
    generation = cursor_be32(&c);
    if (c.bad || super->version != 5 || size != super->inode_size || blocks > 256 ||
        n > 256 || (uint64_t)n * size != (uint64_t)blocks << super->block_log)
        return damaged("a chunk of inodes", err);
    block |= group << super->ag_log;
    r = xfs_address(s->x, block, blocks, &at, err);
    if (r < 0)
        return r;
    for (uint64_t k = 0; k < blocks; k += step)
        if (is_cancelled(s, key_of((at >> 9) + (k << super->block_log >> 9),
                                   step << super->block_log >> 9)))
            return 0;
    raw[4] = 3;
    store_be32(raw + 92, generation);
    store_be32(raw + 96, UINT32_MAX);
    memcpy(raw + 160, super->uuid, sizeof super->uuid);
    for (uint32_t k = 0; r == 0 && k < n; k++) {
        store_be64(raw + 152, (block << super->inodes_log) + k);
        crc_set(raw, size, AT_CRC);
        r = xfs_overlay_write(s->to, raw, size, at + (uint64_t)k * size, err);
    }
    return r;
}

/* ---- all */

static unsigned type_of(const struct xfs_item *i)
{
    return load_le16(i->v[0].p);
}

enum xfs_item_order xfs_item_order(const struct xfs_item *i)
{
    unsigned flags = i->v[0].n >= 6 ? load_le16(i->v[0].p + 4) : 0;

    if (type_of(i) == ICREATE)
        return XFS_ITEM_BLOCKS;
    if (type_of(i) != BUFFER)
        return XFS_ITEM_OTHER;
    return flags & CANCEL      ? XFS_ITEM_CANCEL
           : flags & OF_INODES ? XFS_ITEM_INODE_BLOCKS
                               : XFS_ITEM_BLOCKS;
}

static int note_intent(struct xfs_items *s, const struct xfs_item *i, struct err *err)
{
    uint64_t id;

    if (i->v[0].n < 16)
        return damaged("an intent", err);
    id = load_le64(i->v[0].p + 8);
    if (type_of(i) % 2 == 0)
        return name_add(&s->intents, id, err);
    name_drop(&s->intents, id);
    return 0;
}

int xfs_item_note(struct xfs_items *s, const struct xfs_item *i, struct err *err)
{
    unsigned type = type_of(i);
    struct buffer b;
    int r;

    if (type == BUFFER) {
        r = buffer_decode(s, &b, i, err);
        if (r == 0 && b.flags & CANCEL)
            r = name_add(&s->cancelled, key_of(b.sector, b.n), err);
        return r;
    }
    if (type >= BUI && type <= XMD)
        return note_intent(s, i, err);
    if ((type >= RUI && type <= CUD) || type == EFI || type == EFD || type == INODE ||
        type == DQUOT || type == QUOTAOFF || type == ICREATE)
        return 0;
    return FAIL(err, ERR_UNSUPPORTED, "an item of it is of the unknown kind %#x", type);
}

int xfs_item_apply(struct xfs_items *s, const struct xfs_item *i, uint64_t lsn,
                   struct err *err)
{
    switch (type_of(i)) {
    case BUFFER:
        return buffer_apply(s, i, lsn, err);
    case INODE:
        return inode_apply(s, i, lsn, err);
    case ICREATE:
        return create_apply(s, i, err);
    default:
        return 0;
    }
}
