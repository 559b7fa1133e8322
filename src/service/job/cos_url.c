/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/cos_url.h"

#include <string.h>
#include <strings.h>

#include "base/scoped.h"
#include "base/text.h"

static bool query_is_signed(struct bytes query)
{
    static const char *const names[] = {"q-signature=", "sign=", "X-Amz-Signature="};

    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct bytes rest = query;
        long at;

        while ((at = text_find(rest, names[i])) >= 0) {
            if (rest.p + at == query.p || rest.p[at - 1] == '&')
                return true;
            rest = bytes_sub(rest, (size_t)at + 1, rest.n - (size_t)at - 1);
        }
    }
    return false;
}

/* Letters of host names are the same in either case; the rest of a URL is not touched. */
static bool lower_host(char *to, size_t room, struct bytes host)
{
    if (host.n == 0 || host.n >= room)
        return false;
    for (size_t i = 0; i < host.n; i++)
        to[i] =
            (char)(host.p[i] >= 'A' && host.p[i] <= 'Z' ? host.p[i] | 0x20 : host.p[i]);
    to[host.n] = '\0';
    return true;
}

static bool text_is_plain(const char *s)
{
    for (; *s; s++)
        if ((unsigned char)*s <= ' ' || *s == 0x7f || *s == '\\' || *s == '#')
            return false;
    return true;
}

static size_t scheme_length(const char *url)
{
    if (strncasecmp(url, "https://", 8) == 0)
        return 8;
    return strncasecmp(url, "http://", 7) == 0 ? 7 : 0;
}

static enum cos_fault judge(const struct cos_place *p)
{
    size_t n = strlen(p->key);

    if (p->form == COS_FORM_NONE || !p->named)
        return COS_FAULT_NOT_COS;
    if (p->form == COS_FORM_SERVICE || !*p->bucket)
        return COS_FAULT_NO_BUCKET;
    if (n > COS_KEY_MAX)
        return COS_FAULT_MALFORMED;
    return n == 0 || p->key[n - 1] == '/' ? COS_FAULT_NO_KEY : COS_FAULT_NONE;
}

enum cos_fault cos_url_parse(struct cos_url *ret, struct arena *a, const char *url,
                             const struct config *config)
{
    struct cos_url u = {.target = url};
    char host[256];
    size_t at = scheme_length(url), n;
    const char *path;
    enum cos_fault fault;

    if (at == 0 || strlen(url) > COS_URL_MAX || !text_is_plain(url))
        return COS_FAULT_MALFORMED;
    n = strcspn(url + at, "/?");
    if (!lower_host(host, sizeof host, bytes_of(url + at, n)) || strchr(host, '@'))
        return COS_FAULT_MALFORMED;
    u.target = url + at + n;
    u.authority = arena_str(a, host);
    n = strcspn(u.target, "?");
    path = n ? arena_strn(a, u.target, n) : "/";
    if (cos_place_find(&u.place, a, config, host, path, NULL) < 0 || a->failed)
        return COS_FAULT_MALFORMED;
    if (u.target[n] == '?')
        u.is_signed =
            query_is_signed(bytes_of(u.target + n + 1, strlen(u.target + n + 1)));
    fault = judge(&u.place);
    if (fault == COS_FAULT_NONE)
        *ret = u;
    return fault;
}

const char *cos_fault_name(enum cos_fault f)
{
    static const char *const names[] = {
        [COS_FAULT_NONE] = "",           [COS_FAULT_MALFORMED] = "malformed",
        [COS_FAULT_NOT_COS] = "not-cos", [COS_FAULT_NO_BUCKET] = "no-bucket",
        [COS_FAULT_NO_KEY] = "no-key",
    };

    return names[f];
}
