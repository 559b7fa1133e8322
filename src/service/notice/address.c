/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/notice/address.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "api/remote_address.h"
#include "base/scoped.h"

#define ALNUM "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

static bool is_host(const char *s)
{
    if (strspn(s, ALNUM "-.") != strlen(s))
        return false;
    for (;; s++) {
        size_t n = strcspn(s, ".");

        if (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-')
            return false;
        s += n;
        if (!*s)
            return true;
    }
}

bool address_is_mail(const char *s)
{
    const char *at = strchr(s, '@');
    size_t n = at ? (size_t)(at - s) : 0;

    if (n == 0 || n > 64 || strlen(s) > ADDRESS_MAIL_MAX || s[0] == '.' ||
        at[-1] == '.' || strstr(s, ".."))
        return false;
    return strspn(s, ALNUM "!#$%&'*+-/=?^_`{|}~.") == n && is_host(at + 1);
}

bool address_is_phone(const char *s)
{
    size_t n = strlen(s);

    return n >= 8 && n <= 16 && s[0] == '+' && s[1] != '0' &&
           strspn(s + 1, "0123456789") == n - 1;
}

static void url_freep(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void part_freep(char **p)
{
    curl_free(*p);
}

/* "host" and "host:port" of a URL; false: it has none. */
static bool read_host(char host[256], char authority[272], const char *url)
{
    AUTO(url_freep) CURLU *u = curl_url();
    AUTO(part_freep) char *name = NULL;
    AUTO(part_freep) char *port = NULL;
    AUTO(part_freep) char *scheme = NULL;
    AUTO(part_freep) char *user = NULL;

    if (!u || curl_url_set(u, CURLUPART_URL, url, 0) ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) ||
        curl_url_get(u, CURLUPART_HOST, &name, 0) ||
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT))
        return false;
    if (strcmp(scheme, "http") != 0 && strcmp(scheme, "https") != 0)
        return false;
    if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK || !*name ||
        strlen(name) > 255)
        return false;
    snprintf(host, 256, "%s", name);
    snprintf(authority, 272, "%s:%s", name, port);
    return true;
}

bool address_is_webhook(const char *s)
{
    char host[256], authority[272];

    for (const char *p = s; *p; p++)
        if (*p <= ' ' || *p > '~' || *p == '"' || *p == '<' || *p == '>' || *p == '\\')
            return false;
    if (strlen(s) > ADDRESS_URL_MAX || strchr(s, '#'))
        return false;
    if (strncmp(s, "http://", 7) != 0 && strncmp(s, "https://", 8) != 0)
        return false;
    /* "https:///name" is taken for a host by curl. */
    if (strstr(s, "://")[3] == '/')
        return false;
    return read_host(host, authority, s);
}

bool address_is_good(enum channel channel, const char *s)
{
    switch (channel) {
    case CHANNEL_MAIL:
        return address_is_mail(s);
    case CHANNEL_SMS:
        return address_is_phone(s);
    case CHANNEL_WEBHOOK:
        return address_is_webhook(s);
    case CHANNELS:
        break;
    }
    return false;
}

bool address_may_be_private(const struct config *c, const char *url)
{
    char host[256], authority[272];

    if (!read_host(host, authority, url))
        return false;
    for (size_t i = 0; i < c->webhook_hosts.n; i++)
        if (strcasecmp(c->webhook_hosts.v[i], host) == 0 ||
            strcasecmp(c->webhook_hosts.v[i], authority) == 0)
            return true;
    return false;
}

bool address_is_forbidden(const struct config *c, const char *url)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    char host[256], authority[272], *end;

    if (!read_host(host, authority, url) || address_may_be_private(c, url))
        return false;
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
        return remote_address_is_private((const struct sockaddr *)&v4);
    if (host[0] != '[')
        return false;
    end = strpbrk(host, "]%");
    if (end)
        *end = '\0';
    return inet_pton(AF_INET6, host + 1, &v6.sin6_addr) == 1 &&
           remote_address_is_private((const struct sockaddr *)&v6);
}
