/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/s3_url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/scoped.h"

static int encode(struct buf *to, const char *s, bool slash, struct err *err)
{
    static const char digits[] = "0123456789ABCDEF";
    int r = 0;

    for (; r == 0 && *s; s++) {
        unsigned char c = (unsigned char)*s;

        if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
            strchr("-_.~", c) || (c == '/' && slash))
            r = buf_append(to, s, 1, err);
        else
            r = buf_append(to, (const char[]){'%', digits[c >> 4], digits[c & 15]}, 3,
                           err);
    }
    return r;
}

static char *copy(const char *s, size_t n)
{
    return strndup(s, n);
}

static int read_option(struct s3_place *p, const char *s, size_t n, struct err *err)
{
    if (n > 9 && strncmp(s, "endpoint=", 9) == 0) {
        const char *host = strstr(s, "://");

        if ((strncmp(s + 9, "http://", 7) != 0 && strncmp(s + 9, "https://", 8) != 0) ||
            !host || host + 3 >= s + n)
            return FAIL(err, ERR_ARG, "s3: the endpoint is neither http:// nor https://");
        host += 3;
        free(p->scheme);
        free(p->host);
        p->scheme = copy(s + 9, (size_t)(host - s) - 9);
        n -= (size_t)(host - s);
        while (n && host[n - 1] == '/')
            n--;
        p->host = copy(host, n);
        if (p->host && strchr(p->host, '/'))
            return FAIL(err, ERR_ARG, "s3: the endpoint has a path");
        return 0;
    }
    if (n == 10 && strncmp(s, "style=path", n) == 0)
        p->path_style = true;
    else if (n == 10 && strncmp(s, "style=host", n) == 0)
        p->path_style = false;
    else
        return FAIL(err, ERR_ARG,
                    "s3: \"%.*s\" is neither endpoint=URL nor style=path|host", (int)n,
                    s);
    return 0;
}

void s3_place_fini(struct s3_place *p)
{
    free(p->scheme);
    free(p->host);
    free(p->bucket);
    free(p->prefix);
    memset(p, 0, sizeof *p);
}

int s3_place_read(struct s3_place *ret, const char *text, const char *region,
                  struct err *err)
{
    AUTO(s3_place_fini) struct s3_place p = {0};
    size_t name = strcspn(text, "/?"), prefix = strcspn(text, "?");
    const char *options = text[prefix] ? text + prefix + 1 : "";
    int r = 0;

    /* Shorter ones are refused by every server. */
    if (name < 3 || name > 63 ||
        strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.") < name)
        return FAIL(err, ERR_ARG, "s3: \"%.*s\" is no name of a bucket", (int)name, text);
    p.bucket = copy(text, name);
    while (name < prefix && text[name] == '/')
        name++;
    while (prefix > name && text[prefix - 1] == '/')
        prefix--;
    if (asprintf(&p.prefix, "%.*s%s", (int)(prefix - name), text + name,
                 prefix > name ? "/" : "") < 0)
        p.prefix = NULL;
    while (r == 0 && *options) {
        size_t n = strcspn(options, "&");

        r = read_option(&p, options, n, err);
        options += n + (options[n] == '&');
    }
    if (r < 0)
        return r;
    if (!p.host) {
        p.scheme = copy("https://", 8);
        if (asprintf(&p.host, "s3.%s.amazonaws.com", region) < 0)
            p.host = NULL;
    }
    if (!p.bucket || !p.prefix || !p.scheme || !p.host)
        return FAIL(err, ERR_NOMEM, "s3");
    *ret = p;
    memset(&p, 0, sizeof p);
    return 0;
}

int s3_url(struct buf *to, const struct s3_place *p, const char *key,
           const struct s3_param *params, size_t n, struct err *err)
{
    int r = p->path_style ? buf_printf(to, err, "%s%s/%s", p->scheme, p->host, p->bucket)
                          : buf_printf(to, err, "%s%s.%s", p->scheme, p->bucket, p->host);

    if (r == 0 && (*key || !p->path_style))
        r = buf_puts(to, "/", err);
    if (r == 0 && *key)
        r = encode(to, p->prefix, true, err);
    if (r == 0)
        r = encode(to, key, true, err);
    for (size_t i = 0; r == 0 && i < n; i++) {
        assert(i == 0 || strcmp(params[i - 1].name, params[i].name) < 0);
        r = buf_printf(to, err, "%s%s=", i ? "&" : "?", params[i].name);
        if (r == 0)
            r = encode(to, params[i].value, false, err);
    }
    return r;
}
