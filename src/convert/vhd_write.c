/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vhd_write.c: a VHD, fixed or dynamic
 *
 *   fixed:    data, footer
 *   dynamic:  footer | dynamic header | table | (gap, bitmap, 2 MiB of data) ... | footer
 *
 * The disk is rounded up to a whole MiB, which Azure demands and nobody minds.  A block's
 * data begin at a multiple of 4 KiB, which is why a gap stands before each bitmap: a
 * write of the guest then never touches two pages of the host for one of its own.  The
 * table is written a page at a time, both footers last.  Specification: see block/vhd.h.
 */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "block/vhd.h"
#include "convert/identity.h"

enum {
    DISK_UNIT = 1024 * 1024,
    BLOCK = 2 * 1024 * 1024,
    BLOCK_CLUSTERS = BLOCK / CONVERT_CLUSTER,
    BITMAP = BLOCK / VHD_SECTOR / 8,
    ALIGNMENT = 4096,
    TABLE = VHD_FOOTER_SIZE + VHD_HEADER_SIZE,
    PAGE = 16 * 1024, /* of the table: 8 GiB of disk */
    PAGE_ENTRIES = PAGE / 4,
};

static_assert(BITMAP - VHD_SECTOR == 0, "the bitmap is a sector");

#define NO_PAGE UINT64_MAX

struct vhd_sink {
    struct sink sink;
    struct identity identity;
    uint64_t blocks, block; /* how many; the one written to now */
    uint64_t data;          /* where its data begin */
    uint64_t next;          /* end of all that is allocated */
    uint64_t page;          /* of the table, held below */
    bool fixed;
    uint8_t table[PAGE];
    uint8_t bitmap[BITMAP];
};

static struct vhd_sink *vhd_of(struct sink *s)
{
    return CONTAINER_OF(s, struct vhd_sink, sink);
}

static int write_now(struct vhd_sink *v, const uint8_t *p, size_t n, uint64_t off,
                     struct err *err)
{
    int r = out_put(v->sink.out, p, n, off, err);

    return r < 0 ? r : out_flush(v->sink.out, err);
}

/* ---- dynamic: blocks and their table */

static uint64_t table_end(const struct vhd_sink *v)
{
    return TABLE + round_up(v->blocks * 4, VHD_SECTOR);
}

static uint64_t page_bytes(const struct vhd_sink *v, uint64_t page)
{
    return min_u64(PAGE, table_end(v) - TABLE - page * PAGE);
}

/* A page goes out when the next one begins; those between hold no block. */
static int page_enter(struct vhd_sink *v, uint64_t page, struct err *err)
{
    while (v->page != page) {
        if (v->page != NO_PAGE) {
            int r = write_now(v, v->table, page_bytes(v, v->page), TABLE + v->page * PAGE,
                              err);

            if (r < 0)
                return r;
        }
        memset(v->table, 0xff, PAGE);
        v->page = v->page == NO_PAGE ? 0 : v->page + 1;
    }
    return 0;
}

static int block_begin(struct vhd_sink *v, uint64_t block, struct err *err)
{
    int r = page_enter(v, block / PAGE_ENTRIES, err);
    uint64_t bitmap;

    if (r < 0)
        return r;
    v->data = round_up(v->next + BITMAP, ALIGNMENT);
    bitmap = v->data - BITMAP;
    v->next = v->data + BLOCK;
    v->block = block;
    /* VHD_SIZE_MAX keeps it within 32 bits, gaps and all. */
    store_be32(v->table + block % PAGE_ENTRIES * 4, (uint32_t)(bitmap / VHD_SECTOR));
    return out_put(v->sink.out, v->bitmap, BITMAP, bitmap, err);
}

/* ---- clusters */

static int vhd_put(struct sink *s, const struct cluster *c, struct err *err)
{
    struct vhd_sink *v = vhd_of(s);
    uint64_t off = c->index * CONVERT_CLUSTER;

    identity_add(&v->identity, c);
    if (!v->fixed) {
        if (v->block != c->index / BLOCK_CLUSTERS) {
            int r = block_begin(v, c->index / BLOCK_CLUSTERS, err);

            if (r < 0)
                return r;
        }
        off = v->data + off % BLOCK;
    }
    return out_put(s->out, c->p, c->length, off, err);
}

/* ---- footer and header */

/* Cylinders, heads and sectors as the appendix of the specification computes them. Who
 * believes them gets at most the disk's size. */
static void store_geometry(uint8_t *p, uint64_t size)
{
    uint64_t total = min_u64(size / VHD_SECTOR, UINT64_C(65535) * 16 * 255);
    uint64_t sectors = 17, heads, tracks;

    if (total >= UINT64_C(65535) * 16 * 63) {
        sectors = 255;
        heads = 16;
        tracks = total / sectors;
    } else {
        tracks = total / sectors;
        heads = max_u64(div_up(tracks, 1024), 4);
        if (tracks >= heads * 1024 || heads > 16) {
            sectors = 31;
            heads = 16;
            tracks = total / sectors;
        }
        if (tracks >= heads * 1024) {
            sectors = 63;
            heads = 16;
            tracks = total / sectors;
        }
    }
    store_be16(p, (uint16_t)(tracks / heads));
    p[2] = (uint8_t)heads;
    p[3] = (uint8_t)sectors;
}

static void footer_make(uint8_t f[VHD_FOOTER_SIZE], const struct vhd_sink *v)
{
    struct identity identity = v->identity;

    memset(f, 0, VHD_FOOTER_SIZE);
    memcpy(f, "conectix", 8);
    store_be32(f + 8, 2);        /* features: always */
    store_be32(f + 12, 0x10000); /* version 1.0 */
    store_be64(f + 16, v->fixed ? UINT64_MAX : VHD_FOOTER_SIZE);
    /* No time: the same disk gives the same file.  The creator is Hyper-V's, because
     * QEMU takes the geometry for the size of a disk whose creator it does not know. */
    memcpy(f + 28, "win ", 4);
    store_be32(f + 32, 0xa0000); /* of its version 10.0 */
    memcpy(f + 36, "Wi2k", 4);
    store_be64(f + 40, v->sink.virtual_size);
    store_be64(f + 48, v->sink.virtual_size);
    store_geometry(f + 56, v->sink.virtual_size);
    store_be32(f + 60, v->fixed ? VHD_FIXED : VHD_DYNAMIC);
    identity_mix(&identity, v->sink.virtual_size);
    identity_uuid(f + 68, &identity);
    store_be32(f + VHD_FOOTER_SUM,
               vhd_checksum(bytes_of(f, VHD_FOOTER_SIZE), VHD_FOOTER_SUM));
}

static int header_write(struct vhd_sink *v, struct err *err)
{
    uint8_t h[VHD_HEADER_SIZE] = "cxsparse";

    store_be64(h + 8, UINT64_MAX);
    store_be64(h + 16, TABLE);
    store_be32(h + 24, 0x10000);
    store_be32(h + 28, (uint32_t)v->blocks);
    store_be32(h + 32, BLOCK);
    store_be32(h + VHD_HEADER_SUM, vhd_checksum(bytes_of(h, sizeof h), VHD_HEADER_SUM));
    return write_now(v, h, sizeof h, VHD_FOOTER_SIZE, err);
}

static int dynamic_finish(struct vhd_sink *v, const uint8_t *footer, struct err *err)
{
    uint64_t last = (v->blocks - 1) / PAGE_ENTRIES;
    int r = page_enter(v, last + 1, err);

    if (r == 0)
        r = header_write(v, err);
    return r < 0 ? r : write_now(v, footer, VHD_FOOTER_SIZE, 0, err);
}

static int disk_size(uint64_t *ret, uint64_t virtual_size, struct err *err)
{
    uint64_t size = round_up(max_u64(virtual_size, 1), DISK_UNIT);

    if (size > VHD_SIZE_MAX)
        return FAIL(err, ERR_LIMIT,
                    "vhd: a disk of %" PRIu64 " bytes, limit %llu (2040 GiB)",
                    virtual_size, VHD_SIZE_MAX);
    *ret = size;
    return 0;
}

/* Only of a fixed one: nothing stands before its data. */
static int fixed_set_size(struct sink *s, uint64_t virtual_size, struct err *err)
{
    return disk_size(&s->virtual_size, virtual_size, err);
}

static int vhd_finish(struct sink *s, uint64_t *ret_size, struct err *err)
{
    struct vhd_sink *v = vhd_of(s);
    uint64_t end = v->fixed ? s->virtual_size : v->next;
    uint8_t footer[VHD_FOOTER_SIZE];
    int r = 0;

    footer_make(footer, v);
    r = write_now(v, footer, sizeof footer, end, err);
    if (r == 0 && !v->fixed)
        r = dynamic_finish(v, footer, err);
    if (r < 0)
        return r;
    *ret_size = end + VHD_FOOTER_SIZE;
    return 0;
}

static void vhd_close(struct sink *s)
{
    free(vhd_of(s));
}

static bool vhd_holds(enum convert_compression c)
{
    return c == CONVERT_PLAIN;
}

static int vhd_open(struct sink **ret, const struct sink_driver *driver, struct out *out,
                    const struct sink_spec *spec, struct err *err)
{
    uint64_t size = VHD_SIZE_MAX;
    struct vhd_sink *v;
    int r = 0;

    if (spec->virtual_size != SINK_SIZE_LATER)
        r = disk_size(&size, spec->virtual_size, err);
    if (r < 0)
        return r;
    v = calloc(1, sizeof *v);
    if (!v)
        return FAIL(err, ERR_NOMEM, "no memory for vhd tables");
    v->sink = (struct sink){driver, out, PACK_PLAIN, CONVERT_CLUSTER, size};
    v->fixed = driver == &vhd_fixed_sink;
    v->blocks = div_up(size, BLOCK);
    v->block = v->page = NO_PAGE;
    v->next = table_end(v);
    memset(v->bitmap, 0xff, sizeof v->bitmap);
    *ret = &v->sink;
    return 0;
}

static int dynamic_open(struct sink **ret, struct out *out, const struct sink_spec *spec,
                        struct err *err)
{
    return vhd_open(ret, &vhd_dynamic_sink, out, spec, err);
}

static int fixed_open(struct sink **ret, struct out *out, const struct sink_spec *spec,
                      struct err *err)
{
    return vhd_open(ret, &vhd_fixed_sink, out, spec, err);
}

const struct sink_driver vhd_dynamic_sink = {
    .format = IMAGE_VHD,
    .kind = "dynamic",
    .holds = vhd_holds,
    .open = dynamic_open,
    .put = vhd_put,
    .finish = vhd_finish,
    .close = vhd_close,
};

const struct sink_driver vhd_fixed_sink = {
    .format = IMAGE_VHD,
    .kind = "fixed",
    .holds = vhd_holds,
    .open = fixed_open,
    .put = vhd_put,
    .set_size = fixed_set_size,
    .finish = vhd_finish,
    .close = vhd_close,
};
