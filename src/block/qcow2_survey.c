/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_survey.c: do the tables hold together?
 *
 * Reads every L2 table once, in pieces; keeps only the offsets of the tables themselves
 * (16 bytes a table), to find data that lie over them.  Time is bounded by the bytes that
 * the file really stores, since no table may be named twice and those in holes of the
 * file were dropped by open().
 *
 * Not looked at: whether refcounts are right.  They bind writers; QEMU mends them when it
 * opens a dirty image. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"
#include "block/qcow2.h"

enum {
    PIECE = 64 << 10, /* of a table, read at once */
    /* Compressed clusters whose sectors reach past the end of the file.  There can be one
     * or two, since they lie one behind the other. */
    CUT_MAX = 16,
};

struct survey {
    struct qcow2 *q;
    struct image_ctx *ctx;
    uint64_t *tables; /* sorted offsets of L2 tables and refcount blocks */
    size_t n;
    uint8_t piece[PIECE];
    uint8_t *cluster; /* allocated at the first cut one */
    unsigned cut;
    bool compressed;
    uint64_t run_host, run_len; /* data clusters one behind the other, not yet checked */
    uint64_t run_guest;
};

static void survey_freep(struct survey **s)
{
    if (*s) {
        free((*s)->tables);
        free((*s)->cluster);
    }
    freep(s);
}

static int compare_u64(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return (*x > *y) - (*x < *y);
}

/* Reads `len` bytes of big-endian numbers at off in pieces. */
static int read_piece(struct survey *s, uint64_t off, uint64_t len, uint64_t at,
                      struct bytes *ret, struct err *err)
{
    size_t n = (size_t)min_u64(len - at, PIECE);

    *ret = bytes_of(s->piece, n);
    return block_read(s->q->file, s->piece, n, off + at, err);
}

static int refcount_block(struct survey *s, uint64_t raw, uint64_t index, struct err *err)
{
    char what[48];
    int r;

    if (!raw)
        return 0;
    snprintf(what, sizeof what, "refcount block %" PRIu64, index);
    if (raw % 512)
        return IMAGE_FAULT(s->ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 %s: reserved bits are set", what);
    r = qcow2_table_check(what, raw, s->q->geo.cluster_size, s->q->geo.cluster_size,
                          s->q->file, s->ctx, err);
    if (r < 0)
        return r;
    s->tables[s->n++] = raw;
    return 0;
}

static int collect_tables(struct survey *s, struct err *err)
{
    const struct qcow2_header *h = &s->q->header;
    uint64_t len = h->refcount_table_clusters * s->q->geo.cluster_size;
    struct bytes piece;

    s->tables = calloc((size_t)(h->l1_size + len / 8), sizeof *s->tables);
    if (!s->tables)
        return FAIL(err, ERR_NOMEM, "qcow2 table offsets");
    for (uint32_t i = 0; i < h->l1_size; i++)
        if (s->q->l1[i])
            s->tables[s->n++] = s->q->l1[i];
    for (uint64_t at = 0; at < len; at += piece.n) {
        int r = read_piece(s, h->refcount_table_offset, len, at, &piece, err);

        for (size_t i = 0; r == 0 && i < piece.n; i += 8)
            r = refcount_block(s, load_be64(piece.p + i), (at + i) / 8, err);
        if (r < 0)
            return r;
    }
    qsort(s->tables, s->n, sizeof *s->tables, compare_u64);
    return 0;
}

/* What the header points at and shares a byte with [off, off + len); NULL: nothing. */
static const char *fixed_under(const struct qcow2 *q, uint64_t off, uint64_t len)
{
    if (off < q->geo.cluster_size)
        return "the header";
    if (range_overlaps(off, len, q->header.l1_table_offset,
                       q->header.l1_size * UINT64_C(8)))
        return "the l1 table";
    if (range_overlaps(off, len, q->header.refcount_table_offset,
                       q->header.refcount_table_clusters * q->geo.cluster_size))
        return "the refcount table";
    return NULL;
}

static const char *table_under(const struct survey *s, uint64_t off, uint64_t len)
{
    const char *what = fixed_under(s->q, off, len);
    size_t lo = 0, hi = s->n;

    while (!what && lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->tables[mid] + s->q->geo.cluster_size <= off)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!what && lo < s->n && s->tables[lo] < off + len)
        what = "an l2 table or refcount block";
    return what;
}

static int check_tables_apart(struct survey *s, struct err *err)
{
    for (size_t i = 0; i < s->n; i++) {
        const char *what = fixed_under(s->q, s->tables[i], s->q->geo.cluster_size);

        if (what)
            return IMAGE_FAULT(s->ctx, err, CORRUPT, ERR_CORRUPT,
                               "qcow2: the l2 table or refcount block at offset %" PRIu64
                               " overlaps %s",
                               s->tables[i], what);
        if (i && s->tables[i] == s->tables[i - 1])
            return IMAGE_FAULT(s->ctx, err, CORRUPT, ERR_CORRUPT,
                               "qcow2: two l2 tables or refcount blocks at offset "
                               "%" PRIu64,
                               s->tables[i]);
    }
    return 0;
}

static int fail_overlap(struct survey *s, uint64_t guest, uint64_t host, const char *what,
                        struct err *err)
{
    return IMAGE_FAULT(s->ctx, err, CORRUPT, ERR_CORRUPT,
                       "qcow2 cluster of guest offset %" PRIu64 ": at offset %" PRIu64
                       " it overlaps %s",
                       guest, host, what);
}

static int fail_cut(struct survey *s, uint64_t guest, uint64_t host, struct err *err)
{
    return IMAGE_FAULT(s->ctx, err, TRUNCATED, ERR_CORRUPT,
                       "qcow2 cluster of guest offset %" PRIu64 ": at offset %" PRIu64
                       ", but the file ends at %" PRIu64,
                       guest, host, s->q->file->size);
}

/* Most clusters lie one behind the other: one search for all of them. */
static int run_flush(struct survey *s, struct err *err)
{
    const char *what = s->run_len ? table_under(s, s->run_host, s->run_len) : NULL;

    s->run_len = 0;
    return what ? fail_overlap(s, s->run_guest, s->run_host, what, err) : 0;
}

/* How much of the cluster must be in the file: up to the last byte that the guest can see
 * and that is stored.  QEMU leaves files that end before the last cluster does, when only
 * its first subclusters were written, or when the disk ends within it; a file that lacks
 * a byte of the guest has been cut, though QEMU would read zeros there. */
static uint64_t needed_bytes(const struct survey *s, const struct qcow2_cluster *c,
                             uint64_t guest)
{
    uint64_t visible = min_u64(s->q->geo.cluster_size, s->q->header.size - guest);
    unsigned units = c->stored ? 32 - (unsigned)__builtin_clz(c->stored) : 0;

    return max_u64(min_u64(units * s->q->geo.unit_size, visible), 1);
}

static int survey_standard(struct survey *s, const struct qcow2_cluster *c,
                           uint64_t guest, struct err *err)
{
    int r;

    if (!c->host)
        return 0;
    if (!range_within(c->host, needed_bytes(s, c, guest), s->q->file->size))
        return fail_cut(s, guest, c->host, err);
    if (s->run_len && c->host == s->run_host + s->run_len) {
        s->run_len += s->q->geo.cluster_size;
        return 0;
    }
    r = run_flush(s, err);
    s->run_guest = guest;
    s->run_host = c->host;
    s->run_len = s->q->geo.cluster_size;
    return r;
}

/* The stream may end long before its last sector, and then nothing is missing.  Only
 * inflating it tells. */
static int survey_cut(struct survey *s, const struct qcow2_cluster *c, uint64_t guest,
                      struct err *err)
{
    struct qcow2_run run = {.host = c->host, .csize = c->csize};
    struct err e = {0};
    int r;

    if (s->cut++ == CUT_MAX)
        return fail_cut(s, guest, c->host, err);
    if (!s->cluster)
        s->cluster = malloc(s->q->geo.cluster_size);
    if (!s->cluster)
        return FAIL(err, ERR_NOMEM, "qcow2 cluster");
    r = qcow2_inflate(s->q, &run, s->cluster, &e);
    if (r == -ERR_CORRUPT)
        return fail_cut(s, guest, c->host, err);
    if (r < 0)
        *err = e;
    return r;
}

static int survey_compressed(struct survey *s, const struct qcow2_cluster *c,
                             uint64_t guest, struct err *err)
{
    const char *what;

    s->compressed = true;
    if (c->host >= s->q->file->size)
        return fail_cut(s, guest, c->host, err);
    /* Only where it begins: the sector count may reach into the next cluster and
     * whatever that holds. */
    what = table_under(s, c->host, 1);
    if (what)
        return fail_overlap(s, guest, c->host, what, err);
    return range_within(c->host, c->csize, s->q->file->size)
               ? 0
               : survey_cut(s, c, guest, err);
}

static int survey_entry(struct survey *s, const uint8_t *p, uint64_t guest,
                        struct err *err)
{
    struct qcow2_cluster c;
    const char *wrong = qcow2_l2_decode(&c, p, &s->q->geo);

    if (wrong)
        return IMAGE_FAULT(s->ctx, err, CORRUPT, ERR_CORRUPT,
                           "qcow2 cluster of guest offset %" PRIu64 ": %s", guest, wrong);
    return c.csize ? survey_compressed(s, &c, guest, err)
                   : survey_standard(s, &c, guest, err);
}

static int survey_l2(struct survey *s, uint32_t index, struct err *err)
{
    const struct qcow2_geometry *geo = &s->q->geo;
    uint64_t first = (uint64_t)index * geo->l2_entries * geo->cluster_size;
    uint64_t entries =
        min_u64(geo->l2_entries, div_up(s->q->header.size - first, geo->cluster_size));
    uint64_t len = entries * geo->entry_size;
    struct bytes piece;

    for (uint64_t at = 0; at < len; at += piece.n) {
        int r = read_piece(s, s->q->l1[index], len, at, &piece, err);

        if (r < 0)
            return r;
        if (bytes_are_zero(piece))
            continue;
        for (size_t i = 0; i < piece.n; i += geo->entry_size) {
            uint64_t entry = (at + i) / geo->entry_size;

            r = survey_entry(s, piece.p + i, first + entry * geo->cluster_size, err);
            if (r < 0)
                return r;
        }
    }
    return 0;
}

/* Entries have lengths of their own, so the table is walked to find its end.  One that
 * cannot be walked is refused, as QEMU does not open it either. */
static int survey_snapshots(struct survey *s, struct err *err)
{
    const struct qcow2_header *h = &s->q->header;
    uint64_t pos = h->snapshots_offset;

    for (uint32_t i = 0; i < h->nb_snapshots; i++) {
        uint8_t raw[QCOW2_SNAPSHOT_ENTRY];
        struct cursor c = cursor(bytes_of(raw, sizeof raw));
        uint64_t l1_offset, l1_size, names, extra, len;
        char what[48];
        int r;

        snprintf(what, sizeof what, "entry %" PRIu32 " of the snapshot table", i);
        if (!range_within(pos, sizeof raw, s->q->file->size))
            return IMAGE_FAULT(s->ctx, err, TRUNCATED, ERR_CORRUPT,
                               "qcow2 %s: at offset %" PRIu64
                               ", but the file ends at %" PRIu64,
                               what, pos, s->q->file->size);
        r = block_read(s->q->file, raw, sizeof raw, pos, err);
        if (r < 0)
            return r;
        l1_offset = cursor_be64(&c);
        l1_size = cursor_be32(&c);
        names = cursor_be16(&c);
        names += cursor_be16(&c);
        cursor_skip(&c, 20);
        extra = cursor_be32(&c);
        if (l1_size > QCOW2_L1_MAX)
            return IMAGE_FAULT(s->ctx, err, TOO_LARGE, ERR_LIMIT,
                               "qcow2 %s: %" PRIu64 " entries in its l1 table, limit %d",
                               what, l1_size, QCOW2_L1_MAX);
        if (extra > QCOW2_SNAPSHOT_EXTRA_MAX)
            return IMAGE_FAULT(s->ctx, err, TOO_LARGE, ERR_LIMIT,
                               "qcow2 %s: %" PRIu64 " bytes of extra data, limit %d",
                               what, extra, QCOW2_SNAPSHOT_EXTRA_MAX);
        len = round_up(sizeof raw + extra + names, 8);
        r = l1_size ? qcow2_table_check(what, l1_offset, l1_size * 8,
                                        s->q->geo.cluster_size, s->q->file, s->ctx, err)
                    : 0;
        if (r < 0)
            return r;
        pos += len;
    }
    return 0;
}

int qcow2_survey(struct block *disk, struct image_ctx *ctx, struct err *err)
{
    AUTO(survey_freep) struct survey *s = calloc(1, sizeof *s);
    int r;

    if (!s)
        return FAIL(err, ERR_NOMEM, "qcow2 survey");
    s->q = qcow2_of(disk);
    s->ctx = ctx;
    r = collect_tables(s, err);
    if (r < 0)
        return r;
    r = check_tables_apart(s, err);
    for (uint32_t i = 0; r == 0 && i < s->q->l1_used; i++)
        if (s->q->l1[i])
            r = survey_l2(s, i, err);
    if (r == 0)
        r = run_flush(s, err);
    if (r == 0)
        r = survey_snapshots(s, err);
    if (r < 0)
        return r;
    ctx->info->compressed = s->compressed;
    log_debug(LOG_BLOCK, "qcow2: %zu l2 tables and refcount blocks, %s", s->n,
              s->compressed ? "some clusters compressed" : "nothing compressed");
    return 0;
}
