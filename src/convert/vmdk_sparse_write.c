/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_sparse_write.c: a monolithicSparse VMDK
 *
 *   header | descriptor | directory, tables (a copy) | directory, tables | grains ...
 *
 * All tables have their place from the beginning, as VMware lays them out; those that map
 * nothing stay holes.  A table is written, twice, when its last grain is known. */
#include <inttypes.h>

#include "convert/vmdk_write.h"

struct sparse_sink {
    struct sink sink;
    struct identity identity;
    const char *name;
    uint64_t tables, directory_sectors;
    uint64_t copy, directory; /* sectors: where the two directories begin */
    uint64_t next;            /* first free sector */
    int64_t held;             /* the table that is held below, or VMDK_NO_TABLE */
    uint8_t table[VMDK_TABLE_BYTES];
};

static struct sparse_sink *sparse_of(struct sink *s)
{
    return CONTAINER_OF(s, struct sparse_sink, sink);
}

static int write_now(struct sparse_sink *v, const uint8_t *p, size_t n, uint64_t sector,
                     struct err *err)
{
    int r = out_put(v->sink.out, p, n, sector * VMDK_SECTOR, err);

    return r < 0 ? r : out_flush(v->sink.out, err);
}

static uint64_t table_sector(const struct sparse_sink *v, uint64_t directory,
                             uint64_t table)
{
    return directory + v->directory_sectors + table * (VMDK_TABLE_BYTES / VMDK_SECTOR);
}

static int table_leave(struct sparse_sink *v, struct err *err)
{
    uint64_t table = (uint64_t)v->held;
    int r;

    if (v->held == VMDK_NO_TABLE)
        return 0;
    r = write_now(v, v->table, sizeof v->table, table_sector(v, v->copy, table), err);
    if (r == 0)
        r = write_now(v, v->table, sizeof v->table, table_sector(v, v->directory, table),
                      err);
    memset(v->table, 0, sizeof v->table);
    return r;
}

static int sparse_put(struct sink *s, const struct cluster *c, struct err *err)
{
    struct sparse_sink *v = sparse_of(s);
    int64_t table = (int64_t)(c->index / VMDK_GTES_MAX);
    uint64_t at = v->next;

    identity_add(&v->identity, c);
    if (table != v->held) {
        int r = table_leave(v, err);

        if (r < 0)
            return r;
        v->held = table;
    }
    if (at > UINT32_MAX)
        return FAIL(err, ERR_LIMIT,
                    "vmdk: more than 2 TiB of data, which 32-bit sector numbers cannot "
                    "reach");
    store_le32(v->table + c->index % VMDK_GTES_MAX * 4, (uint32_t)at);
    v->next += VMDK_GRAIN_SECTORS;
    return out_put(s->out, c->p, c->length, at * VMDK_SECTOR, err);
}

static int directory_write(struct sparse_sink *v, uint64_t directory, struct err *err)
{
    enum { ENTRIES = VMDK_TABLE_BYTES / 4 };

    for (uint64_t first = 0; first < v->tables; first += ENTRIES) {
        uint64_t n = min_u64(v->tables - first, ENTRIES);
        int r;

        memset(v->table, 0, sizeof v->table);
        for (uint64_t i = 0; i < n; i++)
            store_le32(v->table + i * 4, (uint32_t)table_sector(v, directory, first + i));
        r = write_now(v, v->table, round_up(n * 4, VMDK_SECTOR),
                      directory + first * 4 / VMDK_SECTOR, err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int head_write(struct sparse_sink *v, struct err *err)
{
    struct vmdk_shape shape = {
        .version = 1,
        .flags = VMDK_FLAG_NEWLINE_TEST | VMDK_FLAG_REDUNDANT,
        .redundant = v->copy,
        .directory = v->directory,
        .overhead = table_sector(v, v->directory, v->tables),
    };
    uint8_t head[(1 + VMDK_DESC_SECTORS) * VMDK_SECTOR];

    shape.overhead = round_up(shape.overhead, VMDK_GRAIN_SECTORS);
    vmdk_write_header(head, v->sink.virtual_size, &shape);
    vmdk_write_descriptor(head + VMDK_SECTOR, "monolithicSparse", v->name,
                          v->sink.virtual_size, &v->identity);
    return write_now(v, head, sizeof head, 0, err);
}

static int sparse_finish(struct sink *s, uint64_t *ret_size, struct err *err)
{
    struct sparse_sink *v = sparse_of(s);
    int r = table_leave(v, err);

    if (r == 0)
        r = directory_write(v, v->copy, err);
    if (r == 0)
        r = directory_write(v, v->directory, err);
    if (r == 0)
        r = head_write(v, err);
    if (r == 0)
        r = out_end(s->out, v->next * VMDK_SECTOR, err);
    if (r < 0)
        return r;
    *ret_size = v->next * VMDK_SECTOR;
    return 0;
}

static void sparse_close(struct sink *s)
{
    free(sparse_of(s));
}

static bool sparse_holds(enum convert_compression c)
{
    return c == CONVERT_PLAIN;
}

static int sparse_open(struct sink **ret, struct out *out, const struct sink_spec *spec,
                       struct err *err)
{
    struct sparse_sink *v;
    int r = vmdk_write_limit(spec->virtual_size, err);

    if (r < 0)
        return r;
    v = calloc(1, sizeof *v);
    if (!v)
        return FAIL(err, ERR_NOMEM, "no memory for vmdk tables");
    v->sink = (struct sink){&vmdk_sparse_sink, out, PACK_PLAIN, CONVERT_CLUSTER,
                            spec->virtual_size};
    v->name = spec->name;
    v->tables = vmdk_write_tables(spec->virtual_size);
    v->directory_sectors = div_up(v->tables * 4, VMDK_SECTOR);
    v->copy = 1 + VMDK_DESC_SECTORS;
    v->directory = table_sector(v, v->copy, v->tables);
    v->next = round_up(table_sector(v, v->directory, v->tables), VMDK_GRAIN_SECTORS);
    v->held = VMDK_NO_TABLE;
    *ret = &v->sink;
    return 0;
}

const struct sink_driver vmdk_sparse_sink = {
    .format = IMAGE_VMDK,
    .kind = "monolithicSparse",
    .holds = sparse_holds,
    .open = sparse_open,
    .put = sparse_put,
    .finish = sparse_finish,
    .close = sparse_close,
};
