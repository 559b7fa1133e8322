/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_cosquery.c: host, path, query and Authorization of an object request, a line each.
 * What is taken apart is put together again and has to mean the same; no signature is
 * good, since nobody has the key. */
#include <assert.h>

#include "base/scoped.h"
#include "base/text.h"
#include "fuzz/fuzz.h"
#include "service/cos/conditions.h"
#include "service/cos/place.h"
#include "service/cos/sign.h"

enum { INPUT_MAX = 32 << 10 };

static const char *header(void *arg, const char *name)
{
    (void)name;
    return arg;
}

static void encode_again(const struct cos_query *q)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(buf_fini) struct buf text = {0};
    struct cos_query again;

    for (size_t i = 0; i < q->n; i++) {
        /* Nothing before a "=" is a name that cannot be told from no parameter. */
        if (!*q->v[i].name && !q->v[i].has_value)
            return;
        assert(cos_encode(&text, q->v[i].name, false, NULL) == 0);
        if (q->v[i].has_value)
            assert(buf_puts(&text, "=", NULL) == 0 &&
                   cos_encode(&text, q->v[i].value, false, NULL) == 0);
        assert(buf_puts(&text, "&", NULL) == 0);
    }
    assert(cos_query_read(&again, &a, buf_str(&text), NULL) == 0 && again.n == q->n);
    for (size_t i = 0; i < q->n; i++)
        assert(strcmp(q->v[i].name, again.v[i].name) == 0 &&
               strcmp(q->v[i].value, again.v[i].value) == 0 &&
               q->v[i].has_value == again.v[i].has_value);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *domains[] = {"cos.lab.example", "store:8080"};
    static struct config_region region = {.id = "r",
                                          .cos_domains = {.v = domains, .n = 2}};
    const struct config config = {.regions = {.v = &region, .n = 1}};
    AUTO(arena_fini) struct arena a = {0};
    struct bytes rest = bytes_of(data, size), line;
    const char *part[4] = {"", "/", "", ""};
    uint64_t first, length;
    struct cos_place place;
    struct cos_query q;
    struct cos_sign s;

    if (size > INPUT_MAX)
        return 0;
    for (int i = 0; i < 4 && text_next_line(&rest, &line); i++)
        part[i] = arena_strn(&a, (const char *)line.p, line.n);
    if (cos_place_find(&place, &a, &config, part[0], part[1], NULL) == 0) {
        bool bucket = place.form == COS_FORM_HOST || place.form == COS_FORM_PATH;

        assert(bucket == cos_is_bucket(bytes_of(place.bucket, strlen(place.bucket))));
        assert(cos_is_utf8(bytes_of(place.key, strlen(place.key))));
    }
    if (cos_range(part[3], 1000, &first, &length) == 1)
        assert(first < 1000 && length >= 1 && length <= 1000 - first);
    if (cos_query_read(&q, &a, part[2], NULL) < 0)
        return 0;
    encode_again(&q);
    if (cos_sign_read(&s, &a, part[3], &q, NULL) == 1)
        assert(cos_sign_verify(&s,
                               &(struct cos_signed){
                                   .method = "GET",
                                   .paths = {part[1], "/"},
                                   .hosts = {part[0], "h"},
                                   .query = &q,
                                   .header = header,
                                   .arg = (void *)(uintptr_t)part[3],
                               },
                               "key", NULL) <= 0);
    return 0;
}
