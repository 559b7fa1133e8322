/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/remote.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <curl/curl.h>

#include "api/remote_address.h"
#include "api/stage.h"
#include "base/checked.h"
#include "base/scoped.h"
#include "base/text.h"
#include "config.h"

enum {
    CHUNK = 32 * 1024, /* what the cache holds at a time */
    LINES = 512,       /* 16 MiB of them */
    AHEAD_MAX = 64,    /* chunks asked for at once, when reads follow each other */
    REDIRECTS_MAX = 10,
    ATTEMPTS = 6,
    CONNECT_S = 20,
    STALL_S = 30,
    ETAG_MAX = 256,
    WORDS_MAX = 96,
};

struct line {
    uint64_t chunk; /* index + 1; 0: empty */
    uint64_t used;
    uint8_t *data;
};

/* One answer of the server. */
struct answer {
    long status;
    char words[WORDS_MAX]; /* of the status line */
    char etag[ETAG_MAX];
    char range[128];
    uint64_t first, last, size; /* of a 206 */
};

struct remote {
    CURL *curl;
    char *url;
    bool private_redirects, redirected, went_private;
    bool anew; /* the next request may not use the connection of the last */
    uint64_t size, received, clock;
    char etag[ETAG_MAX]; /* strong, or "" */
    struct line lines[LINES];
    uint64_t expected; /* the chunk that would follow the last read */
    unsigned ahead;
    int file; /* of a server without ranges; -1 */

    /* The request that is under way. */
    const struct frame_patience *patience;
    struct answer answer;
    uint8_t *to; /* where a 206 goes */
    uint64_t want, have;
    uint64_t at;    /* the range's first byte */
    struct err why; /* what a callback stopped for */
};

/* ---- what libcurl calls */

/* False, for whoever returns it. */
static bool stop(struct remote *r, const char *what)
{
    if (!r->why.code)
        FAIL(&r->why, ERR_IO, "%s", what);
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
    struct remote *r = arg;
    struct answer *a = &r->answer;

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
static bool range_fits(struct remote *r)
{
    struct answer *a = &r->answer;

    if (!remote_parse_content_range(a->range, &a->first, &a->last, &a->size) ||
        a->first != r->at + r->have)
        return stop(r, "the server answered with another range than was asked for");
    if (r->size != UINT64_MAX && a->size != r->size) {
        FAIL(&r->why, ERR_CONFLICT,
             "the object changed while it was read: %" PRIu64 " bytes, and %" PRIu64
             " before",
             a->size, r->size);
        return false;
    }
    if (*r->etag && strcmp(strong(a->etag), r->etag) != 0) {
        FAIL(&r->why, ERR_CONFLICT, "the object changed while it was read: another ETag");
        return false;
    }
    if (r->size == UINT64_MAX) {
        r->size = a->size;
        snprintf(r->etag, sizeof r->etag, "%s", strong(a->etag));
    }
    return true;
}

static int stage(struct remote *r, const char *p, size_t n)
{
    while (n) {
        ssize_t put = write(r->file, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            FAIL_SYS(&r->why, errno, "keep the download in %s", stage_folder());
            return 0;
        }
        p += put;
        n -= (size_t)put;
    }
    return 1;
}

static size_t on_body(char *p, size_t one, size_t n, void *arg)
{
    struct remote *r = arg;
    uint64_t room = r->want - r->have;

    (void)one;
    r->received += n;
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &r->answer.status);
    if (r->answer.status == 200 && r->file >= 0)
        return stage(r, p, n) ? n : 0;
    if (r->answer.status != 206)
        return n; /* words of an error: not ours to read */
    if (!r->answer.size && !range_fits(r))
        return 0;
    if (n > room) {
        stop(r, "the server sent more than was asked for");
        return 0;
    }
    memcpy(r->to + r->have, p, n);
    r->have += n;
    return n;
}

static int on_tick(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    struct remote *r = arg;

    (void)a, (void)b, (void)c, (void)d;
    return r->patience && r->patience->still_wanted(r->patience->arg, &r->why) < 0;
}

static curl_socket_t on_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *a)
{
    struct remote *r = arg;

    (void)purpose;
    if (r->redirected && !r->private_redirects && remote_address_is_private(&a->addr)) {
        r->went_private = true;
        return CURL_SOCKET_BAD;
    }
    return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* ---- one request */

static void pause_for(struct remote *r, unsigned attempt)
{
    struct timespec nap = {.tv_nsec = 50 * 1000000};

    for (unsigned i = 0; i < 2u << attempt && !r->why.code; i++) {
        nanosleep(&nap, NULL);
        if (r->patience)
            r->patience->still_wanted(r->patience->arg, &r->why);
    }
}

static int server_refuses(const struct remote *r, struct err *err)
{
    return FAIL(err, ERR_NOTFOUND, "the server answered %s", r->answer.words);
}

static bool is_redirect(long status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 ||
           status == 308;
}

static int redirect(struct remote *r, struct err *err)
{
    char *to = NULL;
    bool was_safe = strncasecmp(r->url, "https:", 6) == 0;

    curl_easy_getinfo(r->curl, CURLINFO_REDIRECT_URL, &to);
    if (!to)
        return FAIL(err, ERR_IO, "the server answered %s without saying where to",
                    r->answer.words);
    if (strncasecmp(to, "https://", 8) != 0 && strncasecmp(to, "http://", 7) != 0)
        return FAIL(err, ERR_IO,
                    "the server redirects to what is neither http nor https");
    if (was_safe && strncasecmp(to, "https:", 6) != 0)
        return FAIL(err, ERR_IO, "the server redirects from https to http");
    to = strdup(to);
    if (!to)
        return FAIL(err, ERR_NOMEM, "redirect");
    free(r->url);
    r->url = to;
    r->redirected = r->anew = true; /* where it leads is looked at when connecting */
    return 0;
}

/* Asks once.  1: the server said something (r->answer); 0: worth another attempt, *err
 * says why; negative: over. */
static int ask(struct remote *r, struct err *err)
{
    char range[64], condition[ETAG_MAX + 16];
    struct curl_slist *headers = NULL;
    CURLcode c;

    memset(&r->answer, 0, sizeof r->answer);
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, r->at + r->have,
             r->at + r->want - 1);
    if (*r->etag) {
        snprintf(condition, sizeof condition, "If-Range: %s", r->etag);
        headers = curl_slist_append(NULL, condition);
    }
    curl_easy_setopt(r->curl, CURLOPT_URL, r->url);
    curl_easy_setopt(r->curl, CURLOPT_RANGE, range);
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(r->curl, CURLOPT_FRESH_CONNECT, r->anew ? 1L : 0L);
    r->anew = false;
    c = curl_easy_perform(r->curl);
    curl_easy_setopt(r->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    curl_easy_getinfo(r->curl, CURLINFO_RESPONSE_CODE, &r->answer.status);
    if (r->why.code) {
        if (err)
            *err = r->why;
        return -(int)r->why.code;
    }
    if (r->went_private)
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
 * answers in the end is in r->answer, and 0 is returned all the same. */
static int fetch(struct remote *r, uint8_t *to, uint64_t at, uint64_t want,
                 struct err *err)
{
    unsigned redirects = 0, attempt = 0;

    r->to = to;
    r->at = at;
    r->want = want;
    r->have = 0;
    memset(&r->why, 0, sizeof r->why);
    for (;;) {
        uint64_t before = r->have;
        struct err why = {0};
        int a = ask(r, &why);

        if (a > 0 && is_redirect(r->answer.status)) {
            if (redirects++ == REDIRECTS_MAX)
                return FAIL(err, ERR_LIMIT, "more than %d redirects", REDIRECTS_MAX);
            a = redirect(r, err);
            if (a < 0)
                return a;
            continue;
        }
        if (a > 0 && r->answer.status == 206 && r->have < r->want &&
            r->at + r->have < r->answer.size)
            a = 0; /* a body that ended early, and said nothing of it */
        if (a > 0 && !may_get_better(r->answer.status))
            return 0;
        if (a < 0) {
            if (err)
                *err = why;
            return a;
        }
        attempt = r->have > before ? 0 : attempt + 1;
        if (attempt == ATTEMPTS)
            return a > 0 ? FAIL(err, ERR_IO, "the server answered %s", r->answer.words)
                         : FAIL(err, ERR_IO, "%s",
                                why.code ? why.msg
                                         : "the connection "
                                           "broke");
        /* A file that was begun is begun again: who has no ranges cannot resume. */
        if (r->file >= 0 &&
            (ftruncate(r->file, 0) < 0 || lseek(r->file, 0, SEEK_SET) < 0))
            return FAIL_SYS(err, errno, "download");
        pause_for(r, attempt);
    }
}

/* ---- reading */

static struct line *line_find(struct remote *r, uint64_t chunk)
{
    for (unsigned i = 0; i < LINES; i++)
        if (r->lines[i].chunk == chunk + 1) {
            r->lines[i].used = ++r->clock;
            return &r->lines[i];
        }
    return NULL;
}

static int line_add(struct remote *r, uint64_t chunk, const uint8_t *data, size_t n,
                    struct err *err)
{
    struct line *oldest = r->lines;

    for (unsigned i = 1; i < LINES; i++)
        if (r->lines[i].used < oldest->used)
            oldest = &r->lines[i];
    if (!oldest->data)
        oldest->data = malloc(CHUNK);
    if (!oldest->data)
        return FAIL(err, ERR_NOMEM, "no memory for a cache");
    memcpy(oldest->data, data, n);
    oldest->chunk = chunk + 1;
    oldest->used = ++r->clock;
    return 0;
}

static uint64_t chunk_bytes(const struct remote *r, uint64_t chunk)
{
    return min_u64(CHUNK, r->size - chunk * CHUNK);
}

/* Brings `count` chunks from `chunk` on into the cache, where they are missing at its
 * beginning; more when the last read ended here. */
static int load(struct remote *r, uint64_t chunk, uint64_t count, struct err *err)
{
    AUTO(freep) uint8_t *buf = NULL;
    uint64_t last = (r->size - 1) / CHUNK, n = count;
    uint64_t bytes;
    int e;

    if (chunk == r->expected)
        r->ahead = (unsigned)min_u64(max_u64(2 * r->ahead, 2), AHEAD_MAX);
    else
        r->ahead = 0;
    n = min_u64(max_u64(n, r->ahead), AHEAD_MAX);
    n = min_u64(n, last - chunk + 1);
    for (uint64_t i = 1; i < n; i++) /* up to what is there already */
        if (line_find(r, chunk + i))
            n = i;
    bytes = (n - 1) * CHUNK + chunk_bytes(r, chunk + n - 1);
    buf = malloc(bytes);
    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory to read");
    e = fetch(r, buf, chunk * CHUNK, bytes, err);
    if (e < 0)
        return e;
    if (r->answer.status == 200 || r->answer.status == 412)
        return FAIL(err, ERR_CONFLICT, "the object changed while it was read");
    if (r->answer.status != 206)
        return FAIL(err, ERR_IO, "the server answered %s", r->answer.words);
    for (uint64_t i = 0; i < n; i++) {
        e = line_add(r, chunk + i, buf + i * CHUNK, chunk_bytes(r, chunk + i), err);
        if (e < 0)
            return e;
    }
    r->expected = chunk + n;
    return 0;
}

int remote_read(struct remote *r, void *buf, size_t n, uint64_t off,
                const struct frame_patience *patience, struct err *err)
{
    uint8_t *to = buf;

    r->patience = patience;
    if (!range_within(off, n, r->size))
        return FAIL(err, ERR_SHORT, "%zu bytes at offset %" PRIu64 " of %" PRIu64, n, off,
                    r->size);
    while (n) {
        uint64_t chunk = off / CHUNK, in = off % CHUNK;
        size_t step = (size_t)min_u64(n, CHUNK - in);
        struct line *line = line_find(r, chunk);

        if (!line) {
            int e = load(r, chunk, div_up(in + n, CHUNK), err);

            if (e < 0)
                return e;
            line = line_find(r, chunk);
        }
        memcpy(to, line->data + in, step);
        to += step;
        off += step;
        n -= step;
    }
    return 0;
}

/* ---- opening */

bool remote_parse_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
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

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

static int set_up(struct remote *r, struct err *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, init_curl);
    r->curl = curl_easy_init();
    if (!r->curl)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    curl_easy_setopt(r->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(r->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(r->curl, CURLOPT_USERAGENT, "imgport/" IMGPORT_VERSION);
    curl_easy_setopt(r->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(r->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(r->curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
    curl_easy_setopt(r->curl, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(r->curl, CURLOPT_HEADERDATA, r);
    curl_easy_setopt(r->curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(r->curl, CURLOPT_WRITEDATA, r);
    curl_easy_setopt(r->curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(r->curl, CURLOPT_XFERINFOFUNCTION, on_tick);
    curl_easy_setopt(r->curl, CURLOPT_XFERINFODATA, r);
    curl_easy_setopt(r->curl, CURLOPT_OPENSOCKETFUNCTION, on_socket);
    curl_easy_setopt(r->curl, CURLOPT_OPENSOCKETDATA, r);
    return 0;
}

static int take_first(struct remote *r, const uint8_t *buf, struct err *err)
{
    off_t size;

    switch (r->answer.status) {
    case 206:
        closep(&r->file);
        r->expected = 1;
        return line_add(r, 0, buf, chunk_bytes(r, 0), err);
    case 416: /* there is no first byte */
        r->size = 0;
        return 0;
    case 200:
        size = lseek(r->file, 0, SEEK_END);
        if (size < 0)
            return FAIL_SYS(err, errno, "download");
        r->size = (uint64_t)size;
        return 0;
    case 204:
        return FAIL(err, ERR_NOTFOUND, "the server answered %s", r->answer.words);
    }
    if (r->answer.status >= 400 && r->answer.status < 500)
        return server_refuses(r, err);
    return FAIL(err, ERR_IO, "the server answered %s", r->answer.words);
}

int remote_open(struct remote **ret, const struct remote_options *options,
                struct err *err)
{
    AUTO(remote_freep) struct remote *r = calloc(1, sizeof *r);
    AUTO(freep) uint8_t *buf = malloc(CHUNK);
    int e;

    if (r)
        r->file = -1;
    if (!r || !buf)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    r->size = UINT64_MAX;
    r->private_redirects = options->private_redirects;
    r->patience = options->patience;
    r->url = strdup(options->url);
    if (!r->url)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    e = set_up(r, err);
    if (e == 0) {
        r->file = stage_open(err);
        e = r->file < 0 ? r->file : 0;
    }
    if (e == 0)
        e = fetch(r, buf, 0, CHUNK, err);
    if (e == 0)
        e = take_first(r, buf, err);
    if (e < 0)
        return e;
    *ret = TAKE(r);
    return 0;
}

void remote_freep(struct remote **ret)
{
    struct remote *r = *ret;

    if (!r)
        return;
    curl_easy_cleanup(r->curl);
    for (unsigned i = 0; i < LINES; i++)
        free(r->lines[i].data);
    closep(&r->file);
    free(r->url);
    free(r);
    *ret = NULL;
}

uint64_t remote_size(const struct remote *r)
{
    return r->size;
}

int remote_file(const struct remote *r)
{
    return r->file;
}

uint64_t remote_received(const struct remote *r)
{
    return r->received;
}

void remote_shown(char *ret, size_t room, const char *url)
{
    const char *host = strstr(url, "://");
    size_t end = strcspn(url, "?#"), scheme, user = 0;

    if (!host) {
        snprintf(ret, room, "%s", url);
        return;
    }
    scheme = (size_t)(host - url) + 3;
    for (size_t i = scheme; i < end && url[i] != '/'; i++)
        if (url[i] == '@')
            user = i + 1 - scheme;
    snprintf(ret, room, "%.*s%.*s", (int)scheme, url, (int)(end - scheme - user),
             url + scheme + user);
}
