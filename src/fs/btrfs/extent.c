/* SPDX-License-Identifier: GPL-2.0-or-later */
/* extent.c: the content of files
 *
 * Generation 8, bytes as read 8, packing 1, encryption 1, other encoding 2, type 1, then
 * the data itself (inline) or: address 8, bytes stored 8, offset in what is stored there
 * 8, bytes of the file 8.  Address 0 is a hole; newer filesystems leave holes out. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "fs/btrfs/btrfs.h"

struct extent_item {
    uint64_t start; /* in the file */
    uint64_t n;     /* bytes of the file */
    uint64_t plain_n;
    enum btrfs_packing packing;
    enum btrfs_extent_type type;
    struct bytes data;                /* inline */
    uint64_t at, stored_n, stored_at; /* others */
};

void btrfs_unpacked_fini(struct btrfs *b)
{
    for (unsigned i = 0; i < BTRFS_UNPACKED; i++)
        free(b->unpacked.v[i].data);
    pthread_mutex_destroy(&b->unpacked.lock);
}

static int decode_inline(struct extent_item *e, struct bytes item, uint32_t sector_size,
                         struct err *err)
{
    e->data = bytes_sub(item, BTRFS_EXTENT_HEAD, item.n - BTRFS_EXTENT_HEAD);
    if (e->start != 0)
        return FAIL(err, ERR_CORRUPT, "inline data at offset %" PRIu64, e->start);
    if (e->packing == BTRFS_PLAIN)
        e->plain_n = e->data.n;
    if (e->plain_n > BTRFS_NODE_MAX)
        return FAIL(err, ERR_CORRUPT, "inline data of %" PRIu64 " bytes", e->plain_n);
    e->n = round_up(e->plain_n, sector_size);
    return 0;
}

static int decode_stored(struct extent_item *e, struct bytes item, uint32_t sector_size,
                         struct err *err)
{
    uint64_t end, room;

    if (item.n < BTRFS_EXTENT_SIZE)
        return FAIL(err, ERR_CORRUPT, "extent item of %zu bytes", item.n);
    e->at = load_le64(item.p + 21);
    e->stored_n = load_le64(item.p + 29);
    e->stored_at = load_le64(item.p + 37);
    e->n = load_le64(item.p + 45);
    if (e->start % sector_size || e->n % sector_size || e->n == 0 ||
        !checked_add(&end, e->start, e->n))
        return FAIL(err, ERR_CORRUPT, "extent of %" PRIu64 " bytes at offset %" PRIu64,
                    e->n, e->start);
    if (e->at == 0)
        return 0;
    if (e->packing != BTRFS_PLAIN &&
        (e->stored_n > BTRFS_PACKED_MAX || e->plain_n > BTRFS_PACKED_MAX))
        return FAIL(err, ERR_LIMIT,
                    "compressed extent of %" PRIu64 " bytes in %" PRIu64 ", limit %d",
                    e->plain_n, e->stored_n, BTRFS_PACKED_MAX);
    room = e->packing == BTRFS_PLAIN ? e->stored_n : e->plain_n;
    if (!range_within(e->stored_at, e->n, room) || !checked_add(&end, e->at, e->stored_n))
        return FAIL(err, ERR_CORRUPT, "extent at offset %" PRIu64 ": more than is stored",
                    e->start);
    return 0;
}

static int extent_decode(struct extent_item *ret, uint64_t start, struct bytes item,
                         uint32_t sector_size, struct err *err)
{
    struct extent_item e = {.start = start};

    if (item.n < BTRFS_EXTENT_HEAD)
        return FAIL(err, ERR_CORRUPT, "extent item of %zu bytes", item.n);
    e.plain_n = load_le64(item.p + 8);
    if (item.p[17] || load_le16(item.p + 18))
        return FAIL(err, ERR_UNSUPPORTED, "encrypted");
    if (item.p[16] > BTRFS_ZSTD)
        return FAIL(err, ERR_UNSUPPORTED, "compression of kind %u", item.p[16]);
    if (item.p[20] > BTRFS_PREALLOC)
        return FAIL(err, ERR_CORRUPT, "extent of type %u", item.p[20]);
    e.packing = item.p[16];
    e.type = item.p[20];
    *ret = e;
    return e.type == BTRFS_INLINE ? decode_inline(ret, item, sector_size, err)
                                  : decode_stored(ret, item, sector_size, err);
}

/* ---- compressed */

static bool unpacked_copy(struct btrfs *b, const struct extent_item *e, uint8_t *to,
                          uint64_t skip, size_t n)
{
    bool found = false;

    pthread_mutex_lock(&b->unpacked.lock);
    for (unsigned i = 0; i < BTRFS_UNPACKED && !found; i++) {
        struct btrfs_unpacked *u = &b->unpacked.v[i];

        if (u->used && u->at == e->at && u->packed_n == e->stored_n &&
            u->n == e->plain_n && u->packing == e->packing) {
            memcpy(to, u->data + skip, n);
            u->used = ++b->unpacked.clock;
            found = true;
        }
    }
    pthread_mutex_unlock(&b->unpacked.lock);
    return found;
}

/* Takes data. */
static void unpacked_keep(struct btrfs *b, const struct extent_item *e, uint8_t *data)
{
    struct btrfs_unpacked *victim = &b->unpacked.v[0];
    uint8_t *old;

    pthread_mutex_lock(&b->unpacked.lock);
    for (unsigned i = 1; i < BTRFS_UNPACKED; i++)
        if (b->unpacked.v[i].used < victim->used)
            victim = &b->unpacked.v[i];
    old = victim->data;
    *victim = (struct btrfs_unpacked){
        .at = e->at,
        .packed_n = (uint32_t)e->stored_n,
        .n = (uint32_t)e->plain_n,
        .packing = (uint8_t)e->packing,
        .used = ++b->unpacked.clock,
        .data = data,
    };
    pthread_mutex_unlock(&b->unpacked.lock);
    free(old);
}

static int read_packed(struct btrfs *b, const struct extent_item *e, uint8_t *to,
                       uint64_t skip, size_t n, struct err *err)
{
    AUTO(freep) uint8_t *packed = NULL, *plain = NULL;
    int r;

    if (unpacked_copy(b, e, to, skip, n))
        return 0;
    packed = malloc((size_t)e->stored_n + 1);
    plain = malloc((size_t)e->plain_n + 1);
    if (!packed || !plain)
        return FAIL(err, ERR_NOMEM, "compressed extent");
    r = btrfs_read_logical(b, packed, e->stored_n, e->at, err);
    if (r == 0)
        r = btrfs_unpack(e->packing, plain, (size_t)e->plain_n,
                         bytes_of(packed, (size_t)e->stored_n), b->super.sector_size,
                         err);
    if (r < 0)
        return r;
    memcpy(to, plain + skip, n);
    unpacked_keep(b, e, TAKE(plain));
    return 0;
}

static int read_inline(struct btrfs *b, const struct extent_item *e, uint8_t *to,
                       uint64_t skip, size_t n, struct err *err)
{
    AUTO(freep) uint8_t *plain = NULL;
    const uint8_t *from = e->data.p;
    size_t have = skip < e->plain_n ? (size_t)min_u64(n, e->plain_n - skip) : 0;
    int r;

    if (e->packing != BTRFS_PLAIN) {
        plain = malloc((size_t)e->plain_n + 1);
        if (!plain)
            return FAIL(err, ERR_NOMEM, "compressed extent");
        r = btrfs_unpack(e->packing, plain, (size_t)e->plain_n, e->data,
                         b->super.sector_size, err);
        if (r < 0)
            return r;
        from = plain;
    }
    if (have)
        memcpy(to, from + skip, have);
    memset(to + have, 0, n - have);
    return 0;
}

/* n bytes from `skip` of the extent on; within it. */
static int extent_read(struct btrfs *b, const struct extent_item *e, uint8_t *to,
                       uint64_t skip, size_t n, struct err *err)
{
    if (e->type == BTRFS_INLINE)
        return read_inline(b, e, to, skip, n, err);
    if (e->type == BTRFS_PREALLOC || e->at == 0) {
        memset(to, 0, n);
        return 0;
    }
    if (e->packing != BTRFS_PLAIN)
        return read_packed(b, e, to, e->stored_at + skip, n, err);
    return btrfs_read_logical(b, to, n, e->at + e->stored_at + skip, err);
}

/* ---- files */

struct job {
    struct btrfs *b;
    uint64_t objectid;
    uint8_t *to;       /* of byte `pos` */
    uint64_t pos, end; /* still to be read */
};

static void put_zeros(struct job *j, uint64_t until)
{
    if (until <= j->pos)
        return;
    memset(j->to, 0, (size_t)(until - j->pos));
    j->to += until - j->pos;
    j->pos = until;
}

/* 1: go on with the next extent; 0: it is past the end. */
static int put_extent(struct job *j, const struct btrfs_path *p, struct err *err)
{
    struct extent_item e = {0};
    uint64_t stop;
    int r;

    if (p->key.offset >= j->end)
        return 0;
    r = extent_decode(&e, p->key.offset, p->item, j->b->super.sector_size, err);
    if (r < 0)
        return r;
    stop = min_u64(j->end, e.start + e.n);
    if (stop <= j->pos)
        return 1;
    put_zeros(j, e.start);
    r = extent_read(j->b, &e, j->to, j->pos - e.start, (size_t)(stop - j->pos), err);
    if (r < 0)
        return r;
    j->to += stop - j->pos;
    j->pos = stop;
    return 1;
}

static int read_file(struct job *j, const struct btrfs_root *root, struct err *err)
{
    AUTO(btrfs_path_fini) struct btrfs_path p = btrfs_path(j->b, root);
    const struct btrfs_key key = {j->objectid, BTRFS_EXTENT_DATA, j->pos};
    int r = btrfs_seek(&p, &key, err);

    /* What stands before the offset need not be an extent of this file. */
    if (r == 0 || (r == 1 && (p.key.objectid != key.objectid || p.key.type != key.type)))
        r = btrfs_next(&p, err);
    while (r == 1 && j->pos < j->end && p.key.objectid == key.objectid &&
           p.key.type == key.type) {
        r = put_extent(j, &p, err);
        if (r == 1)
            r = btrfs_next(&p, err);
    }
    if (r >= 0)
        put_zeros(j, j->end);
    return r < 0 ? r : 0;
}

int btrfs_read(struct fs *fs, const struct fs_stat *node, void *buf, size_t n,
               uint64_t off, struct err *err)
{
    struct job j = {.b = btrfs_of(fs), .to = buf, .pos = off, .end = off + n};
    const struct btrfs_root *root;
    int r = btrfs_ino_split(&root, &j.objectid, j.b, node->ino, err);

    if (r == 0)
        r = read_file(&j, root, err);
    if (r < 0)
        err_prefix(err, "inode %" PRIu64, j.objectid);
    return r;
}
