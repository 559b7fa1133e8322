/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/vhd.h"

#include <inttypes.h>

#include "base/checked.h"
#include "base/text.h"

static const char footer_magic[] = "conectix", header_magic[] = "cxsparse";
enum { MAGIC_SIZE = 8 };

struct vhd {
    struct block block;
    struct block *file;                /* own reference */
    uint32_t *table;                   /* sector of each block; NULL: fixed */
    uint64_t blocks;                   /* entries of it that the disk's size needs */
    uint64_t table_offset, table_size; /* bytes of it in the file */
    uint64_t header_offset;
    uint64_t end; /* where the last footer begins */
    uint32_t block_size, bitmap_size;
};

static struct vhd *vhd_of(struct block *b)
{
    return CONTAINER_OF(b, struct vhd, block);
}

/* ---- decoding */

bool vhd_footer_decode(struct vhd_footer *ret, struct bytes b)
{
    struct cursor c = cursor_at(b, MAGIC_SIZE + 4);

    ret->version = cursor_be32(&c);
    ret->data_offset = cursor_be64(&c);
    cursor_skip(&c, 4); /* time */
    cursor_copy(&c, ret->creator, sizeof ret->creator);
    cursor_skip(&c, 4 + 4 + 8); /* version and system of the creator, original size */
    ret->current_size = cursor_be64(&c);
    ret->cylinders = cursor_be16(&c);
    ret->heads = cursor_u8(&c);
    ret->sectors = cursor_u8(&c);
    ret->type = cursor_be32(&c);
    ret->checksum = cursor_be32(&c);
    return !c.bad && bytes_at(b, 0, footer_magic, MAGIC_SIZE);
}

bool vhd_header_decode(struct vhd_header *ret, struct bytes b)
{
    struct cursor c = cursor_at(b, MAGIC_SIZE + 8);

    ret->table_offset = cursor_be64(&c);
    ret->version = cursor_be32(&c);
    ret->max_entries = cursor_be32(&c);
    ret->block_size = cursor_be32(&c);
    ret->checksum = cursor_be32(&c);
    return !c.bad && bytes_at(b, 0, header_magic, MAGIC_SIZE);
}

uint32_t vhd_checksum(struct bytes b, size_t skip)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < b.n; i++)
        if (i < skip || i >= skip + 4)
            sum += b.p[i];
    return ~sum;
}

/* The footer has two sizes: bytes, and a geometry whose product is usually a little less.
 * Which one the guest saw depends on who ran it:
 *
 *   "vpc "  geometry   Virtual PC
 *   "qemu"  geometry   qemu-img, which writes the product into the byte size too
 *   "qem2"  bytes      qemu-img with force_size
 *   "win "  bytes      Hyper-V           "wa\0\0"  bytes  Azure
 *   "d2v "  bytes      Disk2vhd          "vs  "    bytes  Virtual Server
 *   "tap\0" bytes      XenServer         "CTXS"    bytes  XenConvert
 *   "vbox"  bytes      VirtualBox
 *
 * Unknown ones are taken by bytes: too much is zeros at the end, too little loses data.
 * So does qemu since 10.0; before, it took the geometry of those it did not know.  The
 * largest geometry stands for "more than it can say", and an empty one for nothing. */
uint64_t vhd_footer_disk_size(const struct vhd_footer *f)
{
    const uint64_t largest = 65535ull * 16 * 255;
    uint64_t product = (uint64_t)f->cylinders * f->heads * f->sectors;
    bool by_geometry =
        memcmp(f->creator, "vpc ", 4) == 0 || memcmp(f->creator, "qemu", 4) == 0;

    if (by_geometry && product && product != largest)
        return product * VHD_SECTOR;
    return round_down(f->current_size, VHD_SECTOR);
}

/* ---- reading */

static int dynamic_read(struct block *b, void *buf, size_t n, uint64_t off,
                        struct err *err)
{
    struct vhd *v = vhd_of(b);
    char *p = buf;

    while (n) {
        uint64_t in = off % v->block_size;
        uint32_t sector = v->table[off / v->block_size];
        size_t step = (size_t)min_u64(n, v->block_size - in);
        int r = 0;

        /* Like qemu and Hyper-V we do not look at the bitmap: in a dynamic disk a sector
         * that was never written holds zeros anyway. */
        if (sector == VHD_UNALLOCATED)
            memset(p, 0, step);
        else
            r = block_read(v->file, p, step,
                           (uint64_t)sector * VHD_SECTOR + v->bitmap_size + in, err);
        if (r < 0)
            return r;
        p += step;
        off += step;
        n -= step;
    }
    return 0;
}

static int dynamic_extent(struct block *b, struct extent *ret, uint64_t off,
                          struct err *err)
{
    struct vhd *v = vhd_of(b);
    uint64_t i = off / v->block_size, first = i;
    bool hole = v->table[i] == VHD_UNALLOCATED;

    (void)err;
    while (i < v->blocks && (v->table[i] == VHD_UNALLOCATED) == hole)
        i++;
    *ret = (struct extent){
        .kind = hole ? EXTENT_HOLE : EXTENT_DATA,
        .length = (i - first) * v->block_size - off % v->block_size,
    };
    return 0;
}

static int dynamic_locate(struct block *b, struct location *ret, uint64_t off,
                          struct err *err)
{
    struct vhd *v = vhd_of(b);
    uint32_t sector = v->table[off / v->block_size];
    uint64_t in = off % v->block_size;

    if (sector == VHD_UNALLOCATED)
        return dynamic_extent(b, &ret->extent, off, err);
    return block_locate_stored(ret, v->file,
                               (uint64_t)sector * VHD_SECTOR + v->bitmap_size + in,
                               v->block_size - in, err);
}

static int fixed_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    return block_read(vhd_of(b)->file, buf, n, off, err);
}

static int fixed_extent(struct block *b, struct extent *ret, uint64_t off,
                        struct err *err)
{
    return block_extent(vhd_of(b)->file, ret, off, err);
}

static int fixed_locate(struct block *b, struct location *ret, uint64_t off,
                        struct err *err)
{
    return block_locate(vhd_of(b)->file, ret, off, err);
}

static void vhd_close(struct block *b)
{
    struct vhd *v = vhd_of(b);

    block_unref(v->file);
    free(v->table);
    free(v);
}

static const struct block_driver dynamic_block = {
    .name = "vhd",
    .read = dynamic_read,
    .extent = dynamic_extent,
    .locate = dynamic_locate,
    .close = vhd_close,
};

static const struct block_driver fixed_block = {
    .name = "vhd",
    .read = fixed_read,
    .extent = fixed_extent,
    .locate = fixed_locate,
    .close = vhd_close,
};

/* ---- opening */

/* The footer at `off`, of `n` bytes.  1 found, 0 no magic there. */
static int read_footer(struct vhd_footer *ret, bool *sum_is_right, struct block *file,
                       uint64_t off, size_t n, struct err *err)
{
    uint8_t buf[VHD_FOOTER_SIZE] = {0};
    struct bytes b = bytes_of(buf, sizeof buf);
    int r = block_read(file, buf, n, off, err);

    if (r < 0)
        return r;
    if (!vhd_footer_decode(ret, b))
        return 0;
    *sum_is_right = vhd_checksum(b, VHD_FOOTER_SUM) == ret->checksum;
    return 1;
}

struct footers {
    struct vhd_footer first, last;
    bool has_first, has_last;
    bool first_sum, last_sum;
    uint64_t last_offset;
};

static int find_footers(struct footers *ret, struct block *file, struct err *err)
{
    static const size_t sizes[] = {VHD_FOOTER_SIZE, VHD_FOOTER_OLD_SIZE};
    int r;

    *ret = (struct footers){0};
    if (file->size < VHD_FOOTER_SIZE)
        return 0;
    r = read_footer(&ret->first, &ret->first_sum, file, 0, VHD_FOOTER_SIZE, err);
    if (r < 0)
        return r;
    ret->has_first = r;
    for (size_t i = 0; i < ARRAY_SIZE(sizes) && !ret->has_last; i++) {
        ret->last_offset = file->size - sizes[i];
        r = read_footer(&ret->last, &ret->last_sum, file, ret->last_offset, sizes[i],
                        err);
        if (r < 0)
            return r;
        ret->has_last = r;
    }
    return 0;
}

static int vhd_recognise(struct block *file, struct err *err)
{
    struct footers f;
    int r = find_footers(&f, file, err);

    return r < 0 ? r : f.has_first || f.has_last;
}

/* What stands before the block at the start and at the end must be one story. */
static int check_footers(const struct footers *f, struct image_ctx *ctx, struct err *err)
{
    const struct vhd_footer *a = &f->first, *z = &f->last;

    if (!f->has_last)
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vhd: no footer at the end, only its copy at the start");
    if (!f->last_sum)
        return IMAGE_FAULT(ctx, err, CHECKSUM, ERR_CORRUPT,
                           "vhd footer at offset %" PRIu64 ": checksum 0x%08" PRIx32
                           " is wrong",
                           f->last_offset, z->checksum);
    if (z->version >> 16 != 1)
        return IMAGE_FAULT(ctx, err, VERSION, ERR_UNSUPPORTED,
                           "vhd footer: version 0x%08" PRIx32 ", only 1.x is known",
                           z->version);
    if (z->type == VHD_DIFFERENCING)
        return IMAGE_FAULT(ctx, err, DIFFERENCING, ERR_UNSUPPORTED,
                           "vhd: a differencing disk (type 4) needs its parent");
    if (z->type != VHD_FIXED && z->type != VHD_DYNAMIC)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vhd footer: disk type %" PRIu32 ", need 2 or 3", z->type);
    /* A fixed disk that begins like a VHD is told by the look inside, see probe.c. */
    if (z->type == VHD_FIXED)
        return 0;
    if (!f->has_first)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vhd: a dynamic disk without the copy of its footer at the "
                           "start");
    if (!f->first_sum)
        return IMAGE_FAULT(ctx, err, CHECKSUM, ERR_CORRUPT,
                           "vhd footer at offset 0: checksum 0x%08" PRIx32 " is wrong",
                           a->checksum);
    if (a->type != z->type || a->data_offset != z->data_offset ||
        vhd_footer_disk_size(a) != vhd_footer_disk_size(z))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vhd: the footer and its copy at the start differ in type, "
                           "size or header offset");
    return 0;
}

static int check_header(const struct vhd_header *h, uint64_t size, struct image_ctx *ctx,
                        struct err *err)
{
    uint64_t need;

    if (h->version >> 16 != 1)
        return IMAGE_FAULT(
            ctx, err, VERSION, ERR_UNSUPPORTED,
            "vhd dynamic header: version 0x%08" PRIx32 ", only 1.x is known", h->version);
    if (!is_power_of_2(h->block_size) || h->block_size < VHD_SECTOR)
        return IMAGE_FAULT(ctx, err, VHD_TABLE, ERR_CORRUPT,
                           "vhd dynamic header: block size %" PRIu32
                           ", need a power of two from 512 on",
                           h->block_size);
    need = div_up(size, h->block_size);
    if (need > h->max_entries)
        return IMAGE_FAULT(ctx, err, VHD_TABLE, ERR_CORRUPT,
                           "vhd dynamic header: table of %" PRIu32
                           " entries, the disk needs %" PRIu64,
                           h->max_entries, need);
    if (need > VHD_TABLE_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vhd: %" PRIu64 " blocks of %" PRIu32
                           " bytes, more than the %u we read",
                           need, h->block_size, VHD_TABLE_MAX);
    return 0;
}

static int read_header(struct vhd_header *ret, struct block *file, uint64_t off,
                       struct image_ctx *ctx, struct err *err)
{
    uint8_t buf[VHD_HEADER_SIZE];
    struct bytes b = bytes_of(buf, sizeof buf);
    int r;

    if (!range_within(off, VHD_HEADER_SIZE, file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vhd: dynamic header at offset %" PRIu64
                           ", but the file ends at %" PRIu64,
                           off, file->size);
    r = block_read(file, buf, sizeof buf, off, err);
    if (r < 0)
        return r;
    if (!vhd_header_decode(ret, b))
        return IMAGE_FAULT(ctx, err, VHD_TABLE, ERR_CORRUPT,
                           "vhd: no dynamic header at offset %" PRIu64, off);
    if (vhd_checksum(b, VHD_HEADER_SUM) != ret->checksum)
        return IMAGE_FAULT(ctx, err, VHD_TABLE, ERR_CORRUPT,
                           "vhd dynamic header: checksum 0x%08" PRIx32 " is wrong",
                           ret->checksum);
    return 0;
}

static int read_table(struct vhd *v, struct image_ctx *ctx, struct err *err)
{
    size_t n = (size_t)v->blocks; /* at most VHD_TABLE_MAX */
    AUTO(freep) uint32_t *table = NULL;
    int r;

    if (!range_within(v->table_offset, v->table_size, v->file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vhd: table of %" PRIu64 " bytes at offset %" PRIu64
                           ", but the file ends at %" PRIu64,
                           v->table_size, v->table_offset, v->file->size);
    table = malloc(n * sizeof *table + 1);
    if (!table)
        return FAIL(err, ERR_NOMEM, "vhd: table of %zu entries", n);
    r = block_read(v->file, table, n * sizeof *table, v->table_offset, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        table[i] = load_be32((const uint8_t *)&table[i]);
    v->table = TAKE(table);
    return 0;
}

static int open_dynamic(struct vhd *v, const struct vhd_footer *f, uint64_t size,
                        struct image_ctx *ctx, struct err *err)
{
    struct vhd_header h;
    int r = read_header(&h, v->file, f->data_offset, ctx, err);

    if (r == 0)
        r = check_header(&h, size, ctx, err);
    if (r < 0)
        return r;
    ctx->info->cluster_size = h.block_size;
    v->header_offset = f->data_offset;
    v->table_offset = h.table_offset;
    v->table_size = (uint64_t)h.max_entries * 4;
    v->block_size = h.block_size;
    /* A bit a sector, rounded up to a sector. */
    v->bitmap_size = (uint32_t)round_up(div_up(h.block_size / VHD_SECTOR, 8), VHD_SECTOR);
    v->blocks = div_up(size, h.block_size);
    return read_table(v, ctx, err);
}

static void vhd_unrefp(struct vhd **v)
{
    if (*v)
        vhd_close(&(*v)->block);
}

static const char *type_name(uint32_t type)
{
    switch (type) {
    case VHD_FIXED:
        return "fixed";
    case VHD_DYNAMIC:
        return "dynamic";
    case VHD_DIFFERENCING:
        return "differencing";
    default:
        return "";
    }
}

static int vhd_open(struct block **ret, struct block *file, struct image_ctx *ctx,
                    struct err *err)
{
    AUTO(vhd_unrefp) struct vhd *v = NULL;
    const struct vhd_footer *f;
    struct footers footers;
    uint64_t size;
    int r = find_footers(&footers, file, err);

    if (r < 0)
        return r;
    f = footers.has_last ? &footers.last : &footers.first;
    snprintf(ctx->info->kind, sizeof ctx->info->kind, "%s", type_name(f->type));
    text_clean(ctx->info->creator, sizeof ctx->info->creator,
               text_trim(bytes_of(f->creator, strnlen((const char *)f->creator, 4))),
               IMAGE_NAME_MAX - 1);
    r = check_footers(&footers, ctx, err);
    if (r < 0)
        return r;
    size = vhd_footer_disk_size(f);
    ctx->info->virtual_size = size;
    if (size > VHD_SIZE_MAX)
        return IMAGE_FAULT(
            ctx, err, TOO_LARGE, ERR_LIMIT,
            "vhd: a disk of %" PRIu64 " bytes, the format ends at 2040 GiB", size);
    if (f->type == VHD_FIXED && size > footers.last_offset)
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vhd: a fixed disk of %" PRIu64
                           " bytes, but its footer is at offset %" PRIu64,
                           size, footers.last_offset);
    v = calloc(1, sizeof *v);
    if (!v)
        return FAIL(err, ERR_NOMEM, "vhd");
    v->file = block_ref(file);
    v->end = footers.last_offset;
    if (f->type == VHD_DYNAMIC) {
        r = open_dynamic(v, f, size, ctx, err);
        if (r < 0)
            return r;
    }
    block_init(&v->block, v->table ? &dynamic_block : &fixed_block, size);
    *ret = &TAKE(v)->block;
    return 0;
}

/* ---- surveying */

static int compare_sectors(const void *a, const void *b)
{
    uint32_t x, y;

    memcpy(&x, a, sizeof x);
    memcpy(&y, b, sizeof y);
    return (x > y) - (x < y);
}

static int check_block(const struct vhd *v, uint64_t i, struct image_ctx *ctx,
                       struct err *err)
{
    uint64_t off = (uint64_t)v->table[i] * VHD_SECTOR;
    uint64_t len = (uint64_t)v->bitmap_size + v->block_size;

    if (!range_within(off, len, v->file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vhd: block %" PRIu64 " at offset %" PRIu64
                           " ends past the file's %" PRIu64 " bytes",
                           i, off, v->file->size);
    if (range_overlaps(off, len, 0, VHD_FOOTER_SIZE) ||
        range_overlaps(off, len, v->header_offset, VHD_HEADER_SIZE) ||
        range_overlaps(off, len, v->table_offset, v->table_size) ||
        range_overlaps(off, len, v->end, v->file->size - v->end))
        return IMAGE_FAULT(ctx, err, VHD_TABLE, ERR_CORRUPT,
                           "vhd: block %" PRIu64 " at offset %" PRIu64
                           " lies over a header, the table or a footer",
                           i, off);
    return 0;
}

static int vhd_survey(struct block *disk, struct image_ctx *ctx, struct err *err)
{
    struct vhd *v = vhd_of(disk);
    uint64_t len = (uint64_t)v->bitmap_size + v->block_size;
    AUTO(freep) uint32_t *sorted = NULL;
    size_t n = 0;

    if (!v->table || v->blocks == 0)
        return 0;
    sorted = malloc((size_t)v->blocks * sizeof *sorted);
    if (!sorted)
        return FAIL(err, ERR_NOMEM, "vhd: survey of %" PRIu64 " blocks", v->blocks);
    for (uint64_t i = 0; i < v->blocks; i++) {
        int r;

        if (v->table[i] == VHD_UNALLOCATED)
            continue;
        r = check_block(v, i, ctx, err);
        if (r < 0)
            return r;
        sorted[n++] = v->table[i];
    }
    qsort(sorted, n, sizeof *sorted, compare_sectors);
    for (size_t i = 1; i < n; i++)
        if (((uint64_t)sorted[i] - sorted[i - 1]) * VHD_SECTOR < len)
            return IMAGE_FAULT(ctx, err, VHD_TABLE, ERR_CORRUPT,
                               "vhd: two blocks share the bytes at offset %" PRIu64,
                               (uint64_t)sorted[i] * VHD_SECTOR);
    return 0;
}

const struct image_driver vhd_driver = {
    .format = IMAGE_VHD,
    .name = "vhd",
    .recognise = vhd_recognise,
    .open = vhd_open,
    .survey = vhd_survey,
};
