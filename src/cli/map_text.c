/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_text.c: the disk, what its filesystems use, and a line for each extent */
#include <inttypes.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/map.h"
#include "cli/release.h"
#include "cli/report.h"
#include "cli/units.h"

struct state {
    struct term term;
    bool of_disk, in_list;
    char *device;         /* of the list; NULL: of none */
    struct map_sums sums; /* of the list */
};

enum { COLUMN_OFFSET = 15, COLUMN_SIZE = 10, COLUMN_KIND = 12 };

/* In a column, whatever characters it is in; n < 0: at the left of it. */
static void put(const struct term *t, int n, enum term_style style, const char *text)
{
    int width = n < 0 ? -n : n, pad = width - term_columns(text, strlen(text));

    fprintf(t->out, "%*s", n > 0 && pad > 0 ? pad : 0, "");
    term_print(t, style, "%s", text);
    fprintf(t->out, "%*s", n < 0 && pad > 0 ? pad : 0, "");
}

static void put_number(const struct term *t, int n, uint64_t value)
{
    fprintf(t->out, "%*" PRIu64, n, value);
}

static void layout(void *state, const json_t *facts, const char *source)
{
    /* Nobody looked at these. */
    static const char *const others[] = {"os", "kernels", "cloud_init"};
    struct state *s = state;
    AUTO(json_releasep) json_t *shown = json_copy((json_t *)(uintptr_t)facts);

    term_init(&s->term, stdout);
    for (size_t i = 0; i < ARRAY_SIZE(others); i++)
        json_object_del(shown, others[i]);
    report_print_facts(&s->term, shown, source);
}

static void end_list(struct state *s)
{
    const struct term *t = &s->term;
    char used[UNITS_MAX], room[UNITS_MAX], areas[UNITS_MAX];

    snprintf(areas, sizeof areas, "%" PRIu64, s->sums.runs[IMGPORT_FREE]);
    if (s->in_list && !s->of_disk &&
        s->sums.runs[IMGPORT_USED] + s->sums.runs[IMGPORT_FREE])
        fprintf(t->out, _("  %s: %s used, %s free (areas: %s)\n"), s->device,
                units_bytes(used, s->sums.bytes[IMGPORT_USED]),
                units_bytes(room, s->sums.bytes[IMGPORT_FREE]), areas);
    s->in_list = false;
}

static void list(void *state, const char *device)
{
    struct state *s = state;
    const struct term *t = &s->term;

    end_list(s);
    free(s->device);
    s->device = strdup(device);
    s->in_list = s->device != NULL;
    s->of_disk = !*device;
    s->sums = (struct map_sums){0};
    if (!s->of_disk)
        return;
    fputc('\n', t->out);
    put(t, COLUMN_OFFSET, STYLE_BOLD, _("start"));
    put(t, COLUMN_OFFSET + 1, STYLE_BOLD, _("length"));
    put(t, COLUMN_SIZE + 4, STYLE_PLAIN, "");
    put(t, -COLUMN_KIND, STYLE_BOLD, _("what"));
    term_print(t, STYLE_BOLD, "%s\n", _("stored at"));
}

static void print_kind(const struct term *t, const struct imgport_run *r)
{
    switch (r->kind) {
    case IMGPORT_DATA:
        put(t, -COLUMN_KIND, STYLE_GOOD, r->compressed ? _("compressed") : _("data"));
        break;
    case IMGPORT_ZERO:
        put(t, -COLUMN_KIND, STYLE_INFO, _("zero"));
        break;
    case IMGPORT_HOLE:
    case IMGPORT_USED:
    case IMGPORT_FREE:
        put(t, -COLUMN_KIND, STYLE_DIM, _("hole"));
        break;
    }
}

static void run(void *state, const struct imgport_run *r)
{
    struct state *s = state;
    const struct term *t = &s->term;
    char size[UNITS_MAX];

    map_count(&s->sums, r);
    if (!s->of_disk)
        return;
    put_number(t, COLUMN_OFFSET, r->start);
    put_number(t, COLUMN_OFFSET + 1, r->length);
    put(t, COLUMN_SIZE + 2, STYLE_PLAIN, units_bytes(size, r->length));
    fputs("  ", t->out);
    print_kind(t, r);
    if (r->kind != IMGPORT_DATA)
        fputc('-', t->out);
    else if (!r->file)
        fputs(_("unknown"), t->out);
    else
        put_number(t, 1, r->offset);
    if (r->file && *r->file)
        fprintf(t->out, _(" in %s"), r->file);
    fputc('\n', t->out);
}

static void problem(void *state, const char *message)
{
    struct state *s = state;
    const struct term *t = &s->term;

    end_list(s);
    fputs("  ", t->out);
    term_print(t, STYLE_WARNING, "%s: ", s->of_disk ? _("extents") : s->device);
    term_wrap(t, 2, true, STYLE_PLAIN, message);
}

static void print_total(const struct term *t, const char *name, uint64_t bytes,
                        uint64_t runs, uint64_t all)
{
    char size[UNITS_MAX], count[UNITS_MAX];

    fputs("  ", t->out);
    put(t, -COLUMN_KIND, STYLE_BOLD, name);
    put(t, COLUMN_SIZE, STYLE_PLAIN, units_bytes(size, bytes));
    fprintf(t->out, " %5.1f %%", all ? (double)bytes * 100 / (double)all : 0);
    snprintf(count, sizeof count, "%" PRIu64, runs);
    fprintf(t->out, _("  extents: %s"), count);
}

static void end(void *state, const char *error)
{
    struct state *s = state;
    const struct map_sums *m = &s->sums;
    const uint64_t *bytes = m->bytes, *runs = m->runs;
    uint64_t all = bytes[IMGPORT_DATA] + bytes[IMGPORT_ZERO] + bytes[IMGPORT_HOLE];
    const struct term *t = &s->term;
    char size[UNITS_MAX];

    (void)error; /* goes to standard error */
    end_list(s);
    if (s->of_disk && all) {
        fputc('\n', t->out);
        print_total(t, _("data"), bytes[IMGPORT_DATA], runs[IMGPORT_DATA], all);
        if (m->compressed)
            fprintf(t->out, _(", %s of it compressed"), units_bytes(size, m->compressed));
        fputc('\n', t->out);
        print_total(t, _("zero"), bytes[IMGPORT_ZERO], runs[IMGPORT_ZERO], all);
        fputc('\n', t->out);
        print_total(t, _("hole"), bytes[IMGPORT_HOLE], runs[IMGPORT_HOLE], all);
        fputc('\n', t->out);
    }
    free(s->device);
}

const struct map_printer map_text = {
    .size = sizeof(struct state),
    .layout = layout,
    .list = list,
    .run = run,
    .problem = problem,
    .end = end,
};
