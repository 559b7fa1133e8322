/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map.c: imgport_map(): what the worker finds is judged and handed on, piece by piece */
#include <inttypes.h>
#include <string.h>

#include "api/session.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "block/image.h"
#include "guest/facts_json.h"
#include "worker/wire.h"

enum { DEVICE_MAX = 1024 }; /* bytes of a name that is handed on */

struct map {
    const struct imgport_map_options *options;
    bool has_layout, in_list;
    bool of_disk;  /* the list is */
    uint64_t next; /* where its next run must begin */
    json_t *files; /* names of those beside the source */
};

static void map_fini(struct map *m)
{
    json_decref(m->files);
}

static int canceled(int r, struct err *err)
{
    return r ? FAIL(err, ERR_CANCELED, "canceled") : 0;
}

static int nonsense(const char *what, struct err *err)
{
    return FAIL(err, ERR_CORRUPT, "the worker's map makes no sense: %s", what);
}

static int take_layout(struct map *m, const struct buf *b, struct err *err)
{
    AUTO(arena_fini) struct arena a = {.max = FACTS_ARENA_MAX};
    AUTO(json_unrefp) json_t *sent = NULL, *told = NULL;
    AUTO(freep) char *text = NULL;
    struct facts facts;
    int r = m->has_layout ? nonsense("a second layout", err) : 0;

    if (r == 0)
        r = broker_parse(&sent, b, err);
    facts_init(&facts);
    if (r == 0)
        r = facts_from_json(&facts, sent, &a, err);
    if (r < 0)
        return r;
    m->has_layout = true;
    told = facts_to_json(&facts);
    r = session_dump(&text, told, err);
    if (r < 0 || !m->options->layout)
        return r;
    return canceled(m->options->layout(m->options->arg, text), err);
}

static int end_list(struct map *m, const char *problem, struct err *err)
{
    char clean[4 * ERR_MSG_MAX];

    if (!m->in_list)
        return nonsense("a problem of no list", err);
    m->in_list = false;
    text_clean(clean, sizeof clean, bytes_of(problem, strlen(problem)), sizeof clean - 1);
    if (!m->options->problem)
        return 0;
    return canceled(m->options->problem(m->options->arg, clean), err);
}

static int begin_list(struct map *m, const char *device, json_t *files, struct err *err)
{
    char clean[DEVICE_MAX];
    const json_t *name;
    size_t i;

    if (m->of_disk)
        return nonsense("a list after that of the disk", err);
    json_array_foreach(files, i, name)
    {
        if (!json_is_string(name))
            return nonsense("files without names", err);
    }
    json_decref(m->files);
    m->files = json_incref(files);
    m->in_list = true;
    m->of_disk = !*device;
    m->next = 0;
    text_clean(clean, sizeof clean, bytes_of(device, strlen(device)), sizeof clean - 1);
    if (!m->options->list)
        return 0;
    return canceled(m->options->list(m->options->arg, clean), err);
}

static int take_list(struct map *m, const struct buf *b, struct err *err)
{
    AUTO(json_unrefp) json_t *j = NULL;
    const char *device = NULL, *problem = NULL;
    json_t *files = NULL;
    int r = m->has_layout ? broker_parse(&j, b, err) : nonsense("no layout", err);

    if (r < 0)
        return r;
    json_unpack(j, "{s?s, s?s, s?o}", "device", &device, "problem", &problem, "files",
                &files);
    if (problem)
        return end_list(m, problem, err);
    if (!device || !json_is_array(files))
        return nonsense("a list of nothing", err);
    return begin_list(m, device, files, err);
}

static int take_run(struct map *m, const uint8_t *p, struct err *err)
{
    static const enum imgport_run_kind kinds[] = {
        [WIRE_RUN_DATA] = IMGPORT_DATA, [WIRE_RUN_ZERO] = IMGPORT_ZERO,
        [WIRE_RUN_HOLE] = IMGPORT_HOLE, [WIRE_RUN_USED] = IMGPORT_USED,
        [WIRE_RUN_FREE] = IMGPORT_FREE,
    };
    struct imgport_run run = {
        .start = load_le64(p), .length = load_le64(p + 8), .offset = load_le64(p + 16)};
    uint16_t file = load_le16(p + 24);

    if (p[26] >= ARRAY_SIZE(kinds) || p[27] > 1 || file > json_array_size(m->files) + 1)
        return nonsense("a run of no kind", err);
    run.kind = kinds[p[26]];
    run.compressed = p[27];
    if (m->of_disk != (run.kind <= IMGPORT_HOLE))
        return nonsense("a run of another list", err);
    if (run.length == 0 || run.start != m->next ||
        !checked_add(&m->next, run.start, run.length) || m->next > INT64_MAX ||
        run.offset > INT64_MAX)
        return nonsense("runs that do not follow one another", err);
    if (file == 1)
        run.file = "";
    else if (file)
        run.file = json_string_value(json_array_get(m->files, file - 2u));
    if (!m->options->run)
        return 0;
    return canceled(m->options->run(m->options->arg, &run), err);
}

static int take_piece(void *arg, uint8_t type, const struct buf *b, struct err *err)
{
    struct map *m = arg;
    int r = 0;

    if (type == WIRE_LAYOUT)
        return take_layout(m, b, err);
    if (type == WIRE_LIST)
        return take_list(m, b, err);
    if (!m->in_list || b->n % WIRE_RUN_SIZE)
        return nonsense("runs of no list", err);
    for (size_t at = 0; at < b->n && r == 0; at += WIRE_RUN_SIZE)
        r = take_run(m, (const uint8_t *)b->p + at, err);
    return r;
}

static int map(const struct imgport_map_options *o, struct err *err)
{
    AUTO(session_source_close) struct session_source source = SESSION_SOURCE_NONE;
    AUTO(json_unrefp) json_t *request = NULL, *answer = NULL;
    AUTO(map_fini) struct map m = {.options = o};
    struct broker_result result = {.json = NULL};
    struct session_run run = {
        .source = &source,
        .output = -1,
        .direct = -1,
        .phase = "inspect",
        .progress = o->progress,
        .progress_arg = o->progress_arg,
        .piece = take_piece,
        .piece_arg = &m,
    };
    const char *format = o->source.format;
    int r;

    if (format && image_format_from_name(format) == IMAGE_FORMAT_MAX)
        return FAIL(err, ERR_ARG,
                    "unknown format \"%s\"; known are raw, qcow2, vhd (vpc), vmdk",
                    format);
    request = json_pack("{s:s, s:s, s:b}", "job", "map", "format", format ? format : "",
                        "siblings", 1);
    if (!request)
        return FAIL(err, ERR_NOMEM, "request");
    r = session_source_open(&source, &o->source, false, o->progress, o->progress_arg,
                            err);
    if (r < 0)
        return r;
    run.request = request;
    r = session_run(&result, &run, err);
    answer = result.json;
    if (r < 0)
        return r;
    return m.has_layout ? 0 : nonsense("no layout", err);
}

int imgport_map(const struct imgport_map_options *options, struct imgport_error *error)
{
    char shown[SESSION_SHOWN_MAX];
    struct err err = {0};
    int r = map(options, &err);

    if (r == 0)
        return 0;
    if (r != -ERR_CANCELED && r != -ERR_ARG)
        err_prefix(&err, "%s", session_shown(shown, options->source.path));
    return session_fail(error, &err);
}
