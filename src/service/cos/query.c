/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/query.h"

#include <string.h>

static int hex_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Length of the character at b, 0 when it is none: no surrogates, no long forms. */
static size_t utf8_char(struct bytes b)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t c = b.p[0];
    size_t n = c < 0x80   ? 1
               : c < 0xc0 ? 0
               : c < 0xe0 ? 2
               : c < 0xf0 ? 3
               : c < 0xf8 ? 4
                          : 0;

    if (n < 2)
        return n;
    if (n > b.n)
        return 0;
    c &= 0x7fu >> n;
    for (size_t i = 1; i < n; i++) {
        if ((b.p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (b.p[i] & 0x3f);
    }
    return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool cos_is_utf8(struct bytes b)
{
    while (b.n) {
        size_t n = utf8_char(b);

        if (n == 0)
            return false;
        b = bytes_sub(b, n, b.n - n);
    }
    return true;
}

int cos_decode(const char **ret, struct arena *a, struct bytes text, struct err *err)
{
    char *to = arena_alloc(a, text.n + 1);
    size_t n = 0;

    if (!to)
        return FAIL(err, ERR_NOMEM, "request");
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (c == '%') {
            int high = i + 2 < text.n ? hex_of(text.p[i + 1]) : -1;
            int low = high >= 0 ? hex_of(text.p[i + 2]) : -1;

            if (low < 0)
                return FAIL(err, ERR_ARG, "an escape that is none");
            c = (uint8_t)(high << 4 | low);
            i += 2;
        }
        if (c == 0)
            return FAIL(err, ERR_ARG, "a NUL");
        to[n++] = (char)c;
    }
    to[n] = '\0';
    if (!cos_is_utf8(bytes_of(to, n)))
        return FAIL(err, ERR_ARG, "not UTF-8");
    *ret = to;
    return 0;
}

int cos_encode(struct buf *to, const char *text, bool slash, struct err *err)
{
    static const char digits[] = "0123456789ABCDEF";
    int r = 0;

    for (; r == 0 && *text; text++) {
        uint8_t c = (uint8_t)*text;

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            c == '-' || c == '_' || c == '.' || c == '~' || (c == '/' && slash))
            r = buf_append(to, text, 1, err);
        else
            r = buf_append(to, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3,
                           err);
    }
    return r;
}

int cos_query_read(struct cos_query *ret, struct arena *a, const char *query,
                   struct err *err)
{
    ret->n = 0;
    while (*query) {
        size_t n = strcspn(query, "&"), name = strcspn(query, "&=");
        struct cos_pair *p;
        int r;

        if (n) {
            if (ret->n == COS_QUERY_MAX)
                return FAIL(err, ERR_LIMIT, "more than %d parameters", COS_QUERY_MAX);
            p = &ret->v[ret->n];
            *p = (struct cos_pair){.value = "", .has_value = name < n};
            r = cos_decode(&p->name, a, bytes_of(query, name), err);
            if (r == 0 && p->has_value)
                r = cos_decode(&p->value, a, bytes_of(query + name + 1, n - name - 1),
                               err);
            if (r < 0)
                return r;
            ret->n++;
        }
        query += n + (query[n] == '&');
    }
    return 0;
}

const char *cos_query_get(const struct cos_query *q, const char *name)
{
    for (size_t i = 0; i < q->n; i++)
        if (strcmp(q->v[i].name, name) == 0)
            return q->v[i].value;
    return NULL;
}
