/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_sparse.c: an extent of grains, plain or compressed */
#include <inttypes.h>

#include "base/checked.h"
#include "block/vmdk.h"

enum {
    /* Grain tables are read in pieces of this size. */
    TABLE_LINE = 8 << 10,
    TABLE_LINES = 32,
    /* Inflated grains kept for readers of small pieces. */
    INFLATED_BYTES = 4 << 20,
    INFLATED_LINES_MIN = 2,
    INFLATED_LINES_MAX = 16,
    /* Grain tables that one call of extent() looks at; 512 MiB of disk. */
    EXTENT_TABLES = 16,
    READ_GRAINS = 32,
};

static const char magic[] = "KDMV";
enum { MAGIC_SIZE = 4 };

static struct vmdk_sparse *sparse_of(struct block *b)
{
    return CONTAINER_OF(b, struct vmdk_sparse, block);
}

/* ---- header and footer */

bool vmdk_header_decode(struct vmdk_header *ret, struct bytes b)
{
    struct cursor c = cursor_at(b, MAGIC_SIZE);

    ret->version = cursor_le32(&c);
    ret->flags = cursor_le32(&c);
    ret->capacity = cursor_le64(&c);
    ret->grain_size = cursor_le64(&c);
    ret->desc_offset = cursor_le64(&c);
    ret->desc_size = cursor_le64(&c);
    ret->gtes = cursor_le32(&c);
    ret->redundant_offset = cursor_le64(&c);
    ret->directory_offset = cursor_le64(&c);
    ret->overhead = cursor_le64(&c);
    ret->unclean = cursor_u8(&c) != 0;
    cursor_copy(&c, ret->newlines, sizeof ret->newlines);
    ret->compression = cursor_le16(&c);
    return !c.bad && bytes_at(b, 0, magic, MAGIC_SIZE);
}

/* A marker that is no grain: a count of sectors, size 0, and its type. */
static bool is_marker(struct bytes b, uint64_t sectors, uint32_t type)
{
    struct cursor c = cursor(b);

    return cursor_le64(&c) == sectors && cursor_le32(&c) == 0 && cursor_le32(&c) == type;
}

int vmdk_footer_check(struct vmdk_header *h, const struct vmdk_header *f,
                      struct image_ctx *ctx, struct err *err)
{
    if (f->directory_offset == VMDK_DIRECTORY_AT_END)
        return IMAGE_FAULT(ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk footer: does not say where the grain directory is");
    if (f->version != h->version || f->capacity != h->capacity ||
        f->grain_size != h->grain_size || f->gtes != h->gtes ||
        f->compression != h->compression)
        return IMAGE_FAULT(ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk footer: version, capacity, grain or compression are not "
                           "those of the header");
    h->directory_offset = f->directory_offset;
    return 0;
}

/* The writer of a stream knows where the directory lies when all else is written, so the
 * header says "at the end", and the footer has the place. */
static int read_footer(struct vmdk_header *h, struct block *file, struct image_ctx *ctx,
                       struct err *err)
{
    uint8_t buf[VMDK_FOOTER_SPAN];
    struct bytes b = bytes_of(buf, sizeof buf);
    struct vmdk_header f;
    int r;

    if (file->size < VMDK_HEADER_SIZE + VMDK_FOOTER_SPAN)
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk stream: %" PRIu64 " bytes have no room for its footer",
                           file->size);
    r = block_read(file, buf, sizeof buf, file->size - sizeof buf, err);
    if (r < 0)
        return r;
    if (!is_marker(bytes_sub(b, 2 * VMDK_SECTOR, VMDK_SECTOR), 0, 0) ||
        !vmdk_header_decode(&f, bytes_sub(b, VMDK_SECTOR, VMDK_SECTOR)))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk stream: no footer and end marker at the end");
    if (!is_marker(b, 1, VMDK_MARKER_FOOTER))
        return IMAGE_FAULT(ctx, err, STREAM, ERR_CORRUPT,
                           "vmdk stream: no marker in front of the footer");
    return vmdk_footer_check(h, &f, ctx, err);
}

int vmdk_header_check(const struct vmdk_header *h, struct image_ctx *ctx, struct err *err)
{
    uint64_t grain_max = VMDK_GRAIN_MAX;

    if (h->version < 1 || h->version > 3)
        return IMAGE_FAULT(ctx, err, VERSION, ERR_UNSUPPORTED,
                           "vmdk header: version %" PRIu32 ", only 1 to 3 are known",
                           h->version);
    if ((h->flags & VMDK_FLAG_NEWLINE_TEST) && memcmp(h->newlines, "\n \r\n", 4) != 0)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: line ends were changed on the way, as by FTP in "
                           "text mode");
    if (h->compression > 1)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: compression %u, only deflate (1) is known",
                           h->compression);
    if ((h->compression == 1) != ((h->flags & VMDK_FLAG_COMPRESSED) != 0))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: compression %u, but the flags say otherwise",
                           h->compression);
    if (h->compression)
        grain_max = VMDK_PACKED_GRAIN_MAX;
    if (!is_power_of_2(h->grain_size) || h->grain_size < VMDK_GRAIN_MIN ||
        h->grain_size > grain_max)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: grain of %" PRIu64
                           " sectors, need a power of two from %d to %" PRIu64,
                           h->grain_size, VMDK_GRAIN_MIN, grain_max);
    if (h->gtes == 0 || h->gtes > VMDK_GTES_MAX)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: grain tables of %" PRIu32
                           " entries, need 1 to %d",
                           h->gtes, VMDK_GTES_MAX);
    if (h->capacity == 0)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT, "vmdk header: capacity 0");
    if (h->capacity > VMDK_SIZE_MAX / VMDK_SECTOR ||
        div_up(h->capacity, h->grain_size * h->gtes) > VMDK_DIRECTORY_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "vmdk header: capacity of %" PRIu64
                           " sectors in grains of %" PRIu64 " is over what we read",
                           h->capacity, h->grain_size);
    return 0;
}

int vmdk_sparse_header(struct vmdk_header *ret, struct block *file, struct image_ctx *ctx,
                       struct err *err)
{
    uint8_t buf[VMDK_HEADER_SIZE];
    struct vmdk_header h;
    int r;

    if (file->size < VMDK_HEADER_SIZE)
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk extent: %" PRIu64 " bytes have no room for a header",
                           file->size);
    r = block_read(file, buf, sizeof buf, 0, err);
    if (r < 0)
        return r;
    if (!vmdk_header_decode(&h, bytes_of(buf, sizeof buf)))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk extent: no sparse header at its start");
    r = vmdk_header_check(&h, ctx, err);
    if (r < 0)
        return r;
    if (h.directory_offset == VMDK_DIRECTORY_AT_END) {
        r = read_footer(&h, file, ctx, err);
        if (r < 0)
            return r;
    }
    *ret = h;
    return 0;
}

/* ---- reading */

int vmdk_sparse_table(struct vmdk_sparse *s, uint32_t table, uint32_t first, uint32_t n,
                      uint32_t *ret, struct err *err)
{
    uint64_t off = (uint64_t)s->directory[table] * VMDK_SECTOR + (uint64_t)first * 4;
    int r;

    memset(ret, 0, n * sizeof *ret);
    if (s->directory[table] == 0)
        return 0;
    r = block_read(s->tables, ret, n * sizeof *ret, off, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < n; i++)
        ret[i] = load_le32((const uint8_t *)&ret[i]);
    return 0;
}

int vmdk_sparse_marker(struct vmdk_marker *ret, struct vmdk_sparse *s, uint64_t off,
                       struct err *err)
{
    uint8_t buf[VMDK_MARKER_SIZE];
    int r = block_read(s->file, buf, sizeof buf, off, err);

    if (r < 0)
        return r;
    *ret = (struct vmdk_marker){load_le64(buf), load_le32(buf + 8)};
    return 0;
}

/* Where the zlib stream of a grain lies.  Without markers its length is not known; then
 * it is what zlib needs at most, as far as the file goes. */
static int find_stream(uint64_t *off, size_t *n, struct vmdk_sparse *s, uint64_t grain,
                       uint32_t sector, struct err *err)
{
    uint64_t at = (uint64_t)sector * VMDK_SECTOR, max = 2 * s->grain_bytes;
    struct vmdk_marker m;
    int r;

    if (at >= s->file->size)
        return FAIL(err, ERR_CORRUPT,
                    "vmdk grain at offset %" PRIu64 ", but the file ends at %" PRIu64, at,
                    s->file->size);
    if (!(s->header.flags & VMDK_FLAG_MARKERS)) {
        *off = at;
        *n = (size_t)min_u64(max, s->file->size - at);
        return 0;
    }
    r = vmdk_sparse_marker(&m, s, at, err);
    if (r < 0)
        return r;
    if (m.lba != grain * s->header.grain_size || m.size == 0 || m.size > max)
        return FAIL(err, ERR_CORRUPT,
                    "vmdk grain at offset %" PRIu64 ": its marker says %" PRIu32
                    " bytes for sector %" PRIu64 ", but it is of sector %" PRIu64,
                    at, m.size, m.lba, grain * s->header.grain_size);
    *off = at + VMDK_MARKER_SIZE;
    *n = m.size;
    return 0;
}

static int inflate_grain(struct vmdk_sparse *s, struct inflater *inf, uint64_t grain,
                         uint32_t sector, uint8_t *to, size_t need, struct err *err)
{
    size_t n = 0, got = 0;
    uint64_t off = 0;
    uint8_t *in;
    int r = find_stream(&off, &n, s, grain, sector, err);

    if (r < 0)
        return r;
    in = inflater_input(inf, n);
    if (!in)
        return FAIL(err, ERR_NOMEM, "vmdk grain of %zu bytes", n);
    r = block_read(s->file, in, n, off, err);
    if (r < 0)
        return r;
    if (!inflater_run_zlib(inf, to, (size_t)s->grain_bytes, &got, bytes_of(in, n)) ||
        got < need)
        return FAIL(err, ERR_CORRUPT,
                    "vmdk grain at offset %" PRIu64 ": %zu bytes do not inflate to %zu",
                    off, n, need);
    return 0;
}

/* All of a compressed grain, into room for a whole one.  The last grain of a disk may end
 * where the disk does. */
static int read_grain(struct vmdk_sparse *s, uint64_t grain, uint32_t sector, uint8_t *to,
                      struct err *err)
{
    uint64_t left = s->block.size - grain * s->grain_bytes;
    struct inflater *inf;
    int r = inflater_take(&inf, s->inflate, err);

    if (r < 0)
        return r;
    r = inflate_grain(s, inf, grain, sector, to, (size_t)min_u64(left, s->grain_bytes),
                      err);
    inflater_give(s->inflate, inf);
    return r;
}

static int read_packed(struct vmdk_sparse *s, uint64_t grain, uint32_t sector, void *buf,
                       size_t n, size_t at, struct err *err)
{
    uint64_t guest = grain * s->grain_bytes;
    AUTO(freep) uint8_t *data = NULL;
    int r;

    if (n == s->grain_bytes)
        return read_grain(s, grain, sector, buf, err);
    if (inflate_cache_copy(s->inflated, guest, buf, n, at))
        return 0;
    data = malloc((size_t)s->grain_bytes);
    if (!data)
        return FAIL(err, ERR_NOMEM, "vmdk grain");
    r = read_grain(s, grain, sector, data, err);
    if (r < 0)
        return r;
    memcpy(buf, data + at, n);
    inflate_cache_keep(s->inflated, guest, TAKE(data));
    return 0;
}

/* Bytes that grain table entry `sector` stands for. */
static enum extent_kind kind_of(const struct vmdk_sparse *s, uint32_t sector)
{
    if (sector == 0)
        return EXTENT_HOLE;
    if (sector == 1 && (s->header.flags & VMDK_FLAG_ZERO_GRAIN))
        return EXTENT_ZERO;
    return EXTENT_DATA;
}

/* How many grains from gte[0] on one step can do: zeros, or neighbours in the file. */
static uint32_t step_of(const struct vmdk_sparse *s, const uint32_t *gte, uint32_t n)
{
    enum extent_kind kind = kind_of(s, gte[0]);
    uint32_t i = 1;

    if (kind == EXTENT_DATA && s->packed)
        return 1;
    while (i < n && kind_of(s, gte[i]) == kind &&
           (kind != EXTENT_DATA || gte[i] == gte[i - 1] + s->header.grain_size))
        i++;
    return i;
}

static int read_step(struct vmdk_sparse *s, uint64_t grain, uint32_t sector, void *buf,
                     size_t n, uint64_t at, struct err *err)
{
    if (kind_of(s, sector) != EXTENT_DATA) {
        memset(buf, 0, n);
        return 0;
    }
    if (s->packed)
        return read_packed(s, grain, sector, buf, n, (size_t)at, err);
    return block_read(s->file, buf, n, (uint64_t)sector * VMDK_SECTOR + at, err);
}

/* Up to READ_GRAINS entries of one grain table at a time. */
static int sparse_read(struct block *b, void *buf, size_t n, uint64_t off,
                       struct err *err)
{
    struct vmdk_sparse *s = sparse_of(b);
    uint8_t *p = buf;

    while (n) {
        uint64_t grain = off / s->grain_bytes, at = off % s->grain_bytes;
        uint32_t first = (uint32_t)(grain % s->header.gtes), gte[READ_GRAINS], step;
        uint32_t count = (uint32_t)min_u64(min_u64(READ_GRAINS, s->header.gtes - first),
                                           div_up(at + n, s->grain_bytes));
        int r = vmdk_sparse_table(s, (uint32_t)(grain / s->header.gtes), first, count,
                                  gte, err);

        for (uint32_t i = 0; r == 0 && i < count; i += step) {
            size_t take;

            step = step_of(s, gte + i, count - i);
            take = (size_t)min_u64(n, step * s->grain_bytes - at);
            r = read_step(s, grain + i, gte[i], p, take, at, err);
            p += take;
            off += take;
            n -= take;
            at = 0;
        }
        if (r < 0)
            return r;
    }
    return 0;
}

/* Grains of one kind from entry `first` of `table` on; stops at the end of the table. */
static int run_in_table(uint32_t *ret, enum extent_kind *kind, bool *started,
                        struct vmdk_sparse *s, uint32_t table, uint32_t first,
                        struct err *err)
{
    uint32_t gte[VMDK_GTES_MAX], n = s->header.gtes - first, i = 0;
    int r = vmdk_sparse_table(s, table, first, n, gte, err);

    if (r < 0)
        return r;
    if (!*started)
        *kind = kind_of(s, gte[0]);
    *started = true;
    while (i < n && kind_of(s, gte[i]) == *kind)
        i++;
    *ret = i;
    return 0;
}

/* Missing tables cost nothing, so an empty disk is one hole; tables that are there are
 * looked at in moderation. */
static int sparse_extent(struct block *b, struct extent *ret, uint64_t off,
                         struct err *err)
{
    struct vmdk_sparse *s = sparse_of(b);
    uint64_t grain = off / s->grain_bytes, end = grain;
    unsigned looked_at = 0;
    bool started = false;
    enum extent_kind kind = EXTENT_HOLE;

    while (end / s->header.gtes < s->tables_n && looked_at < EXTENT_TABLES) {
        uint32_t table = (uint32_t)(end / s->header.gtes);
        uint32_t first = (uint32_t)(end % s->header.gtes), run;
        int r;

        if (s->directory[table] == 0) {
            if (started && kind != EXTENT_HOLE)
                break;
            started = true;
            end += s->header.gtes - first;
            continue;
        }
        r = run_in_table(&run, &kind, &started, s, table, first, err);
        if (r < 0)
            return r;
        end += run;
        looked_at++;
        if (first + run < s->header.gtes)
            break;
    }
    *ret = (struct extent){kind, end * s->grain_bytes - off};
    return 0;
}

static int sparse_locate(struct block *b, struct location *ret, uint64_t off,
                         struct err *err)
{
    struct vmdk_sparse *s = sparse_of(b);
    uint64_t grain = off / s->grain_bytes, at = off % s->grain_bytes, where, len;
    uint32_t table = (uint32_t)(grain / s->header.gtes), gte[READ_GRAINS];
    uint32_t first = (uint32_t)(grain % s->header.gtes);
    uint32_t n = (uint32_t)min_u64(READ_GRAINS, s->header.gtes - first);
    int r;

    if (s->directory[table] == 0)
        return sparse_extent(b, &ret->extent, off, err);
    r = vmdk_sparse_table(s, table, first, n, gte, err);
    if (r < 0)
        return r;
    where = (uint64_t)gte[0] * VMDK_SECTOR;
    len = step_of(s, gte, n) * s->grain_bytes - at;
    if (kind_of(s, gte[0]) != EXTENT_DATA)
        *ret = (struct location){.extent = {kind_of(s, gte[0]), len}};
    else if (!s->packed)
        return block_locate_stored(ret, s->file, where + at, len, err);
    else
        *ret = (struct location){
            .extent = {EXTENT_DATA, len},
            .file = s->file,
            .where = where + (s->header.flags & VMDK_FLAG_MARKERS ? VMDK_MARKER_SIZE : 0),
            .compressed = true,
        };
    return 0;
}

static void sparse_free(struct vmdk_sparse *s)
{
    inflate_cache_free(s->inflated);
    inflate_pool_free(s->inflate);
    block_unref(s->tables);
    block_unref(s->file);
    free(s->directory);
    free(s);
}

static void sparse_freep(struct vmdk_sparse **s)
{
    if (*s)
        sparse_free(*s);
}

static void sparse_close(struct block *b)
{
    sparse_free(sparse_of(b));
}

static const struct block_driver sparse_driver = {
    .name = "vmdk extent",
    .read = sparse_read,
    .extent = sparse_extent,
    .locate = sparse_locate,
    .close = sparse_close,
};

/* ---- opening */

static int read_directory(struct vmdk_sparse *s, struct image_ctx *ctx, struct err *err)
{
    uint64_t sector = s->header.directory_offset, bytes = (uint64_t)s->tables_n * 4;
    int r;

    if (sector > s->file->size / VMDK_SECTOR ||
        !range_within(sector * VMDK_SECTOR, bytes, s->file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk: grain directory of %" PRIu64 " bytes at sector %" PRIu64
                           ", but the file ends at byte %" PRIu64,
                           bytes, sector, s->file->size);
    if (sector == 0)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "vmdk header: grain directory at sector 0");
    s->directory = malloc((size_t)bytes);
    if (!s->directory)
        return FAIL(err, ERR_NOMEM, "vmdk: grain directory of %" PRIu64 " bytes", bytes);
    r = block_read(s->file, s->directory, (size_t)bytes, sector * VMDK_SECTOR, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; i < s->tables_n; i++)
        s->directory[i] = load_le32((const uint8_t *)&s->directory[i]);
    return 0;
}

static int open_inflate(struct vmdk_sparse *s, struct err *err)
{
    uint64_t lines = max_u64(INFLATED_LINES_MIN, INFLATED_BYTES / s->grain_bytes);
    int r = inflate_pool_new(&s->inflate, false, err);

    if (r < 0)
        return r;
    return inflate_cache_new(&s->inflated, (unsigned)min_u64(lines, INFLATED_LINES_MAX),
                             err);
}

int vmdk_sparse_open(struct vmdk_sparse **ret, struct block *file,
                     const struct vmdk_header *h, struct image_ctx *ctx, struct err *err)
{
    AUTO(sparse_freep) struct vmdk_sparse *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return FAIL(err, ERR_NOMEM, "vmdk extent");
    if (h->overhead > file->size / VMDK_SECTOR)
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "vmdk: the first %" PRIu64
                           " sectors are tables, but the file ends at byte %" PRIu64,
                           h->overhead, file->size);
    block_init(&s->block, &sparse_driver, h->capacity * VMDK_SECTOR);
    s->file = block_ref(file);
    s->header = *h;
    s->grain_bytes = h->grain_size * VMDK_SECTOR;
    s->tables_n = (uint32_t)div_up(h->capacity, h->grain_size * h->gtes);
    s->table_bytes = (uint64_t)h->gtes * 4;
    s->packed = h->compression == 1;
    r = read_directory(s, ctx, err);
    if (r == 0)
        r = block_cache_open(&s->tables, file, TABLE_LINE, TABLE_LINES, err);
    if (r == 0 && s->packed)
        r = open_inflate(s, err);
    if (r < 0)
        return r;
    ctx->info->compressed |= s->packed;
    ctx->info->dirty |= h->unclean;
    ctx->info->cluster_size = (uint32_t)s->grain_bytes;
    *ret = TAKE(s);
    return 0;
}
