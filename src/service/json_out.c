/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/json_out.h"

#include <string.h>

/* Room for n more bytes, or NULL; they are then counted by the caller. */
static char *room(struct json_out *o, size_t n)
{
    if (o->failed || (o->buf.cap - o->buf.n <= n && buf_reserve(&o->buf, n, NULL) < 0)) {
        o->failed = true;
        return NULL;
    }
    return o->buf.p + o->buf.n;
}

static void put(struct json_out *o, const char *p, size_t n)
{
    char *to = room(o, n);

    if (!to)
        return;
    if (n)
        memcpy(to, p, n);
    to[n] = '\0';
    o->buf.n += n;
}

static void puts_out(struct json_out *o, const char *s)
{
    put(o, s, strlen(s));
}

/* The comma before a member, and its name. */
static void member(struct json_out *o, const char *key)
{
    size_t n = key ? strlen(key) : 0;
    char *to = room(o, n + 4);

    if (!to)
        return;
    if (o->comma)
        *to++ = ',';
    o->comma = true;
    if (key) {
        *to++ = '"';
        memcpy(to, key, n);
        to += n;
        *to++ = '"';
        *to++ = ':';
    }
    *to = '\0';
    o->buf.n = (size_t)(to - o->buf.p);
}

/* Length of the UTF-8 sequence at s, 0 when it is none (overlong, a surrogate, too
 * large). */
static size_t utf8_length(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;

    if (n == 0 || s[0] > 0xf4)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return n;
}

/* Characters that stand for themselves: printable ASCII but the two that JSON escapes. */
static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static void put_text(struct json_out *o, const char *value)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned char *s = (const unsigned char *)value, *plain = s;

    put(o, "\"", 1);
    for (;;) {
        size_t n;

        while (is_plain(*s))
            s++;
        if (!*s)
            break;
        n = utf8_length(s);
        if (n > 1) {
            s += n;
            continue;
        }
        put(o, (const char *)plain, (size_t)(s - plain));
        if (n == 0)
            puts_out(o, "\xef\xbf\xbd");
        else if (*s == '"' || *s == '\\')
            put(o, (const char[]){'\\', (char)*s}, 2);
        else if (*s == '\n')
            puts_out(o, "\\n");
        else
            put(o, (const char[]){'\\', 'u', '0', '0', hex[*s >> 4], hex[*s & 15]}, 6);
        plain = ++s;
    }
    put(o, (const char *)plain, (size_t)(s - plain));
    put(o, "\"", 1);
}

void json_out_begin(struct json_out *o, const char *key)
{
    member(o, key);
    put(o, "{", 1);
    o->comma = false;
}

void json_out_end(struct json_out *o)
{
    put(o, "}", 1);
    o->comma = true;
}

void json_out_begin_list(struct json_out *o, const char *key)
{
    member(o, key);
    put(o, "[", 1);
    o->comma = false;
}

void json_out_end_list(struct json_out *o)
{
    put(o, "]", 1);
    o->comma = true;
}

void json_out_text(struct json_out *o, const char *key, const char *value)
{
    member(o, key);
    if (value)
        put_text(o, value);
    else
        puts_out(o, "null");
}

void json_out_int(struct json_out *o, const char *key, int64_t value)
{
    char digits[24], *p = digits + sizeof digits;
    uint64_t n = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;

    member(o, key);
    do
        *--p = (char)('0' + n % 10);
    while (n /= 10);
    if (value < 0)
        *--p = '-';
    put(o, p, (size_t)(digits + sizeof digits - p));
}

void json_out_bool(struct json_out *o, const char *key, bool value)
{
    member(o, key);
    puts_out(o, value ? "true" : "false");
}

void json_out_null(struct json_out *o, const char *key)
{
    member(o, key);
    puts_out(o, "null");
}

void json_out_raw(struct json_out *o, const char *key, const char *json)
{
    member(o, key);
    puts_out(o, json && *json ? json : "null");
}

int json_out_check(const struct json_out *o, struct err *err)
{
    return o->failed ? FAIL(err, ERR_NOMEM, "answer of more than %zu bytes", o->buf.n)
                     : 0;
}
