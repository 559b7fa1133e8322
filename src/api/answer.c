/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/answer.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <curl/curl.h>

#include "base/scoped.h"
#include "base/text.h"

/* The value of a header field, without the blanks around it. */
static struct bytes trim(const char *p, size_t n)
{
    while (n && isspace((unsigned char)*p)) {
        p++;
        n--;
    }
    while (n && isspace((unsigned char)p[n - 1]))
        n--;
    return bytes_of(p, n);
}

/* False, and *ret "", when it does not fit or has a byte below `least`, or a DEL. */
static bool copy_word(char *ret, size_t room, struct bytes b, uint8_t least)
{
    bool fits = b.n < room;

    for (size_t i = 0; fits && i < b.n; i++)
        fits = b.p[i] >= least && b.p[i] != 0x7f;
    if (fits)
        memcpy(ret, b.p, b.n);
    ret[fits ? b.n : 0] = '\0';
    return fits;
}

static void take_status(struct answer *a, const char *line, size_t n)
{
    const char *blank = memchr(line, ' ', n);
    struct bytes words =
        blank ? trim(blank, n - (size_t)(blank - line)) : bytes_of("", 0);
    uint64_t status;

    memset(a, 0, sizeof *a);
    text_clean(a->words, sizeof a->words, words, sizeof a->words - 1);
    if (words.n >= 3 && (words.n == 3 || words.p[3] == ' ') &&
        text_u64(&status, bytes_of(words.p, 3)) && status >= 100)
        a->status = (unsigned)status;
}

/* Weak tags say "much the same", which is not enough to put pieces together. */
static void take_etag(struct answer *a, struct bytes value)
{
    size_t n = value.n;

    if (!copy_word(a->etag, sizeof a->etag, value, '!') || n < 2 || a->etag[0] != '"' ||
        a->etag[n - 1] != '"' || memchr(a->etag + 1, '"', n - 2))
        a->etag[0] = '\0';
}

static void take_range(struct answer *a, struct bytes value)
{
    char text[96];

    a->has_range = value.n < sizeof text && !memchr(value.p, '\0', value.n);
    if (!a->has_range)
        return;
    memcpy(text, value.p, value.n);
    text[value.n] = '\0';
    a->has_range = answer_parse_range(text, &a->first, &a->last, &a->size);
}

static void take_length(struct answer *a, struct bytes value)
{
    if (!text_u64(&a->length, value) || a->length > INT64_MAX)
        a->length = 0;
}

static bool field_is(const char *p, size_t n, const char *name, struct bytes *ret)
{
    size_t k = strlen(name);

    if (n <= k || strncasecmp(p, name, k) != 0)
        return false;
    *ret = trim(p + k, n - k);
    return true;
}

void answer_take(struct answer *a, const char *line, size_t n)
{
    struct bytes value;

    if (n > 5 && strncasecmp(line, "HTTP/", 5) == 0)
        take_status(a, line, n);
    else if (field_is(line, n, "etag:", &value))
        take_etag(a, value);
    else if (field_is(line, n, "content-range:", &value))
        take_range(a, value);
    else if (field_is(line, n, "content-length:", &value))
        take_length(a, value);
    else if (field_is(line, n, "location:", &value))
        /* Some send blanks and names that are not ASCII; they are escaped later. */
        copy_word(a->location, sizeof a->location, value, ' ');
}

bool answer_parse_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
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

bool answer_is_redirect(const struct answer *a)
{
    return a->status == 301 || a->status == 302 || a->status == 303 || a->status == 307 ||
           a->status == 308;
}

bool answer_may_get_better(const struct answer *a)
{
    return a->status >= 500 || a->status == 408 || a->status == 425 || a->status == 429;
}

static void url_freep(CURLU **u)
{
    curl_url_cleanup(*u);
}

static void part_freep(char **p)
{
    curl_free(*p);
}

int answer_target(char **ret, const struct answer *a, const char *url, struct err *err)
{
    static const unsigned location_flags =
        CURLU_NON_SUPPORT_SCHEME | CURLU_URLENCODE | CURLU_ALLOW_SPACE;
    AUTO(url_freep) CURLU *u = curl_url();
    AUTO(part_freep) char *scheme = NULL, *whole = NULL;
    char *copy;

    if (!u)
        return FAIL(err, ERR_NOMEM, "redirect");
    if (!*a->location)
        return FAIL(err, ERR_IO, "the server answered %s without saying where to",
                    a->words);
    if (curl_url_set(u, CURLUPART_URL, url, 0) != CURLUE_OK ||
        curl_url_set(u, CURLUPART_URL, a->location, location_flags) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
        curl_url_get(u, CURLUPART_URL, &whole, 0) != CURLUE_OK)
        return FAIL(err, ERR_IO, "the server redirects to what is no URL");
    /* libcurl escapes blanks in a path, not everywhere. */
    for (const char *p = whole; *p; p++)
        if ((unsigned char)*p <= ' ')
            return FAIL(err, ERR_IO, "the server redirects to what is no URL");
    if (strcasecmp(scheme, "http") != 0 && strcasecmp(scheme, "https") != 0)
        return FAIL(err, ERR_IO,
                    "the server redirects to what is neither http nor https");
    if (strncasecmp(url, "https:", 6) == 0 && strcasecmp(scheme, "https") != 0)
        return FAIL(err, ERR_IO, "the server redirects from https to http");
    copy = strdup(whole);
    if (!copy)
        return FAIL(err, ERR_NOMEM, "redirect");
    *ret = copy;
    return 0;
}
