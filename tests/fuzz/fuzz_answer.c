/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_answer.c: the lines that a server says before the body, and where it redirects to
 *
 * Lines with their ends, as they come.  What is kept has its limits and its form: it goes
 * into later requests and into messages. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api/answer.h"
#include "base/scoped.h"
#include "fuzz/fuzz.h"

static void check_fields(const struct answer *a)
{
    size_t n = strnlen(a->etag, sizeof a->etag);

    assert(n < sizeof a->etag && strnlen(a->words, sizeof a->words) < sizeof a->words);
    assert(strnlen(a->location, sizeof a->location) < sizeof a->location);
    assert(!n || (n >= 2 && a->etag[0] == '"' && a->etag[n - 1] == '"'));
    for (size_t i = 0; i < n; i++) /* above ASCII is allowed */
        assert((unsigned char)a->etag[i] > ' ' && a->etag[i] != 0x7f);
    assert(!strpbrk(a->location, "\r\n") && !strpbrk(a->words, "\r\n\033"));
    assert(a->status == 0 || (a->status >= 100 && a->status <= 999));
    if (a->has_range)
        assert(a->first <= a->last && a->last < a->size && a->size <= INT64_MAX);
}

static void check_target(const struct answer *a, const char *url)
{
    AUTO(freep) char *to = NULL;
    struct err err = {0};

    if (answer_target(&to, a, url, &err) < 0) {
        assert(!to && err.code && err.msg[0] && !strchr(err.msg, '\n'));
        return;
    }
    assert(strncasecmp(to, "https://", 8) == 0 ||
           (strncasecmp(to, "http://", 7) == 0 && strncmp(url, "https", 5) != 0));
    for (const char *p = to; *p; p++)
        assert((unsigned char)*p > ' ' && *p != 0x7f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct answer a = {0};

    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) + 1 : size;
        /* Not a string: what is read behind it is a finding. */
        char *line = malloc(n);

        assert(line);
        memcpy(line, data, n);
        answer_take(&a, line, n);
        free(line);
        check_fields(&a);
        data += n;
        size -= n;
    }
    check_target(&a, "http://user:word@server:81/a/b?sign=x#f");
    check_target(&a, "https://server/disk");
    return 0;
}
