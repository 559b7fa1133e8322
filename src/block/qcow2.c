/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block/qcow2.h"

#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/log.h"

enum {
    /* L2 tables are read in pieces of this size, or whole when they are smaller. */
    TABLE_LINE = 64 << 10,
    TABLE_LINES = 16,
    /* Inflated clusters kept for readers of small pieces. */
    INFLATED_BYTES = 4 << 20,
    INFLATED_LINES_MIN = 2,
    INFLATED_LINES_MAX = 16,
};

static int qcow2_recognise(struct block *file, struct err *err)
{
    uint8_t raw[8];
    int r;

    if (file->size < sizeof raw)
        return 0;
    r = block_read(file, raw, sizeof raw, 0, err);
    if (r < 0)
        return r;
    /* The same magic with version 1 is QCOW, another format.  Versions to come are ours,
     * and are refused by their number. */
    return memcmp(raw, "QFI\xfb", 4) == 0 && load_be32(raw + 4) != 1;
}

static int inflate_into(struct qcow2 *q, struct inflater *inf, const struct qcow2_run *r,
                        uint8_t *to, struct err *err)
{
    size_t n;
    uint8_t *in;
    int res;

    if (r->host >= q->file->size)
        return FAIL(err, ERR_CORRUPT,
                    "qcow2 compressed cluster: at offset %" PRIu64
                    ", but the file ends at %" PRIu64,
                    r->host, q->file->size);
    /* Sectors are counted whole, and the file may end within the last of them. */
    n = (size_t)min_u64(r->csize, q->file->size - r->host);
    in = inflater_input(inf, n);
    if (!in)
        return FAIL(err, ERR_NOMEM, "qcow2 compressed cluster of %zu bytes", n);
    res = block_read(q->file, in, n, r->host, err);
    if (res < 0)
        return res;
    if (!inflater_run(inf, to, q->geo.cluster_size, bytes_of(in, n)))
        return FAIL(err, ERR_CORRUPT,
                    "qcow2 compressed cluster: %zu bytes at offset %" PRIu64
                    " do not inflate to %" PRIu64,
                    n, r->host, q->geo.cluster_size);
    return 0;
}

int qcow2_inflate(struct qcow2 *q, const struct qcow2_run *r, uint8_t *to,
                  struct err *err)
{
    struct inflater *inf;
    int res = inflater_take(&inf, q->inflate, err);

    if (res < 0)
        return res;
    res = inflate_into(q, inf, r, to, err);
    inflater_give(q->inflate, inf);
    return res;
}

static int read_compressed(struct qcow2 *q, const struct qcow2_run *run, void *buf,
                           size_t n, uint64_t off, struct err *err)
{
    size_t at = (size_t)(off % q->geo.cluster_size);
    AUTO(freep) uint8_t *data = NULL;
    int r;

    if (n == q->geo.cluster_size)
        return qcow2_inflate(q, run, buf, err);
    if (inflate_cache_copy(q->inflated, off - at, buf, n, at))
        return 0;
    data = malloc(q->geo.cluster_size);
    if (!data)
        return FAIL(err, ERR_NOMEM, "qcow2 cluster");
    r = qcow2_inflate(q, run, data, err);
    if (r < 0)
        return r;
    memcpy(buf, data + at, n);
    inflate_cache_keep(q->inflated, off - at, TAKE(data));
    return 0;
}

static int read_hole(struct qcow2 *q, void *buf, size_t n, uint64_t off, struct err *err)
{
    size_t backed = (size_t)qcow2_backed(q, off, n);

    memset((char *)buf + backed, 0, n - backed);
    return backed ? block_read(q->backing, buf, backed, off, err) : 0;
}

static int read_run(struct qcow2 *q, const struct qcow2_run *run, void *buf, size_t n,
                    uint64_t off, struct err *err)
{
    switch (run->kind) {
    case QCOW2_KIND_DATA:
        if (!range_within(run->host, n, q->file->size))
            return FAIL(err, ERR_CORRUPT,
                        "qcow2 cluster of guest offset %" PRIu64 ": at offset %" PRIu64
                        ", but the file ends at %" PRIu64,
                        off, run->host, q->file->size);
        return block_read(q->file, buf, n, run->host, err);
    case QCOW2_KIND_COMPRESSED:
        return read_compressed(q, run, buf, n, off, err);
    case QCOW2_KIND_HOLE:
        return read_hole(q, buf, n, off, err);
    case QCOW2_KIND_ZERO:
        break;
    }
    memset(buf, 0, n);
    return 0;
}

static int qcow2_read(struct block *b, void *buf, size_t n, uint64_t off, struct err *err)
{
    struct qcow2 *q = qcow2_of(b);
    uint8_t *p = buf;

    while (n) {
        struct qcow2_run run;
        size_t take;
        int r = qcow2_map(&run, q, off, n, err);

        if (r < 0)
            return r;
        take = (size_t)min_u64(n, run.length);
        r = read_run(q, &run, p, take, off, err);
        if (r < 0)
            return r;
        p += take;
        n -= take;
        off += take;
    }
    return 0;
}

static void qcow2_free(struct qcow2 *q)
{
    inflate_cache_free(q->inflated);
    inflate_pool_free(q->inflate);
    block_unref(q->tables);
    block_unref(q->file);
    block_unref(q->backing);
    free(q->l1);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

static void qcow2_freep(struct qcow2 **q)
{
    if (*q)
        qcow2_free(*q);
}

static void qcow2_close(struct block *b)
{
    qcow2_free(qcow2_of(b));
}

static const struct block_driver qcow2_block_driver = {
    .name = "qcow2",
    .read = qcow2_read,
    .extent = qcow2_extent,
    .locate = qcow2_locate,
    .close = qcow2_close,
};

/* Decodes in place: the raw table is as large as the decoded one. */
static int read_l1(struct qcow2 *q, struct image_ctx *ctx, struct err *err)
{
    size_t n = q->header.l1_size;
    int r;

    q->l1 = calloc(n + 1, sizeof *q->l1);
    if (!q->l1)
        return FAIL(err, ERR_NOMEM, "qcow2 l1 table of %zu entries", n);
    if (n == 0)
        return 0;
    r = block_read(q->file, q->l1, n * sizeof *q->l1, q->header.l1_table_offset, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        char what[40];
        bool hole;
        const char *wrong =
            qcow2_l1_decode(&q->l1[i], load_be64((const uint8_t *)&q->l1[i]), &q->geo);

        snprintf(what, sizeof what, "l2 table %zu", i);
        if (wrong)
            return IMAGE_FAULT(ctx, err, CORRUPT, ERR_CORRUPT, "qcow2 %s: %s", what,
                               wrong);
        if (!q->l1[i])
            continue;
        r = qcow2_table_check(what, q->l1[i], q->geo.cluster_size, q->geo.cluster_size,
                              q->file, ctx, err);
        if (r < 0)
            return r;
        /* A sparse file can claim terabytes of tables and cost nothing.  They would cost
         * us the time to read them. */
        r = qcow2_l2_is_hole(&hole, q, q->l1[i], err);
        if (r < 0)
            return r;
        if (hole)
            q->l1[i] = 0;
    }
    return 0;
}

static int qcow2_open(struct block **ret, struct block *file, struct image_ctx *ctx,
                      struct err *err)
{
    AUTO(qcow2_freep) struct qcow2 *q = calloc(1, sizeof *q);
    size_t line;
    int r;

    if (!q)
        return FAIL(err, ERR_NOMEM, "qcow2");
    pthread_mutex_init(&q->lock, NULL);
    r = qcow2_header_read(&q->header, file, ctx, err);
    if (r < 0)
        return r;
    qcow2_geometry_of(&q->geo, &q->header);
    q->file = block_ref(file);
    if (ctx->options->backing)
        q->backing = block_ref(ctx->options->backing);
    r = read_l1(q, ctx, err);
    if (r < 0)
        return r;
    q->l1_used =
        (uint32_t)div_up(div_up(q->header.size, q->geo.cluster_size), q->geo.l2_entries);
    line = (size_t)min_u64(q->geo.cluster_size, TABLE_LINE);
    r = block_cache_open(&q->tables, file, line, TABLE_LINES, err);
    if (r < 0)
        return r;
    r = inflate_pool_new(&q->inflate, q->header.compression_type == 1, err);
    if (r < 0)
        return r;
    r = inflate_cache_new(
        &q->inflated,
        (unsigned)min_u64(
            INFLATED_LINES_MAX,
            max_u64(INFLATED_LINES_MIN, INFLATED_BYTES / q->geo.cluster_size)),
        err);
    if (r < 0)
        return r;
    block_init(&q->block, &qcow2_block_driver, q->header.size);
    log_debug(LOG_BLOCK,
              "qcow2 v%" PRIu32 ": %" PRIu64 " bytes, clusters of %" PRIu64
              ", l1 table of %" PRIu32 " at %" PRIu64 ", features 0x%" PRIx64,
              q->header.version, q->header.size, q->geo.cluster_size, q->header.l1_size,
              q->header.l1_table_offset, q->header.incompatible_features);
    *ret = &TAKE(q)->block;
    return 0;
}

const struct image_driver qcow2_driver = {
    .format = IMAGE_QCOW2,
    .name = "qcow2",
    .recognise = qcow2_recognise,
    .open = qcow2_open,
    .survey = qcow2_survey,
};
