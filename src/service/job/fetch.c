/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/fetch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <curl/curl.h>

#include "base/checked.h"
#include "base/i18n.h"
#include "base/scoped.h"
#include "rules/profile.h"
#include "service/job/own_object.h"

enum {
    TRIES = 4,
    CONNECT_S = 30,
    STALL_S = 60, /* without a byte */
    RECEIVE_BUFFER = 512 * 1024,
    WORDS_MAX = 4096, /* kept of an error's body */
};

struct fetch {
    struct job *job;
    CURL *curl;
    struct blob_writer *writer;
    const char *key;
    uint64_t limit;
    uint64_t got;
    bool over;                 /* more than the limit */
    struct err local;          /* what failed on our side; curl only knows that it did */
    char words[WORDS_MAX + 1]; /* what the server says beside a refusal */
    size_t n_words;
    char curl_words[CURL_ERROR_SIZE];
};

static void fetch_fini(struct fetch *f)
{
    blob_abort(f->writer);
    curl_easy_cleanup(f->curl);
}

static void slist_freep(struct curl_slist **l)
{
    curl_slist_free_all(*l);
}

/* ---- what the link may name */

static bool region_is_allowed(const struct profile_service *rules,
                              const struct config_region *own,
                              const struct config_region *link)
{
    if (own == link)
        return true;
    if (own->group == REGION_FINANCE)
        return false;
    if (strcmp(rules->cos_links, "own-region") == 0)
        return false;
    return strcmp(rules->cos_links, "own-region-overseas") != 0 ||
           own->group == REGION_MAINLAND;
}

static int resolve(const struct config_region **ret, struct cos_url *u, struct job *j,
                   const char *url, const struct config_region *own,
                   struct job_failure *why)
{
    const struct service *s = j->service;
    enum cos_fault fault = cos_url_parse(u, j->arena, url, s->config);
    const struct config_region *link;

    if (fault != COS_FAULT_NONE)
        return job_fail(why, "InvalidUrl", cos_fault_name(fault), "%s",
                        _("the link does not name an object in COS"));
    link = *u->place.region ? config_region(s->config, u->place.region) : own;
    if (!link)
        return job_fail(why, "InvalidUrl", "unknown-region",
                        _("the link names the region %s, which is not served here"),
                        u->place.region);
    if (!region_is_allowed(profile_service(s->profile), own, link))
        return job_fail(why, "InvalidUrl", "wrong-region",
                        _("the object lies in %s; %s takes objects of its own region "
                          "only"),
                        link->id, own->id);
    *ret = link;
    return 0;
}

/* ---- one request */

static bool answers(const struct fetch *f)
{
    long status = 0;

    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    return status == 200;
}

static int take(struct fetch *f, const char *p, size_t n)
{
    int r;

    if (n > f->limit - f->got) {
        f->over = true;
        return -1;
    }
    if (!f->writer) {
        curl_off_t length = -1;

        curl_easy_getinfo(f->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
        r = blob_create(&f->writer, f->job->service->blobs, f->key,
                        length < 0 ? BLOB_SIZE_UNKNOWN : (uint64_t)length, &f->local);
        if (r < 0)
            return r;
    }
    r = blob_write(f->writer, p, n, &f->local);
    f->got += n;
    return r;
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct fetch *f = arg;

    n *= size;
    if (answers(f))
        return take(f, p, n) < 0 ? 0 : n;
    if (f->n_words < WORDS_MAX) {
        size_t some = min_u64(n, WORDS_MAX - f->n_words);

        memcpy(f->words + f->n_words, p, some);
        f->n_words += some;
    }
    return n;
}

static int on_progress(void *arg, curl_off_t total, curl_off_t done, curl_off_t up_total,
                       curl_off_t up)
{
    struct fetch *f = arg;

    (void)done;
    (void)up_total;
    (void)up;
    if (answers(f))
        job_progress(f->job, (int64_t)f->got, total > 0 ? total : -1);
    return job_goes_on(f->job, &f->local) < 0;
}

/* The same path and query, at the endpoint. */
static int endpoint_url(char *to, size_t room, const struct config_region *region,
                        const struct cos_url *u, struct err *err)
{
    int n = snprintf(to, room, "%s%s%s", region->cos_endpoint,
                     *u->target == '/' ? "" : "/", u->target);

    return n < 0 || (size_t)n >= room ? FAIL(err, ERR_LIMIT, "the link is too long") : 0;
}

static int set_up(struct fetch *f, const char *to, struct curl_slist *headers,
                  struct err *err)
{
    CURL *c = f->curl;
    CURLcode e = CURLE_OK;

#define SET(option, value) e = e ? e : curl_easy_setopt(c, option, value)
    SET(CURLOPT_URL, to);
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_PATH_AS_IS, 1L);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_HTTPHEADER, headers);
    SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    SET(CURLOPT_LOW_SPEED_LIMIT, 1L);
    SET(CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    SET(CURLOPT_BUFFERSIZE, (long)RECEIVE_BUFFER);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, (void *)f);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, on_progress);
    SET(CURLOPT_XFERINFODATA, (void *)f);
    SET(CURLOPT_ERRORBUFFER, f->curl_words);
    SET(CURLOPT_USERAGENT, "imgportd");
#undef SET
    return e ? FAIL(err, ERR_NOMEM, "curl: %s", curl_easy_strerror(e)) : 0;
}

/* ---- what came of it */

int fetch_refused(const char *words, long status, struct job_failure *why)
{
    if (status / 100 == 3)
        return job_fail(why, "InvalidUrl", "redirect",
                        _("the server answers with a redirect (%ld)"), status);
    if (status == 404)
        return job_fail(why, "InvalidUrl", "gone", "%s", _("there is no such object"));
    if (strstr(words, "Request has expired") || strstr(words, "ExpiredToken"))
        return job_fail(why, "InvalidUrl", "expired", "%s",
                        _("the signature of the link has expired"));
    if (strstr(words, "LinkUsed") || strstr(words, "has been used"))
        return job_fail(why, "InvalidUrl", "used", "%s",
                        _("the link was good for one access, and has been used"));
    if (strstr(words, "SignatureDoesNotMatch"))
        return job_fail(why, "InvalidUrl", "signature", "%s",
                        _("the signature of the link is wrong"));
    if (status == 401 || status == 403)
        return job_fail(why, "InvalidUrl", "no-permission", "%s",
                        _("the object is not public, and the link is not signed"));
    return job_fail(why, "InvalidUrl", "refused", _("the server answers %ld"), status);
}

int fetch_too_large(const struct job *j, struct job_failure *why)
{
    return job_fail(why, "InvalidFormatSize", "too-large",
                    _("the object has more than %llu bytes, the most this "
                      "service takes"),
                    (unsigned long long)j->service->config->staging_max);
}

/* The link may be spent because we had it: a daemon that died had begun to read. */
static int refused(const struct fetch *f, long status, struct job_failure *why)
{
    const struct task_lease *lease = f->job->lease;
    int r = fetch_refused(f->words, status, why);

    if (strcmp(why->sub_cause, "used") == 0 && lease && lease->attempt > 1)
        return job_fail(why, "InternalError", "fetch-cut", "%s",
                        _("an earlier try was interrupted on our side, and the link was "
                          "good for one access: import again with a new link"));
    return r;
}

/* Does nothing but refuse a server's last word. */
static int broken(const struct fetch *f, CURLcode e, long status, struct job_failure *why)
{
    if (status / 100 == 5)
        return job_fail(why, "InvalidUrl", "server-error", _("the server answers %ld"),
                        status);
    if (f->got)
        return job_fail(why, "InvalidUrl", "broken",
                        _("the connection broke after %llu bytes"),
                        (unsigned long long)f->got);
    return job_fail(why, "InvalidUrl", "unreachable",
                    _("the server cannot be reached: %s"), curl_easy_strerror(e));
}

static int finish(struct fetched *ret, struct fetch *f, struct err *err)
{
    struct blob_writer *w;
    int r = 0;

    /* No byte at all: an empty blob, which the check then tells for what it is. */
    if (!f->writer)
        r = blob_create(&f->writer, f->job->service->blobs, f->key, 0, err);
    if (r < 0)
        return r;
    w = TAKE(f->writer);
    r = blob_commit(w, err);
    if (r < 0)
        return r;
    *ret = (struct fetched){.size = f->got};
    return 0;
}

enum { TRY_AGAIN = 101 };

static int attempt(struct fetched *ret, struct fetch *f, const struct cos_url *u,
                   struct job_failure *why, struct err *err)
{
    CURLcode e;
    long status = 0;

    blob_abort(f->writer);
    f->writer = NULL;
    f->got = 0;
    f->n_words = 0;
    memset(f->words, 0, sizeof f->words);
    e = curl_easy_perform(f->curl);
    curl_easy_getinfo(f->curl, CURLINFO_RESPONSE_CODE, &status);
    if (f->local.code) {
        *err = f->local;
        return -(int)err->code;
    }
    if (f->over)
        return fetch_too_large(f->job, why);
    if (e == CURLE_OK && status == 200)
        return finish(ret, f, err);
    if (e == CURLE_OK && status / 100 != 5)
        return refused(f, status, why);
    (void)broken(f, e, status, why);
    return f->got && u->is_signed ? JOB_FAILED : TRY_AGAIN;
}

static int pause_between(struct job *j, unsigned n, struct err *err)
{
    for (unsigned i = 0; i < (1u << n) * 5; i++) {
        int r = job_goes_on(j, err);

        if (r < 0)
            return r;
        usleep(100 * 1000);
    }
    return 0;
}

static int run(struct fetched *ret, struct fetch *f, const struct cos_url *u,
               struct job_failure *why, struct err *err)
{
    int r = TRY_AGAIN;

    for (unsigned n = 0; n < TRIES && r == TRY_AGAIN; n++) {
        r = n ? pause_between(f->job, n, err) : 0;
        if (r == 0)
            r = attempt(ret, f, u, why, err);
    }
    return r == TRY_AGAIN ? JOB_FAILED : r;
}

int fetch_object(struct fetched *ret, struct job *j, const char *url,
                 const struct config_region *own, const char *key,
                 struct job_failure *why, struct err *err)
{
    AUTO(fetch_fini)
    struct fetch f = {.job = j, .key = key, .limit = j->service->config->staging_max};
    AUTO(slist_freep) struct curl_slist *headers = NULL;
    const struct config_region *link = NULL;
    char to[COS_URL_MAX + 256], host[300];
    struct cos_url u;
    int r = resolve(&link, &u, j, url, own, why);

    if (r == 0 && !*link->cos_endpoint)
        return own_object(ret, j, &u, key, why, err);
    if (r == 0)
        r = endpoint_url(to, sizeof to, link, &u, err);
    if (r != 0)
        return r;
    /* The server tells buckets apart by it, and it is what was signed. */
    snprintf(host, sizeof host, "Host: %s", u.authority);
    headers = curl_slist_append(NULL, host);
    f.curl = curl_easy_init();
    if (!f.curl || !headers)
        return FAIL(err, ERR_NOMEM, "no memory for a request");
    r = set_up(&f, to, headers, err);
    /* A link that is good for one access is not spent on a store that refuses. */
    if (r == 0)
        r = blobs_check(j->service->blobs, err);
    return r < 0 ? r : run(ret, &f, &u, why, err);
}
