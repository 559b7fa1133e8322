/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/cos_url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"

static const struct {
    const char *name;
    const char *url;
    enum cos_fault fault;
    const char *bucket, *region, *key;
    bool is_signed;
} cases[] = {
    {"today's form", "https://b-1250000001.cos.ap-guangzhou.myqcloud.com/disks/web.qcow2",
     0, "b-1250000001", "ap-guangzhou", "disks/web.qcow2", false},
    {"the second domain", "http://b-1.cos.ap-seoul.tencentcos.cn/k", 0, "b-1", "ap-seoul",
     "k", false},
    {"from the internal network", "http://b-1.cos-internal.ap-beijing.myqcloud.com/k", 0,
     "b-1", "ap-beijing", "k", false},
    {"a bucket in the path", "https://cos.ap-shanghai.myqcloud.com/b-c-12/a/b", 0,
     "b-c-12", "ap-shanghai", "a/b", false},
    {"a region's old name", "http://b-1.cn-south.myqcloud.com/k", 0, "b-1",
     "ap-guangzhou", "k", false},
    {"the JSON generation", "http://b-1.cosgz.myqcloud.com/k", 0, "b-1", "ap-guangzhou",
     "k", false},
    {"the vendor's own example, which tells no region", "http://b-1.cosd.myqcloud.com/k",
     0, "b-1", "", "k", false},
    {"acceleration", "http://b-1.cos.accelerate.myqcloud.com/k", 0, "b-1", "", "k",
     false},
    {"letters of the host in either case",
     "HTTPS://B-1.COS.AP-Guangzhou.MyQcloud.com/Key", 0, "b-1", "ap-guangzhou", "Key",
     false},
    {"a key with escapes", "http://b-1.cos.ap-seoul.myqcloud.com/%E9%95%9C%20a%2Fb", 0,
     "b-1", "ap-seoul", "\xe9\x95\x9c a/b", false},
    {"a port", "http://b-1.cos.ap-seoul.myqcloud.com:8080/k", 0, "b-1", "ap-seoul", "k",
     false},
    {"a signature in the query",
     "http://b-1.cos.ap-seoul.myqcloud.com/k?x=1&q-signature=ab", 0, "b-1", "ap-seoul",
     "k", true},
    {"a query that only speaks of one",
     "http://b-1.cos.ap-seoul.myqcloud.com/k?x=q-signature=ab", 0, "b-1", "ap-seoul", "k",
     false},
    {"a domain of the configuration", "http://b-1.cos.lab.example/k", 0, "b-1",
     "ap-shanghai", "k", false},
    {"the same with the bucket in the path", "http://cos.lab.example/b-1/k", 0, "b-1",
     "ap-shanghai", "k", false},
    {"a domain with its port", "http://127.0.0.1:8780/b-1/k", 0, "b-1", "ap-shanghai",
     "k", false},
    {"another port is another host", "http://127.0.0.1:8781/b-1/k", COS_FAULT_NOT_COS},
    {"another host", "https://example.com/b-1/k", COS_FAULT_NOT_COS},
    {"the vendor's web site", "https://myqcloud.com/b-1/k", COS_FAULT_NOT_COS},
    {"a domain that only ends alike", "https://b-1.cos.ap-seoul.notmyqcloud.com/k",
     COS_FAULT_NOT_COS},
    {"the vendor's domain in front",
     "https://b-1.cos.ap-seoul.myqcloud.com.example.com/k", COS_FAULT_NOT_COS},
    {"a user before the host", "http://b-1.cos.ap-seoul.myqcloud.com@example.com/k",
     COS_FAULT_MALFORMED},
    {"no APPID", "http://b.cos.ap-seoul.myqcloud.com/k", COS_FAULT_NOT_COS},
    {"an APPID alone", "http://-1.cos.ap-seoul.myqcloud.com/k", COS_FAULT_NOT_COS},
    {"no key", "http://b-1.cos.ap-seoul.myqcloud.com/", COS_FAULT_NO_KEY},
    {"no path", "http://b-1.cos.ap-seoul.myqcloud.com", COS_FAULT_NO_KEY},
    {"no path but a query", "http://b-1.cos.ap-seoul.myqcloud.com?k", COS_FAULT_NO_KEY},
    {"a folder", "http://b-1.cos.ap-seoul.myqcloud.com/a/", COS_FAULT_NO_KEY},
    {"a bucket in the path and no key", "https://cos.ap-shanghai.myqcloud.com/b-12",
     COS_FAULT_NO_KEY},
    {"the service's own page", "https://cos.ap-shanghai.myqcloud.com/",
     COS_FAULT_NO_BUCKET},
    {"half an escape", "http://b-1.cos.ap-seoul.myqcloud.com/a%2", COS_FAULT_MALFORMED},
    {"an escaped NUL", "http://b-1.cos.ap-seoul.myqcloud.com/a%00b", COS_FAULT_MALFORMED},
    {"a blank", "http://b-1.cos.ap-seoul.myqcloud.com/a b", COS_FAULT_MALFORMED},
    {"a line break", "http://b-1.cos.ap-seoul.myqcloud.com/a\r\nHost: x",
     COS_FAULT_MALFORMED},
    {"a fragment", "http://b-1.cos.ap-seoul.myqcloud.com/a#b", COS_FAULT_MALFORMED},
    {"another scheme", "ftp://b-1.cos.ap-seoul.myqcloud.com/k", COS_FAULT_MALFORMED},
    {"a path", "/etc/passwd", COS_FAULT_MALFORMED},
    {"nothing", "", COS_FAULT_MALFORMED},
};

static void forms(void **state)
{
    static const char *domains[] = {"cos.lab.example", "127.0.0.1:8780"};
    struct config_region region = {
        .id = "ap-shanghai",
        .cos_domains = {.v = domains, .n = 2},
    };
    struct config config = {.regions = {.v = &region, .n = 1}};
    unsigned bad = 0;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena arena = {0};
        struct cos_url u = {.place = {.region = "untouched"}};
        enum cos_fault fault = cos_url_parse(&u, &arena, cases[i].url, &config);
        bool ok = fault == cases[i].fault;

        if (ok && fault == COS_FAULT_NONE)
            ok = strcmp(u.place.bucket, cases[i].bucket) == 0 &&
                 strcmp(u.place.region, cases[i].region) == 0 &&
                 strcmp(u.place.key, cases[i].key) == 0 &&
                 u.is_signed == cases[i].is_signed &&
                 strcmp(u.place.app_id, strrchr(u.place.bucket, '-') + 1) == 0;
        else if (ok)
            ok = strcmp(u.place.region, "untouched") == 0;
        if (!ok) {
            fprintf(stderr, "%s: \"%s\" \"%s\" \"%s\" \"%s\"\n", cases[i].name,
                    cos_fault_name(fault), u.place.bucket, u.place.region, u.place.key);
            bad++;
        }
    }
    assert_int_equal(bad, 0);
}

static void too_long(void **state)
{
    char url[COS_URL_MAX + 2];
    AUTO(arena_fini) struct arena a = {0};
    static const struct config config;
    struct cos_url u;
    int n = snprintf(url, sizeof url, "http://b-1.cos.ap-seoul.myqcloud.com/");

    (void)state;
    memset(url + n, 'k', sizeof url - (size_t)n);
    url[n + COS_KEY_MAX] = '\0';
    assert_int_equal(cos_url_parse(&u, &a, url, &config), COS_FAULT_NONE);
    url[n + COS_KEY_MAX] = 'k';
    url[n + COS_KEY_MAX + 1] = '\0';
    assert_int_equal(cos_url_parse(&u, &a, url, &config), COS_FAULT_MALFORMED);
    url[n + COS_KEY_MAX + 1] = 'k';
    url[COS_URL_MAX + 1] = '\0';
    assert_int_equal(cos_url_parse(&u, &a, url, &config), COS_FAULT_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(forms),
                                       cmocka_unit_test(too_long)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
