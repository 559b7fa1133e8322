/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow_vmdk.c: a streamOptimized VMDK, grain by grain
 *
 *   header | descriptor | grain, grain, ... | tables, directory, footer, end
 *   header | descriptor, directory, tables | grain, grain, ... | zeros         (QEMU's)
 *
 * Grains come in the order of the disk, and stay packed until a thread reads them. */
#include <assert.h>
#include <inttypes.h>

#include "base/checked.h"
#include "block/flow_kind.h"
#include "block/flow_vmdk.h"
#include "block/probe.h"

enum {
    GRAIN_BYTES_MAX = 1024 * 1024, /* a larger one is read from a file */
    FRONT_MAX = 16 * 1024 * 1024,  /* bytes before the grains, if tables are there */
    EDGE = VMDK_SECTOR,
};

/* What stands before a grain, or before something else (size 0). */
struct marker {
    uint64_t at; /* where it came in the file */
    uint64_t value;
    uint32_t size, type;
};

struct vmdk_flow {
    struct flow flow;
    struct vmdk_header header;
    struct image_ctx ctx; /* of the flow's own options and info */
    struct vmdk_tables tables;
    struct inflate_pool *inflate;
    uint64_t grain_bytes;
    bool front;                    /* directory and tables stand before the grains */
    struct bytes directory;        /* owned; the one that counts */
    uint64_t directory_sector;     /* where it is, if it came behind the grains */
    bool begun, ended, has_footer; /* the first marker is next; the last one came */
    bool waits;                    /* `marker` is of a grain that was not taken yet */
    struct marker marker;
    uint64_t next_grain;             /* the least that may come */
    uint8_t first[EDGE], last[EDGE]; /* sectors of the disk */
};

static struct vmdk_flow *vmdk_of(struct flow *f)
{
    return CONTAINER_OF(f, struct vmdk_flow, flow);
}

/* ---- bytes */

static int cut(struct vmdk_flow *v, struct err *err)
{
    return IMAGE_FAULT(&v->ctx, err, TRUNCATED, ERR_CORRUPT,
                       "vmdk stream: it ends at byte %" PRIu64 ", in the middle",
                       v->flow.in->at);
}

static int need(struct vmdk_flow *v, void *to, size_t n, struct err *err)
{
    size_t got = 0;
    int r = stream_read(v->flow.in, to, n, &got, err);

    return r < 0 ? r : got < n ? cut(v, err) : 0;
}

/* Up to a byte of the stream, or its end. */
static int skip_to(struct vmdk_flow *v, uint64_t off, struct err *err)
{
    uint8_t buf[4096];
    size_t got = 1;

    while (got && v->flow.in->at < off) {
        int r = stream_read(v->flow.in, buf,
                            (size_t)min_u64(sizeof buf, off - v->flow.in->at), &got, err);

        if (r < 0)
            return r;
    }
    return 0;
}

/* ---- tables before the grains */

static int read_front(struct vmdk_flow *v, struct err *err)
{
    uint64_t end = v->header.overhead * VMDK_SECTOR;
    size_t span = vmdk_tables_span(&v->tables), bytes = (size_t)v->tables.n * 4;
    AUTO(freep) uint8_t *front = malloc((size_t)end);
    AUTO(freep) uint8_t *directory = malloc(bytes);
    struct bytes all = bytes_of(front, (size_t)end), found;
    int r;

    if (!front || !directory)
        return FAIL(err, ERR_NOMEM, "vmdk stream: tables of %" PRIu64 " bytes", end);
    r = need(v, front, (size_t)end, err);
    if (r < 0)
        return r;
    found = bytes_sub(all, (size_t)v->header.directory_offset * VMDK_SECTOR, bytes);
    assert(found.n == bytes); /* flow_vmdk_open() looked */
    memcpy(directory, found.p, bytes);
    for (uint32_t i = 0; i < v->tables.n; i++) {
        uint32_t sector = load_le32(directory + (size_t)i * 4);
        struct bytes table = bytes_sub(all, (size_t)sector * VMDK_SECTOR, span);

        if (sector == 0)
            continue;
        if (table.n == 0)
            return FAIL(err, ERR_UNSUPPORTED,
                        "vmdk stream: grain table %" PRIu32
                        " is not before the grains, as the directory is: only a file of "
                        "that kind is converted",
                        i);
        r = vmdk_tables_meet(&v->tables, table, sector, err);
        if (r < 0)
            return r;
    }
    v->directory = bytes_of(TAKE(directory), bytes);
    return 0;
}

/* ---- what comes between and behind the grains */

static int take_tables(struct vmdk_flow *v, const struct marker *m, struct err *err)
{
    size_t span = vmdk_tables_span(&v->tables);
    AUTO(freep) uint8_t *table = malloc(span);
    uint64_t end = m->at + VMDK_SECTOR + m->value * VMDK_SECTOR;

    if (!table)
        return FAIL(err, ERR_NOMEM, "vmdk stream: grain table");
    while (end - v->flow.in->at >= span) {
        uint64_t at = v->flow.in->at;
        int r = need(v, table, span, err);

        if (r == 0 && v->tables.met_n / 2 >= v->tables.n)
            return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                               "vmdk stream: more than two grain tables for each of "
                               "%" PRIu32,
                               v->tables.n);
        if (r == 0)
            r = vmdk_tables_meet(&v->tables, bytes_of(table, span), at / VMDK_SECTOR,
                                 err);
        if (r < 0)
            return r;
    }
    return skip_to(v, end, err);
}

static int take_directory(struct vmdk_flow *v, const struct marker *m, struct err *err)
{
    uint64_t end = m->at + VMDK_SECTOR + m->value * VMDK_SECTOR;
    size_t n = (size_t)v->tables.n * 4;
    AUTO(freep) uint8_t *p = NULL;
    int r;

    if (v->front) /* the one before the grains counts */
        return skip_to(v, end, err);
    if (m->value < div_up(n, VMDK_SECTOR))
        return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: a grain directory of %" PRIu64
                           " sectors, but the disk needs %zu bytes",
                           m->value, n);
    p = malloc(n);
    if (!p)
        return FAIL(err, ERR_NOMEM, "vmdk stream: grain directory of %zu bytes", n);
    r = need(v, p, n, err);
    if (r < 0)
        return r;
    free((void *)(uintptr_t)v->directory.p);
    v->directory = bytes_of(TAKE(p), n);
    v->directory_sector = m->at / VMDK_SECTOR + 1;
    return skip_to(v, end, err);
}

static int take_footer(struct vmdk_flow *v, struct err *err)
{
    uint8_t buf[VMDK_SECTOR];
    struct vmdk_header f;
    int r = need(v, buf, sizeof buf, err);

    if (r < 0)
        return r;
    if (!vmdk_header_decode(&f, bytes_of(buf, sizeof buf)))
        return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: no footer behind its marker");
    if (v->front)
        return 0;
    v->has_footer = true;
    return vmdk_footer_check(&v->header, &f, &v->ctx, err);
}

/* Nothing may follow; behind the last grain of QEMU there are zeros, room for a whole
 * one.
 */
static int skip_padding(struct vmdk_flow *v, struct err *err)
{
    uint8_t buf[4096];
    size_t got = 0;

    do {
        int r = stream_read(v->flow.in, buf, sizeof buf, &got, err);

        if (r < 0)
            return r;
        if (got && (!v->front || !bytes_are_zero(bytes_of(buf, got))))
            return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                               "vmdk stream: something follows the marker of its end");
    } while (got);
    return 0;
}

static int no_footer(struct vmdk_flow *v, struct err *err)
{
    return IMAGE_FAULT(&v->ctx, err, TRUNCATED, ERR_CORRUPT,
                       "vmdk stream: no footer and end marker at the end");
}

/* The stream is over: is that all it should have? */
static int check_end(struct vmdk_flow *v, struct err *err)
{
    int r = skip_padding(v, err);

    if (r < 0)
        return r;
    v->ended = true;
    if (!v->front && !v->has_footer)
        return no_footer(v, err);
    if (!v->front &&
        (!v->directory.p || v->header.directory_offset != v->directory_sector))
        return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk footer: the grain directory is at sector %" PRIu64
                           ", but came at %" PRIu64,
                           v->header.directory_offset, v->directory_sector);
    return vmdk_tables_check(&v->tables, v->directory, &v->ctx, err);
}

static int take_other(struct vmdk_flow *v, const struct marker *m, struct err *err)
{
    if (m->value > INT64_MAX / VMDK_SECTOR / 2)
        return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: the marker at offset %" PRIu64
                           " stands before %" PRIu64 " sectors",
                           m->at, m->value);
    switch (m->type) {
    case VMDK_MARKER_END:
        return check_end(v, err);
    case VMDK_MARKER_TABLE:
        return take_tables(v, m, err);
    case VMDK_MARKER_DIRECTORY:
        return take_directory(v, m, err);
    case VMDK_MARKER_FOOTER:
        return take_footer(v, err);
    default:
        return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: a marker of type %" PRIu32 " at offset %" PRIu64
                           ", known are 0 to 3",
                           m->type, m->at);
    }
}

/* ---- grains */

/* 1: v->marker is of a grain.  0: there is none any more. */
static int next_marker(struct vmdk_flow *v, struct err *err)
{
    while (!v->ended) {
        uint8_t buf[VMDK_SECTOR];
        size_t got = 0;
        struct marker *m = &v->marker;
        int r = skip_to(v, round_up(v->flow.in->at, VMDK_SECTOR), err);

        m->at = v->flow.in->at;
        if (r == 0)
            r = stream_read(v->flow.in, buf, VMDK_MARKER_SIZE, &got, err);
        if (r < 0)
            return r;
        if (got == 0 && v->front) /* without a marker of the end */
            return check_end(v, err);
        if (got == 0)
            return no_footer(v, err);
        if (got < VMDK_MARKER_SIZE)
            return cut(v, err);
        m->value = load_le64(buf);
        m->size = load_le32(buf + 8);
        if (m->size)
            return 1;
        r = need(v, buf + VMDK_MARKER_SIZE, sizeof buf - VMDK_MARKER_SIZE, err);
        m->type = load_le32(buf + VMDK_MARKER_SIZE);
        if (r == 0)
            r = take_other(v, m, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_grain(struct vmdk_flow *v, struct err *err)
{
    const struct marker *m = &v->marker;
    uint64_t grain = m->value / v->header.grain_size;

    if (m->value % v->header.grain_size || m->value >= v->header.capacity ||
        m->size > 2 * v->grain_bytes)
        return IMAGE_FAULT(&v->ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: the marker at offset %" PRIu64 " says %" PRIu32
                           " bytes for sector %" PRIu64 " of a disk of %" PRIu64,
                           m->at, m->size, m->value, v->header.capacity);
    if (grain < v->next_grain)
        return FAIL(err, ERR_UNSUPPORTED,
                    "vmdk stream: the grain at offset %" PRIu64 " is of sector %" PRIu64
                    ", and one behind it came before: only a file of that kind is "
                    "converted",
                    m->at, m->value);
    v->next_grain = grain + 1;
    vmdk_tables_grain(&v->tables, grain, m->at / VMDK_SECTOR);
    return 0;
}

static int add_grain(struct flow_chunk *c, const struct flow_grain *g, struct err *err)
{
    if (c->grain_count == c->grain_room) {
        size_t room = c->grain_room ? 2 * c->grain_room : 16;
        struct flow_grain *grown = reallocarray(c->grains, room, sizeof *grown);

        if (!grown)
            return FAIL(err, ERR_NOMEM, "no memory for a piece of %zu grains", room);
        c->grains = grown;
        c->grain_room = room;
    }
    c->grains[c->grain_count++] = *g;
    return 0;
}

static int take_grain(struct vmdk_flow *v, struct flow_chunk *c, struct err *err)
{
    const struct marker *m = &v->marker;
    struct flow_grain g = {
        .at = (uint32_t)c->n,
        .n = m->size,
        .offset = m->value * VMDK_SECTOR,
        .in_file = m->at,
    };
    int r = flow_chunk_grow(c, m->size, err);

    if (r == 0)
        r = need(v, c->data + c->n, m->size, err);
    if (r == 0)
        r = add_grain(c, &g, err);
    c->n += m->size;
    v->waits = false;
    return r;
}

/* ---- chunks */

static int inflate_grain(struct vmdk_flow *v, const struct flow_chunk *c,
                         const struct flow_grain *g, uint8_t *to, struct err *err)
{
    size_t least = (size_t)min_u64(v->grain_bytes, v->flow.size - g->offset), got = 0;
    struct inflater *inf;
    bool good;
    int r = inflater_take(&inf, v->inflate, err);

    if (r < 0)
        return r;
    good = inflater_run_zlib(inf, to, (size_t)v->grain_bytes, &got,
                             bytes_of(c->data + g->at, g->n));
    inflater_give(v->inflate, inf);
    if (!good || got < least)
        return FAIL(err, ERR_CORRUPT,
                    "vmdk grain at offset %" PRIu64 ": %" PRIu32
                    " bytes do not inflate to %zu",
                    g->in_file, g->n, least);
    return 0;
}

static int vmdk_fill(struct flow *f, const struct flow_chunk *c, uint8_t *buf, size_t n,
                     uint64_t off, struct err *err)
{
    struct vmdk_flow *v = vmdk_of(f);
    AUTO(freep) uint8_t *whole = NULL;

    memset(buf, 0, n);
    for (size_t i = 0; i < c->grain_count; i++) {
        const struct flow_grain *g = &c->grains[i];
        uint64_t from = max_u64(off, g->offset);
        uint64_t to = min_u64(off + n, g->offset + v->grain_bytes);
        bool fits = from == g->offset && to - from == v->grain_bytes;
        int r;

        if (from >= to)
            continue;
        if (!fits && !whole)
            whole = malloc((size_t)v->grain_bytes);
        if (!fits && !whole)
            return FAIL(err, ERR_NOMEM, "vmdk grain");
        r = inflate_grain(v, c, g, fits ? buf + (from - off) : whole, err);
        if (r < 0)
            return r;
        if (!fits)
            memcpy(buf + (from - off), whole + (from - g->offset), (size_t)(to - from));
    }
    return 0;
}

/* ---- what the disk begins and ends with */

struct edges {
    struct block block;
    const struct vmdk_flow *v;
};

/* Only they are looked at; between them there are zeros. */
static int edges_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    const struct vmdk_flow *v = CONTAINER_OF(b, struct edges, block)->v;
    uint64_t last = b->size - EDGE;
    uint8_t *to = buf;

    (void)err;
    for (size_t i = 0; i < n; i++) {
        uint64_t at = off + i;

        to[i] = at < EDGE ? v->first[at] : at >= last ? v->last[at - last] : 0;
    }
    return 0;
}

static void edges_close(struct block *b)
{
    (void)b;
}

static const struct block_driver edges_driver = {
    .name = "vmdk stream",
    .read = edges_read,
    .close = edges_close,
};

static int refuse_nested(struct vmdk_flow *v, struct err *err)
{
    struct edges edges = {.v = v};

    block_init(&edges.block, &edges_driver, v->flow.size);
    return image_refuse_nested(&edges.block, &v->ctx, err);
}

/* Looked at as soon as it is there: who sends an image within an image need not send all
 * of it. */
static int look_at_edges(struct vmdk_flow *v, const struct flow_chunk *c, struct err *err)
{
    uint64_t last = v->flow.size - EDGE;
    bool has_first = c->offset == 0, has_last = c->offset + c->length == v->flow.size;
    int r = 0;

    if (has_first)
        r = vmdk_fill(&v->flow, c, v->first, EDGE, 0, err);
    if (r == 0 && has_last)
        r = vmdk_fill(&v->flow, c, v->last, EDGE, last, err);
    return r == 0 && (has_first || has_last) ? refuse_nested(v, err) : r;
}

/* All grains of one unit, from v->marker on. */
static int gather(struct vmdk_flow *v, struct flow_chunk *c, struct err *err)
{
    struct flow *f = &v->flow;
    uint64_t unit = v->marker.value * VMDK_SECTOR / f->unit, end;
    int r = 0;

    while (r == 0 && v->waits && v->marker.value * VMDK_SECTOR / f->unit == unit) {
        r = take_grain(v, c, err);
        if (r == 0)
            r = next_marker(v, err);
        if (r > 0) {
            v->waits = true;
            r = check_grain(v, err);
        }
    }
    if (r < 0)
        return r;
    end = round_up(c->grains[c->grain_count - 1].offset + v->grain_bytes, f->cluster);
    c->offset = round_down(c->grains[0].offset, f->cluster);
    c->length = min_u64(end, f->size) - c->offset;
    return look_at_edges(v, c, err);
}

static int begin(struct vmdk_flow *v, struct err *err)
{
    int r =
        v->front ? read_front(v, err) : skip_to(v, v->header.overhead * VMDK_SECTOR, err);

    v->begun = true;
    if (r == 0)
        r = next_marker(v, err);
    if (r > 0) {
        v->waits = true;
        r = check_grain(v, err);
    }
    return r;
}

static int vmdk_next(struct flow *f, struct flow_chunk **ret, struct err *err)
{
    struct vmdk_flow *v = vmdk_of(f);
    struct flow_chunk *c = NULL;
    int r = v->begun ? 0 : begin(v, err);

    if (r < 0 || !v->waits)
        return r;
    r = flow_chunk_new(&c, f, f->unit + f->unit / 8, err);
    if (r < 0)
        return r;
    r = gather(v, c, err);
    if (r < 0) {
        flow_chunk_give(f, c);
        return r;
    }
    *ret = c;
    return 1;
}

static void vmdk_close(struct flow *f)
{
    struct vmdk_flow *v = vmdk_of(f);

    inflate_pool_free(v->inflate);
    vmdk_tables_fini(&v->tables);
    free((void *)(uintptr_t)v->directory.p);
    flow_fini(f);
    free(v);
}

static const struct flow_driver vmdk_flow_driver = {
    .next = vmdk_next,
    .fill = vmdk_fill,
    .close = vmdk_close,
};

static void vmdk_freep(struct vmdk_flow **v)
{
    if (*v)
        vmdk_close(&(*v)->flow);
}

/* A kind that can be taken as it comes, with all that is looked at before the grains
 * where it may be. */
static bool can_flow(const struct vmdk_header *h)
{
    uint64_t tables = div_up(h->capacity, h->grain_size * h->gtes) * 4;
    uint64_t end;

    if (h->compression != 1 || !(h->flags & VMDK_FLAG_MARKERS) ||
        h->grain_size > GRAIN_BYTES_MAX / VMDK_SECTOR || h->overhead == 0 ||
        !checked_add(&end, h->desc_offset, h->desc_size) || end > h->overhead ||
        end > STREAM_PEEK_MAX / VMDK_SECTOR || h->overhead > INT64_MAX / VMDK_SECTOR)
        return false;
    return h->directory_offset == VMDK_DIRECTORY_AT_END ||
           (h->directory_offset < h->overhead && h->overhead <= FRONT_MAX / VMDK_SECTOR &&
            range_within(h->directory_offset * VMDK_SECTOR, tables,
                         h->overhead * VMDK_SECTOR));
}

static int look_at_head(struct vmdk_flow *v, struct err *err)
{
    AUTO(block_unrefp) struct block *block = NULL;
    struct bytes head;
    int r = stream_peek(&head, v->flow.in, STREAM_PEEK_MAX, err);

    if (r == 0)
        r = block_mem_open(&block, head.p, head.n, err);
    if (r < 0)
        return r;
    if (!vmdk_header_decode(&v->header, head))
        return 0; /* a descriptor */
    r = vmdk_header_check(&v->header, &v->ctx, err);
    if (r < 0 || !can_flow(&v->header))
        return r;
    r = vmdk_embedded_check(block, &v->header, &v->ctx, err);
    return r < 0 ? r : 1;
}

int flow_vmdk_open(struct flow **ret, struct stream *in, struct image_ctx *ctx,
                   struct err *err)
{
    AUTO(vmdk_freep) struct vmdk_flow *v = calloc(1, sizeof *v);
    int r;

    if (!v)
        return FAIL(err, ERR_NOMEM, "no memory for a stream");
    flow_init(&v->flow, &vmdk_flow_driver, in, ctx->options);
    v->flow.info = *ctx->info;
    v->ctx = (struct image_ctx){&v->flow.options, &v->flow.info};
    r = look_at_head(v, err);
    if (r <= 0) {
        *ctx->info = v->flow.info;
        return r;
    }
    r = vmdk_tables_init(&v->tables, &v->header, err);
    if (r == 0)
        r = inflate_pool_new(&v->inflate, false, err);
    if (r < 0)
        return r;
    v->front = v->header.directory_offset != VMDK_DIRECTORY_AT_END;
    v->grain_bytes = v->header.grain_size * VMDK_SECTOR;
    v->flow.size = v->header.capacity * VMDK_SECTOR;
    v->flow.disk.size = v->flow.info.virtual_size = v->flow.size;
    *ret = &TAKE(v)->flow;
    return 1;
}
