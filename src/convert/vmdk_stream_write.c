/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vmdk_stream_write.c: a streamOptimized VMDK, as OVA files carry it
 *
 *   header | descriptor | (grains of 32 MiB of disk | marker, their table) ... |
 *   marker, directory | marker, footer | marker of the end
 *
 * Every grain that is not zero is a zlib stream behind a marker, made by the workers. */
#include <inttypes.h>

#include "convert/vmdk_write.h"

enum {
    DATA_BEGIN = VMDK_GRAIN_SECTORS, /* sectors of header and descriptor, rounded up */
};

struct stream_sink {
    struct sink sink;
    struct identity identity;
    const char *name;
    uint64_t next; /* first free byte; a whole sector */
    int64_t held;  /* the table that is held below, or VMDK_NO_TABLE */
    uint8_t table[VMDK_SECTOR + VMDK_TABLE_BYTES]; /* behind its marker */
    uint64_t tables;
    uint32_t *directory; /* sectors of the tables; 0: none */
};

static struct stream_sink *stream_of(struct sink *s)
{
    return CONTAINER_OF(s, struct stream_sink, sink);
}

static int append(struct stream_sink *v, const uint8_t *p, size_t n, struct err *err)
{
    int r = out_put(v->sink.out, p, n, v->next, err);

    v->next += n;
    return r < 0 ? r : out_flush(v->sink.out, err);
}

static void marker_make(uint8_t m[VMDK_SECTOR], uint64_t sectors, uint32_t type)
{
    memset(m, 0, VMDK_SECTOR);
    store_le64(m, sectors);
    store_le32(m + 12, type);
}

static int table_leave(struct stream_sink *v, struct err *err)
{
    int r;

    if (v->held == VMDK_NO_TABLE)
        return 0;
    marker_make(v->table, VMDK_TABLE_BYTES / VMDK_SECTOR, VMDK_MARKER_TABLE);
    v->directory[v->held] = (uint32_t)(v->next / VMDK_SECTOR + 1);
    r = append(v, v->table, sizeof v->table, err);
    memset(v->table, 0, sizeof v->table);
    return r;
}

static int stream_put(struct sink *s, const struct cluster *c, struct err *err)
{
    struct stream_sink *v = stream_of(s);
    int64_t table = (int64_t)(c->index / VMDK_GTES_MAX);
    uint64_t at;

    identity_add(&v->identity, c);
    if (table != v->held) {
        int r = table_leave(v, err);

        if (r < 0)
            return r;
        v->held = table;
    }
    at = v->next;
    /* Its table and the directory come behind it, and must be reached as well. */
    if (at / VMDK_SECTOR > UINT32_MAX - (1u << 20))
        return FAIL(err, ERR_LIMIT,
                    "vmdk: more than 2 TiB of file, which 32-bit sector numbers cannot "
                    "reach");
    store_le32(v->table + VMDK_SECTOR + c->index % VMDK_GTES_MAX * 4,
               (uint32_t)(at / VMDK_SECTOR));
    v->next += c->length;
    return out_put(s->out, c->p, c->length, at, err);
}

static int directory_write(struct stream_sink *v, uint64_t *ret_sector, struct err *err)
{
    enum { ENTRIES = VMDK_SECTOR / 4 };
    uint8_t sector[VMDK_SECTOR];
    int r;

    marker_make(sector, div_up(v->tables, ENTRIES), VMDK_MARKER_DIRECTORY);
    r = append(v, sector, sizeof sector, err);
    *ret_sector = v->next / VMDK_SECTOR;
    for (uint64_t first = 0; r == 0 && first < v->tables; first += ENTRIES) {
        memset(sector, 0, sizeof sector);
        for (uint64_t i = first; i < min_u64(v->tables, first + ENTRIES); i++)
            store_le32(sector + (i - first) * 4, v->directory[i]);
        r = append(v, sector, sizeof sector, err);
    }
    return r;
}

static int ends_write(struct stream_sink *v, uint64_t directory, struct err *err)
{
    struct vmdk_shape shape = {
        .version = 3,
        .flags = VMDK_FLAG_NEWLINE_TEST | VMDK_FLAG_COMPRESSED | VMDK_FLAG_MARKERS,
        .directory = directory,
        .overhead = DATA_BEGIN,
        .compression = 1,
    };
    uint8_t tail[VMDK_FOOTER_SPAN], head[(1 + VMDK_DESC_SECTORS) * VMDK_SECTOR];
    int r;

    marker_make(tail, 1, VMDK_MARKER_FOOTER);
    vmdk_write_header(tail + VMDK_SECTOR, v->sink.virtual_size, &shape);
    marker_make(tail + 2 * VMDK_SECTOR, 0, VMDK_MARKER_END);
    r = append(v, tail, sizeof tail, err);
    if (r < 0)
        return r;
    shape.directory = VMDK_DIRECTORY_AT_END;
    vmdk_write_header(head, v->sink.virtual_size, &shape);
    vmdk_write_descriptor(head + VMDK_SECTOR, "streamOptimized", v->name,
                          v->sink.virtual_size, &v->identity);
    r = out_put(v->sink.out, head, sizeof head, 0, err);
    return r < 0 ? r : out_flush(v->sink.out, err);
}

static int stream_set_size(struct sink *s, uint64_t virtual_size, struct err *err)
{
    int r = vmdk_write_limit(virtual_size, err);

    if (r < 0)
        return r;
    s->virtual_size = virtual_size;
    stream_of(s)->tables = vmdk_write_tables(virtual_size);
    return 0;
}

static int stream_finish(struct sink *s, uint64_t *ret_size, struct err *err)
{
    struct stream_sink *v = stream_of(s);
    uint64_t directory = 0;
    int r = table_leave(v, err);

    if (r == 0)
        r = directory_write(v, &directory, err);
    if (r == 0)
        r = ends_write(v, directory, err);
    if (r < 0)
        return r;
    *ret_size = v->next;
    return 0;
}

static void stream_free(struct sink *s)
{
    struct stream_sink *v = stream_of(s);

    free(v->directory);
    free(v);
}

static bool stream_holds(enum convert_compression c)
{
    return c == CONVERT_ZLIB;
}

static int stream_open(struct sink **ret, struct out *out, const struct sink_spec *spec,
                       struct err *err)
{
    uint64_t most =
        spec->virtual_size == SINK_SIZE_LATER ? VMDK_SIZE_MAX : spec->virtual_size;
    struct stream_sink *v;
    int r = vmdk_write_limit(most, err);

    if (r < 0)
        return r;
    v = calloc(1, sizeof *v);
    if (!v)
        return FAIL(err, ERR_NOMEM, "no memory for vmdk tables");
    v->sink = (struct sink){&vmdk_stream_sink, out, PACK_GRAIN, CONVERT_CLUSTER,
                            spec->virtual_size};
    v->name = spec->name;
    v->next = DATA_BEGIN * VMDK_SECTOR;
    v->held = VMDK_NO_TABLE;
    v->tables = vmdk_write_tables(most);
    v->directory = calloc(v->tables, sizeof *v->directory);
    if (!v->directory) {
        stream_free(&v->sink);
        return FAIL(err, ERR_NOMEM,
                    "no memory for a vmdk directory of %" PRIu64 " tables",
                    vmdk_write_tables(most));
    }
    *ret = &v->sink;
    return 0;
}

const struct sink_driver vmdk_stream_sink = {
    .format = IMAGE_VMDK,
    .kind = "streamOptimized",
    .compression = CONVERT_ZLIB,
    .holds = stream_holds,
    .open = stream_open,
    .put = stream_put,
    .set_size = stream_set_size,
    .finish = stream_finish,
    .close = stream_free,
};
