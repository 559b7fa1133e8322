/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/text.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

/* Length of the valid UTF-8 sequence at p (no overlong forms, no surrogates), or 0. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
    size_t len = p[0] < 0x80   ? 1
                 : p[0] < 0xc2 ? 0
                 : p[0] < 0xe0 ? 2
                 : p[0] < 0xf0 ? 3
                               : 4;

    if (len == 0 || p[0] > 0xf4 || len > n)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

/* Unicode that moves the cursor or hides text: C1 controls, line and paragraph
 * separators, and the marks that reorder a line (the "Trojan source" characters). */
static bool is_control(const uint8_t *p, size_t len)
{
    if (len == 1)
        return p[0] < 0x20 || p[0] == 0x7f || p[0] == '\\';
    if (len == 2)
        return p[0] == 0xc2 && p[1] < 0xa0;
    if (len == 3 && p[0] == 0xe2 && p[1] == 0x80)
        return p[2] >= 0x8b && (p[2] <= 0x8f || (p[2] >= 0xa8 && p[2] <= 0xae));
    if (len == 3 && p[0] == 0xe2 && p[1] == 0x81)
        return p[2] >= 0xa6 && p[2] <= 0xa9;
    return false;
}

size_t text_clean(char *to, size_t cap, struct bytes raw, size_t max)
{
    size_t out = 0;

    for (size_t i = 0; i < raw.n;) {
        size_t len = utf8_length(raw.p + i, raw.n - i);
        char hex[5];
        const char *piece = (const char *)raw.p + i;
        size_t n = len;

        if (len == 0 || is_control(raw.p + i, len)) {
            snprintf(hex, sizeof hex, "\\x%02x", raw.p[i]);
            piece = hex;
            n = 4;
            len = 1;
        }
        if (n > max || out > max - n) {
            piece = "...";
            n = 3;
            len = raw.n - i;
        }
        for (size_t j = 0; j < n; j++)
            if (out + j + 1 < cap)
                to[out + j] = piece[j];
        out += n;
        i += len;
    }
    if (cap)
        to[out < cap ? out : cap - 1] = '\0';
    return out;
}

static size_t utf8_put(char *to, uint32_t c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

void text_cut(char *s)
{
    size_t n = strlen(s), back = 0, whole;
    unsigned char lead;

    while (back < n && back < 3 && ((unsigned char)s[n - 1 - back] & 0xc0) == 0x80)
        back++;
    if (back == n)
        return;
    lead = (unsigned char)s[n - 1 - back];
    whole = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (back + 1 < whole)
        s[n - 1 - back] = '\0';
}

struct text_short text_short(const char *s, size_t max)
{
    static const char dots[] = "...";
    struct text_short ret;

    max = max < sizeof ret.s ? max : sizeof ret.s - 1;
    assert(max >= sizeof dots);
    snprintf(ret.s, sizeof ret.s, "%s", s);
    if (strlen(s) > max) {
        ret.s[max - (sizeof dots - 1)] = '\0';
        text_cut(ret.s);
        memcpy(ret.s + strlen(ret.s), dots, sizeof dots);
    }
    return ret;
}

bool text_is_line(const char *s)
{
    while (*s) {
        size_t n = strcspn(s, "\\");

        if (text_clean(NULL, 0, bytes_of(s, n), SIZE_MAX) != n)
            return false;
        s += n + (s[n] != '\0');
    }
    return true;
}

size_t text_utf16le(char *to, size_t cap, struct bytes raw)
{
    size_t out = 0;

    for (size_t i = 0; i + 1 < raw.n; i += 2) {
        uint32_t c = load_le16(raw.p + i);
        uint32_t low = i + 3 < raw.n ? load_le16(raw.p + i + 2) : 0;
        char utf8[4];
        size_t n;

        if (c == 0)
            break;
        if (c >= 0xd800 && c <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
            c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
            i += 2;
        } else if (c >= 0xd800 && c <= 0xdfff) {
            c = 0xfffd;
        }
        n = utf8_put(utf8, c);
        if (n >= cap - out)
            break;
        memcpy(to + out, utf8, n);
        out += n;
    }
    to[out] = 0;
    return out;
}

bool text_next_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *nl;
    size_t n;

    if (rest->n == 0)
        return false;
    nl = memchr(rest->p, '\n', rest->n);
    n = nl ? (size_t)(nl - rest->p) : rest->n;
    *line = (struct bytes){rest->p, n};
    if (line->n && line->p[line->n - 1] == '\r')
        line->n--;
    rest->p += n + (nl != NULL);
    rest->n -= n + (nl != NULL);
    return true;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct bytes text_trim(struct bytes b)
{
    while (b.n && is_blank(b.p[0]))
        b = (struct bytes){b.p + 1, b.n - 1};
    while (b.n && is_blank(b.p[b.n - 1]))
        b.n--;
    return b;
}

bool text_next_word(struct bytes *rest, struct bytes *word)
{
    struct bytes b = text_trim(*rest);
    size_t n = 0;

    if (b.n == 0)
        return false;
    while (n < b.n && !is_blank(b.p[n]))
        n++;
    *word = (struct bytes){b.p, n};
    *rest = (struct bytes){b.p + n, b.n - n};
    return true;
}

struct bytes text_unquote(struct bytes b)
{
    if (b.n >= 2 && (b.p[0] == '"' || b.p[0] == '\'') && b.p[b.n - 1] == b.p[0])
        return (struct bytes){b.p + 1, b.n - 2};
    return b;
}

bool text_is(struct bytes b, const char *s)
{
    return b.n == strlen(s) && (b.n == 0 || memcmp(b.p, s, b.n) == 0);
}

bool text_starts(struct bytes b, const char *s)
{
    return bytes_at(b, 0, s, strlen(s));
}

bool text_ends(struct bytes b, const char *s)
{
    size_t n = strlen(s);

    return b.n >= n && memcmp(b.p + b.n - n, s, n) == 0;
}

long text_find(struct bytes b, const char *s)
{
    const uint8_t *p = b.n ? memmem(b.p, b.n, s, strlen(s)) : NULL;

    return p ? (long)(p - b.p) : -1;
}

bool text_u64(uint64_t *ret, struct bytes b)
{
    uint64_t v = 0;

    if (b.n == 0)
        return false;
    for (size_t i = 0; i < b.n; i++) {
        if (b.p[i] < '0' || b.p[i] > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(b.p[i] - '0'), &v))
            return false;
    }
    *ret = v;
    return true;
}
