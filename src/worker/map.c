/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "worker/map.h"

#include <string.h>

#include <jansson.h>

#include "base/scoped.h"
#include "guest/facts_json.h"
#include "worker/wire_block.h"

static void json_unrefp(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static int say_json(uint8_t type, const json_t *j, struct err *err)
{
    AUTO(freep) char *text = j ? json_dumps(j, JSON_COMPACT) : NULL;

    if (!text)
        return FAIL(err, ERR_NOMEM, "report");
    wire_say(type, text, strlen(text));
    return 0;
}

/* Records of the list that is being sent, until they fill a frame. */
struct map {
    const struct block *source;
    const struct map_files *files;
    bool told; /* LAYOUT was sent */
    size_t n;  /* bytes */
    uint8_t records[WIRE_RUNS_MAX * WIRE_RUN_SIZE];
};

static void flush(struct map *m)
{
    if (m->n)
        wire_say(WIRE_RUNS, m->records, m->n);
    m->n = 0;
}

static uint16_t file_number(const struct map *m, const struct block *file)
{
    if (!file)
        return 0;
    for (size_t i = 0; i < m->files->n; i++)
        if (m->files->v[i].block == file)
            return (uint16_t)(i + 2);
    return file == m->source;
}

static void add(struct map *m, enum wire_run_kind kind, uint64_t start,
                const struct location *l)
{
    uint8_t *p = m->records + m->n;

    store_le64(p, start);
    store_le64(p + 8, l->extent.length);
    store_le64(p + 16, l->where);
    store_le16(p + 24, file_number(m, l->file));
    p[26] = (uint8_t)kind;
    p[27] = l->compressed;
    m->n += WIRE_RUN_SIZE;
    if (m->n == sizeof m->records)
        flush(m);
}

static int add_extent(void *arg, uint64_t start, const struct location *l,
                      struct err *err)
{
    static const enum wire_run_kind kinds[] = {
        [EXTENT_DATA] = WIRE_RUN_DATA,
        [EXTENT_ZERO] = WIRE_RUN_ZERO,
        [EXTENT_HOLE] = WIRE_RUN_HOLE,
    };

    (void)err;
    add(arg, kinds[l->extent.kind], start, l);
    return 0;
}

static int begin(const struct map *m, const char *device, struct err *err)
{
    AUTO(json_unrefp) json_t *files = json_array(), *j = NULL;

    for (size_t i = 0; !*device && i < m->files->n; i++)
        if (json_array_append_new(files, json_string(m->files->v[i].name)) < 0)
            return FAIL(err, ERR_NOMEM, "report");
    j = json_pack("{s:s, s:O}", "device", device, "files", files);
    return say_json(WIRE_LIST, j, err);
}

/* A list that could not be finished is told as such, and is no failure of the map. */
static int end(struct map *m, int r, const struct err *why, struct err *err)
{
    AUTO(json_unrefp) json_t *j = NULL;

    flush(m);
    if (r == 0)
        return 0;
    j = json_pack("{s:s}", "problem", why->msg);
    return say_json(WIRE_LIST, j, err);
}

static int add_area(void *arg, const struct fs_area *a, struct err *err)
{
    const struct location l = {.extent = {.length = a->length}};

    (void)err;
    add(arg, a->is_free ? WIRE_RUN_FREE : WIRE_RUN_USED, a->start, &l);
    return 0;
}

/* Subvolumes are filesystems of their own, on one device. */
static bool is_first_on_device(const struct guest *g, unsigned i)
{
    for (unsigned k = 0; k < i; k++)
        if (g->fs[k].fs && g->fs[k].block == g->fs[i].block)
            return false;
    return g->fs[i].fs != NULL;
}

static int map_areas(struct map *m, struct fs *fs, struct err *err)
{
    struct err why = {0};

    return end(m, fs_usage(fs, add_area, m, &why), &why, err);
}

/* A filesystem that stands on the disk without a table is nothing that a guest starts
 * from, so nobody has opened it. */
static int map_whole(struct map *m, const struct guest *g, struct err *err)
{
    AUTO(fs_closep) struct fs *fs = NULL;
    struct fs_ident ident = {0};
    struct err why = {0};
    int r;

    if (!*g->facts->disk.whole || fs_identify(&ident, g->disk, &why) < 0 ||
        !fs_is_read(ident.type))
        return 0;
    r = begin(m, "disk", err);
    if (r < 0)
        return r;
    r = fs_open(&fs, &ident, g->disk, &why);
    return r < 0 ? end(m, r, &why, err) : map_areas(m, fs, err);
}

static int map_filesystems(struct map *m, const struct guest *g, struct err *err)
{
    for (unsigned i = 0; i < g->fs_n; i++) {
        int r;

        if (!is_first_on_device(g, i))
            continue;
        r = begin(m, g->fs[i].device, err);
        if (r == 0)
            r = map_areas(m, g->fs[i].fs, err);
        if (r < 0)
            return r;
    }
    return map_whole(m, g, err);
}

static int map_extents(struct map *m, struct block *disk, struct err *err)
{
    struct err why = {0};
    int r = begin(m, "", err);

    if (r < 0)
        return r;
    r = block_map(disk, add_extent, m, &why);
    return end(m, r, &why, err);
}

static int say_layout(struct map *m, const struct facts *f, struct err *err)
{
    AUTO(json_unrefp) json_t *j = facts_to_json(f);

    m->told = true;
    return say_json(WIRE_LAYOUT, j, err);
}

static int opened(void *arg, struct guest *g, struct err *err)
{
    struct map *m = arg;
    int r = say_layout(m, g->facts, err);

    if (g->step)
        g->step(g->step_arg, "free space");
    if (r == 0)
        r = map_filesystems(m, g, err);
    if (g->step)
        g->step(g->step_arg, "extents");
    return r < 0 ? r : map_extents(m, g->disk, err);
}

int map_run(struct block *source, const struct inspect_options *options,
            const struct map_files *files, struct err *err)
{
    AUTO(arena_fini) struct arena arena = {.max = FACTS_ARENA_MAX};
    AUTO(freep) struct map *m = calloc(1, sizeof *m);
    struct inspect_options o = *options;
    struct facts facts;
    int r;

    if (!m)
        return FAIL(err, ERR_NOMEM, "map");
    m->source = source;
    m->files = files;
    o.opened = opened;
    o.opened_arg = m;
    r = inspect_file(&facts, &arena, source, &o, err);
    if (r == 0 && !m->told)
        r = say_layout(m, &facts, err);
    if (r == 0)
        wire_say(WIRE_RESULT, "{}", 2);
    return r;
}
