/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "fs/xfs/overlay.h"

#include "base/arena.h"
#include "base/checked.h"

enum { FIRST_CAP = 256 };

struct slot {
    uint64_t sector;
    uint8_t *data; /* NULL: free */
};

struct overlay {
    struct block block;
    struct block *under; /* own reference */
    struct arena arena;
    struct slot *v;
    size_t n, cap;
};

static struct overlay *overlay_of(struct block *b)
{
    return CONTAINER_OF(b, struct overlay, block);
}

static struct slot *slot(struct slot *v, size_t cap, uint64_t sector)
{
    size_t i = (size_t)(sector * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (cap - 1);

    while (v[i].data && v[i].sector != sector)
        i = (i + 1) & (cap - 1);
    return &v[i];
}

static int grow(struct overlay *o, struct err *err)
{
    size_t cap = o->cap ? 2 * o->cap : FIRST_CAP;
    struct slot *v = calloc(cap, sizeof *v);

    if (!v)
        return FAIL(err, ERR_NOMEM, "overlay of %zu sectors", cap);
    for (size_t i = 0; i < o->cap; i++)
        if (o->v[i].data)
            *slot(v, cap, o->v[i].sector) = o->v[i];
    free(o->v);
    o->v = v;
    o->cap = cap;
    return 0;
}

/* The sector in memory, as it is below at first. */
static int sector_of(struct overlay *o, uint8_t **ret, uint64_t sector, struct err *err)
{
    struct slot *s;
    int r;

    if (2 * (o->n + 1) > o->cap) {
        r = grow(o, err);
        if (r < 0)
            return r;
    }
    s = slot(o->v, o->cap, sector);
    if (!s->data) {
        uint64_t off = sector * XFS_SECTOR;
        uint8_t *data = arena_alloc(&o->arena, XFS_SECTOR);

        if (!data && XFS_SECTOR > o->arena.max - o->arena.used)
            return FAIL(err, ERR_LIMIT, "more than %zu MiB of blocks were changed",
                        o->arena.max >> 20);
        if (!data)
            return FAIL(err, ERR_NOMEM, "sector in memory");
        r = block_read(o->under, data, (size_t)min_u64(XFS_SECTOR, o->block.size - off),
                       off, err);
        if (r < 0)
            return r;
        *s = (struct slot){sector, data};
        o->n++;
    }
    *ret = s->data;
    return 0;
}

int xfs_overlay_write(struct block *b, const void *p, size_t n, uint64_t off,
                      struct err *err)
{
    const uint8_t *from = p;

    while (n) {
        size_t at = (size_t)(off % XFS_SECTOR), take = min_size(n, XFS_SECTOR - at);
        uint8_t *data = NULL;
        int r = sector_of(overlay_of(b), &data, off / XFS_SECTOR, err);

        if (r < 0)
            return r;
        memcpy(data + at, from, take);
        from += take;
        off += take;
        n -= take;
    }
    return 0;
}

static int overlay_read(struct block *b, void *buf, size_t n, uint64_t off,
                        struct err *err)
{
    struct overlay *o = overlay_of(b);
    uint8_t *to = buf;
    int r = block_read(o->under, buf, n, off, err);

    if (r < 0)
        return r;
    while (n && o->n) {
        size_t at = (size_t)(off % XFS_SECTOR), take = min_size(n, XFS_SECTOR - at);
        const struct slot *s = slot(o->v, o->cap, off / XFS_SECTOR);

        if (s->data)
            memcpy(to, s->data + at, take);
        to += take;
        off += take;
        n -= take;
    }
    return 0;
}

static void overlay_close(struct block *b)
{
    struct overlay *o = overlay_of(b);

    block_unref(o->under);
    arena_fini(&o->arena);
    free(o->v);
    free(o);
}

static const struct block_driver overlay_driver = {
    .name = "overlay",
    .read = overlay_read,
    .close = overlay_close,
};

int xfs_overlay_open(struct block **ret, struct block *under, size_t max, struct err *err)
{
    struct overlay *o = calloc(1, sizeof *o);

    if (!o)
        return FAIL(err, ERR_NOMEM, "overlay");
    o->under = block_ref(under);
    o->arena.max = max;
    block_init(&o->block, &overlay_driver, under->size);
    *ret = &o->block;
    return 0;
}
