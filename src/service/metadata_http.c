/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/metadata_http.h"

#include <ctype.h>
#include <strings.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "service/query.h"

/* RFC 9110, 5.6.2. */
static bool is_token(struct bytes b)
{
    if (b.n == 0)
        return false;
    for (size_t i = 0; i < b.n; i++)
        if (!isalnum(b.p[i]) && (b.p[i] == '\0' || !strchr("!#$%&'*+-.^_`|~", b.p[i])))
            return false;
    return true;
}

/* Cuts off what stands before the sign, and the sign. */
static bool cut(struct bytes *ret, struct bytes *rest, char sign)
{
    const uint8_t *at = rest->n ? memchr(rest->p, sign, rest->n) : NULL;
    size_t n = at ? (size_t)(at - rest->p) : 0;

    if (!at)
        return false;
    *ret = bytes_sub(*rest, 0, n);
    *rest = bytes_sub(*rest, n + 1, rest->n - n - 1);
    return true;
}

/* The length of the head with its empty line; 0: that is not here yet.  Lines may end
 * without a CR, as those of a script with nc do. */
static size_t head_length(struct bytes b)
{
    const uint8_t *p = b.p, *end = b.p + b.n, *nl;

    for (; p < end && (nl = memchr(p, '\n', (size_t)(end - p))); p = nl + 1)
        if (nl > b.p && (nl == p || (nl == p + 1 && *p == '\r')))
            return (size_t)(nl - b.p) + 1;
    return 0;
}

static int decode_target(struct buf *path, struct bytes target, struct err *err)
{
    const uint8_t *end;
    struct err bad = {0};
    int r;

    /* As a proxy is asked.  Whose host it names makes no difference here. */
    if (target.n >= 7 && strncasecmp((const char *)target.p, "http://", 7) == 0) {
        target = bytes_sub(target, 7, target.n - 7);
        end = target.n ? memchr(target.p, '/', target.n) : NULL;
        if (!end)
            return 400;
        target = bytes_of(end, target.n - (size_t)(end - target.p));
    }
    if (target.n == 0 || target.p[0] != '/')
        return 400;
    end = memchr(target.p, '?', target.n);
    if (end)
        target.n = (size_t)(end - target.p);
    buf_clear(path);
    r = query_decode(path, target, false, &bad);
    if (r < 0 && bad.code == ERR_ARG)
        return 400;
    return r < 0 ? FAIL(err, bad.code, "%s", bad.msg) : 200;
}

static int request_line(struct buf *path, struct bytes line, struct err *err)
{
    struct bytes method, target;

    if (!cut(&method, &line, ' ') || !is_token(method) || !cut(&target, &line, ' '))
        return 400;
    for (size_t i = 0; i < target.n; i++)
        if (target.p[i] <= ' ' || target.p[i] == 0x7f)
            return 400;
    if (line.n != 8 || !text_starts(line, "HTTP/") || !isdigit(line.p[5]) ||
        line.p[6] != '.' || !isdigit(line.p[7]))
        return 400;
    if (line.p[5] != '1')
        return 505;
    if (!text_is(method, "GET"))
        return 405;
    if (target.n > METADATA_TARGET_MAX)
        return 414;
    return decode_target(path, target, err);
}

static bool is_named(struct bytes name, const char *s)
{
    return name.n == strlen(s) && strncasecmp((const char *)name.p, s, name.n) == 0;
}

/* A line that is read in two ways by two programs is one that is refused. */
static int header(struct bytes line)
{
    struct bytes name;
    uint64_t length;

    if (!cut(&name, &line, ':') || !is_token(name))
        return 400;
    for (size_t i = 0; i < line.n; i++)
        if ((line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f)
            return 400;
    if (is_named(name, "Transfer-Encoding"))
        return 413;
    if (!is_named(name, "Content-Length"))
        return 200;
    if (!text_u64(&length, text_trim(line)))
        return 400;
    return length ? 413 : 200;
}

int metadata_request(struct buf *path, struct bytes arrived, struct err *err)
{
    struct bytes rest = bytes_sub(arrived, 0, min_size(arrived.n, METADATA_HEAD_MAX));
    size_t n = head_length(rest);
    struct bytes line;
    int status;

    if (n == 0)
        return arrived.n >= METADATA_HEAD_MAX ? 431 : 0;
    rest.n = n;
    if (!text_next_line(&rest, &line))
        return 400;
    status = request_line(path, line, err);
    while (status == 200 && text_next_line(&rest, &line) && line.n)
        status = header(line);
    return status;
}

static const struct {
    int status;
    const char *text;
} reasons[] = {
    {200, "OK"},
    {400, "Bad Request"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {431, "Request Header Fields Too Large"},
    {505, "HTTP Version Not Supported"},
};

static const char *type_of(const struct document *d)
{
    struct bytes path = bytes_of(d->path, strlen(d->path));

    if (text_ends(path, ".json"))
        return "application/json";
    return text_ends(path, "user-data") || text_ends(path, "user_data")
               ? "application/octet-stream"
               : "text/plain; charset=utf-8";
}

int metadata_answer(struct buf *to, const struct documents *tree, int status,
                    struct bytes path, struct err *err)
{
    const struct document *d = status == 200 ? settings_find(tree, path) : NULL;
    const char *type = "text/plain; charset=utf-8", *reason = "Internal Server Error";
    char text[64];
    struct bytes body;
    int r;

    if (status == 200 && !d)
        status = 404;
    for (size_t i = 0; i < ARRAY_SIZE(reasons); i++)
        if (reasons[i].status == status)
            reason = reasons[i].text;
    if (d) {
        type = type_of(d);
        body = d->text;
    } else {
        snprintf(text, sizeof text, "%d %s\n", status, reason);
        body = bytes_of(text, strlen(text));
    }
    r = buf_printf(to, err,
                   "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                   "Cache-Control: no-store\r\n%sConnection: close\r\n\r\n",
                   status, reason, type, body.n, status == 405 ? "Allow: GET\r\n" : "");
    return r < 0 ? r : buf_append(to, body.p, body.n, err);
}
