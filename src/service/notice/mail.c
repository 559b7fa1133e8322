/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A notice by SMTP.
 *
 * libcurl names a refusal after DATA "weird server reply" and a refused recipient a send
 * error, so what the server said decides, and after which of our commands: a 5xx that
 * speaks of the recipient or of the mail is final, one before (a login that is wrong, a
 * server that knows nobody today) is not this notice's fault. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/scoped.h"
#include "service/notice/address.h"
#include "service/notice/mime.h"
#include "service/notice/notice.h"

struct dialog {
    const struct buf *mail;
    size_t at;
    bool named_recipient; /* RCPT TO was said */
    char refusal[200];    /* the server's, the last one */
};

static size_t on_read(char *to, size_t size, size_t n, void *arg)
{
    struct dialog *d = arg;
    size_t some = d->mail->n - d->at;

    if (some > size * n)
        some = size * n;
    memcpy(to, d->mail->p + d->at, some);
    d->at += some;
    return some;
}

static int on_words(CURL *curl, curl_infotype type, char *p, size_t n, void *arg)
{
    struct dialog *d = arg;

    (void)curl;
    if (type == CURLINFO_HEADER_OUT && n >= 4 && strncasecmp(p, "RCPT", 4) == 0)
        d->named_recipient = true;
    if (type == CURLINFO_HEADER_IN && n > 0 && (*p == '4' || *p == '5'))
        snprintf(d->refusal, sizeof d->refusal, "%.*s", (int)(n > 190 ? 190 : n), p);
    return 0;
}

static void easy_freep(CURL **c)
{
    curl_easy_cleanup(*c);
}

static void slist_freep(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

static long use_ssl(const struct config *c)
{
    if (strcmp(c->smtp_tls, "none") == 0)
        return CURLUSESSL_NONE;
    /* A password is not told to whoever listens. */
    if (strcmp(c->smtp_tls, "require") == 0 || *c->smtp_user)
        return CURLUSESSL_ALL;
    return CURLUSESSL_TRY;
}

/* "smtp://host:25/our.name": the path is what we say in EHLO. */
static void make_url(char *to, size_t cap, const char *server)
{
    char host[256] = "";
    const char *p = strstr(server, "://");

    gethostname(host, sizeof host - 1);
    if (!*host || strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                               "0123456789.-") != strlen(host))
        snprintf(host, sizeof host, "localhost");
    if (p && strchr(p + 3, '/'))
        snprintf(to, cap, "%s", server);
    else
        snprintf(to, cap, "%s/%s", server, host);
}

static CURLcode set_up(CURL *curl, const struct config *c, struct dialog *d,
                       const char *from, struct curl_slist *to)
{
    CURLcode e = CURLE_OK;

#define SET(option, value) e = e ? e : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    SET(CURLOPT_USE_SSL, use_ssl(c));
    SET(CURLOPT_MAIL_FROM, from);
    SET(CURLOPT_MAIL_RCPT, to);
    SET(CURLOPT_UPLOAD, 1L);
    SET(CURLOPT_READFUNCTION, on_read);
    SET(CURLOPT_READDATA, (void *)d);
    SET(CURLOPT_INFILESIZE_LARGE, (curl_off_t)d->mail->n);
    SET(CURLOPT_VERBOSE, 1L);
    SET(CURLOPT_DEBUGFUNCTION, on_words);
    SET(CURLOPT_DEBUGDATA, (void *)d);
    if (*c->smtp_user) {
        SET(CURLOPT_USERNAME, c->smtp_user);
        SET(CURLOPT_PASSWORD, c->smtp_password);
    }
    if (*c->smtp_ca)
        SET(CURLOPT_CAINFO, c->smtp_ca);
#undef SET
    return e;
}

static enum notice_end transfer(struct notice *n, struct dialog *d, struct curl_slist *to)
{
    const struct config *c = n->service->config;
    char url[4096 + 300], from[ADDRESS_MAIL_MAX + 3];
    long status = 0;
    CURLcode e;

    make_url(url, sizeof url, c->smtp);
    snprintf(from, sizeof from, "<%s>", c->mail_from);
    AUTO(easy_freep) CURL *curl = notice_curl(n, url);
    e = curl ? set_up(curl, c, d, from, to) : CURLE_OUT_OF_MEMORY;
    e = e ? e : curl_easy_perform(curl);
    if (e == CURLE_OK)
        return NOTICE_SENT;
    if (curl)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status >= 400)
        return notice_because(
            n, status / 100 == 5 && d->named_recipient ? NOTICE_NEVER : NOTICE_LATER,
            "the mail server answers %s", d->refusal);
    return notice_because(n, NOTICE_LATER, "the mail server: %s", curl_easy_strerror(e));
}

enum notice_end mail_send(struct notice *n)
{
    const struct delivery *del = n->delivery;
    const struct config *c = n->service->config;
    AUTO(buf_fini) struct buf mail = {0};
    AUTO(slist_freep) struct curl_slist *to = NULL;
    char id[NOTICE_ID_MAX + ADDRESS_MAIL_MAX + 2], rcpt[ADDRESS_MAIL_MAX + 3];
    const char *at = strchr(c->mail_from, '@');
    struct dialog d = {.mail = &mail};
    struct err err = {0};

    if (!address_is_mail(del->address))
        return notice_because(n, NOTICE_NEVER, "this is no mail address");
    snprintf(id, sizeof id, "imgport-%s%s", n->id, at ? at : "@localhost");
    if (mime_write(&mail,
                   &(struct mime){
                       .from = c->mail_from,
                       .to = del->address,
                       .subject = del->message.subject,
                       .body = del->message.body,
                       .id = id,
                       .date = del->message.created,
                   },
                   &err) < 0)
        return notice_because(n, NOTICE_LATER, "%s", err.msg);
    snprintf(rcpt, sizeof rcpt, "<%s>", del->address);
    to = curl_slist_append(NULL, rcpt);
    if (!to)
        return notice_because(n, NOTICE_LATER, "no memory for a mail");
    return transfer(n, &d, to);
}
