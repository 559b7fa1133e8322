/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/svg.h"

#include <stdbool.h>
#include <string.h>

#include "base/checked.h"
#include "cli/term.h"

/* One character of UTF-8; its length, and 0 for what is none. */
static size_t decode(const char *p, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char c = (unsigned char)*p;
    size_t n = c < 0x80   ? 1
               : c < 0xc0 ? 0
               : c < 0xe0 ? 2
               : c < 0xf0 ? 3
               : c < 0xf8 ? 4
                          : 0;

    if (n == 0)
        return 0;
    *code = n == 1 ? c : c & (0xffu >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        if (((unsigned char)p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | ((unsigned char)p[i] & 0x3f);
    }
    return *code < least[n] || *code > 0x10ffff ? 0 : n;
}

/* Neither forbidden in XML, nor something that turns the text around it. */
static bool is_fit(uint32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c < 0xa0) && !(c >= 0xd800 && c < 0xe000) &&
           (c & 0xfffe) != 0xfffe && !(c >= 0xfdd0 && c <= 0xfdef) &&
           !(c >= 0x200b && c <= 0x200f) && !(c >= 0x2028 && c <= 0x202e) &&
           !(c >= 0x2060 && c <= 0x206f) && c != 0x061c && c != 0xfeff;
}

static void put(FILE *to, const char *p, size_t n)
{
    switch (*p) {
    case '&':
        fputs("&amp;", to);
        break;
    case '<':
        fputs("&lt;", to);
        break;
    case '>':
        fputs("&gt;", to);
        break;
    case '"':
        fputs("&quot;", to);
        break;
    default:
        fwrite(p, 1, n, to);
    }
}

void svg_escape(FILE *to, const char *text, int columns)
{
    static const char replacement[] = "\xef\xbf\xbd";
    bool cut = term_columns(text, strlen(text)) > columns;

    if (cut)
        columns--;
    while (*text) {
        uint32_t code = 0;
        size_t n = decode(text, &code);
        bool fit = n && is_fit(code);

        columns -= term_columns(fit ? text : "?", fit ? n : 1);
        if (columns < 0)
            break;
        put(to, fit ? text : replacement, fit ? n : sizeof replacement - 1);
        text += n ? n : 1;
    }
    if (cut)
        fputs("\xe2\x80\xa6", to);
}

void svg_text(FILE *to, double x, double y, const char *class, const char *text,
              int columns)
{
    fprintf(to, "<text x=\"%.1f\" y=\"%.1f\" class=\"%s\">", x, y, class);
    svg_escape(to, text, columns);
    fputs("</text>\n", to);
}

void svg_rect(FILE *to, double x, double y, double w, double h, const char *class,
              const char *tip)
{
    fprintf(to, "<rect x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.1f\" class=\"%s\"",
            x, y, w, h, class);
    if (!tip) {
        fputs("/>\n", to);
        return;
    }
    fputs("><title>", to);
    svg_escape(to, tip, 400);
    fputs("</title></rect>\n", to);
}

void svg_share_add(struct svg_share *s, uint64_t start, uint64_t length, uint64_t size)
{
    double scale = (double)SVG_COLUMNS / (double)size;
    double from = (double)start * scale, to = from + (double)length * scale;

    for (int i = (int)from; i < SVG_COLUMNS && i < to; i++) {
        double part = least(to, i + 1) - most(from, i);

        s->v[i] = (float)least(1, s->v[i] + most(part, 0));
    }
}

/* In steps of half a pixel, and two at least of what is there at all. */
static int height_of(double share, double h)
{
    int steps = (int)(share * h * 2 + 0.5);

    return share > 0 && steps < 3 ? 3 : steps;
}

void svg_columns(FILE *to, double x, double y, double h, const char *class,
                 const struct svg_share *below, const struct svg_share *s)
{
    bool any = false;
    int until;

    for (int i = 0; i < SVG_COLUMNS; i = until) {
        int base = below ? height_of(below->v[i], h) : 0;
        int n = height_of(s->v[i], h), room = (int)(h * 2) - base;

        if (n > room) /* beside something that is drawn higher than it is */
            n = s->v[i] > 0 && room < 3 ? 3 : room;
        for (until = i + 1; until < SVG_COLUMNS; until++)
            if (height_of(s->v[until], h) != height_of(s->v[i], h) ||
                (below && height_of(below->v[until], h) != base))
                break;
        if (n <= 0)
            continue;
        if (!any)
            fprintf(to, "<path class=\"%s\" d=\"", class);
        any = true;
        fprintf(to, "M%.0f %.1fh%dv-%.1fh-%dz", x + i, y + h - least(base, h * 2 - n) / 2,
                until - i, n / 2.0, until - i);
    }
    if (any)
        fputs("\"/>\n", to);
}
