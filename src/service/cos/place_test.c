/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "service/cos/place.h"

static void names_mean_what_they_say(void **state)
{
    static const struct {
        const char *name, *host, *path;
        enum cos_form form;
        const char *region, *bucket, *app_id, *key;
    } cases[] = {
        {"the normal form", "img-1250000001.cos.ap-guangzhou.myqcloud.com", "/a/b.qcow2",
         COS_FORM_HOST, "ap-guangzhou", "img-1250000001", "1250000001", "a/b.qcow2"},
        {"upper case and a port", "IMG-1250000001.COS.ap-guangzhou.MyQcloud.com:443",
         "/A", COS_FORM_HOST, "ap-guangzhou", "img-1250000001", "1250000001", "A"},
        {"the second domain", "a-b-1.cos.ap-shanghai.tencentcos.cn", "/%E4%B8%AD%20x",
         COS_FORM_HOST, "ap-shanghai", "a-b-1", "1", "\xe4\xb8\xad x"},
        {"the internal network", "a-1.cos-internal.ap-beijing.myqcloud.com", "/k",
         COS_FORM_HOST, "ap-beijing", "a-1", "1", "k"},
        {"a region of before", "a-1.cn-south.myqcloud.com", "/k", COS_FORM_HOST,
         "ap-guangzhou", "a-1", "1", "k"},
        {"the JSON API", "a-1.cosgz.myqcloud.com", "/k", COS_FORM_HOST, "ap-guangzhou",
         "a-1", "1", "k"},
        {"the name of the example", "a-1.cosd.myqcloud.com", "/k", COS_FORM_HOST, "",
         "a-1", "1", "k"},
        {"a CDN", "a-1.file.myqcloud.com", "/k", COS_FORM_HOST, "", "a-1", "1", "k"},
        {"acceleration", "a-1.cos.accelerate.myqcloud.com", "/k", COS_FORM_HOST, "",
         "a-1", "1", "k"},
        {"path style", "cos.ap-guangzhou.myqcloud.com", "/a-1/k/l", COS_FORM_PATH,
         "ap-guangzhou", "a-1", "1", "k/l"},
        {"a bucket in path style", "cos.ap-guangzhou.myqcloud.com", "/a-1", COS_FORM_PATH,
         "ap-guangzhou", "a-1", "1", ""},
        {"buckets of a region", "cos.ap-guangzhou.myqcloud.com", "/", COS_FORM_SERVICE,
         "ap-guangzhou", "", "", ""},
        {"all buckets", "service.cos.myqcloud.com", "/", COS_FORM_SERVICE, "", "", "",
         ""},
        {"a configured domain", "a-1.cos.lab.example", "/k", COS_FORM_HOST, "ap-chengdu",
         "a-1", "1", "k"},
        {"a configured domain, path style", "cos.lab.example:80", "/a-1/k", COS_FORM_PATH,
         "ap-chengdu", "a-1", "1", "k"},
        {"a configured domain with its port", "a-1.store:8080", "/k", COS_FORM_HOST,
         "ap-chengdu", "a-1", "1", "k"},
        {"another port", "a-1.store:8081", "/k", COS_FORM_NONE, "", "", "", ""},
        {"any host, path style", "127.0.0.1:8780", "/a-1/k", COS_FORM_PATH, "", "a-1",
         "1", "k"},
        {"any host, IPv6", "[::1]:8780", "/a-1/k", COS_FORM_PATH, "", "a-1", "1", "k"},
        {"any host, a path of the API", "127.0.0.1:8780", "/metrics", COS_FORM_NONE, "",
         "", "", ""},
        {"any host, nothing", "127.0.0.1:8780", "/", COS_FORM_SERVICE, "", "", "", ""},
        {"an API of the vendor", "cvm.tencentcloudapi.com", "/x", COS_FORM_NONE, "", "",
         "", ""},
        {"another word", "a-1.cosx.ap-guangzhou.myqcloud.com", "/k", COS_FORM_NONE, "",
         "", "", ""},
        {"no appid", "bucket.cos.ap-guangzhou.myqcloud.com", "/k", COS_FORM_NONE, "", "",
         "", ""},
        {"a domain that only ends alike", "a-1.cos.ap-guangzhou.xmyqcloud.com", "/k",
         COS_FORM_NONE, "", "", "", ""},
        {"a key with two slashes", "a-1.cos.r.myqcloud.com", "//k", COS_FORM_HOST, "r",
         "a-1", "1", "/k"},
    };
    static const char *domains[] = {"cos.lab.example", "store:8080"};
    static struct config_region region = {
        .id = "ap-chengdu",
        .cos_domains = {.v = domains, .n = 2},
    };
    const struct config config = {.regions = {.v = &region, .n = 1}};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct cos_place p;

        print_message("%s\n", cases[i].name);
        assert_int_equal(
            cos_place_find(&p, &a, &config, cases[i].host, cases[i].path, NULL), 0);
        assert_int_equal(p.form, cases[i].form);
        assert_string_equal(p.region, cases[i].region);
        assert_string_equal(p.bucket, cases[i].bucket);
        assert_string_equal(p.app_id, cases[i].app_id);
        assert_string_equal(p.key, cases[i].key);
    }
}

static void what_is_no_path_is_refused(void **state)
{
    static const char *const paths[] = {"/%",     "/%4",  "/%zz",
                                        "/a%00b", "/%ff", "/%ed%a0%80"};
    const struct config config = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct cos_place p;

        assert_int_equal(
            cos_place_find(&p, &a, &config, "a-1.cos.r.myqcloud.com", paths[i], NULL),
            -ERR_ARG);
    }
}

static void buckets_have_an_appid(void **state)
{
    static const struct {
        const char *name;
        bool want;
    } cases[] = {
        {"a-1", true},   {"images-1250000001", true},
        {"a", false},    {"1", false},
        {"-1", false},   {"a1", false},
        {"A-1", false},  {"a_b-1", false},
        {"a-1-", false}, {"-a-1", false},
        {"", false},     {"a.b-1", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        assert_int_equal(cos_is_bucket(bytes_of(cases[i].name, strlen(cases[i].name))),
                         cases[i].want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_mean_what_they_say),
        cmocka_unit_test(what_is_no_path_is_refused),
        cmocka_unit_test(buckets_have_an_appid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
