/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_survey.c: do all tables of a sparse extent point where they may? */
#include <inttypes.h>

#include "base/checked.h"
#include "block/vmdk.h"

/* A part of the file that belongs to one thing alone, in sectors. */
struct piece {
    uint32_t start;
    uint32_t len;
};

struct survey {
    struct vmdk_sparse *s;
    struct image_ctx *ctx;
    struct piece *pieces;
    size_t n, cap;
    uint64_t sectors; /* of all pieces */
    uint64_t grains;
    uint64_t last_grain; /* the one that begins last in the file */
    uint32_t last_sector;
};

static void survey_fini(struct survey *v)
{
    free(v->pieces);
}

static int add_piece(struct survey *v, uint64_t start, uint64_t len, struct err *err)
{
    /* More than the file has: some are there twice.  Said here, so that a small file
     * cannot make us count for long. */
    v->sectors += len;
    if (v->sectors > div_up(v->s->file->size, VMDK_SECTOR))
        return IMAGE_FAULT(v->ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk: tables and grains would fill more than the file's "
                           "%" PRIu64 " bytes",
                           v->s->file->size);
    /* Nothing that a table points to can meet what lies so far out. */
    if (start + len > UINT32_MAX)
        return 0;
    if (v->n == v->cap) {
        size_t cap = v->cap ? v->cap * 2 : 1024;
        struct piece *p = realloc(v->pieces, cap * sizeof *p);

        if (!p)
            return FAIL(err, ERR_NOMEM, "vmdk: survey of %zu grains", v->n);
        v->pieces = p;
        v->cap = cap;
    }
    v->pieces[v->n++] = (struct piece){(uint32_t)start, (uint32_t)len};
    return 0;
}

static int add_grain(struct survey *v, uint64_t grain, uint32_t sector, struct err *err)
{
    struct vmdk_sparse *s = v->s;
    uint64_t left = s->block.size - grain * s->grain_bytes;
    uint64_t len = s->packed ? VMDK_MARKER_SIZE : min_u64(left, s->grain_bytes);

    if (!range_within((uint64_t)sector * VMDK_SECTOR, len, s->file->size))
        return IMAGE_FAULT(v->ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk: grain %" PRIu64 " at sector %" PRIu32
                           ", but the file ends at byte %" PRIu64,
                           grain, sector, s->file->size);
    if (++v->grains > VMDK_GRAINS_MAX)
        return IMAGE_FAULT(v->ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vmdk: more than %u grains in one file", VMDK_GRAINS_MAX);
    if (sector >= v->last_sector) {
        v->last_sector = sector;
        v->last_grain = grain;
    }
    return add_piece(v, sector, div_up(len, VMDK_SECTOR), err);
}

static int survey_table(struct survey *v, uint32_t table, struct err *err)
{
    struct vmdk_sparse *s = v->s;
    uint64_t first = (uint64_t)table * s->header.gtes;
    uint64_t n = min_u64(s->header.gtes, div_up(s->block.size, s->grain_bytes) - first);
    uint32_t gte[VMDK_GTES_MAX];
    bool zero_grain = s->header.flags & VMDK_FLAG_ZERO_GRAIN;
    int r;

    if (!range_within((uint64_t)s->directory[table] * VMDK_SECTOR, s->table_bytes,
                      s->file->size))
        return IMAGE_FAULT(v->ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk: grain table %" PRIu32 " at sector %" PRIu32
                           ", but the file ends at byte %" PRIu64,
                           table, s->directory[table], s->file->size);
    r = add_piece(v, s->directory[table], div_up(s->table_bytes, VMDK_SECTOR), err);
    if (r == 0)
        r = vmdk_sparse_table(s, table, 0, (uint32_t)n, gte, err);
    for (uint32_t i = 0; r == 0 && i < n; i++)
        if (gte[i] && !(gte[i] == 1 && zero_grain))
            r = add_grain(v, first + i, gte[i], err);
    return r;
}

static int compare_pieces(const void *a, const void *b)
{
    struct piece x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x.start > y.start) - (x.start < y.start);
}

static int check_overlaps(struct survey *v, struct err *err)
{
    qsort(v->pieces, v->n, sizeof *v->pieces, compare_pieces);
    for (size_t i = 1; i < v->n; i++)
        if ((uint64_t)v->pieces[i - 1].start + v->pieces[i - 1].len > v->pieces[i].start)
            return IMAGE_FAULT(v->ctx, err, CORRUPT, ERR_CORRUPT,
                               "vmdk: two of header, descriptor, tables and grains share "
                               "the bytes at sector %" PRIu32,
                               v->pieces[i].start);
    return 0;
}

/* A stream that was cut is short in its last grain.  The markers of the others are
 * compared when they are read: looking at them all now would mean to read the file. */
static int check_last_grain(struct survey *v, struct err *err)
{
    struct vmdk_sparse *s = v->s;
    uint64_t off = (uint64_t)v->last_sector * VMDK_SECTOR;
    struct vmdk_marker m;
    int r;

    if (!s->packed || !(s->header.flags & VMDK_FLAG_MARKERS) || v->grains == 0)
        return 0;
    r = vmdk_sparse_marker(&m, s, off, err);
    if (r < 0)
        return r;
    if (m.lba != v->last_grain * s->header.grain_size || m.size == 0)
        return IMAGE_FAULT(v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: the marker at offset %" PRIu64
                           " is of sector %" PRIu64 ", the table says sector %" PRIu64,
                           off, m.lba, v->last_grain * s->header.grain_size);
    if (!range_within(off + VMDK_MARKER_SIZE, m.size, s->file->size))
        return IMAGE_FAULT(v->ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk stream: the last grain has %" PRIu32
                           " bytes at offset %" PRIu64 ", but the file ends at %" PRIu64,
                           m.size, off, s->file->size);
    return 0;
}

/* The redundant directory is for repair, we never read it; but it has to be there. */
static int check_redundant(const struct vmdk_sparse *s, struct image_ctx *ctx,
                           struct err *err)
{
    uint64_t sector = s->header.redundant_offset;

    if (!(s->header.flags & VMDK_FLAG_REDUNDANT) || sector == VMDK_DIRECTORY_AT_END)
        return 0;
    if (sector > s->file->size / VMDK_SECTOR ||
        !range_within(sector * VMDK_SECTOR, (uint64_t)s->tables_n * 4, s->file->size))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: redundant grain directory at sector %" PRIu64
                           ", but the file ends at byte %" PRIu64,
                           sector, s->file->size);
    return 0;
}

int vmdk_sparse_survey(struct vmdk_sparse *s, struct image_ctx *ctx, struct err *err)
{
    AUTO(survey_fini) struct survey v = {.s = s, .ctx = ctx};
    int r = check_redundant(s, ctx, err);

    if (r == 0)
        r = add_piece(&v, 0, 1, err);
    if (r == 0 && s->header.desc_size)
        r = add_piece(&v, s->header.desc_offset, s->header.desc_size, err);
    if (r == 0)
        r = add_piece(&v, s->header.directory_offset,
                      div_up((uint64_t)s->tables_n * 4, VMDK_SECTOR), err);
    for (uint32_t i = 0; r == 0 && i < s->tables_n; i++)
        if (s->directory[i])
            r = survey_table(&v, i, err);
    if (r == 0)
        r = check_overlaps(&v, err);
    return r == 0 ? check_last_grain(&v, err) : r;
}
