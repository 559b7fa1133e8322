/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qcow2_write.c: a qcow2 v3 file, front to back (figures for clusters of 64 KiB)
 *
 *   0         header                         written last
 *   1         L1 table                       a page at a time
 *   ...       data of 512 MiB of guest disk, then the L2 table that maps it, and so on
 *   ...       after every 2 GiB of file, the refcount block that counts them
 *   end       the last refcount blocks, the refcount table
 *
 * Everything is allocated in order and written when it is complete, so what is kept is
 * one page of L1, one L2 table and one refcount block, however large the disk.  There is
 * no L2 table for 512 MiB of zeros, and a page of L1 that maps nothing stays a hole.
 * Specification: docs/interop/qcow2.txt of QEMU. */
#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "convert/sink.h"

enum {
    HEADER_SIZE = 112,                  /* v3 with the compression type */
    L1_MAX = 32 * 1024 * 1024 / 8,      /* entries; QEMU opens no larger table */
    REFTABLE_MAX = 8 * 1024 * 1024 / 8, /* entries; likewise */
};

#define FLAG_COPIED            (UINT64_C(1) << 63) /* refcount is exactly one */
#define FLAG_COMPRESSED        (UINT64_C(1) << 62)
#define INCOMPATIBLE_ZSTD_TYPE (UINT64_C(1) << 3) /* byte 104 says which compression */
#define NO_TABLE               UINT64_MAX

struct qcow2_sink {
    struct sink sink;
    uint64_t cluster;       /* bytes */
    uint64_t table_entries; /* of L2, and of one cluster of L1 */
    uint64_t refcounts;     /* of one refcount block */
    uint64_t l1_entries;
    unsigned cluster_bits;
    bool zstd;
    uint64_t next;              /* first free cluster of the file */
    uint64_t part, part_end;    /* free bytes behind the last compressed cluster */
    uint64_t l1_page, l2_index; /* which are held below; NO_TABLE: none yet */
    uint64_t *refblocks;        /* where the finished refcount blocks are */
    uint64_t refblock_count, refblock_room;
    uint8_t *l1, *l2, *refs; /* a cluster each */
};

static struct qcow2_sink *qcow2_of(struct sink *s)
{
    return CONTAINER_OF(s, struct qcow2_sink, sink);
}

/* Where the number of sectors begins in the entry of a compressed cluster. */
static unsigned compressed_shift(const struct qcow2_sink *q)
{
    return 62 - (q->cluster_bits - 8);
}

static int write_now(struct qcow2_sink *q, const uint8_t *p, size_t n, uint64_t off,
                     struct err *err)
{
    int r = out_put(q->sink.out, p, n, off, err);

    return r < 0 ? r : out_flush(q->sink.out, err);
}

static void ref_add(struct qcow2_sink *q, uint64_t cluster)
{
    uint8_t *p = q->refs + cluster % q->refcounts * 2;

    assert(cluster / q->refcounts == q->refblock_count);
    store_be16(p, (uint16_t)(load_be16(p) + 1));
}

/* The refcount block held is complete and goes to cluster `at`. */
static int refs_write(struct qcow2_sink *q, uint64_t at, struct err *err)
{
    if (q->refblock_count == REFTABLE_MAX)
        return FAIL(err, ERR_LIMIT,
                    "qcow2: the file would need more than %d refcount blocks",
                    REFTABLE_MAX);
    if (q->refblock_count == q->refblock_room) {
        uint64_t room = q->refblock_room ? 2 * q->refblock_room : 64;
        uint64_t *grown = reallocarray(q->refblocks, room, sizeof *grown);

        if (!grown)
            return FAIL(err, ERR_NOMEM, "no memory for the qcow2 refcount table");
        q->refblocks = grown;
        q->refblock_room = room;
    }
    int r = write_now(q, q->refs, q->cluster, at * q->cluster, err);
    if (r < 0)
        return r;
    q->refblocks[q->refblock_count++] = at;
    memset(q->refs, 0, q->cluster);
    return 0;
}

/* The next cluster of the file, counted once. */
static int cluster_take(uint64_t *ret, struct qcow2_sink *q, struct err *err)
{
    if (q->next / q->refcounts != q->refblock_count) {
        uint64_t at = q->next;
        int r = refs_write(q, at, err);

        if (r < 0)
            return r;
        q->part = q->part_end = 0; /* its count is written */
        q->next++;
        ref_add(q, at);
    }
    ref_add(q, q->next);
    *ret = q->next++;
    return 0;
}

static int l1_write(struct qcow2_sink *q, struct err *err)
{
    if (q->l1_page == NO_TABLE)
        return 0;
    return write_now(q, q->l1, q->cluster, (1 + q->l1_page) * q->cluster, err);
}

static int l2_write(struct qcow2_sink *q, struct err *err)
{
    uint64_t page = q->l2_index / q->table_entries, at = 0;
    int r;

    if (q->l2_index == NO_TABLE)
        return 0;
    r = cluster_take(&at, q, err);
    if (r < 0)
        return r;
    r = write_now(q, q->l2, q->cluster, at * q->cluster, err);
    if (r < 0)
        return r;
    memset(q->l2, 0, q->cluster);
    if (page != q->l1_page) {
        r = l1_write(q, err);
        if (r < 0)
            return r;
        memset(q->l1, 0, q->cluster);
        q->l1_page = page;
    }
    store_be64(q->l1 + q->l2_index % q->table_entries * 8, at * q->cluster | FLAG_COPIED);
    return 0;
}

/* Room for n < q->cluster bytes that need no alignment: behind the last such piece when
 * it fits there or runs on into the next cluster, else from a new cluster on.  A piece
 * never runs from one refcount block's clusters into the next one's. */
static int bytes_take(uint64_t *ret, struct qcow2_sink *q, uint32_t n, struct err *err)
{
    uint64_t cluster = 0;
    bool fits = q->part_end - q->part >= n;

    if (!fits) {
        uint64_t end = q->part_end;
        int r = cluster_take(&cluster, q, err);

        if (r < 0)
            return r;
        if (q->part_end == 0 || cluster * q->cluster != end)
            q->part = cluster * q->cluster;
        q->part_end = (cluster + 1) * q->cluster;
    }
    *ret = q->part;
    /* The piece shares the cluster it begins in, unless it is the first there: that one
     * was counted when the cluster was taken. */
    if (q->part % q->cluster)
        ref_add(q, q->part / q->cluster);
    q->part += n;
    return 0;
}

static uint64_t l1_entries_of(uint64_t virtual_size, uint64_t cluster)
{
    /* One even for a disk of no bytes: a cluster of L1 that nothing refers to is a leak.
     */
    return max_u64(div_up(virtual_size, cluster * (cluster / 8)), 1);
}

static int too_many_entries(const struct qcow2_sink *q, struct err *err)
{
    return FAIL(err, ERR_LIMIT,
                "qcow2: a disk of unknown size in clusters of %" PRIu64
                " bytes, limit %" PRIu64,
                q->cluster, q->cluster * q->table_entries * q->table_entries);
}

/* Room for one page of L1 was left. */
static int qcow2_set_size(struct sink *s, uint64_t virtual_size, struct err *err)
{
    struct qcow2_sink *q = qcow2_of(s);
    uint64_t n = l1_entries_of(virtual_size, q->cluster);

    if (n > q->l1_entries)
        return too_many_entries(q, err);
    s->virtual_size = virtual_size;
    q->l1_entries = n;
    return 0;
}

static int qcow2_put(struct sink *s, const struct cluster *c, struct err *err)
{
    struct qcow2_sink *q = qcow2_of(s);
    uint64_t index = c->index / q->table_entries, at = 0, entry;
    int r;

    if (index >= q->l1_entries)
        return too_many_entries(q, err);
    if (index != q->l2_index) {
        assert(q->l2_index == NO_TABLE || index > q->l2_index);
        r = l2_write(q, err);
        if (r < 0)
            return r;
        q->l2_index = index;
    }
    if (c->length == q->cluster) {
        r = cluster_take(&at, q, err);
        at *= q->cluster;
        entry = at | FLAG_COPIED;
    } else {
        r = bytes_take(&at, q, c->length, err);
        entry = at | FLAG_COMPRESSED |
                ((at + c->length - 1) / 512 - at / 512) << compressed_shift(q);
    }
    if (r < 0)
        return r;
    store_be64(q->l2 + c->index % q->table_entries * 8, entry);
    return out_put(s->out, c->p, c->length, at, err);
}

/* All that is left to count are the refcount blocks themselves and the table of them,
 * which lie at the end: how many there are depends on how many clusters the file has, and
 * the other way round.  The smallest answer is taken. */
static int refcounts_finish(struct qcow2_sink *q, uint64_t *ret_table,
                            uint64_t *ret_table_clusters, uint64_t *ret_end,
                            struct err *err)
{
    uint64_t blocks = q->refblock_count, tables = 0, end, at = q->next;

    for (;;) {
        end = q->next + (blocks - q->refblock_count) + tables;
        if (blocks == div_up(end, q->refcounts) &&
            tables == div_up(blocks, q->table_entries))
            break;
        blocks = div_up(end, q->refcounts);
        tables = div_up(blocks, q->table_entries);
    }
    while (q->refblock_count < blocks) {
        uint64_t first = q->refblock_count * q->refcounts;
        int r;

        for (uint64_t c = max_u64(first, q->next); c < min_u64(end, first + q->refcounts);
             c++)
            ref_add(q, c);
        r = refs_write(q, at++, err);
        if (r < 0)
            return r;
    }
    *ret_table = at * q->cluster;
    *ret_table_clusters = tables;
    *ret_end = end * q->cluster;
    for (uint64_t done = 0; done < blocks;) {
        uint64_t n = min_u64(blocks - done, q->table_entries);
        int r;

        memset(q->refs, 0, q->cluster);
        for (uint64_t i = 0; i < n; i++)
            store_be64(q->refs + i * 8, q->refblocks[done + i] * q->cluster);
        r = write_now(q, q->refs, q->cluster, at++ * q->cluster, err);
        if (r < 0)
            return r;
        done += n;
    }
    return 0;
}

static int header_write(struct qcow2_sink *q, uint64_t table, uint64_t table_clusters,
                        struct err *err)
{
    uint8_t h[HEADER_SIZE + 8] = {'Q', 'F', 'I', 0xfb}; /* and the end of extensions */

    store_be32(h + 4, 3);
    store_be32(h + 20, q->cluster_bits);
    store_be64(h + 24, q->sink.virtual_size);
    store_be32(h + 36, (uint32_t)q->l1_entries);
    store_be64(h + 40, q->cluster);
    store_be64(h + 48, table);
    store_be32(h + 56, (uint32_t)table_clusters);
    store_be64(h + 72, q->zstd ? INCOMPATIBLE_ZSTD_TYPE : 0);
    store_be32(h + 96, 4); /* a refcount is 2^4 bits */
    store_be32(h + 100, HEADER_SIZE);
    h[104] = q->zstd;
    return write_now(q, h, sizeof h, 0, err);
}

static int qcow2_finish(struct sink *s, uint64_t *ret_size, struct err *err)
{
    struct qcow2_sink *q = qcow2_of(s);
    uint64_t table = 0, table_clusters = 0, end = 0;
    int r;

    r = l2_write(q, err);
    if (r < 0)
        return r;
    r = l1_write(q, err);
    if (r < 0)
        return r;
    r = refcounts_finish(q, &table, &table_clusters, &end, err);
    if (r < 0)
        return r;
    r = header_write(q, table, table_clusters, err);
    if (r < 0)
        return r;
    *ret_size = end;
    return 0;
}

/* Counts header and L1.  With small clusters they may need refcount blocks of their own,
 * which go behind them and are counted likewise. */
static int head_take(struct qcow2_sink *q, struct err *err)
{
    q->next = 1 + div_up(q->l1_entries, q->table_entries);
    for (uint64_t i = 0; i < q->next; i++) {
        if (i / q->refcounts != q->refblock_count) {
            int r = refs_write(q, q->next++, err);

            if (r < 0)
                return r;
        }
        ref_add(q, i);
    }
    return 0;
}

static void qcow2_close(struct sink *s)
{
    struct qcow2_sink *q = qcow2_of(s);

    free(q->refblocks);
    free(q->l1);
    free(q->l2);
    free(q->refs);
    free(q);
}

static bool qcow2_holds(enum convert_compression c)
{
    return c == CONVERT_PLAIN || c == CONVERT_ZLIB || c == CONVERT_ZSTD;
}

static enum pack_kind pack_of(enum convert_compression c)
{
    return c == CONVERT_ZLIB ? PACK_DEFLATE : c == CONVERT_ZSTD ? PACK_ZSTD : PACK_PLAIN;
}

static int qcow2_open(struct sink **ret, struct out *out, const struct sink_spec *spec,
                      struct err *err)
{
    uint64_t table_entries = spec->cluster / 8;
    uint64_t l1_entries = spec->virtual_size == SINK_SIZE_LATER
                              ? table_entries
                              : l1_entries_of(spec->virtual_size, spec->cluster);
    struct qcow2_sink *q;
    int r;

    if (l1_entries > L1_MAX)
        return FAIL(err, ERR_LIMIT,
                    "qcow2: a disk of %" PRIu64 " bytes in clusters of %" PRIu32
                    " needs %" PRIu64 " L1 entries, limit %d",
                    spec->virtual_size, spec->cluster, l1_entries, L1_MAX);
    q = calloc(1, sizeof *q);
    if (!q)
        return FAIL(err, ERR_NOMEM, "no memory for qcow2 tables");
    q->sink = (struct sink){&qcow2_sink, out, pack_of(spec->compression), spec->cluster,
                            spec->virtual_size};
    q->l1 = out_page(spec->cluster);
    q->l2 = out_page(spec->cluster);
    q->refs = out_page(spec->cluster);
    if (!q->l1 || !q->l2 || !q->refs) {
        qcow2_close(&q->sink);
        return FAIL(err, ERR_NOMEM, "no memory for qcow2 tables");
    }
    q->cluster = spec->cluster;
    q->cluster_bits = (unsigned)__builtin_ctz(spec->cluster);
    q->table_entries = table_entries;
    q->refcounts = spec->cluster / 2;
    q->l1_entries = l1_entries;
    q->zstd = spec->compression == CONVERT_ZSTD;
    q->l1_page = q->l2_index = NO_TABLE;
    r = head_take(q, err);
    if (r < 0) {
        qcow2_close(&q->sink);
        return r;
    }
    *ret = &q->sink;
    return 0;
}

const struct sink_driver qcow2_sink = {
    .format = IMAGE_QCOW2,
    .kind = "",
    .blind = true,
    .any_cluster_size = true,
    .holds = qcow2_holds,
    .open = qcow2_open,
    .put = qcow2_put,
    .set_size = qcow2_set_size,
    .finish = qcow2_finish,
    .close = qcow2_close,
};
