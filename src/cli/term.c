/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/term.h"

#include <langinfo.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { WIDTH_DEFAULT = 80, WIDTH_MIN = 40, WIDTH_MAX = 120 };

static const char *const styles[] = {
    [STYLE_PLAIN] = "",         [STYLE_BOLD] = "\033[1m",
    [STYLE_DIM] = "\033[2m",    [STYLE_GOOD] = "\033[1;32m",
    [STYLE_BAD] = "\033[1;31m", [STYLE_WARNING] = "\033[1;33m",
    [STYLE_INFO] = "\033[36m",
};

void term_init(struct term *t, FILE *out)
{
    const char *name = getenv("TERM"), *off = getenv("NO_COLOR");
    struct winsize w;

    *t = (struct term){.out = out, .width = WIDTH_DEFAULT};
    t->tty = isatty(fileno(out));
    t->colour = t->tty && !(off && *off) && !(name && strcmp(name, "dumb") == 0);
    t->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    if (t->tty && ioctl(fileno(out), TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
        t->width = w.ws_col;
    if (t->width < WIDTH_MIN)
        t->width = WIDTH_MIN;
    if (t->width > WIDTH_MAX) /* longer lines are tiring to read */
        t->width = WIDTH_MAX;
}

void term_print(const struct term *t, enum term_style style, const char *fmt, ...)
{
    bool on = t->colour && style != STYLE_PLAIN;
    va_list ap;

    if (on)
        fputs(styles[style], t->out);
    va_start(ap, fmt);
    vfprintf(t->out, fmt, ap);
    va_end(ap);
    if (on)
        fputs("\033[0m", t->out);
}

static size_t next_char(const char *p, size_t n, uint32_t *code)
{
    unsigned char c = (unsigned char)*p;
    size_t len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

    if (len > n)
        len = n;
    *code = len == 1 ? c : c & (0xffu >> (len + 1));
    for (size_t i = 1; i < len; i++)
        *code = *code << 6 | ((unsigned char)p[i] & 0x3f);
    return len;
}

static bool is_wide(uint32_t c)
{
    return (c >= 0x1100 && c <= 0x115f) || (c >= 0x2e80 && c <= 0xa4cf) ||
           (c >= 0xac00 && c <= 0xd7a3) || (c >= 0xf900 && c <= 0xfaff) ||
           (c >= 0xfe30 && c <= 0xfe4f) || (c >= 0xff00 && c <= 0xff60) ||
           (c >= 0xffe0 && c <= 0xffe6) || (c >= 0x20000 && c <= 0x3fffd);
}

int term_columns(const char *text, size_t n)
{
    int columns = 0;

    for (size_t i = 0; i < n;) {
        uint32_t c;

        i += next_char(text + i, n - i, &c);
        columns += is_wide(c) ? 2 : 1;
    }
    return columns;
}

/* How many bytes of a line fit in `room` columns, broken after a blank or between wide
 * characters; *skip is the blank that the break swallows. */
static size_t fit(const char *p, size_t n, int room, size_t *skip)
{
    size_t best = 0, i = 0;
    int columns = 0;

    *skip = 0;
    while (i < n) {
        uint32_t c;
        size_t len = next_char(p + i, n - i, &c);
        int width = is_wide(c) ? 2 : 1;

        if (c == ' ') {
            best = i;
            *skip = 1;
        }
        if (columns + width > room && best)
            return best;
        columns += width;
        i += len;
        if (is_wide(c) && columns <= room) {
            best = i;
            *skip = 0;
        }
    }
    *skip = 0;
    return n;
}

void term_wrap(const struct term *t, int indent, bool hanging, enum term_style style,
               const char *text)
{
    int room = t->width - indent;

    while (*text) {
        size_t n = strcspn(text, "\n");
        const char *line = text;

        text += n + (text[n] == '\n');
        do {
            size_t skip, len = fit(line, n, room, &skip);

            fprintf(t->out, "%*s", hanging ? 0 : indent, "");
            term_print(t, style, "%.*s", (int)len, line);
            fputc('\n', t->out);
            hanging = false;
            line += len + skip;
            n -= len + skip;
        } while (n);
    }
}
