/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "guest/linux/settings.h"

#include <strings.h>

static struct bytes after(struct bytes b, size_t n)
{
    return bytes_sub(b, n, b.n - n);
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* ---- shell */

/* A value as the shell would take it: a quoted string, or the bytes up to a blank. */
static struct bytes shell_value(struct bytes b)
{
    size_t n = 0;

    b = text_trim(b);
    if (b.n && (b.p[0] == '"' || b.p[0] == '\'')) {
        for (n = 1; n < b.n && b.p[n] != b.p[0]; n++)
            if (b.p[n] == '\\' && n + 1 < b.n)
                n++;
        return bytes_sub(b, 1, (n < b.n ? n : b.n) - 1);
    }
    while (n < b.n && !is_space(b.p[n]))
        n++;
    return bytes_sub(b, 0, n);
}

bool settings_shell(struct bytes text, const char *key, struct bytes *ret)
{
    size_t n = strlen(key);
    struct bytes line;
    bool found = false;

    while (text_next_line(&text, &line)) {
        line = text_trim(line);
        if (text_starts(line, "export "))
            line = text_trim(after(line, 7));
        if (!text_starts(line, key))
            continue;
        line = text_trim(after(line, n));
        if (!text_starts(line, "="))
            continue;
        *ret = shell_value(after(line, 1));
        found = true;
    }
    return found;
}

bool settings_is_true(struct bytes value)
{
    static const char *const words[] = {"yes", "true", "on", "1", "y", "t"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (value.n == strlen(words[i]) &&
            strncasecmp((const char *)value.p, words[i], value.n) == 0)
            return true;
    return false;
}

/* ---- ini */

bool ini_next(struct ini *i)
{
    struct bytes line;

    while (text_next_line(&i->rest, &line)) {
        const uint8_t *eq;

        line = text_trim(line);
        if (line.n == 0 || line.p[0] == '#' || line.p[0] == ';')
            continue;
        if (line.p[0] == '[') {
            i->section = line.p[line.n - 1] == ']' && line.n > 1
                             ? bytes_sub(line, 1, line.n - 2)
                             : after(line, 1);
            continue;
        }
        eq = memchr(line.p, '=', line.n);
        if (!eq)
            continue;
        i->key = text_trim(bytes_sub(line, 0, (size_t)(eq - line.p)));
        i->value = text_trim(after(line, (size_t)(eq - line.p) + 1));
        return true;
    }
    return false;
}

/* ---- yaml */

/* Without a comment: "#" at the start or after a blank, outside quotes. */
static struct bytes uncomment(struct bytes b)
{
    uint8_t quote = 0;

    for (size_t i = 0; i < b.n; i++) {
        uint8_t c = b.p[i];

        if (quote)
            quote = c == quote ? 0 : quote;
        else if (c == '"' || (c == '\'' && (i == 0 || !(b.p[i - 1] > ' ') ||
                                            strchr("[{,:", b.p[i - 1]))))
            quote = c;
        else if (c == '#' && (i == 0 || is_space(b.p[i - 1])))
            return bytes_sub(b, 0, i);
    }
    return b;
}

/* Brackets opened less those closed. */
static long balance(struct bytes b)
{
    long n = 0;

    for (size_t i = 0; i < b.n; i++) {
        n += b.p[i] == '[' || b.p[i] == '{';
        n -= b.p[i] == ']' || b.p[i] == '}';
    }
    return n;
}

/* A flow value that stays open at the end of its line reaches into the lines below. */
static struct bytes join_flow(struct yaml *y, struct bytes value)
{
    struct bytes line, whole = value;

    if (value.n == 0 || (value.p[0] != '[' && value.p[0] != '{'))
        return value;
    while (balance(whole) > 0 && whole.n < YAML_FLOW_MAX &&
           text_next_line(&y->rest, &line))
        whole.n = (size_t)(line.p + line.n - value.p);
    return whole;
}

/* Offset of the colon that ends a key, or -1. */
static long key_end(struct bytes b)
{
    size_t i = 0;

    if (b.n && (b.p[0] == '"' || b.p[0] == '\'')) {
        const uint8_t *q = memchr(b.p + 1, b.p[0], b.n - 1);

        if (!q)
            return -1;
        i = (size_t)(q - b.p) + 1;
    } else if (b.n && (b.p[0] == '[' || b.p[0] == '{')) {
        return -1;
    }
    for (; i < b.n; i++)
        if (b.p[i] == ':' && (i + 1 == b.n || is_space(b.p[i + 1])))
            return (long)i;
    return -1;
}

static void yaml_enter(struct yaml *y, size_t indent, bool item)
{
    if (y->deeper && y->depth < YAML_DEPTH_MAX && y->key.n) {
        y->path[y->depth].indent = y->indent;
        y->path[y->depth].key = y->key;
        y->depth++;
    }
    /* A list may stand at the indentation of its key. */
    while (y->depth && (y->path[y->depth - 1].indent > indent ||
                        (y->path[y->depth - 1].indent == indent && !item)))
        y->depth--;
}

bool yaml_next(struct yaml *y)
{
    struct bytes line;

    while (text_next_line(&y->rest, &line)) {
        const uint8_t *start = line.p;
        size_t indent = 0;
        bool item = false;
        long colon;

        while (indent < line.n && is_space(line.p[indent]))
            indent++;
        line = text_trim(uncomment(after(line, indent)));
        if (line.n == 0 || text_is(line, "---") || text_is(line, "..."))
            continue;
        while (text_is(line, "-") || text_starts(line, "- ")) {
            item = true;
            line = text_trim(after(line, 1));
        }
        yaml_enter(y, indent, item);
        /* The other keys of an item stand below its first one, right of the dash. */
        y->indent = (size_t)(line.p - start);
        colon = key_end(line);
        y->key = (struct bytes){line.p, 0};
        if (colon >= 0) {
            y->key = text_unquote(text_trim(bytes_sub(line, 0, (size_t)colon)));
            line = text_trim(after(line, (size_t)colon + 1));
        }
        y->value = text_unquote(join_flow(y, line));
        y->item = item;
        y->deeper = colon >= 0;
        return true;
    }
    return false;
}

bool yaml_under(const struct yaml *y, const char *const *keys, unsigned n)
{
    if (y->depth != n)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (keys[i] && !text_is(y->path[i].key, keys[i]))
            return false;
    return true;
}

bool yaml_flow_next(struct bytes *rest, struct bytes *item)
{
    while (rest->n) {
        size_t skip = 0, n;

        while (skip < rest->n && (rest->p[skip] <= ' ' || strchr("[]{},", rest->p[skip])))
            skip++;
        *rest = after(*rest, skip);
        for (n = 0; n < rest->n && !strchr("[]{},\n", rest->p[n]); n++)
            if ((rest->p[n] == '"' || rest->p[n] == '\'') && n == 0) {
                const uint8_t *q = memchr(rest->p + 1, rest->p[0], rest->n - 1);

                n = q ? (size_t)(q - rest->p) : n;
            }
        *item = bytes_sub(*rest, 0, n);
        *rest = after(*rest, n);
        *item = text_unquote(text_trim(uncomment(text_trim(*item))));
        if (item->n)
            return true;
    }
    return false;
}
