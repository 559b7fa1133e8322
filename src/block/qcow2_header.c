/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_header.c: is this an image we read?
 *
 * The order of the questions is the order of the answers: an image with a backing file is
 * refused for that, and only then for what is wrong in it. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"
#include "block/qcow2.h"

enum extension {
    EXTENSION_END = 0,
    EXTENSION_BACKING_FORMAT = 0xe2792aca,
    EXTENSION_FEATURE_NAMES = 0x6803f857,
    EXTENSION_DATA_FILE = 0x44415441,
};

enum {
    FEATURE_NAME_SIZE = 48, /* type, bit, 46 bytes of name */
    FEATURE_NAMES_MAX = 3 * 64,
    NAME_SHOWN_MAX = 80,
};

static int header_decode(struct qcow2_header *ret, struct bytes raw, struct err *err)
{
    struct cursor c = cursor(raw);
    struct qcow2_header h = {.refcount_order = 4, .header_length = QCOW2_HEADER_V2};

    cursor_skip(&c, 4);
    h.version = cursor_be32(&c);
    h.backing_file_offset = cursor_be64(&c);
    h.backing_file_size = cursor_be32(&c);
    h.cluster_bits = cursor_be32(&c);
    h.size = cursor_be64(&c);
    h.crypt_method = cursor_be32(&c);
    h.l1_size = cursor_be32(&c);
    h.l1_table_offset = cursor_be64(&c);
    h.refcount_table_offset = cursor_be64(&c);
    h.refcount_table_clusters = cursor_be32(&c);
    h.nb_snapshots = cursor_be32(&c);
    h.snapshots_offset = cursor_be64(&c);
    if (h.version >= 3) {
        h.incompatible_features = cursor_be64(&c);
        cursor_skip(&c, 16); /* compatible and auto-clear bits bind writers only */
        h.refcount_order = cursor_be32(&c);
        h.header_length = cursor_be32(&c);
        if (h.header_length > QCOW2_HEADER_V3)
            h.compression_type = cursor_u8(&c);
    }
    if (c.bad)
        return FAIL(err, ERR_SHORT, "qcow2 header: %zu bytes are too short", raw.n);
    *ret = h;
    return 0;
}

void qcow2_geometry_of(struct qcow2_geometry *ret, const struct qcow2_header *h)
{
    bool extended = h->incompatible_features & QCOW2_EXTENDED_L2;
    uint64_t cluster_size = UINT64_C(1) << h->cluster_bits;

    *ret = (struct qcow2_geometry){
        .cluster_size = cluster_size,
        .unit_size = extended ? cluster_size / QCOW2_SUBCLUSTERS : cluster_size,
        .cluster_bits = h->cluster_bits,
        .units = extended ? QCOW2_SUBCLUSTERS : 1,
        .entry_size = extended ? 16 : 8,
        .l2_entries = (uint32_t)(cluster_size / (extended ? 16 : 8)),
        .zero_flag = h->version >= 3 && !extended,
    };
}

int qcow2_table_check(const char *what, uint64_t off, uint64_t len, uint64_t cluster_size,
                      struct block *file, struct image_ctx *ctx, struct err *err)
{
    if (off % cluster_size)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 %s: offset 0x%" PRIx64 " is not a multiple of the "
                           "cluster size %" PRIu64,
                           what, off, cluster_size);
    if (off >= QCOW2_OFFSET_END)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 %s: offset 0x%" PRIx64 " is over the format's 56 bits",
                           what, off);
    if (off < cluster_size)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 %s: offset %" PRIu64 " lies in the header", what, off);
    if (!range_within(off, len, file->size))
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "qcow2 %s: %" PRIu64 " bytes at offset %" PRIu64
                           ", but the file ends at %" PRIu64,
                           what, len, off, file->size);
    return 0;
}

/* Reads n bytes at most of a name at off, cleaned; "" when it is not in the file. */
static int read_name(char ret[NAME_SHOWN_MAX + 1], struct block *file, uint64_t off,
                     uint32_t n, struct err *err)
{
    uint8_t raw[NAME_SHOWN_MAX];
    int r;

    ret[0] = 0;
    n = n < sizeof raw ? n : (uint32_t)sizeof raw;
    if (!range_within(off, n, file->size))
        return 0;
    r = block_read(file, raw, n, off, err);
    if (r < 0)
        return r;
    text_clean(ret, NAME_SHOWN_MAX + 1, bytes_of(raw, n), NAME_SHOWN_MAX);
    return 0;
}

/* Steps over one header extension: 1 with its place, 0 at the end of the area. */
static int extension_next(uint32_t *type, uint64_t *data, uint32_t *len, uint64_t *pos,
                          uint64_t end, struct block *file, struct image_ctx *ctx,
                          struct err *err)
{
    uint8_t raw[8];
    int r;

    if (*pos + sizeof raw > end)
        return 0;
    r = block_read(file, raw, sizeof raw, *pos, err);
    if (r < 0)
        return r;
    *type = load_be32(raw);
    *len = load_be32(raw + 4);
    *data = *pos + sizeof raw;
    if (*type == EXTENSION_END)
        return 0;
    if (*len > end - *data)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 header extension 0x%08" PRIx32 ": %" PRIu32
                           " bytes at offset %" PRIu64 ", but the header area ends at "
                           "%" PRIu64,
                           *type, *len, *data, end);
    *pos = *data + round_up(*len, 8);
    return 1;
}

/* The area ends with the first cluster, or where the backing file's name stands. */
static uint64_t extensions_end(const struct qcow2_header *h, struct block *file)
{
    uint64_t end = min_u64(UINT64_C(1) << h->cluster_bits, file->size);

    if (h->backing_file_offset > h->header_length)
        end = min_u64(end, h->backing_file_offset);
    return end;
}

/* Where the data of the first extension of this type stand; 0: there is none. */
static int extension_find(uint64_t *ret, uint32_t *ret_len, const struct qcow2_header *h,
                          uint32_t wanted, struct block *file, struct image_ctx *ctx,
                          struct err *err)
{
    uint64_t pos = h->header_length, end = extensions_end(h, file), data;
    uint32_t type, len;

    *ret = 0;
    for (unsigned i = 0; i < QCOW2_EXTENSIONS_MAX; i++) {
        int r = extension_next(&type, &data, &len, &pos, end, file, ctx, err);

        if (r <= 0)
            return r;
        if (type == wanted) {
            *ret = data;
            *ret_len = len;
            return 0;
        }
    }
    return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                       "qcow2 header: more than %d extensions", QCOW2_EXTENSIONS_MAX);
}

/* The image may name the feature: its writer put the table there for readers like us. */
static int unknown_feature(const struct qcow2_header *h, unsigned bit, struct block *file,
                           struct image_ctx *ctx, struct err *err)
{
    char name[FEATURE_NAME_SIZE * 4] = "";
    uint64_t table;
    uint32_t len;
    int r;

    r = extension_find(&table, &len, h, EXTENSION_FEATURE_NAMES, file, ctx, err);
    if (r < 0)
        return r;
    for (uint32_t i = 0; table && i < FEATURE_NAMES_MAX; i++) {
        uint8_t raw[FEATURE_NAME_SIZE];

        if ((i + 1) * FEATURE_NAME_SIZE > len)
            break;
        r = block_read(file, raw, sizeof raw, table + i * FEATURE_NAME_SIZE, err);
        if (r < 0)
            return r;
        if (raw[0] == 0 && raw[1] == bit) {
            const char *s = (const char *)raw + 2;

            text_clean(name, sizeof name, bytes_of(s, strnlen(s, FEATURE_NAME_SIZE - 2)),
                       sizeof name - 1);
            break;
        }
    }
    return IMAGE_FAULT(ctx, err, UNKNOWN_FEATURE, ERR_UNSUPPORTED,
                       "qcow2 header: incompatible feature bit %u%s%s%s is unknown", bit,
                       name[0] ? " (" : "", name, name[0] ? ")" : "");
}

static int judge_version(const struct qcow2_header *h, struct image_ctx *ctx,
                         struct err *err)
{
    if (h->version != 2 && h->version != 3)
        return IMAGE_FAULT(ctx, err, VERSION, ERR_UNSUPPORTED,
                           "qcow2 header: version %" PRIu32 ", need 2 or 3", h->version);
    if (h->cluster_bits < QCOW2_CLUSTER_BITS_MIN ||
        h->cluster_bits > QCOW2_CLUSTER_BITS_MAX)
        return IMAGE_FAULT(ctx, err, VERSION, ERR_UNSUPPORTED,
                           "qcow2 header: cluster bits %" PRIu32 ", need %d to %d",
                           h->cluster_bits, QCOW2_CLUSTER_BITS_MIN,
                           QCOW2_CLUSTER_BITS_MAX);
    if (h->version == 3 && (h->header_length < QCOW2_HEADER_V3 || h->header_length % 8 ||
                            h->header_length > 1U << h->cluster_bits))
        return IMAGE_FAULT(ctx, err, VERSION, ERR_UNSUPPORTED,
                           "qcow2 header: length %" PRIu32
                           ", need a multiple of 8 from %d to the cluster size %u",
                           h->header_length, QCOW2_HEADER_V3, 1U << h->cluster_bits);
    return 0;
}

/* The header stands on its own, or it needs something that we do not have. */
static int judge_needs(const struct qcow2_header *h, struct block *file,
                       struct image_ctx *ctx, struct err *err)
{
    uint64_t unknown = h->incompatible_features & ~(uint64_t)QCOW2_INCOMPATIBLE_KNOWN;
    char name[NAME_SHOWN_MAX + 1] = "";
    uint64_t data;
    uint32_t len;
    int r;

    if (unknown)
        return unknown_feature(h, (unsigned)__builtin_ctzll(unknown), file, ctx, err);
    if (ctx->options->backing && !h->backing_file_offset)
        return FAIL(err, ERR_ARG,
                    "qcow2 header: it stands on no other image, but one is given");
    if (h->backing_file_offset && !ctx->options->backing) {
        r = read_name(name, file, h->backing_file_offset, h->backing_file_size, err);
        if (r < 0)
            return r;
        if (!name[0])
            return IMAGE_FAULT(ctx, err, BACKING_FILE, ERR_UNSUPPORTED,
                               "qcow2 header: the image needs a backing file, with its "
                               "name at offset %" PRIu64,
                               h->backing_file_offset);
        return IMAGE_FAULT(ctx, err, BACKING_FILE, ERR_UNSUPPORTED,
                           "qcow2 header: the image needs the backing file \"%s\"", name);
    }
    r = extension_find(&data, &len, h, EXTENSION_DATA_FILE, file, ctx, err);
    if (r < 0)
        return r;
    if (data || h->incompatible_features & QCOW2_DATA_FILE) {
        if (data) {
            r = read_name(name, file, data, len, err);
            if (r < 0)
                return r;
        }
        return IMAGE_FAULT(ctx, err, DATA_FILE, ERR_UNSUPPORTED,
                           "qcow2 header: the guest's data lie in %s%s%s",
                           name[0] ? "the external file \"" : "an external file", name,
                           name[0] ? "\"" : "");
    }
    r = extension_find(&data, &len, h, EXTENSION_BACKING_FORMAT, file, ctx, err);
    if (r < 0)
        return r;
    if (data && !h->backing_file_offset)
        return IMAGE_FAULT(ctx, err, BACKING_FILE, ERR_UNSUPPORTED,
                           "qcow2 header: the format of a backing file is given, but no "
                           "backing file");
    if (h->crypt_method)
        return IMAGE_FAULT(ctx, err, ENCRYPTED, ERR_UNSUPPORTED,
                           "qcow2 header: encryption method %" PRIu32 "%s",
                           h->crypt_method,
                           h->crypt_method == 1   ? " (AES)"
                           : h->crypt_method == 2 ? " (LUKS)"
                                                  : "");
    if (h->incompatible_features & QCOW2_CORRUPT)
        return IMAGE_FAULT(ctx, err, CORRUPT_BIT, ERR_CORRUPT,
                           "qcow2 header: the image is marked corrupt");
    return 0;
}

static int judge_features(const struct qcow2_header *h, struct image_ctx *ctx,
                          struct err *err)
{
    bool flagged = h->incompatible_features & QCOW2_COMPRESSION;

    if (h->compression_type > 1)
        return IMAGE_FAULT(ctx, err, UNKNOWN_FEATURE, ERR_UNSUPPORTED,
                           "qcow2 header: compression type %u, need 0 (zlib) or 1 (zstd)",
                           h->compression_type);
    if (flagged != (h->compression_type != 0))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 header: compression type %u, but its feature bit is %s",
                           h->compression_type, flagged ? "set" : "not set");
    if (h->incompatible_features & QCOW2_EXTENDED_L2 &&
        h->cluster_bits < QCOW2_EXTENDED_BITS_MIN)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 header: extended l2 entries with cluster bits %" PRIu32
                           ", need at least %d",
                           h->cluster_bits, QCOW2_EXTENDED_BITS_MIN);
    if (h->refcount_order > QCOW2_REFCOUNT_ORDER_MAX)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 header: refcount order %" PRIu32 ", need at most %d",
                           h->refcount_order, QCOW2_REFCOUNT_ORDER_MAX);
    return 0;
}

static int judge_l1(const struct qcow2_header *h, const struct qcow2_geometry *geo,
                    struct block *file, struct image_ctx *ctx, struct err *err)
{
    uint64_t needed = div_up(div_up(h->size, geo->cluster_size), geo->l2_entries);

    if (h->l1_size > QCOW2_L1_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "qcow2 l1 table: %" PRIu32 " entries, limit %d", h->l1_size,
                           QCOW2_L1_MAX);
    if (needed > QCOW2_L1_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "qcow2 header: a disk of %" PRIu64 " bytes needs %" PRIu64
                           " entries in the l1 table, limit %d",
                           h->size, needed, QCOW2_L1_MAX);
    if (h->l1_size < needed)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 l1 table: %" PRIu32 " entries, a disk of %" PRIu64
                           " bytes needs %" PRIu64,
                           h->l1_size, h->size, needed);
    if (h->l1_size == 0)
        return 0;
    return qcow2_table_check("l1 table", h->l1_table_offset, h->l1_size * UINT64_C(8),
                             geo->cluster_size, file, ctx, err);
}

static int judge_other_tables(const struct qcow2_header *h,
                              const struct qcow2_geometry *geo, struct block *file,
                              struct image_ctx *ctx, struct err *err)
{
    uint64_t refcount_len = h->refcount_table_clusters * geo->cluster_size;
    int r;

    if (h->refcount_table_clusters == 0)
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 refcount table: 0 clusters, need at least 1");
    if (refcount_len > QCOW2_REFCOUNT_TABLE_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "qcow2 refcount table: %" PRIu64 " bytes, limit %d",
                           refcount_len, QCOW2_REFCOUNT_TABLE_MAX);
    r = qcow2_table_check("refcount table", h->refcount_table_offset, refcount_len,
                          geo->cluster_size, file, ctx, err);
    if (r < 0)
        return r;
    if (range_overlaps(h->l1_table_offset, h->l1_size * UINT64_C(8),
                       h->refcount_table_offset, refcount_len))
        return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 refcount table: at offset %" PRIu64
                           " it overlaps the l1 table at %" PRIu64,
                           h->refcount_table_offset, h->l1_table_offset);
    if (h->nb_snapshots > QCOW2_SNAPSHOTS_MAX)
        return IMAGE_FAULT(ctx, err, TOO_LARGE, ERR_LIMIT,
                           "qcow2 header: %" PRIu32 " snapshots, limit %d",
                           h->nb_snapshots, QCOW2_SNAPSHOTS_MAX);
    if (h->nb_snapshots == 0)
        return 0;
    return qcow2_table_check("snapshot table", h->snapshots_offset, QCOW2_SNAPSHOT_ENTRY,
                             geo->cluster_size, file, ctx, err);
}

int qcow2_header_read(struct qcow2_header *ret, struct block *file, struct image_ctx *ctx,
                      struct err *err)
{
    uint8_t raw[QCOW2_HEADER_READ];
    size_t n = (size_t)min_u64(sizeof raw, file->size);
    struct qcow2_header h;
    struct qcow2_geometry geo;
    int r;

    r = block_read(file, raw, n, 0, err);
    if (r < 0)
        return r;
    if (header_decode(&h, bytes_of(raw, n), NULL) < 0)
        return IMAGE_FAULT(ctx, err, TRUNCATED, ERR_CORRUPT,
                           "qcow2 header: the file ends after %zu bytes", n);
    r = judge_version(&h, ctx, err);
    if (r < 0)
        return r;
    snprintf(ctx->info->kind, sizeof ctx->info->kind, "v%" PRIu32, h.version);
    ctx->info->cluster_size = 1U << h.cluster_bits;
    ctx->info->virtual_size = h.size;
    ctx->info->dirty = h.incompatible_features & QCOW2_DIRTY;
    ctx->info->internal_snapshots = h.nb_snapshots;
    r = judge_needs(&h, file, ctx, err);
    if (r < 0)
        return r;
    r = judge_features(&h, ctx, err);
    if (r < 0)
        return r;
    qcow2_geometry_of(&geo, &h);
    r = judge_l1(&h, &geo, file, ctx, err);
    if (r < 0)
        return r;
    r = judge_other_tables(&h, &geo, file, ctx, err);
    if (r < 0)
        return r;
    *ret = h;
    return 0;
}
