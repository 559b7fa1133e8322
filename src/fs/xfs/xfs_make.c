/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/xfs/xfs_make.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/crc.h"

enum { BLOCK = XFS_MADE_BLOCK, INODE = 512, LOCAL = 1, EXTENTS = 2, BTREE = 3 };

static const char uuid[] = "sixteen bytes id";

static uint8_t *block_of(struct xfs_made *m, unsigned block)
{
    return m->raw + (size_t)block * BLOCK;
}

static uint8_t *inode_of(struct xfs_made *m, unsigned ino)
{
    return m->raw + (size_t)ino * INODE;
}

static uint8_t *put_inode(struct xfs_made *m, unsigned ino, unsigned mode,
                          unsigned format, unsigned size, unsigned extents)
{
    uint8_t *p = inode_of(m, ino);

    memcpy(p, "IN", 2);
    store_be16(p + 2, (uint16_t)mode);
    p[4] = m->version == 5 ? 3 : 2;
    p[5] = (uint8_t)format;
    store_be64(p + 56, size);
    store_be32(p + 76, extents);
    p[83] = EXTENTS;
    store_be32(p + 96, UINT32_MAX);
    if (m->version == 5) {
        store_be64(p + 152, ino);
        memcpy(p + 160, uuid, 16);
    }
    return p + (m->version == 5 ? 176 : 100);
}

static void put_extent(uint8_t *p, uint64_t at, uint64_t block, unsigned n,
                       bool unwritten)
{
    store_be64(p, (uint64_t)unwritten << 63 | at << 9 | block >> 43);
    store_be64(p + 8, block << 21 | n);
}

/* Header of a block of metadata; where its marks are. */
static uint8_t *put_block(struct xfs_made *m, unsigned block, const char *v5,
                          const char *v4, unsigned owner, size_t at_uuid, size_t at_owner)
{
    uint8_t *p = block_of(m, block);

    if (m->version != 5) {
        memcpy(p, v4, 4);
        return p;
    }
    memcpy(p, v5, 4);
    memcpy(p + at_uuid, uuid, 16);
    store_be64(p + at_owner, owner);
    return p;
}

static uint8_t *put_short(uint8_t *p, const char *name, unsigned ino, bool ftype)
{
    size_t n = strlen(name);

    *p++ = (uint8_t)n;
    p += 2;
    memcpy(p, name, n);
    p += n;
    if (ftype)
        *p++ = 0;
    store_be32(p, ino);
    return p + 4;
}

static void put_root(struct xfs_made *m)
{
    static const char *const names[] = {"file", "link",   "far",  "block",
                                        "tree", "blocks", "near", "leaf"};
    uint8_t *p = put_inode(m, 16, 040755, LOCAL, 0, 0), *first = p;

    p[0] = ARRAY_SIZE(names);
    store_be32(p + 2, 16);
    p += 6;
    for (unsigned i = 0; i < ARRAY_SIZE(names); i++)
        p = put_short(p, names[i], 17 + i, m->version == 5);
    store_be64(inode_of(m, 16) + 56, (uint64_t)(p - first));
}

/* One entry, then free space up to `end`. */
static void put_entries(struct xfs_made *m, uint8_t *p, const char *name, size_t end)
{
    size_t at = m->version == 5 ? 64 : 16, n = strlen(name), size = (11 + n + 8) / 8 * 8;

    store_be64(p + at, 17);
    p[at + 8] = (uint8_t)n;
    memcpy(p + at + 9, name, n);
    at += size;
    store_be16(p + at, 0xffff);
    store_be16(p + at + 2, (uint16_t)(end - at));
}

static void put_dirs(struct xfs_made *m)
{
    uint8_t *p = put_block(m, 33, "XDB3", "XD2B", 20, 24, 40);

    put_extent(put_inode(m, 20, 040755, EXTENTS, BLOCK, 1), 0, 33, 1, false);
    put_entries(m, p, "b", BLOCK - 16);
    store_be32(p + BLOCK - 8, 1);
    put_extent(put_inode(m, 22, 040755, EXTENTS, 2 * BLOCK, 1), 0, 36, 2, false);
    put_entries(m, put_block(m, 36, "XDD3", "XD2D", 22, 24, 40), "one", BLOCK);
    put_entries(m, put_block(m, 37, "XDD3", "XD2D", 22, 24, 40), "two", BLOCK);
}

static void put_tree(struct xfs_made *m)
{
    bool v5 = m->version == 5;
    uint8_t *p = put_inode(m, 21, 0100644, BTREE, BLOCK, 1);
    size_t most = ((size_t)INODE - (v5 ? 176 : 100) - 4) / 16;

    store_be16(p, 1);
    store_be16(p + 2, 1);
    store_be64(p + 4 + most * 8, 34);
    p = put_block(m, 34, "BMA3", "BMAP", 21, 40, 56);
    store_be16(p + 6, 1);
    put_extent(p + (v5 ? 72 : 24), 0, 35, 1, false);
    memset(block_of(m, 35), 't', BLOCK);
}

static void put_links(struct xfs_made *m)
{
    uint8_t *p = put_inode(m, 18, 0120777, LOCAL, 4, 0);

    memcpy(p, "file", 4);
    put_extent(put_inode(m, 19, 0120777, EXTENTS, 100, 1), 0, 32, 1, false);
    p = block_of(m, 32);
    if (m->version == 5) {
        put_block(m, 32, "XSLM", "", 19, 16, 32);
        store_be32(p + 8, 100);
        p += 56;
    }
    memset(p, 'z', 100);
}

static void put_attributes(struct xfs_made *m)
{
    bool v5 = m->version == 5;
    uint8_t *p = put_inode(m, 23, 0100644, EXTENTS, 0, 0);

    inode_of(m, 23)[82] = 2;
    inode_of(m, 23)[83] = LOCAL;
    p += 16;
    p[2] = 1;
    memcpy(p + 4, "\7\5\4selinuxlabel", 15);
    p = put_inode(m, 24, 0100644, EXTENTS, 0, 0);
    inode_of(m, 24)[82] = 2;
    store_be16(inode_of(m, 24) + 80, 1);
    put_extent(p + 16, 0, 38, 1, false);
    p = block_of(m, 38);
    store_be16(p + 8, v5 ? 0x3bee : 0xfbee);
    if (v5) {
        memcpy(p + 32, uuid, 16);
        store_be64(p + 48, 24);
    }
    store_be16(p + (v5 ? 56 : 12), 1);
    p += v5 ? 80 : 32;
    store_be16(p + 4, 900);
    p[6] = 1 | 4;
    memcpy(block_of(m, 38) + 900, "\0\5\7selinuxlabel", 15);
}

static void put_super(struct xfs_made *m)
{
    uint8_t *p = m->raw;

    memcpy(p, "XFSB", 4);
    store_be32(p + 4, BLOCK);
    store_be64(p + 8, XFS_MADE_BLOCKS);
    memcpy(p + 32, uuid, 16);
    store_be64(p + 48, XFS_MADE_LOG / BLOCK);
    store_be64(p + 56, 16);
    store_be32(p + 84, XFS_MADE_BLOCKS);
    store_be32(p + 88, 1);
    store_be32(p + 96, XFS_MADE_LOG_SECTORS / 2);
    store_be16(p + 100, (uint16_t)(0xa000 | m->version)); /* directories of version 2 */
    store_be16(p + 102, 512);
    store_be16(p + 104, INODE);
    store_be16(p + 106, BLOCK / INODE);
    memcpy(p + 120, "\x0a\x09\x09\x01\x06", 5);
    p[127] = 25;
    store_be64(p + 128, 16);
    store_be64(p + 136, 7);
    store_be64(p + 144, 10);
    if (m->version == 5)
        store_be32(p + 216, 1); /* types in directories */
}

void xfs_make(struct xfs_made *m, unsigned version)
{
    uint8_t *p;

    memset(m, 0, sizeof *m);
    m->version = version;
    put_super(m);
    put_root(m);
    p = put_inode(m, 17, 0100644, EXTENTS, 3000, 2);
    put_extent(p, 0, 30, 1, false);
    put_extent(p + 16, 2, 31, 1, true);
    memset(block_of(m, 30), 'f', BLOCK);
    memset(block_of(m, 31), 'u', BLOCK);
    put_links(m);
    put_dirs(m);
    put_tree(m);
    put_attributes(m);
    xfs_seal(m);
}

static void seal(uint8_t *p, size_t n, size_t at)
{
    store_le32(p + at, 0);
    store_le32(p + at, crc32c(0, p, n));
}

void xfs_seal(struct xfs_made *m)
{
    static const struct {
        unsigned block;
        size_t at;
    } blocks[] = {{32, 12}, {33, 4}, {34, 64}, {36, 4}, {37, 4}, {38, 12}};

    if (m->version != 5)
        return;
    seal(m->raw, 512, 224);
    for (unsigned i = 16; i <= 24; i++)
        seal(inode_of(m, i), INODE, 100);
    for (size_t i = 0; i < ARRAY_SIZE(blocks); i++)
        seal(block_of(m, blocks[i].block), BLOCK, blocks[i].at);
}

void xfs_make_record(struct xfs_made *m, unsigned sector, unsigned tail, unsigned ops,
                     struct bytes b)
{
    uint8_t *p = m->raw + XFS_MADE_LOG + (size_t)sector * 512, *data = p + 512;
    size_t n = (b.n + 511) / 512 * 512;

    assert(sector + 1 + n / 512 <= XFS_MADE_LOG_SECTORS);
    memset(p, 0, 512 + n);
    memcpy(p, "\xfe\xed\xba\xbe\0\0\0\1\0\0\0\2", 12);
    store_be32(p + 12, (uint32_t)n);
    store_be64(p + 16, UINT64_C(1) << 32 | sector);
    store_be64(p + 24, UINT64_C(1) << 32 | tail);
    store_be32(p + 40, ops);
    store_be32(p + 300, 1);
    store_be32(p + 320, 32768);
    memcpy(data, b.p, b.n);
    for (size_t i = 0; i < n / 512; i++) {
        memcpy(p + 44 + i * 4, data + i * 512, 4);
        store_be32(data + i * 512, 1);
    }
    store_le32(p + 32, crc32c(crc32c(0, p, 328), data, n));
}

static int count(void *arg, const struct fs_dirent *d, struct err *err)
{
    (void)d, (void)err;
    ++*(unsigned *)arg;
    return 0;
}

static int use_fs(struct fs *fs, enum xfs_use use, uint64_t ino, unsigned *entries,
                  struct buf *text, struct err *err)
{
    static char data[4 * BLOCK];
    struct fs_stat st;
    int r = fs_stat(&st, fs, ino, err);

    if (r < 0)
        return r;
    switch (use) {
    case XFS_LIST:
        return fs_readdir(fs, ino, count, entries, err);
    case XFS_READ:
        assert(st.size <= sizeof data || st.size > INT32_MAX);
        r = fs_read(fs, &st, data, st.size < sizeof data ? (size_t)st.size : sizeof data,
                    0, err);
        return r < 0 ? r : buf_append(text, data, (size_t)st.size, err);
    case XFS_LINK:
        return fs_readlink(text, fs, &st, err);
    case XFS_LABEL:
        return fs_has_xattr(fs, &st, "security.selinux", err);
    default:
        return 0;
    }
}

int xfs_use_made(struct xfs_made *m, enum xfs_use use, uint64_t ino, unsigned *entries,
                 struct buf *text, struct err *err)
{
    AUTO(block_unrefp) struct block *dev = NULL;
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident id = {.type = FS_XFS};
    int r = block_mem_open(&dev, m->raw, sizeof m->raw, err);

    if (r == 0)
        r = fs_open(&fs, &id, dev, err);
    if (r == 0 && use != XFS_OPEN)
        r = use_fs(fs, use, ino, entries, text, err);
    return r;
}

/* True when all is as the case has it. */
static bool spoil(const struct xfs_spoilt *c, unsigned version)
{
    static struct xfs_made m;
    AUTO(buf_fini) struct buf text = {0};
    unsigned entries = 0;
    struct err err = {0};
    int r;

    xfs_make(&m, version);
    for (size_t k = 0; k < ARRAY_SIZE(c->put); k++)
        for (unsigned j = 0; j < c->put[k].n; j++)
            m.raw[c->put[k].at + j] = (uint8_t)(c->put[k].v >> 8 * (c->put[k].n - 1 - j));
    if (!c->torn)
        xfs_seal(&m);
    r = xfs_use_made(&m, c->use, c->ino, &entries, &text, &err);
    if ((r < 0) == (c->want[0] != 0) && strcmp(err.msg, c->want) == 0)
        return true;
    fprintf(stderr, "version %u: %s: %d %s\n", version, c->sentence, r, err.msg);
    return false;
}

unsigned xfs_spoil_all(const struct xfs_spoilt *v, size_t n)
{
    unsigned bad = 0;

    for (size_t i = 0; i < n; i++)
        for (unsigned version = 4; version <= 5; version++)
            if (v[i].version == 0 || v[i].version == version)
                bad += !spoil(&v[i], version);
    return bad;
}
