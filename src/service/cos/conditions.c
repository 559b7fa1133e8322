/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/cos/conditions.h"

#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/err.h"
#include "base/text.h"

int cos_range(const char *range, uint64_t size, uint64_t *ret_first, uint64_t *ret_length)
{
    struct bytes b = bytes_of(range, strlen(range)), left, right;
    uint64_t first, last = UINT64_MAX;
    long dash;

    if (!text_starts(b, "bytes="))
        return 0;
    b = text_trim(bytes_sub(b, 6, b.n - 6));
    dash = text_find(b, "-");
    if (dash < 0 || text_find(b, ",") >= 0)
        return 0;
    left = text_trim(bytes_sub(b, 0, (size_t)dash));
    right = text_trim(bytes_sub(b, (size_t)dash + 1, b.n - (size_t)dash - 1));
    if (right.n && !text_u64(&last, right))
        return 0;
    if (left.n == 0) { /* the last so many */
        if (right.n == 0)
            return 0;
        if (last == 0 || size == 0)
            return -ERR_ARG;
        *ret_length = min_u64(last, size);
        *ret_first = size - *ret_length;
        return 1;
    }
    if (!text_u64(&first, left) || last < first)
        return 0;
    if (first >= size)
        return -ERR_ARG;
    *ret_first = first;
    *ret_length = min_u64(last, size - 1) - first + 1;
    return 1;
}

/* A list of tags, or "*".  Weak ones match too: objects here have strong ones only. */
static bool names(const char *list, const char *etag)
{
    struct bytes b = bytes_of(list, strlen(list));

    while (b.n) {
        const uint8_t *comma = memchr(b.p, ',', b.n);
        size_t n = comma ? (size_t)(comma - b.p) : b.n;
        struct bytes one = text_trim(bytes_sub(b, 0, n));

        if (text_starts(one, "W/"))
            one = bytes_sub(one, 2, one.n - 2);
        one = text_unquote(one);
        if (text_is(one, "*") || text_is(one, etag))
            return true;
        b = bytes_sub(b, n + (comma != NULL), b.n - n - (comma != NULL));
    }
    return false;
}

static bool date(int64_t *ret, const char *text)
{
    struct tm tm = {0};
    const char *end = text ? strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;

    if (!end || *end)
        return false;
    *ret = timegm(&tm);
    return true;
}

int cos_condition(const struct cos_conditions *c, const char *etag, int64_t modified)
{
    int64_t when;

    if (c->if_match) {
        if (!names(c->if_match, etag))
            return 412;
    } else if (date(&when, c->if_unmodified_since) && modified > when) {
        return 412;
    }
    if (c->if_none_match)
        return names(c->if_none_match, etag) ? 304 : 0;
    return date(&when, c->if_modified_since) && modified <= when ? 304 : 0;
}

bool cos_if_range(const char *if_range, const char *etag)
{
    return !if_range || text_is(text_unquote(bytes_of(if_range, strlen(if_range))), etag);
}
