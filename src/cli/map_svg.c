/* SPDX-License-Identifier: GPL-2.0-or-later */
/* map_svg.c: a picture of the disk
 *
 *   name, format, sizes
 *   the disk to scale, a box for each partition
 *   the same width: what of each column is stored
 *   a strip for each filesystem, stretched to the same width: what it uses
 *   legend
 *
 * Nothing is kept but what each column of pixels has of each kind, so a picture is as
 * large as its disk has partitions, however many extents there are. */
#include <inttypes.h>
#include <string.h>

#include "base/checked.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "cli/map.h"
#include "cli/release.h"
#include "cli/svg.h"
#include "cli/term.h"
#include "cli/units.h"

enum {
    MARGIN = 24,
    WIDTH = SVG_COLUMNS + 2 * MARGIN,
    ROWS_MAX = 64, /* what lies on the disk, and is drawn */
    BAR_H = 64,
    STRIP_H = 36,
    ROW_H = 74,  /* of a strip with its words */
    LINE_H = 30, /* of words alone */
    TINY = 6,    /* pixels of a box that would be smaller */
    COLUMN_PX = 7,
    TEXT_MAX = 512,
};

/* A partition or a logical volume. */
struct row {
    char device[300];
    const json_t *what; /* of the facts */
    uint64_t size;
    bool listed;    /* its areas were told */
    uint64_t known; /* up to which byte */
    struct map_sums sums;
    struct svg_share used, free;
    char *problem;
    double x, w; /* of its box */
};

struct state {
    json_t *facts;
    json_t *whole; /* [opt] what stands on the disk itself, as a partition's facts */
    char *source;
    uint64_t size; /* of the disk; 0: not known */
    struct row *rows;
    size_t n, left_out;
    struct row *row; /* the list's; NULL: that of the disk, or of what is left out */
    bool of_disk;
    uint64_t known; /* of the disk, up to which byte */
    struct map_sums sums;
    struct svg_share data, packed, zero;
    char *problem;
};

static const char *text(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static uint64_t number(const json_t *o, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(o, key));
}

/* ---- collecting */

static void add_row(struct state *s, const char *device, const json_t *what)
{
    struct row *r = &s->rows[s->n];

    if (json_is_true(json_object_get(what, "extended")))
        return;
    if (s->n == ROWS_MAX) {
        s->left_out++;
        return;
    }
    snprintf(r->device, sizeof r->device, "%s", device);
    r->what = what;
    r->size = number(what, "size");
    s->n++;
}

static void layout(void *state, const json_t *facts, const char *source)
{
    struct state *s = state;
    const json_t *o;
    size_t i;

    s->facts = json_incref((json_t *)(uintptr_t)facts);
    s->source = strdup(source);
    s->size = number(json_object_get(facts, "image"), "virtual_size");
    s->rows = calloc(ROWS_MAX, sizeof *s->rows);
    if (!s->rows)
        return;
    json_array_foreach(json_object_get(facts, "partitions"), i, o)
    {
        char device[32];

        snprintf(device, sizeof device, "partition %" PRIu64, number(o, "index"));
        add_row(s, device, o);
    }
    json_array_foreach(json_object_get(facts, "logical_volumes"), i, o)
        add_row(s, text(o, "name"), o);
    /* A filesystem without a partition table. */
    o = json_object_get(facts, "disk");
    if (*text(o, "whole")) {
        s->whole = json_pack("{s:s, s:s, s:I}", "filesystem", text(o, "whole"), "label",
                             text(o, "whole_label"), "size", (json_int_t)s->size);
        add_row(s, "disk", s->whole);
    }
}

static void list(void *state, const char *device)
{
    struct state *s = state;

    s->of_disk = !*device;
    s->row = NULL;
    for (size_t i = 0; i < s->n; i++)
        if (*device && strcmp(s->rows[i].device, device) == 0)
            s->row = &s->rows[i];
    if (s->row)
        s->row->listed = true;
}

static void run(void *state, const struct imgport_run *r)
{
    struct state *s = state;

    if (s->of_disk && s->size) {
        struct svg_share *shares[] = {
            [IMGPORT_DATA] = r->compressed ? &s->packed : &s->data,
            [IMGPORT_ZERO] = &s->zero,
        };

        map_count(&s->sums, r);
        s->known = r->start + r->length;
        if (r->kind < ARRAY_SIZE(shares))
            svg_share_add(shares[r->kind], r->start, r->length, s->size);
    }
    if (s->row && s->row->size) {
        map_count(&s->row->sums, r);
        s->row->known = r->start + r->length;
        svg_share_add(r->kind == IMGPORT_FREE ? &s->row->free : &s->row->used, r->start,
                      r->length, s->row->size);
    }
}

static void problem(void *state, const char *message)
{
    struct state *s = state;
    char **to = s->row ? &s->row->problem : &s->problem;

    if (!s->row && !s->of_disk)
        return;
    free(*to);
    *to = strdup(message);
}

/* ---- drawing */

static const char style[] =
    "<style>\n"
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',"
    "'Noto Sans CJK SC',sans-serif;font-size:12px;fill:#1c2733}\n"
    ".bg{fill:#fff}.title{font-size:20px;font-weight:600}.sub,.note{fill:#5a6875}\n"
    ".note{font-size:11px}.name{font-weight:600}.bad{fill:#a5281b}\n"
    ".mid{text-anchor:middle}.end{text-anchor:end}\n"
    ".track{fill:#edf0f4}.free{fill:#dcefe4}.line{stroke:#b5bfca;stroke-width:1}\n"
    ".data{fill:#3a6ea8}.packed{fill:#8257b0}.zero{fill:#b9cfe8}.used{fill:#23845d}\n"
    ".key{fill:none;stroke:#98a4b0;stroke-width:.75}.hatch{fill:url(#hatch)}.stripe{"
    "stroke:#98a4b0;stroke-width:2}\n"
    ".box{stroke:#fff;stroke-width:1.5}.mark{fill:#5a6875}\n"
    ".root{fill:#a5dcc0}.boot{fill:#f6dc9b}.fs{fill:#b8d3f2}.swap{fill:#e0cdee}"
    ".other{fill:#d5dbe2}\n"
    "@media (prefers-color-scheme:dark){\n"
    "text{fill:#e4e9ee}.bg{fill:#14191f}.sub,.note{fill:#9aa7b4}.bad{fill:#ff9c8f}\n"
    ".track{fill:#252d36}.free{fill:#1f3a2f}.line{stroke:#4b5763}\n"
    ".data{fill:#5b97dc}.packed{fill:#ac83da}.zero{fill:#3d5674}.used{fill:#46b98a}\n"
    ".stripe{stroke:#5c6874}.box{stroke:#14191f}.mark{fill:#9aa7b4}\n"
    ".root{fill:#1f6b4a}.boot{fill:#77591a}.fs{fill:#2c5485}.swap{fill:#60427c}"
    ".other{fill:#454f5a}\n"
    "}\n"
    "</style>\n"
    "<defs><pattern id=\"hatch\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\""
    " patternTransform=\"rotate(45)\"><rect width=\"7\" height=\"7\" class=\"track\"/>"
    "<line y2=\"7\" class=\"stripe\"/></pattern></defs>\n";

static const char *class_of(const json_t *p)
{
    const char *role = text(p, "role"), *fs = text(p, "filesystem");

    if (strcmp(role, "root") == 0)
        return "box root";
    if (strcmp(role, "boot") == 0 || strcmp(role, "esp") == 0 ||
        strcmp(role, "bios-boot") == 0)
        return "box boot";
    if (strcmp(fs, "swap") == 0)
        return "box swap";
    return !*fs || strcmp(fs, "unknown") == 0 || strcmp(fs, "empty") == 0 ? "box other"
                                                                          : "box fs";
}

/* "1  ext4  root  "label"": what there is of it. */
static void say_what(char ret[TEXT_MAX], const json_t *p, const char *name)
{
    const char *fs = text(p, "filesystem"), *role = text(p, "role");
    const char *parts[] = {name, fs, strcmp(fs, role) == 0 ? "" : role};
    const char *label = text(p, "label");
    size_t n = 0;

    ret[0] = '\0';
    for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
        if (*parts[i])
            n += (size_t)snprintf(ret + n, TEXT_MAX - n, "%s%.100s", n ? " · " : "",
                                  parts[i]);
    if (*label)
        snprintf(ret + n, TEXT_MAX - n, " · \xe2\x80\x9c%.200s\xe2\x80\x9d", label);
}

static bool is_partition(const struct row *r)
{
    return json_object_get(r->what, "index") != NULL;
}

static double scaled(uint64_t n, uint64_t size)
{
    return (double)n / (double)size * SVG_COLUMNS;
}

static bool is_tiny(const struct state *s, const struct row *r)
{
    return scaled(r->size, s->size) < TINY;
}

/* As much as there is room for, in columns: all, number and filesystem, the number. */
static void draw_words(const struct row *r, double x, double y, int room)
{
    const char *fs = text(r->what, "filesystem");
    char all[TEXT_MAX], some[TEXT_MAX], name[24], size[UNITS_MAX];
    const char *words = all;

    snprintf(name, sizeof name, "%" PRIu64, number(r->what, "index"));
    snprintf(some, sizeof some, "%s%s%.100s", name, *fs ? " · " : "", fs);
    say_what(all, r->what, name);
    if (term_columns(all, strlen(all)) > room && room < 24)
        words = term_columns(some, strlen(some)) > room ? name : some;
    if (term_columns(words, strlen(words)) > room && words != all)
        return;
    units_bytes(size, r->size);
    if ((int)strlen(size) > room) {
        svg_text(stdout, x, y + BAR_H / 2.0 + 4, "mid name", words, room);
        return;
    }
    svg_text(stdout, x, y + 29, "mid name", words, room);
    svg_text(stdout, x, y + 47, "mid", size, room);
}

/* A box, where it is on the disk; one that is too small to be seen is drawn larger, and
 * marked.  *next is where the boxes so far end. */
static void draw_box(const struct state *s, struct row *r, double y, double *next)
{
    double x = scaled(number(r->what, "start"), s->size), w = scaled(r->size, s->size);
    bool tiny = is_tiny(s, r);
    char what[TEXT_MAX], tip[TEXT_MAX], size[UNITS_MAX], name[24];

    if (tiny) {
        x = least(most(x, *next), SVG_COLUMNS - TINY);
        w = TINY;
    }
    w = least(w, SVG_COLUMNS - x);
    if (w <= 0)
        return;
    *next = x + w;
    snprintf(name, sizeof name, "%" PRIu64, number(r->what, "index"));
    say_what(what, r->what, name);
    units_bytes(size, r->size);
    snprintf(tip, sizeof tip, "%.440s · %s", what, size);
    svg_rect(stdout, MARGIN + x, y, w, BAR_H, class_of(r->what), tip);
    if (tiny)
        printf("<path class=\"mark\" d=\"M%.1f %.1fl-4 -7h8z\"/>\n", MARGIN + x + w / 2,
               y - 2);
    r->x = x;
    r->w = w;
}

/* In what the small boxes, which lie upon it, leave of it. */
static void name_box(const struct state *s, const struct row *r, double y)
{
    double x = r->x, w;

    for (size_t i = 0; i < s->n; i++)
        if (s->rows[i].w > 0 && is_tiny(s, &s->rows[i]) && s->rows[i].x <= x)
            x = most(x, s->rows[i].x + s->rows[i].w);
    w = r->x + r->w - x;
    draw_words(r, MARGIN + x + w / 2, y, (int)(w / COLUMN_PX) - 1);
}

static double draw_scale(const struct state *s, double y)
{
    for (unsigned i = 0; i <= 4; i++) {
        double x = MARGIN + SVG_COLUMNS * i / 4.0;
        char at[UNITS_MAX];

        printf("<line x1=\"%.1f\" x2=\"%.1f\" y1=\"%.1f\" y2=\"%.1f\" class=\"line\"/>\n",
               x, x, y + 2, y + 7);
        units_bytes(at, s->size / 4 * i + s->size % 4 * i / 4);
        svg_text(stdout, x, y + 19,
                 i == 0   ? "note"
                 : i == 4 ? "note end"
                          : "note mid",
                 at, 20);
    }
    return y + 24;
}

static double draw_disk(const struct state *s, double y, bool *tiny)
{
    bool partitions = false;
    double next = 0;

    for (size_t i = 0; i < s->n; i++)
        partitions |= is_partition(&s->rows[i]);
    svg_rect(stdout, MARGIN, y, SVG_COLUMNS, BAR_H, "track",
             partitions ? _("in no partition") : NULL);
    for (size_t i = 0; i < s->n; i++)
        if (is_partition(&s->rows[i]) && !is_tiny(s, &s->rows[i]))
            draw_box(s, &s->rows[i], y, &next);
    next = 0;
    /* Upon the others, which would hide them. */
    for (size_t i = 0; i < s->n; i++)
        if (is_partition(&s->rows[i]) && is_tiny(s, &s->rows[i])) {
            draw_box(s, &s->rows[i], y, &next);
            *tiny = true;
        }
    for (size_t i = 0; i < s->n; i++)
        if (is_partition(&s->rows[i]) && !is_tiny(s, &s->rows[i]))
            name_box(s, &s->rows[i], y);
    if (!partitions)
        svg_text(stdout, WIDTH / 2.0, y + BAR_H / 2.0 + 4, "mid sub",
                 _("no partitions were seen"), 80);
    return draw_scale(s, y + BAR_H);
}

/* What is behind `known` of `size` is not known. */
static void draw_unknown(double y, uint64_t known, uint64_t size, const char *why)
{
    double x = (int)scaled(known, size);

    if (known < size)
        svg_rect(stdout, MARGIN + x, y, SVG_COLUMNS - x, STRIP_H, "hatch", why);
}

static double draw_extents(const struct state *s, double y)
{
    struct svg_share stored = {{0}};

    for (int i = 0; i < SVG_COLUMNS; i++)
        stored.v[i] = (float)least(1, s->data.v[i] + s->packed.v[i]);
    svg_text(stdout, MARGIN, y + 12, "name", _("stored in the file"), 60);
    y += 20;
    svg_rect(stdout, MARGIN, y, SVG_COLUMNS, STRIP_H, "track", NULL);
    svg_columns(stdout, MARGIN, y, STRIP_H, "data", NULL, &s->data);
    svg_columns(stdout, MARGIN, y, STRIP_H, "packed", &s->data, &s->packed);
    svg_columns(stdout, MARGIN, y, STRIP_H, "zero", &stored, &s->zero);
    draw_unknown(y, s->known, s->size, s->problem);
    y += STRIP_H;
    if (s->problem) {
        y += 16;
        svg_text(stdout, MARGIN, y, "note bad", s->problem, 180);
    }
    return y + 18;
}

static double draw_row(const struct row *r, double y)
{
    char what[TEXT_MAX], right[TEXT_MAX], size[UNITS_MAX], used[UNITS_MAX],
        room[UNITS_MAX], start[UNITS_MAX];

    say_what(what, r->what, r->device);
    units_bytes(size, r->size);
    svg_text(stdout, MARGIN, y + 12, "name", what, 100);
    if (r->listed && r->known)
        snprintf(right, sizeof right, _("%s: %s used, %s free"), size,
                 units_bytes(used, r->sums.bytes[IMGPORT_USED]),
                 units_bytes(room, r->sums.bytes[IMGPORT_FREE]));
    else if (is_partition(r))
        snprintf(right, sizeof right, _("%s at %s"), size,
                 units_bytes(start, number(r->what, "start")));
    else
        snprintf(right, sizeof right, "%s", size);
    svg_text(stdout, WIDTH - MARGIN, y + 12, "end sub", right, 60);
    if (!r->listed || !r->size)
        return y + LINE_H;
    y += 20;
    svg_rect(stdout, MARGIN, y, SVG_COLUMNS, STRIP_H, "track", NULL);
    svg_columns(stdout, MARGIN, y, STRIP_H, "used", NULL, &r->used);
    svg_columns(stdout, MARGIN, y, STRIP_H, "free", &r->used, &r->free);
    if (r->problem)
        draw_unknown(y, r->known, r->size, r->problem);
    if (r->problem)
        svg_text(stdout, MARGIN, y + STRIP_H + 14, "note bad", r->problem, 180);
    return y + STRIP_H + (r->problem ? 32 : 18);
}

static double draw_legend(const struct state *s, double y, bool tiny)
{
    const struct {
        const char *class, *name;
        uint64_t bytes;
        bool counted;
    } rows[] = {
        {"data", _("data"), s->sums.bytes[IMGPORT_DATA] - s->sums.compressed, true},
        {"packed", _("compressed"), s->sums.compressed, true},
        {"zero", _("zero"), s->sums.bytes[IMGPORT_ZERO], true},
        {"track", _("hole"), s->sums.bytes[IMGPORT_HOLE], true},
        {"used", _("used"), 0, false},
        {"free", _("free"), 0, false},
        {"hatch", _("unknown"), 0, false},
    };
    double x = MARGIN;

    printf("<line x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\" class=\"line\"/>\n", MARGIN,
           WIDTH - MARGIN, y, y);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char words[TEXT_MAX], size[UNITS_MAX];

        if (rows[i].counted && s->size)
            snprintf(words, sizeof words, "%s  %s (%.1f %%)", rows[i].name,
                     units_bytes(size, rows[i].bytes),
                     (double)rows[i].bytes * 100 / (double)s->size);
        else
            snprintf(words, sizeof words, "%s", rows[i].name);
        svg_rect(stdout, x, y + 14, 14, 14, rows[i].class, NULL);
        svg_rect(stdout, x, y + 14, 14, 14, "key", NULL);
        svg_text(stdout, x + 20, y + 25.5, "", words, 40);
        x += 20 + 24 + (rows[i].counted ? 165 : 55);
    }
    if (tiny) {
        printf("<path class=\"mark\" d=\"M%d %.1fl-4 -7h8z\"/>\n", MARGIN + 7, y + 50);
        svg_text(stdout, MARGIN + 20, y + 51, "note",
                 _("drawn larger than it is, and not in its place to the pixel"), 120);
        y += 20;
    }
    return y + 44;
}

/* As the functions above go down. */
static double height_of(const struct state *s, const char *error)
{
    const json_t *image = json_object_get(s->facts, "image");
    double y = 76 + 18; /* name and sizes */

    if (!s->size || *text(image, "fault_detail") || error)
        y += 22;
    if (s->size)
        y += BAR_H + 24 + 22 + 20 + STRIP_H + (s->problem ? 16 : 0) + 18;
    for (size_t i = 0; i < s->n; i++)
        y += s->rows[i].listed && s->rows[i].size
                 ? 20 + STRIP_H + (s->rows[i].problem ? 32 : 18)
                 : LINE_H;
    return y + (s->left_out ? 20 : 0) + 8 + 64 + 12;
}

static void describe(const struct state *s, char *ret, size_t n)
{
    const json_t *image = json_object_get(s->facts, "image");
    const char *table = text(s->facts, "partition_table");
    char size[UNITS_MAX], file[UNITS_MAX];

    snprintf(ret, n, _("%s%s%s, disk of %s, file of %s, partition table: %s"),
             text(image, "format"), *text(image, "kind") ? " " : "", text(image, "kind"),
             units_bytes(size, s->size), units_bytes(file, number(image, "file_size")),
             *table ? table : "-");
}

static void draw_head(const struct state *s, double height, const char *error)
{
    const char *fault = text(json_object_get(s->facts, "image"), "fault_detail");
    char words[TEXT_MAX], stored[TEXT_MAX], a[UNITS_MAX], b[UNITS_MAX], c[UNITS_MAX];
    const char *source = s->source ? s->source : "", *slash = strrchr(source, '/');

    describe(s, words, sizeof words);
    snprintf(stored, sizeof stored, _("%s of it are data, %s zeros, %s holes"),
             units_bytes(a, s->sums.bytes[IMGPORT_DATA]),
             units_bytes(b, s->sums.bytes[IMGPORT_ZERO]),
             units_bytes(c, s->sums.bytes[IMGPORT_HOLE]));
    printf(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %.0f\" width=\"%d\" "
        "height=\"%.0f\" role=\"img\" aria-labelledby=\"title desc\">\n"
        "<title id=\"title\">",
        WIDTH, height, WIDTH, height);
    svg_escape(stdout, source, 400);
    fputs("</title>\n<desc id=\"desc\">", stdout);
    svg_escape(stdout, words, 400);
    fputs("; ", stdout);
    svg_escape(stdout, stored, 400);
    fputs("</desc>\n", stdout);
    fputs(style, stdout);
    printf("<rect width=\"%d\" height=\"%.0f\" class=\"bg\"/>\n", WIDTH, height);
    svg_text(stdout, MARGIN, 42, "title", slash && slash[1] ? slash + 1 : source, 90);
    svg_text(stdout, MARGIN, 64, "sub", words, 160);
    if (error || *fault)
        svg_text(stdout, MARGIN, 90, "bad", error ? error : fault, 170);
}

static void draw(const struct state *s, const char *error)
{
    double height = height_of(s, error), y = 76 + 18;
    bool tiny = false;

    draw_head(s, height, error);
    if (!s->size || *text(json_object_get(s->facts, "image"), "fault_detail") || error)
        y += 22;
    if (s->size) {
        y = draw_disk(s, y, &tiny) + 22;
        y = draw_extents(s, y);
    }
    for (size_t i = 0; i < s->n; i++)
        y = draw_row(&s->rows[i], y);
    if (s->left_out) {
        svg_text(stdout, MARGIN, y + 12, "note", _("and more that are not drawn"), 100);
        y += 20;
    }
    draw_legend(s, y + 8, tiny);
    fputs("</svg>\n", stdout);
}

static void end(void *state, const char *error)
{
    struct state *s = state;

    if (s->facts && s->rows)
        draw(s, error);
    for (size_t i = 0; i < s->n; i++)
        free(s->rows[i].problem);
    json_decref(s->whole);
    json_decref(s->facts);
    free(s->source);
    free(s->rows);
    free(s->problem);
}

const struct map_printer map_svg = {
    .size = sizeof(struct state),
    .layout = layout,
    .list = list,
    .run = run,
    .problem = problem,
    .end = end,
};
