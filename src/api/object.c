/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/object.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "api/remote_address.h"
#include "api/stage.h"
#include "base/scoped.h"
#include "base/text.h"
#include "config.h"

enum {
    REDIRECTS_MAX = 10,
    ATTEMPTS = 6,
    CONNECT_S = 20,
    STALL_S = 30,
    ETAG_MAX = 256,
    WORDS_MAX = 96,
};

/* One answer of the server. */
struct answer {
    long status;
    char words[WORDS_MAX]; /* of the status line */
    char etag[ETAG_MAX];
    char range[128];
    uint64_t first, last, size; /* of a 206 */
};

struct object {
    CURL *curl;
    char *url;
    bool private_redirects, redirected, went_private;
    bool anew;           /* the next request may not use the connection of the last */
    uint64_t size;       /* UINT64_MAX: not known yet */
    char etag[ETAG_MAX]; /* strong, or "" */
    int file;            /* of a server without ranges; -1 */

    /* The request that is under way. */
    const struct frame_patience *patience;
    struct answer answer;
    uint8_t *to; /* where a 206 goes */
    uint64_t want, have;
    uint64_t at;    /* the range's first byte */
    struct err why; /* what a callback stopped for */
};

bool object_parse_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                                uint64_t *ret_size)
{
    const char *dash, *slash;

    if (strncasecmp(text, "bytes ", 6) != 0)
        return false;
    text += 6;
    dash = strchr(text, '-');
    slash = strchr(text, '/');
    if (!dash || !slash || dash > slash)
        return false;
    return text_u64(ret_first, bytes_of(text, (size_t)(dash - text))) &&
           text_u64(ret_last, bytes_of(dash + 1, (size_t)(slash - dash - 1))) &&
           text_u64(ret_size, bytes_of(slash + 1, strlen(slash + 1))) &&
           *ret_first <= *ret_last && *ret_last < *ret_size && *ret_size <= INT64_MAX;
}

/* ---- what libcurl calls */

/* False, for whoever returns it. */
static bool stop(struct object *o, const char *what)
{
    if (!o->why.code)
        FAIL(&o->why, ERR_IO, "%s", what);
    return false;
}

static void copy_word(char *to, size_t room, const char *p, size_t n)
{
    while (n && isspace((unsigned char)*p)) {
        p++;
        n--;
    }
    while (n && isspace((unsigned char)p[n - 1]))
        n--;
    text_clean(to, room, bytes_of(p, n), room - 1);
}

static bool header_is(const char *p, size_t n, const char *name)
{
    size_t k = strlen(name);

    return n > k && strncasecmp(p, name, k) == 0;
}

static size_t on_header(char *p, size_t one, size_t n, void *arg)
{
    struct object *o = arg;
    struct answer *a = &o->answer;

    (void)one;
    if (header_is(p, n, "HTTP/")) { /* another answer begins: of a proxy, or a 100 */
        const char *blank = memchr(p, ' ', n);

        memset(a, 0, sizeof *a);
        if (blank)
            copy_word(a->words, sizeof a->words, blank, n - (size_t)(blank - p));
    } else if (header_is(p, n, "etag:")) {
        copy_word(a->etag, sizeof a->etag, p + 5, n - 5);
    } else if (header_is(p, n, "content-range:")) {
        copy_word(a->range, sizeof a->range, p + 14, n - 14);
    }
    return n;
}

/* Weak tags say "much the same", which is not enough to put pieces together. */
static const char *strong(const char *etag)
{
    return *etag == '"' ? etag : "";
}

/* Is this 206 a piece of the thing that was opened? */
static bool range_fits(struct object *o)
{
    struct answer *a = &o->answer;

    if (!object_parse_content_range(a->range, &a->first, &a->last, &a->size) ||
        a->first != o->at + o->have)
        return stop(o, "the server answered with another range than was asked for");
    if (o->size != UINT64_MAX && a->size != o->size) {
        FAIL(&o->why, ERR_CONFLICT,
             "the object changed while it was read: %" PRIu64 " bytes, and %" PRIu64
             " before",
             a->size, o->size);
        return false;
    }
    if (*o->etag && strcmp(strong(a->etag), o->etag) != 0) {
        FAIL(&o->why, ERR_CONFLICT, "the object changed while it was read: another ETag");
        return false;
    }
    if (o->size == UINT64_MAX) {
        o->size = a->size;
        snprintf(o->etag, sizeof o->etag, "%s", strong(a->etag));
    }
    return true;
}

static int stage(struct object *o, const char *p, size_t n)
{
    while (n) {
        ssize_t put = write(o->file, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            FAIL_SYS(&o->why, errno, "keep the download in %s", stage_folder());
            return 0;
        }
        p += put;
        n -= (size_t)put;
    }
    return 1;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct object *o = arg;
    uint64_t room = o->want - o->have;

    (void)one;
    curl_easy_getinfo(o->curl, CURLINFO_RESPONSE_CODE, &o->answer.status);
    if (o->answer.status == 200 && o->file >= 0)
        return stage(o, p, n) ? n : 0;
    if (o->answer.status != 206)
        return n; /* words of an error: not ours to read */
    if (!o->answer.size && !range_fits(o))
        return 0;
    if (n > room) {
        stop(o, "the server sent more than was asked for");
        return 0;
    }
    memcpy(o->to + o->have, p, n);
    o->have += n;
    return n;
}

static int on_tick(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct object *o = arg;

    (void)a, (void)b, (void)c, (void)d;
    return o->patience && o->patience->still_wanted(o->patience->arg, &o->why) < 0;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct object *o = arg;

    (void)purpose;
    if (o->redirected && !o->private_redirects && remote_address_is_private(&a->addr)) {
        o->went_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- one request */

static void pause_for(struct object *o, unsigned attempt)
{
    struct timespec nap = {.tv_nsec = 50 * 1000000};

    for (unsigned i = 0; i < 2u << attempt && !o->why.code; i++) {
        nanosleep(&nap, NULL);
        if (o->patience)
            o->patience->still_wanted(o->patience->arg, &o->why);
    }
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

static int redirect(struct object *o, struct err *err)
{
    char *to = NULL;
    bool was_safe = strncasecmp(o->url, "https:", 6) == 0;

    curl_easy_getinfo(o->curl, CURLINFO_REDIRECT_URL, &to);
    if (!to)
        return FAIL(err, ERR_IO, "the server answered %s without saying where to",
                    o->answer.words);
    if (strncasecmp(to, "https://", 8) != 0 && strncasecmp(to, "http://", 7) != 0)
        return FAIL(err, ERR_IO,
                    "the server redirects to what is neither http nor https");
    if (was_safe && strncasecmp(to, "https:", 6) != 0)
        return FAIL(err, ERR_IO, "the server redirects from https to http");
    to = strdup(to);
    if (!to)
        return FAIL(err, ERR_NOMEM, "redirect");
    free(o->url);
    o->url = to;
    o->redirected = o->anew = true; /* where it leads is looked at when connecting */
    return 0;
}

/* Asks once.  1: the server said something (o->answer); 0: worth another attempt, *err
 * says why; negative: over. */
static int ask(struct object *o, struct err *err)
{
    char range[64], condition[ETAG_MAX + 16];
    struct curl_slist *headers = NULL;
    CURLcode c;

    memset(&o->answer, 0, sizeof o->answer);
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, o->at + o->have,
             o->at + o->want - 1);
    if (*o->etag) {
        snprintf(condition, sizeof condition, "If-Range: %s", o->etag);
        headers = curl_slist_append(NULL, condition);
    }
    curl_easy_setopt(o->curl, CURLOPT_URL, o->url);
    curl_easy_setopt(o->curl, CURLOPT_RANGE, range);
    curl_easy_setopt(o->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(o->curl, CURLOPT_FRESH_CONNECT, o->anew ? 1L : 0L);
    o->anew = false;
    c = curl_easy_perform(o->curl);
    curl_easy_setopt(o->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    curl_easy_getinfo(o->curl, CURLINFO_RESPONSE_CODE, &o->answer.status);
    if (o->why.code) {
        if (err)
            *err = o->why;
        return -(int)o->why.code;
    }
    if (o->went_private)
        return FAIL(err, ERR_IO, "the server redirects to a private address");
    if (c == CURLE_OK)
        return 1;
    FAIL(err, ERR_IO, "%s", curl_easy_strerror(c));
    /* What will not be better the next time. */
    if (c == CURLE_URL_MALFORMAT || c == CURLE_UNSUPPORTED_PROTOCOL ||
        c == CURLE_PEER_FAILED_VERIFICATION || c == CURLE_SSL_CACERT_BADFILE ||
        c == CURLE_COULDNT_RESOLVE_PROXY)
        return -ERR_IO;
    return 0;
}

static bool may_get_better(long status)
{
    return status >= 500 || status == 408 || status == 425 || status == 429;
}

/* Bytes at..at+want to `to`, in as many requests as it takes.  Whatever else the server
 * answers in the end is in o->answer, and 0 is returned all the same. */
static int fetch(struct object *o, uint8_t *to, uint64_t at, uint64_t want,
                 struct err *err)
{
    static const char broke[] = "the connection broke";
    unsigned redirects = 0, attempt = 0;

    o->to = to;
    o->at = at;
    o->want = want;
    o->have = 0;
    memset(&o->why, 0, sizeof o->why);
    for (;;) {
        uint64_t before = o->have;
        struct err why = {0};
        int a = ask(o, &why);

        if (a > 0 && is_redirect(o->answer.status)) {
            if (redirects++ == REDIRECTS_MAX)
                return FAIL(err, ERR_LIMIT, "more than %d redirects", REDIRECTS_MAX);
            a = redirect(o, err);
            if (a < 0)
                return a;
            continue;
        }
        if (a > 0 && o->answer.status == 206 && o->have < o->want &&
            o->at + o->have < o->answer.size)
            a = 0; /* a body that ended early, and said nothing of it */
        if (a > 0 && !may_get_better(o->answer.status))
            return 0;
        if (a < 0) {
            if (err)
                *err = why;
            return a;
        }
        attempt = o->have > before ? 0 : attempt + 1;
        if (attempt == ATTEMPTS)
            return a > 0 ? FAIL(err, ERR_IO, "the server answered %s", o->answer.words)
                         : FAIL(err, ERR_IO, "%s", why.code ? why.msg : broke);
        /* A file that was begun is begun again: who has no ranges cannot resume. */
        if (o->file >= 0 &&
            (ftruncate(o->file, 0) < 0 || lseek(o->file, 0, SEEK_SET) < 0))
            return FAIL_SYS(err, errno, "download");
        pause_for(o, attempt);
    }
}

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int set_up(struct object *o, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_curl);
    o->curl = curl_easy_init();
    if (!o->curl)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    curl_easy_setopt(o->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(o->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(o->curl, CURLOPT_USERAGENT, "imgport/" IMGPORT_VERSION);
    curl_easy_setopt(o->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(o->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(o->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(o->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(o->curl, CURLOPT_HEADERDATA, o);
    curl_easy_setopt(o->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(o->curl, CURLOPT_WRITEDATA, o);
    curl_easy_setopt(o->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(o->curl, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl_easy_setopt(o->curl, CURLOPT_XFERINFODATA, o);
    curl_easy_setopt(o->curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(o->curl, CURLOPT_OPENSOCKETDATA, o);
    return 0;
}

/* What the first answer means. */
static int take_first(struct object *o, struct err *err)
{
    off_t size;

    switch (o->answer.status) {
    case 206:
        closep(&o->file);
        return 0;
    case 416: /* there is no first byte */
        o->size = 0;
        return 0;
    case 200:
        size = lseek(o->file, 0, SEEK_END);
        if (size < 0)
            return FAIL_SYS(err, errno, "download");
        o->size = (uint64_t)size;
        return 0;
    }
    if (o->answer.status == 204 || (o->answer.status >= 400 && o->answer.status < 500))
        return FAIL(err, ERR_NOTFOUND, "the server answered %s", o->answer.words);
    return FAIL(err, ERR_IO, "the server answered %s", o->answer.words);
}

int object_open(struct object **ret, const struct object_options *options, uint8_t *first,
                size_t n, struct err *err)
{
    AUTO(object_freep) struct object *o = calloc(1, sizeof *o);
    int r;

    if (!o)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    o->file = -1;
    o->size = UINT64_MAX;
    o->private_redirects = options->private_redirects;
    o->patience = options->patience;
    o->url = strdup(options->url);
    if (!o->url)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    r = set_up(o, err);
    if (r < 0)
        return r;
    o->file = stage_open(err);
    if (o->file < 0)
        return o->file;
    r = fetch(o, first, 0, n, err);
    if (r == 0)
        r = take_first(o, err);
    if (r < 0)
        return r;
    *ret = TAKE(o);
    return 0;
}

void object_freep(struct object **ret)
{
    struct object *o = *ret;

    if (!o)
        return;
    curl_easy_cleanup(o->curl);
    closep(&o->file);
    free(o->url);
    free(o);
    *ret = NULL;
}

uint64_t object_size(const struct object *o)
{
    return o->size;
}

int object_file(const struct object *o)
{
    return o->file;
}

int object_fetch(struct object *o, uint8_t *to, uint64_t off, uint64_t n,
                 const struct frame_patience *patience, struct err *err)
{
    int r;

    o->patience = patience;
    r = fetch(o, to, off, n, err);
    if (r < 0)
        return r;
    if (o->answer.status == 200 || o->answer.status == 412)
        return FAIL(err, ERR_CONFLICT, "the object changed while it was read");
    if (o->answer.status != 206)
        return FAIL(err, ERR_IO, "the server answered %s", o->answer.words);
    return 0;
}
