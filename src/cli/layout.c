/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/layout.h"

#include <string.h>

#include "base/i18n.h"
#include "cli/units.h"

enum { CELLS_MAX = 112, INDENT = 2 };

static uint64_t number(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static bool is_extended(const json_t *p)
{
    return json_is_true(json_object_get(p, "extended"));
}

static enum term_style style_of(const char *role)
{
    if (strcmp(role, "root") == 0)
        return STYLE_GOOD;
    if (strcmp(role, "boot") == 0 || strcmp(role, "esp") == 0)
        return STYLE_INFO;
    return STYLE_PLAIN;
}

/* Which partition a cell shows: 0 nothing, else its place in the list plus one.  A
 * partition shows in one cell at least, however small it is. */
static void fill_cells(unsigned cell[CELLS_MAX], int n, const json_t *partitions,
                       uint64_t size)
{
    size_t i;
    json_t *p;

    json_array_foreach(partitions, i, p)
    {
        double start = (double)number(p, "start") / (double)size * n;
        double end = (double)(number(p, "start") + number(p, "size")) / (double)size * n;
        int from = (int)start, to = (int)(end + 0.5);

        if (is_extended(p) || from >= n)
            continue;
        if (to <= from)
            to = from + 1;
        for (int k = from; k < to && k < n; k++)
            if (cell[k] == 0)
                cell[k] = (unsigned)i + 1;
    }
}

static void print_bar(const struct term *t, const json_t *partitions, uint64_t size)
{
    unsigned cell[CELLS_MAX] = {0};
    int n = t->width - 2 * INDENT - 2;

    if (n > CELLS_MAX)
        n = CELLS_MAX;
    fill_cells(cell, n, partitions, size);
    fprintf(t->out, "%*s%s", INDENT, "", t->utf8 ? "▕" : "[");
    for (int k = 0; k < n; k++) {
        const json_t *p = cell[k] ? json_array_get(partitions, cell[k] - 1) : NULL;
        bool first = cell[k] && (k == 0 || cell[k - 1] != cell[k]);

        if (!p)
            term_print(t, STYLE_DIM, "%s", t->utf8 ? "·" : ".");
        else if (first)
            term_print(t, STYLE_BOLD, "%u", (unsigned)(number(p, "index") % 10));
        else
            term_print(t, style_of(text(p, "role")), "%s", t->utf8 ? "█" : "#");
    }
    fprintf(t->out, "%s\n", t->utf8 ? "▏" : "]");
}

static void print_row(const struct term *t, const char *name, const json_t *o)
{
    const char *fs = text(o, "filesystem"), *label = text(o, "label");
    const json_t *inside = json_object_get(o, "fs");
    char size[UNITS_MAX], room[UNITS_MAX];

    fprintf(t->out, "%*s", INDENT, "");
    term_print(t, STYLE_BOLD, "%-4s", name);
    fprintf(t->out, " %10s  ", units_bytes(size, number(o, "size")));
    term_print(t, style_of(text(o, "role")), "%-12s",
               is_extended(o) ? _("extended")
               : *fs          ? fs
                              : "-");
    fprintf(t->out, " %-6s", text(o, "role"));
    if (*label)
        fprintf(t->out, " \"%s\"", label);
    if (json_is_object(inside))
        fprintf(t->out, _("  %s free"), units_bytes(room, number(inside, "free_bytes")));
    fputc('\n', t->out);
}

void layout_print(const struct term *t, const json_t *facts)
{
    const json_t *partitions = json_object_get(facts, "partitions");
    uint64_t size = number(json_object_get(facts, "image"), "virtual_size");
    size_t i;
    json_t *o;

    if (t->tty && size && json_array_size(partitions))
        print_bar(t, partitions, size);
    json_array_foreach(partitions, i, o)
    {
        char name[24];

        snprintf(name, sizeof name, "%u%s", (unsigned)number(o, "index"),
                 json_is_true(json_object_get(o, "active")) ? "*" : "");
        print_row(t, name, o);
    }
    json_array_foreach(json_object_get(facts, "logical_volumes"), i, o)
        print_row(t, text(o, "name"), o);
}
