/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/query.h"

#include <string.h>

int query_next(struct query_pair *ret, struct bytes *rest, struct err *err)
{
    const uint8_t *end, *eq;
    size_t n;

    while (rest->n > 0 && rest->p[0] == '&')
        *rest = bytes_of(rest->p + 1, rest->n - 1);
    if (rest->n == 0)
        return 0;
    end = memchr(rest->p, '&', rest->n);
    n = end ? (size_t)(end - rest->p) : rest->n;
    eq = memchr(rest->p, '=', n);
    if (eq == rest->p)
        return FAIL(err, ERR_ARG, "a parameter without a name");
    ret->name = bytes_of(rest->p, eq ? (size_t)(eq - rest->p) : n);
    ret->value = eq ? bytes_of(eq + 1, n - ret->name.n - 1) : (struct bytes){NULL, 0};
    *rest = bytes_of(rest->p + n, rest->n - n);
    return 1;
}

static int digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int query_decode(struct buf *to, struct bytes text, bool form, struct err *err)
{
    int r = buf_reserve(to, text.n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];

        if (c == '%') {
            if (text.n - i < 3 || digit(text.p[i + 1]) < 0 || digit(text.p[i + 2]) < 0)
                return FAIL(err, ERR_ARG, "a \"%%\" without two hexadecimal digits");
            c = (uint8_t)(digit(text.p[i + 1]) << 4 | digit(text.p[i + 2]));
            i += 2;
        } else if (form && c == '+') {
            c = ' ';
        }
        to->p[to->n++] = (char)c;
    }
    to->p[to->n] = '\0';
    return 0;
}

int query_encode(struct buf *to, struct bytes text, bool slash, struct err *err)
{
    static const char hex[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                     (c >= '0' && c <= '9') || (c && strchr("-_.~", c)) ||
                     (slash && c == '/');
        char out[3] = {'%', hex[c >> 4], hex[c & 15]};
        int r = plain ? buf_append(to, &text.p[i], 1, err) : buf_append(to, out, 3, err);

        if (r < 0)
            return r;
    }
    return 0;
}
