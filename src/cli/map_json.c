/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_json.c: one object, written as it comes and whole whatever happens; the schema is
 * docs/schema/map.json */
#include <inttypes.h>
#include <string.h>

#include "api/session.h"
#include "base/scoped.h"
#include "cli/map.h"
#include "cli/release.h"

struct state {
    bool laid_out, in_list;
    bool of_disk; /* this list is, and it is the last */
    bool had_runs, had_lists;
    struct map_sums sums; /* of this list */
    char *problem;        /* why it ends before its time */
};

static const char *const kinds[] = {
    [IMGPORT_DATA] = "data", [IMGPORT_ZERO] = "zero", [IMGPORT_HOLE] = "hole",
    [IMGPORT_USED] = "used", [IMGPORT_FREE] = "free",
};

/* A string, or null. */
static void put(const char *s)
{
    json_t *j = s ? json_string(s) : json_null();

    json_dumpf(j, stdout, JSON_ENCODE_ANY);
    json_decref(j);
}

static void put_value(const json_t *facts, const char *key)
{
    printf(",\n\"%s\": ", key);
    json_dumpf(json_object_get(facts, key), stdout, JSON_ENCODE_ANY | JSON_INDENT(2));
}

static void layout(void *state, const json_t *facts, const char *source)
{
    static const char *const keys[] = {"image", "partition_table", "partitions",
                                       "logical_volumes", "problems"};
    struct state *s = state;
    AUTO(json_releasep) json_t *shown = session_text(source);

    s->laid_out = true;
    fputs("{\n\"imgport\": ", stdout);
    put(imgport_version());
    fputs(",\n\"source\": ", stdout);
    json_dumpf(shown, stdout, JSON_ENCODE_ANY);
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
        put_value(facts, keys[i]);
    fputs(",\n\"filesystems\": [", stdout);
}

static void end_list(struct state *s)
{
    if (!s->in_list)
        return;
    fputs(s->had_runs ? "\n  ]" : "]", stdout);
    if (!s->of_disk) {
        printf(",\n  \"used\": %" PRIu64 ", \"free\": %" PRIu64 ", \"problem\": ",
               s->sums.bytes[IMGPORT_USED], s->sums.bytes[IMGPORT_FREE]);
        put(s->problem);
        fputs("}", stdout);
    }
    free(s->problem);
    s->problem = NULL;
    s->in_list = false;
}

static void list(void *state, const char *device)
{
    struct state *s = state;

    end_list(s);
    s->in_list = true;
    s->of_disk = !*device;
    s->had_runs = false;
    s->sums = (struct map_sums){0};
    if (s->of_disk) {
        fputs("],\n\"extents\": [", stdout);
        return;
    }
    fputs(s->had_lists ? ",\n  {\"device\": " : "\n  {\"device\": ", stdout);
    s->had_lists = true;
    put(device);
    fputs(", \"areas\": [", stdout);
}

static void run(void *state, const struct imgport_run *r)
{
    struct state *s = state;

    map_count(&s->sums, r);
    printf("%s\n    {\"start\": %" PRIu64 ", \"length\": %" PRIu64 ", \"kind\": \"%s\"",
           s->had_runs ? "," : "", r->start, r->length, kinds[r->kind]);
    s->had_runs = true;
    if (s->of_disk && r->kind == IMGPORT_DATA && r->file) {
        printf(", \"compressed\": %s, \"offset\": %" PRIu64 ", \"file\": ",
               r->compressed ? "true" : "false", r->offset);
        put(*r->file ? r->file : NULL);
    } else if (s->of_disk) {
        fputs(", \"compressed\": false, \"offset\": null, \"file\": null", stdout);
    }
    putchar('}');
}

static void problem(void *state, const char *message)
{
    struct state *s = state;

    free(s->problem);
    s->problem = strdup(message);
}

static void end(void *state, const char *error)
{
    struct state *s = state;
    AUTO(freep) char *why = NULL;

    if (!s->laid_out)
        return;
    if (s->of_disk)
        why = TAKE(s->problem);
    end_list(s);
    if (!s->of_disk)
        fputs("],\n\"extents\": []", stdout);
    printf(",\n\"totals\": {\"data\": %" PRIu64 ", \"zero\": %" PRIu64
           ", \"hole\": %" PRIu64 ", \"compressed\": %" PRIu64 "},\n\"error\": ",
           s->of_disk ? s->sums.bytes[IMGPORT_DATA] : 0,
           s->of_disk ? s->sums.bytes[IMGPORT_ZERO] : 0,
           s->of_disk ? s->sums.bytes[IMGPORT_HOLE] : 0,
           s->of_disk ? s->sums.compressed : 0);
    put(error ? error : why);
    fputs("\n}\n", stdout);
}

const struct map_printer map_json = {
    .size = sizeof(struct state),
    .layout = layout,
    .list = list,
    .run = run,
    .problem = problem,
    .end = end,
};
