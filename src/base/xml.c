/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/xml.h"

#include <string.h>

#include "base/text.h"

enum { ENTITY_MAX = 12, NAME_MAX_BYTES = 200 };

static int bad(const struct xml *x, struct err *err, const char *what)
{
    return FAIL(err, ERR_CORRUPT, "xml: %s at byte %zu", what, x->pos);
}

static struct bytes rest(const struct xml *x)
{
    return bytes_sub(x->in, x->pos, x->in.n - x->pos);
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_name_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '_' || c == '-' || c == '.' || c == ':' || c >= 0x80;
}

/* Moves behind the next `end`; false when there is none. */
static bool skip_past(struct xml *x, const char *end)
{
    struct bytes b = rest(x);
    const uint8_t *at = b.n ? memmem(b.p, b.n, end, strlen(end)) : NULL;

    if (!at)
        return false;
    x->pos += (size_t)(at - b.p) + strlen(end);
    return true;
}

static int put_utf8(struct buf *to, uint32_t c, struct err *err)
{
    char s[4];
    size_t n = 0;

    if (c < 0x80) {
        s[n++] = (char)c;
    } else if (c < 0x800) {
        s[n++] = (char)(0xc0 | c >> 6);
        s[n++] = (char)(0x80 | (c & 63));
    } else if (c < 0x10000) {
        s[n++] = (char)(0xe0 | c >> 12);
        s[n++] = (char)(0x80 | (c >> 6 & 63));
        s[n++] = (char)(0x80 | (c & 63));
    } else {
        s[n++] = (char)(0xf0 | c >> 18);
        s[n++] = (char)(0x80 | (c >> 12 & 63));
        s[n++] = (char)(0x80 | (c >> 6 & 63));
        s[n++] = (char)(0x80 | (c & 63));
    }
    return buf_append(to, s, n, err);
}

/* "#60" or "#x3c"; 0: no character. */
static uint32_t number_of(struct bytes e)
{
    bool hex = e.n > 2 && (e.p[1] == 'x' || e.p[1] == 'X');
    uint32_t c = 0;

    if (e.n < 2)
        return 0;
    for (size_t i = hex ? 2 : 1; i < e.n; i++) {
        uint8_t d = e.p[i];

        if (d >= '0' && d <= '9')
            d = (uint8_t)(d - '0');
        else if (hex && (d | 32) >= 'a' && (d | 32) <= 'f')
            d = (uint8_t)((d | 32) - 'a' + 10);
        else
            return 0;
        c = c * (hex ? 16 : 10) + d;
        if (c > 0x10ffff)
            return 0;
    }
    return c >= 0xd800 && c <= 0xdfff ? 0 : c;
}

/* x->pos is at '&'. */
static int entity(struct xml *x, struct err *err)
{
    static const struct {
        const char *name;
        uint32_t c;
    } named[] = {{"lt", '<'}, {"gt", '>'}, {"amp", '&'}, {"quot", '"'}, {"apos", '\''}};
    struct bytes b = rest(x), e;
    const uint8_t *end = memchr(b.p, ';', b.n < ENTITY_MAX ? b.n : ENTITY_MAX);
    uint32_t c = 0;

    if (!end)
        return bad(x, err, "an entity without an end");
    e = bytes_sub(b, 1, (size_t)(end - b.p) - 1);
    if (e.n && e.p[0] == '#')
        c = number_of(e);
    for (size_t i = 0; i < sizeof named / sizeof *named; i++)
        if (text_is(e, named[i].name))
            c = named[i].c;
    if (!c)
        return bad(x, err, "an unknown entity");
    x->pos += e.n + 2;
    return put_utf8(&x->text, c, err);
}

static int text(struct xml *x, struct err *err)
{
    struct bytes b = rest(x);
    size_t n = 0;

    while (n < b.n && b.p[n] != '<' && b.p[n] != '&') {
        if (x->depth == 0 && !is_blank(b.p[n]))
            return bad(x, err, "text outside of all elements");
        n++;
    }
    if (n) {
        x->pos += n;
        return x->depth ? buf_append(&x->text, b.p, n, err) : 0;
    }
    return x->depth ? entity(x, err) : bad(x, err, "text outside of all elements");
}

/* The name at x->pos, which moves behind it. */
static int read_name(struct bytes *ret, struct xml *x, struct err *err)
{
    struct bytes b = rest(x);
    size_t n = 0;

    while (n < b.n && is_name_char(b.p[n]))
        n++;
    if (n == 0)
        return bad(x, err, "no name");
    if (n > NAME_MAX_BYTES)
        return FAIL(err, ERR_LIMIT, "xml: a name of %zu bytes, limit %d", n,
                    NAME_MAX_BYTES);
    *ret = bytes_sub(b, 0, n);
    x->pos += n;
    return 0;
}

static struct bytes without_prefix(struct bytes name)
{
    const uint8_t *colon = memchr(name.p, ':', name.n);
    size_t n = colon ? (size_t)(colon - name.p) + 1 : 0;

    return bytes_sub(name, n, name.n - n);
}

static int close_one(struct xml *x)
{
    x->depth--;
    x->name = without_prefix(x->open[x->depth]);
    return XML_CLOSE;
}

/* x->pos is behind "</". */
static int close_tag(struct xml *x, struct err *err)
{
    struct bytes name, around;
    int r = read_name(&name, x, err);

    if (r < 0)
        return r;
    if (x->depth == 0)
        return bad(x, err, "the end of an element that never began");
    around = x->open[x->depth - 1];
    if (name.n != around.n || memcmp(name.p, around.p, name.n) != 0)
        return bad(x, err, "the end of another element");
    while (x->pos < x->in.n && is_blank(x->in.p[x->pos]))
        x->pos++;
    if (x->pos >= x->in.n || x->in.p[x->pos] != '>')
        return bad(x, err, "a tag without an end");
    x->pos++;
    return close_one(x);
}

/* x->pos is behind "<". */
static int open_tag(struct xml *x, struct err *err)
{
    struct bytes name;
    uint8_t quote = 0;
    int r = read_name(&name, x, err);

    if (r < 0)
        return r;
    if (x->depth == 0 && x->begun)
        return bad(x, err, "a second document");
    if (x->depth == XML_DEPTH_MAX)
        return FAIL(err, ERR_LIMIT, "xml: more than %d elements within each other",
                    XML_DEPTH_MAX);
    for (; x->pos < x->in.n; x->pos++) { /* over attributes */
        uint8_t c = x->in.p[x->pos];

        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '<') {
            break;
        } else if (c == '>') {
            x->closing = x->in.p[x->pos - 1] == '/';
            x->pos++;
            x->begun = true;
            x->open[x->depth++] = name;
            x->name = without_prefix(name);
            buf_clear(&x->text);
            return XML_OPEN;
        }
    }
    return bad(x, err, "a tag without an end");
}

int xml_next(struct xml *x, struct err *err)
{
    int r = 0;

    if (x->closing) {
        x->closing = false;
        return close_one(x);
    }
    if (x->pos && x->in.p[x->pos - 1] == '>' && x->depth)
        buf_clear(&x->text);
    while (x->pos < x->in.n) {
        struct bytes b = rest(x);

        if (b.p[0] != '<') {
            r = text(x, err);
            if (r < 0)
                return r;
        } else if (bytes_at(b, 0, "<!--", 4)) {
            x->pos += 4;
            if (!skip_past(x, "-->"))
                return bad(x, err, "a comment without an end");
        } else if (bytes_at(b, 0, "<?", 2)) {
            if (!skip_past(x, "?>"))
                return bad(x, err, "an instruction without an end");
        } else if (bytes_at(b, 0, "<!", 2)) {
            return bad(x, err, "a declaration, which is not taken");
        } else if (bytes_at(b, 0, "</", 2)) {
            x->pos += 2;
            return close_tag(x, err);
        } else {
            x->pos++;
            return open_tag(x, err);
        }
    }
    if (x->depth || !x->begun)
        return bad(x, err, "the end comes too early");
    return XML_END;
}

int xml_escape(struct buf *to, const char *s, struct err *err)
{
    int r = 0;

    for (; r == 0 && *s; s++) {
        size_t plain = strcspn(s, "&<>\"\1\2\3\4\5\6\7\b\t\n\v\f\r\16\17\20\21\22\23\24"
                                  "\25\26\27\30\31\32\33\34\35\36\37");

        r = buf_append(to, s, plain, err);
        s += plain;
        if (r < 0 || !*s)
            break;
        switch (*s) {
        case '&':
            r = buf_puts(to, "&amp;", err);
            break;
        case '<':
            r = buf_puts(to, "&lt;", err);
            break;
        case '>':
            r = buf_puts(to, "&gt;", err);
            break;
        case '"':
            r = buf_puts(to, "&quot;", err);
            break;
        case '\t':
        case '\n':
        case '\r':
            r = buf_printf(to, err, "&#%d;", *s);
            break;
        default:
            r = buf_puts(to, "?", err);
        }
    }
    return r;
}

int xml_put(struct buf *to, const char *name, const char *s, struct err *err)
{
    int r = buf_printf(to, err, "<%s>", name);

    if (r == 0)
        r = xml_escape(to, s, err);
    return r < 0 ? r : buf_printf(to, err, "</%s>", name);
}
