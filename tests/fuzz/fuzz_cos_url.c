/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_cos_url.c: the link of an import.  What is taken names one object: its parts are
 * text of the link, its target is what a request sends, and the link with its host in
 * capitals names the same. */
#include <assert.h>
#include <string.h>

#include "base/scoped.h"
#include "fuzz/fuzz.h"
#include "service/cos/place.h"
#include "service/cos/query.h"
#include "service/job/cos_url.h"

enum { INPUT_MAX = 8 << 10 };

static bool ends_with(const char *all, const char *end)
{
    size_t n = strlen(all), m = strlen(end);

    return n >= m && strcmp(all + n - m, end) == 0;
}

static void check(const struct cos_url *u, const char *url)
{
    assert(u->place.form == COS_FORM_HOST || u->place.form == COS_FORM_PATH);
    assert(cos_is_bucket(bytes_of(u->place.bucket, strlen(u->place.bucket))));
    assert(*u->place.key && strlen(u->place.key) <= COS_KEY_MAX);
    assert(cos_is_utf8(bytes_of(u->place.key, strlen(u->place.key))));
    assert(ends_with(url, u->target) && strpbrk(url + 8, "/?") == u->target);
    /* Both become lines of a request. */
    assert(!strpbrk(u->target, " \r\n#") && !strpbrk(u->authority, " \r\n@/?#"));
    assert(*u->authority && strlen(u->authority) < 256);
}

static void shout(char *url)
{
    char *p = strstr(url, "://") + 3;

    for (; *p && *p != '/' && *p != '?'; p++)
        if (*p >= 'a' && *p <= 'z')
            *p = (char)(*p & ~0x20);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *domains[] = {"cos.lab.example", "store:8080"};
    static struct config_region region = {.id = "ap-guangzhou",
                                          .cos_domains = {.v = domains, .n = 2}};
    const struct config config = {.regions = {.v = &region, .n = 1}};
    AUTO(arena_fini) struct arena a = {0};
    struct cos_url u = {0}, loud = {0};
    const char *url;
    char *other, copy[INPUT_MAX + 1];
    enum cos_fault fault;

    if (size > INPUT_MAX)
        return 0;
    url = arena_strn(&a, (const char *)data, size);
    fault = cos_url_parse(&u, &a, url, &config);
    assert((fault == COS_FAULT_NONE) == !*cos_fault_name(fault));
    if (fault != COS_FAULT_NONE)
        return 0;
    check(&u, url);
    other = strcpy(copy, url);
    shout(other);
    assert(cos_url_parse(&loud, &a, other, &config) == COS_FAULT_NONE);
    assert(strcmp(u.authority, loud.authority) == 0 &&
           strcmp(u.place.bucket, loud.place.bucket) == 0 &&
           strcmp(u.place.key, loud.place.key) == 0 && u.is_signed == loud.is_signed);
    return 0;
}
