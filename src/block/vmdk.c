/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk.c: from a descriptor and its extents to one disk */
#include "block/vmdk.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"

/* One extent of the disk. */
struct part {
    uint64_t start, size;       /* bytes of the disk */
    struct block *data;         /* own reference; NULL: zeros */
    uint64_t off;               /* of the part in data */
    struct vmdk_sparse *sparse; /* data again, if it is sparse */
};

struct vmdk {
    struct block block;
    struct part *parts;
    size_t n;
};

static struct vmdk *vmdk_of(struct block *b)
{
    return CONTAINER_OF(b, struct vmdk, block);
}

/* ---- reading */

static const struct part *part_at(const struct vmdk *v, uint64_t off)
{
    size_t lo = 0, hi = v->n;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;

        if (v->parts[mid].start <= off)
            lo = mid;
        else
            hi = mid;
    }
    return &v->parts[lo];
}

static int vmdk_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    char *to = buf;

    while (n) {
        const struct part *p = part_at(vmdk_of(b), off);
        uint64_t in = off - p->start;
        size_t take = (size_t)min_u64(n, p->size - in);
        int r = 0;

        if (p->data)
            r = block_read(p->data, to, take, p->off + in, err);
        else
            memset(to, 0, take);
        if (r < 0)
            return r;
        to += take;
        off += take;
        n -= take;
    }
    return 0;
}

static int vmdk_extent(struct block *b, struct extent *ret, uint64_t off, struct err *err)
{
    const struct part *p = part_at(vmdk_of(b), off);
    struct extent e = {EXTENT_HOLE, p->size};
    uint64_t in = off - p->start;

    if (p->data) {
        int r = block_extent(p->data, &e, p->off + in, err);

        if (r < 0)
            return r;
    }
    e.length = min_u64(e.length, p->size - in);
    *ret = e;
    return 0;
}

static int vmdk_locate(struct block *b, struct location *ret, uint64_t off,
                       struct err *err)
{
    const struct part *p = part_at(vmdk_of(b), off);
    struct location l = {.extent = {EXTENT_HOLE, p->size}};
    uint64_t in = off - p->start;
    int r = p->data ? block_locate(p->data, &l, p->off + in, err) : 0;

    if (r < 0)
        return r;
    l.extent.length = min_u64(l.extent.length, p->size - in);
    *ret = l;
    return 0;
}

static void vmdk_free(struct vmdk *v)
{
    for (size_t i = 0; i < v->n; i++)
        block_unref(v->parts[i].data);
    free(v->parts);
    free(v);
}

static void vmdk_freep(struct vmdk **v)
{
    if (*v)
        vmdk_free(*v);
}

static void vmdk_close(struct block *b)
{
    vmdk_free(vmdk_of(b));
}

static const struct block_driver vmdk_block_driver = {
    .name = "vmdk",
    .read = vmdk_read,
    .extent = vmdk_extent,
    .locate = vmdk_locate,
    .close = vmdk_close,
};

/* Room for n parts. */
static int vmdk_new(struct vmdk **ret, size_t n, struct err *err)
{
    AUTO(vmdk_freep) struct vmdk *v = calloc(1, sizeof *v);

    if (!v)
        return FAIL(err, ERR_NOMEM, "vmdk");
    v->parts = calloc(n, sizeof *v->parts);
    if (!v->parts)
        return FAIL(err, ERR_NOMEM, "vmdk: %zu extents", n);
    block_init(&v->block, &vmdk_block_driver, 0);
    *ret = TAKE(v);
    return 0;
}

/* Puts a part at the end of the disk; takes the reference in p. */
static void append(struct vmdk *v, struct part p)
{
    p.start = v->block.size;
    v->block.size += p.size;
    v->parts[v->n++] = p;
}

/* ---- the descriptor's text */

static int read_text(struct bytes *ret, struct block *file, uint64_t off, uint64_t n,
                     struct image_ctx *ctx, struct err *err)
{
    AUTO(freep) uint8_t *text = NULL;
    int r;

    if (n > VMDK_DESC_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vmdk descriptor: %" PRIu64 " bytes, more than the %d we read",
                           n, VMDK_DESC_MAX);
    text = malloc((size_t)n + 1);
    if (!text)
        return FAIL(err, ERR_NOMEM, "vmdk descriptor");
    r = block_read(file, text, (size_t)n, off, err);
    if (r < 0)
        return r;
    *ret = bytes_of(TAKE(text), (size_t)n);
    return 0;
}

static void bytes_free(struct bytes *b)
{
    free((void *)(uintptr_t)b->p);
}

/* ---- extents in files of their own */

static int sibling(struct block **ret, struct bytes name, struct image_ctx *ctx,
                   struct err *err)
{
    const struct image_options *o = ctx->options;
    char text[VMDK_NAME_MAX + 1], shown[VMDK_NAME_MAX + 1];
    struct err e = {0};
    int r;

    text_clean(shown, sizeof shown, name, 100);
    if (!vmdk_desc_name_is_plain(name))
        return IMAGE_FAULT(ctx, err, FOREIGN_EXTENT, ERR_UNSUPPORTED,
                           "vmdk: extent \"%s\" is no plain name of a file beside the "
                           "descriptor",
                           shown);
    if (!o->sibling)
        return IMAGE_FAULT(ctx, err, LONE_DESCRIPTOR, ERR_UNSUPPORTED,
                           "vmdk: this is a descriptor, its data are in \"%s\", which is "
                           "not at hand",
                           shown);
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    r = o->sibling(ret, o->sibling_arg, text, &e);
    if (r == -ERR_NOTFOUND)
        return IMAGE_FAULT(ctx, err, MISSING_EXTENT, ERR_NOTFOUND,
                           "vmdk: extent \"%s\" is not there: %s", shown, e.msg);
    if (r < 0) {
        if (err)
            *err = e;
        err_prefix(err, "vmdk extent \"%s\"", shown);
        return r;
    }
    ctx->info->file_size += (*ret)->size;
    return 0;
}

static int open_flat(struct part *p, const struct vmdk_desc_extent *e,
                     struct image_ctx *ctx, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    int r = sibling(&file, e->name, ctx, err);

    if (r < 0)
        return r;
    p->size = e->sectors * VMDK_SECTOR;
    p->off = e->offset * VMDK_SECTOR;
    if (!range_within(p->off, p->size, file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk: a flat extent of %" PRIu64 " bytes at offset %" PRIu64
                           ", but its file ends at %" PRIu64,
                           p->size, p->off, file->size);
    p->data = TAKE(file);
    return 0;
}

static int open_sparse(struct part *p, const struct vmdk_desc_extent *e,
                       struct image_ctx *ctx, struct err *err)
{
    AUTO(block_unrefp) struct block *file = NULL;
    struct vmdk_header h;
    int r = sibling(&file, e->name, ctx, err);

    if (r == 0)
        r = vmdk_sparse_header(&h, file, ctx, err);
    if (r < 0)
        return r;
    if (h.capacity < e->sectors)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk: an extent of %" PRIu64
                           " sectors, the descriptor says %" PRIu64,
                           h.capacity, e->sectors);
    r = vmdk_sparse_open(&p->sparse, file, &h, ctx, err);
    if (r < 0)
        return r;
    p->size = e->sectors * VMDK_SECTOR;
    p->data = &p->sparse->block;
    return 0;
}

/* Which extents a kind of several files has; a hole may be among them. */
static bool fits(struct bytes create_type, const struct vmdk_desc_extent *e)
{
    if (e->type == VMDK_EXTENT_ZERO)
        return true;
    return e->type == (text_is(create_type, "twoGbMaxExtentSparse") ? VMDK_EXTENT_SPARSE
                                                                    : VMDK_EXTENT_FLAT);
}

static int open_extents(struct block **ret, const struct vmdk_desc *d,
                        struct image_ctx *ctx, struct err *err)
{
    AUTO(vmdk_freep) struct vmdk *v = NULL;
    int r = vmdk_new(&v, d->n, err);

    for (size_t i = 0; r == 0 && i < d->n; i++) {
        const struct vmdk_desc_extent *e = &d->extents[i];
        struct part p = {.size = e->sectors * VMDK_SECTOR};

        if (!fits(d->create_type, e))
            return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                               "vmdk descriptor: extent %zu does not belong to a %s", i,
                               ctx->info->kind);
        if (e->type == VMDK_EXTENT_FLAT)
            r = open_flat(&p, e, ctx, err);
        else if (e->type == VMDK_EXTENT_SPARSE)
            r = open_sparse(&p, e, ctx, err);
        if (r < 0)
            break;
        append(v, p);
        if (v->block.size > VMDK_SIZE_MAX)
            return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                               "vmdk descriptor: extents of more than 64 TiB");
    }
    if (r < 0)
        return r;
    *ret = &TAKE(v)->block;
    return 0;
}

static int open_descriptor(struct block **ret, struct block *file, struct image_ctx *ctx,
                           struct err *err)
{
    AUTO(vmdk_desc_fini) struct vmdk_desc d = {0};
    AUTO(bytes_free) struct bytes text = {0};
    int r = read_text(&text, file, 0, file->size, ctx, err);

    if (r == 0)
        r = vmdk_desc_parse(&d, text, ctx, err);
    if (r < 0)
        return r;
    if (text_is(d.create_type, "monolithicSparse") ||
        text_is(d.create_type, "streamOptimized"))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk: a %s whose descriptor is a file of its own",
                           ctx->info->kind);
    if (d.n == 0)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk descriptor: it names no extent");
    return open_extents(ret, &d, ctx, err);
}

/* ---- one file with its descriptor inside */

static int check_embedded(const struct vmdk_desc *d, struct image_ctx *ctx,
                          struct err *err)
{
    if (!text_is(d->create_type, "monolithicSparse") &&
        !text_is(d->create_type, "streamOptimized"))
        return IMAGE_FAULT(ctx, err, CREATE_TYPE, ERR_UNSUPPORTED,
                           "vmdk: createType \"%s\" in a sparse extent", ctx->info->kind);
    /* The name is that of the file when it was made, and nobody looks at it. */
    if (d->n != 1 || d->extents[0].type != VMDK_EXTENT_SPARSE)
        return IMAGE_FAULT(
            ctx, err, FOREIGN_EXTENT, ERR_UNSUPPORTED,
            "vmdk: the descriptor within the file names extents outside of "
            "it");
    return 0;
}

int vmdk_embedded_check(struct block *file, const struct vmdk_header *h,
                        struct image_ctx *ctx, struct err *err)
{
    const uint64_t max = VMDK_DESC_MAX / VMDK_SECTOR;
    AUTO(vmdk_desc_fini) struct vmdk_desc d = {0};
    AUTO(bytes_free) struct bytes text = {0};
    int r;

    if (h->desc_offset == 0 || h->desc_size == 0)
        return IMAGE_FAULT(ctx, err, CREATE_TYPE, ERR_UNSUPPORTED,
                           "vmdk: a sparse extent without a descriptor, so one part of a "
                           "disk that was split");
    if (h->desc_size > max)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vmdk descriptor: %" PRIu64 " sectors, more than the %" PRIu64
                           " we read",
                           h->desc_size, max);
    if (h->desc_offset > file->size / VMDK_SECTOR ||
        !range_within(h->desc_offset * VMDK_SECTOR, h->desc_size * VMDK_SECTOR,
                      file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk descriptor: at sector %" PRIu64
                           ", but the file ends at byte %" PRIu64,
                           h->desc_offset, file->size);
    r = read_text(&text, file, h->desc_offset * VMDK_SECTOR, h->desc_size * VMDK_SECTOR,
                  ctx, err);
    if (r == 0)
        r = vmdk_desc_parse(&d, text, ctx, err);
    return r == 0 ? check_embedded(&d, ctx, err) : r;
}

static int open_embedded(struct block **ret, struct block *file, struct image_ctx *ctx,
                         struct err *err)
{
    AUTO(vmdk_freep) struct vmdk *v = NULL;
    struct part p = {0};
    struct vmdk_header h;
    int r = vmdk_sparse_header(&h, file, ctx, err);

    if (r == 0)
        r = vmdk_embedded_check(file, &h, ctx, err);
    if (r == 0)
        r = vmdk_new(&v, 1, err);
    if (r == 0)
        r = vmdk_sparse_open(&p.sparse, file, &h, ctx, err);
    if (r < 0)
        return r;
    p.data = &p.sparse->block;
    p.size = p.data->size;
    append(v, p);
    *ret = &TAKE(v)->block;
    return 0;
}

/* ---- the driver */

/* 1 sparse extent, 2 descriptor, 0 neither */
static int look(struct block *file, struct err *err)
{
    uint8_t buf[VMDK_SECTOR];
    size_t n = (size_t)min_u64(file->size, sizeof buf);
    struct bytes head = bytes_of(buf, n);
    int r = block_read(file, buf, n, 0, err);

    if (r < 0)
        return r;
    return bytes_at(head, 0, "KDMV", 4) ? 1 : vmdk_desc_is(head) ? 2 : 0;
}

static int vmdk_recognise(struct block *file, struct err *err)
{
    int r = look(file, err);

    return r < 0 ? r : r > 0;
}

static int vmdk_open(struct block **ret, struct block *file, struct image_ctx *ctx,
                     struct err *err)
{
    int r = look(file, err);

    if (r < 0)
        return r;
    return r == 1 ? open_embedded(ret, file, ctx, err)
                  : open_descriptor(ret, file, ctx, err);
}

static int vmdk_survey(struct block *disk, struct image_ctx *ctx, struct err *err)
{
    const struct vmdk *v = vmdk_of(disk);
    int r = 0;

    for (size_t i = 0; r == 0 && i < v->n; i++)
        if (v->parts[i].sparse)
            r = vmdk_sparse_survey(v->parts[i].sparse, ctx, err);
    return r;
}

const struct image_driver vmdk_driver = {
    .format = IMAGE_VMDK,
    .name = "vmdk",
    .recognise = vmdk_recognise,
    .open = vmdk_open,
    .survey = vmdk_survey,
};
