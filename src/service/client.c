/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "base/buf.h"
#include "base/scoped.h"
#include "base/text.h"
#include "imgport/imgport.h"
#include "service/sign.h"

#define JSON_TYPE "application/json"

enum { CONNECT_S = 20 };

static void slist_freep(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

static void easy_freep(CURL **c)
{
    curl_easy_cleanup(*c);
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    return buf_append(arg, p, size * n, NULL) < 0 ? 0 : size * n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    const struct client *client = arg;

    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return client->goes_on && client->goes_on(client->arg) != 0;
}

int client_host(char *to, size_t cap, const char *endpoint, struct err *err)
{
    const char *p = strstr(endpoint, "://");
    size_t n;
    int is_http = strncmp(endpoint, "http://", 7) == 0;

    if (!p || (!is_http && strncmp(endpoint, "https://", 8) != 0))
        return FAIL(err, ERR_ARG, "\"%.100s\" does not begin with http:// or https://",
                    endpoint);
    p += 3;
    n = strcspn(p, "/?#");
    if (n == 0 || n >= cap || memchr(p, '@', n) || strcspn(p + n, "/") > 0 ||
        strlen(p + n) > 1)
        return FAIL(err, ERR_ARG, "\"%.100s\" is no endpoint: scheme://host:port",
                    endpoint);
    snprintf(to, cap, "%.*s", (int)n, p);
    /* A port that the scheme has anyway is left out by curl. */
    p = strrchr(to, ':');
    if (p && strcmp(p, is_http ? ":80" : ":443") == 0)
        to[p - to] = '\0';
    return 0;
}

static int add(struct curl_slist **list, struct err *err, const char *name,
               const char *value)
{
    char line[1024];
    struct curl_slist *more;
    int n;

    if (!value || !*value)
        return 0;
    n = snprintf(line, sizeof line, "%s: %s", name, value);
    /* A line end in a value would begin another header. */
    if (n < 0 || (size_t)n >= sizeof line || strpbrk(value, "\r\n"))
        return FAIL(err, ERR_ARG, "%s: too long, or not of one line", name);
    more = curl_slist_append(*list, line);
    if (!more)
        return FAIL(err, ERR_NOMEM, "no memory for a request");
    *list = more;
    return 0;
}

static int make_headers(struct curl_slist **ret, const struct client *c,
                        const char *action, const char *version, struct bytes body,
                        struct err *err)
{
    char host[300], authorization[TC3_AUTHORIZATION_MAX], stamp[24];
    int64_t now = (int64_t)time(NULL);
    int r = client_host(host, sizeof host, c->endpoint, err);

    if (r < 0)
        return r;
    snprintf(stamp, sizeof stamp, "%lld", (long long)now);
    r = tc3_sign(authorization, c->secret_id, c->secret_key, c->product, host, JSON_TYPE,
                 now, body);
    if (r < 0)
        return FAIL(err, ERR_ARG, "the key is too long, or not of one line");
    r = add(ret, err, "Host", host);
    r = r < 0 ? r : add(ret, err, "Content-Type", JSON_TYPE);
    r = r < 0 ? r : add(ret, err, "Authorization", authorization);
    r = r < 0 ? r : add(ret, err, "X-TC-Action", action);
    r = r < 0 ? r : add(ret, err, "X-TC-Version", version);
    r = r < 0 ? r : add(ret, err, "X-TC-Timestamp", stamp);
    r = r < 0 ? r : add(ret, err, "X-TC-Region", c->region);
    r = r < 0 ? r : add(ret, err, "X-TC-Language", c->language);
    if (r == 0) {
        struct curl_slist *more =
            curl_slist_append(*ret, "Expect:"); /* none: no waiting */

        r = more ? 0 : FAIL(err, ERR_NOMEM, "no memory for a request");
        *ret = more ? more : *ret;
    }
    return r;
}

static int perform(struct buf *answer, const struct client *c, struct curl_slist *headers,
                   const char *body, struct err *err)
{
    AUTO(easy_freep) CURL *curl = curl_easy_init();
    char words[CURL_ERROR_SIZE] = "";
    CURLcode e = curl ? CURLE_OK : CURLE_OUT_OF_MEMORY;
    long status = 0;

#define SET(option, value) e = e ? e : curl_easy_setopt(curl, option, value)
    SET(CURLOPT_URL, c->endpoint);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_POSTFIELDS, body);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)strlen(body));
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_TIMEOUT, c->timeout_s);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)answer);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, (void *)(uintptr_t)c);
    SET(CURLOPT_ERRORBUFFER, words);
    SET(CURLOPT_USERAGENT, "imgport");
    if (c->ca_file && *c->ca_file)
        SET(CURLOPT_CAINFO, c->ca_file);
#undef SET
    e = e ? e : curl_easy_perform(curl);
    if (e == CURLE_ABORTED_BY_CALLBACK)
        return FAIL(err, ERR_CANCELED, "the call was ended");
    if (e)
        return FAIL(err, e == CURLE_OUT_OF_MEMORY ? ERR_NOMEM : ERR_IO, "%.100s: %s",
                    c->endpoint, *words ? words : curl_easy_strerror(e));
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200)
        return FAIL(err, ERR_IO, "%.100s: the server answers %ld", c->endpoint, status);
    return 0;
}

static void copy(char *to, size_t cap, const json_t *o, const char *name)
{
    const char *s = json_string_value(json_object_get(o, name));

    text_clean(to, cap, bytes_of(s ? s : "", s ? strlen(s) : 0), cap - 1);
}

static int read_answer(json_t **ret, struct client_fault *fault, const struct buf *answer,
                       const struct client *c, struct err *err)
{
    json_auto_t *top =
        json_loadb(buf_str(answer), answer->n, JSON_REJECT_DUPLICATES, NULL);
    json_t *response = json_object_get(top, "Response");
    const json_t *error = json_object_get(response, "Error");

    if (!json_is_object(response))
        return FAIL(err, ERR_IO, "%.100s: what answers there is no API 3.0", c->endpoint);
    memset(fault, 0, sizeof *fault);
    copy(fault->request_id, sizeof fault->request_id, response, "RequestId");
    if (error) {
        copy(fault->code, sizeof fault->code, error, "Code");
        copy(fault->message, sizeof fault->message, error, "Message");
        return CLIENT_REFUSED;
    }
    *ret = json_incref(response);
    return 0;
}

int client_call(json_t **ret, struct client_fault *fault, const struct client *c,
                const char *action, const char *version, const json_t *params,
                struct err *err)
{
    AUTO(slist_freep) struct curl_slist *headers = NULL;
    AUTO(buf_fini) struct buf answer = {.max = CLIENT_ANSWER_MAX};
    AUTO(freep) char *body = params ? json_dumps(params, JSON_COMPACT) : strdup("{}");
    int r;

    if (!body)
        return FAIL(err, ERR_NOMEM, "no memory for a request");
    r = make_headers(&headers, c, action, version, bytes_of(body, strlen(body)), err);
    if (r == 0)
        r = perform(&answer, c, headers, body, err);
    return r < 0 ? r : read_answer(ret, fault, &answer, c, err);
}
