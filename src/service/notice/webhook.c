/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A notice by a POST of JSON to an address of the account's choice.
 *
 * That choice must not make this machine knock at doors of its own network: a socket is
 * opened to a public address only, but for hosts that are configured.  The body is signed
 * with the subscription's secret, together with the time, so that a receiver can refuse
 * what is old. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "api/remote_address.h"
#include "base/scoped.h"
#include "service/iso_time.h"
#include "service/notice/address.h"
#include "service/notice/notice.h"
#include "service/sign.h"

enum { SECONDS = 15 }; /* a server that an account chose waits for nobody else's time */

struct knock {
    bool may_be_private, was_private;
};

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct knock *k = arg;

    (void)purpose;
    if (!k->may_be_private && remote_address_is_private(&a->addr)) {
        k->was_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* What it answers is of no interest. */
static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    (void)p;
    (void)arg;
    return size * n;
}

static void easy_freep(CURL **c)
{
    curl_easy_cleanup(*c);
}

static void slist_freep(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

static int make_body(struct json_out *o, const struct notice *n, struct err *err)
{
    const struct message *m = &n->delivery->message;
    char created[ISO_TIME];

    iso_time(created, m->created);
    json_out_begin(o, NULL);
    json_out_text(o, "Id", n->id);
    json_out_int(o, "MessageId", m->id);
    json_out_text(o, "Type", m->type);
    json_out_text(o, "Account", m->account);
    json_out_text(o, "Subject", m->subject);
    json_out_text(o, "Body", m->body);
    json_out_text(o, "Language", n->delivery->language);
    json_out_text(o, "CreatedTime", created);
    if (m->task)
        json_out_int(o, "TaskId", m->task);
    else
        json_out_null(o, "TaskId");
    json_out_text(o, "ImageId", m->image);
    json_out_raw(o, "Data", m->data);
    json_out_end(o);
    return json_out_check(o, err);
}

static void sign(char ret[65], const char *secret, const char *stamp, struct bytes body,
                 struct buf *scratch)
{
    uint8_t raw[32];

    memset(ret, 0, 65);
    if (buf_printf(scratch, NULL, "%s.", stamp) < 0 ||
        buf_append(scratch, body.p, body.n, NULL) < 0)
        return;
    hmac_sha256(raw, bytes_of(secret, strlen(secret)), buf_bytes(scratch));
    for (int i = 0; i < 32; i++)
        snprintf(ret + 2 * i, 3, "%02x", raw[i]);
}

static struct curl_slist *make_headers(const struct notice *n, struct bytes body)
{
    AUTO(buf_fini) struct buf scratch = {0};
    AUTO(slist_freep) struct curl_slist *list = NULL;
    char stamp[24], signature[65], line[4][128];

    snprintf(stamp, sizeof stamp, "%" PRId64, (int64_t)time(NULL));
    sign(signature, n->delivery->secret, stamp, body, &scratch);
    snprintf(line[0], sizeof line[0], "Content-Type: application/json; charset=utf-8");
    snprintf(line[1], sizeof line[1], "X-Imgport-Delivery: %s", n->id);
    snprintf(line[2], sizeof line[2], "X-Imgport-Timestamp: %s", stamp);
    snprintf(line[3], sizeof line[3], "X-Imgport-Signature: sha256=%s", signature);
    for (size_t i = 0; i < ARRAY_SIZE(line); i++) {
        struct curl_slist *more = curl_slist_append(list, line[i]);

        if (!more)
            return NULL;
        list = more;
    }
    return TAKE(list);
}

enum notice_end webhook_send(struct notice *n)
{
    const char *url = n->delivery->address;
    struct knock knock = {address_may_be_private(n->service->config, url), false};
    struct json_out body = {0};
    AUTO(buf_fini) struct buf text = {0};
    AUTO(slist_freep) struct curl_slist *headers = NULL;
    AUTO(easy_freep) CURL *curl = NULL;
    CURLcode e = CURLE_OK;
    long status = 0;

    if (!address_is_webhook(url))
        return notice_because(n, NOTICE_NEVER, "this is no URL that is taken");
    if (make_body(&body, n, NULL) < 0) {
        buf_fini(&body.buf);
        return notice_because(n, NOTICE_LATER, "no memory for a request");
    }
    text = body.buf;
    headers = make_headers(n, buf_bytes(&text));
    curl = notice_curl(n, url);
    if (!curl || !headers)
        return notice_because(n, NOTICE_LATER, "no memory for a request");
#define SET(option, value) e = e ? e : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_POSTFIELDS, text.p);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)text.n);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)1 << 20);
    if (n->service->config->notice_seconds > SECONDS)
        SET(CURLOPT_TIMEOUT, (long)SECONDS);
    SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
    SET(CURLOPT_OPENSOCKETDATA, (void *)&knock);
#undef SET
    e = e ? e : curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status / 100 == 2) /* also when its body broke */
        return NOTICE_SENT;
    if (knock.was_private)
        return notice_because(n, NOTICE_LATER,
                              "the host has a private address, which is not allowed");
    if (status == 410)
        return notice_because(n, NOTICE_NEVER, "the server answers 410: gone");
    if (status)
        return notice_because(n, NOTICE_LATER, "the server answers %ld", status);
    return notice_because(n, NOTICE_LATER, "%s", curl_easy_strerror(e));
}
