/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sign_test.c: what cos-nodejs-sdk-v5 3.0.0 sent with the clock at 1700000000, recorded
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "service/cos/sign.h"

#define AK     "AKIDabcdefghijklmnopqrstuvwxyz012345"
#define KEY    "0123456789abcdefghijABCDEFGHIJ12"
#define IMAGES "images-1250000001.cos.ap-guangzhou.myqcloud.com"
#define TIME   "1699999999;1700000899"
#define FIELDS(end)                                                 \
    "q-sign-algorithm=sha1&q-ak=" AK "&q-sign-time=1699999999;" end \
    "&q-key-time=1699999999;" end
#define AUTH(headers, params, signature) \
    FIELDS("1700000899")                 \
    "&q-header-list=" headers "&q-url-param-list=" params "&q-signature=" signature

struct sent {
    const char *name;
    const char *method, *path, *query, *host;
    const char *authorization; /* NULL: in the query */
    const char *headers[8];    /* name, value, ... */
};

static const struct sent vectors[] = {
    {"a range of an object",
     "GET",
     "/a/b c.qcow2",
     "",
     IMAGES,
     AUTH("host;range", "", "2c9e4b0516a68e84631a19811eebc37f93c23542"),
     {"range", "bytes=1-3"}},
    {"a listing with a prefix of odd characters",
     "GET",
     "/",
     "prefix=dir%2Fa%2Bb%281%29%2A%21%27&delimiter=%2F&max-keys=5",
     IMAGES,
     AUTH("host", "delimiter;max-keys;prefix",
          "e9204206f6b50984b2210eb7ea33d560320ec05a"),
     {NULL}},
    {"an object with a Chinese name",
     "PUT",
     "/\xe7\xa3\x81\xe7\x9b\x98/\xc3\xa9~.img",
     "",
     IMAGES,
     AUTH("content-length;content-md5;host;x-cos-acl", "",
          "01f8e5a19196fa6a4cb4a86b101edc2376528209"),
     {"content-length", "5", "content-md5", "XUFAKrxLKna5cZ2REBfFkg==", "x-cos-acl",
      "public-read", "cache-control", ""}},
    {"a parameter without a value",
     "GET",
     "/",
     "acl=",
     IMAGES,
     AUTH("host", "acl", "071d0c67e83af5ad9570a692af4df62a0dbae648"),
     {NULL}},
    {"the same, without its =",
     "GET",
     "/",
     "acl",
     IMAGES,
     AUTH("host", "acl", "071d0c67e83af5ad9570a692af4df62a0dbae648"),
     {NULL}},
    {"all buckets",
     "GET",
     "/",
     "",
     "service.cos.myqcloud.com",
     AUTH("host", "", "e53e8f8dcc5b47e3a24b7c0e18c67caba57d2cfc"),
     {NULL}},
    {"a host with a port",
     "GET",
     "/",
     "",
     "127.0.0.1:18999",
     AUTH("host", "", "51d65b3df857ee0f7cbaabdb77cd61de76f673c9"),
     {NULL}},
    {"a part of an upload",
     "PUT",
     "/k",
     "partNumber=2&uploadId=u1",
     IMAGES,
     AUTH("content-length;host", "partnumber;uploadid",
          "45d5995636a81fbcb3a407be46d35ec366bbc344"),
     {"content-length", "3"}},
    {"the beginning of an upload",
     "POST",
     "/k",
     "uploads=",
     IMAGES,
     AUTH("content-length;host", "uploads", "697f2e5f6c422cf78319c59e386c7625170100dc"),
     {"content-length", "0", "content-type", ""}},
    {"a link",
     "GET",
     "/\xe7\xa3\x81\xe7\x9b\x98 1.img",
     FIELDS("1700000599") "&q-header-list=host&q-url-param-list=&q-signature="
                          "ab51d948061db61e15b479336a3cfd156f5d519b",
     IMAGES,
     NULL,
     {NULL}},
    {"a link with a parameter of its own",
     "GET",
     "/disk.img",
     FIELDS("1700000899") "&q-header-list=host&q-url-param-list=response-content-type&q-"
                          "signature=6d26deae68cd8cf8fe992d304551a6b84cb7b9a4&response-"
                          "content-type=a%2Fb%3B%20c%3Dd",
     IMAGES,
     NULL,
     {NULL}},
    {"a link whose times are escaped",
     "GET",
     "/disk.img",
     "q-sign-algorithm=sha1&q-ak=" AK "&q-sign-time=1699999999%3B1700000899&q-key-time="
     "1699999999%3b1700000899&q-header-list=host&q-url-param-list=response-content-type&"
     "q-signature=6d26deae68cd8cf8fe992d304551a6b84cb7b9a4&response-content-type=a%2Fb%3B"
     "%20c%3Dd",
     IMAGES,
     NULL,
     {NULL}},
};

static const char *header(void *arg, const char *name)
{
    const char *const *h = arg;

    for (; *h; h += 2)
        if (strcmp(*h, name) == 0)
            return h[1];
    return NULL;
}

static int verify(const struct sent *v, const char *path, const char *key)
{
    AUTO(arena_fini) struct arena a = {0};
    struct cos_query q;
    struct cos_sign s;
    struct err err = {0};
    const char *headers[10] = {NULL};
    int r;

    memcpy(headers, v->headers, sizeof v->headers);
    assert_int_equal(cos_query_read(&q, &a, v->query, &err), 0);
    r = cos_sign_read(&s, &a, v->authorization, &q, &err);
    if (r <= 0)
        return r < 0 ? r : -ERR_NOTFOUND;
    assert_string_equal(s.ak, AK);
    assert_int_equal(s.start, 1699999999);
    assert_int_equal(s.in_query, !v->authorization);
    return cos_sign_verify(&s,
                           &(struct cos_signed){
                               .method = v->method,
                               .paths = {"/another", path},
                               .hosts = {"another", v->host},
                               .query = &q,
                               .header = header,
                               .arg = (void *)headers,
                           },
                           key, &err);
}

static void recorded_requests_are_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        print_message("%s\n", vectors[i].name);
        assert_int_equal(verify(&vectors[i], vectors[i].path, KEY), 1);
    }
}

static void what_was_changed_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        struct sent v = vectors[i];

        print_message("%s\n", v.name);
        assert_int_equal(verify(&v, "/other", KEY), 0);
        assert_int_equal(verify(&v, v.path, "0123456789abcdefghijABCDEFGHIJ13"), 0);
        v.method = "DELETE";
        assert_int_equal(verify(&v, v.path, KEY), 0);
        v = vectors[i];
        v.host = "other";
        assert_int_equal(verify(&v, v.path, KEY), 0);
        if (v.headers[0] && *v.headers[1]) {
            v = vectors[i];
            v.headers[1] = "9";
            assert_int_equal(verify(&v, v.path, KEY), 0);
        }
    }
    /* A signed parameter with another value, and one that comes first. */
    assert_int_equal(verify(&(struct sent){"",
                                           "PUT",
                                           "/k",
                                           "partNumber=3&uploadId=u1",
                                           IMAGES,
                                           vectors[7].authorization,
                                           {"content-length", "3"}},
                            "/k", KEY),
                     0);
    assert_int_equal(verify(&(struct sent){"",
                                           "PUT",
                                           "/k",
                                           "partNumber=3&partNumber=2&uploadId=u1",
                                           IMAGES,
                                           vectors[7].authorization,
                                           {"content-length", "3"}},
                            "/k", KEY),
                     0);
}

static void what_is_no_signature_is_told(void **state)
{
#define GOOD AUTH("host", "", "2c9e4b0516a68e84631a19811eebc37f93c23542")
    static const struct {
        const char *name, *authorization, *query;
        int want;
    } cases[] = {
        {"nothing", NULL, "", 0},
        {"an empty header", "", "", 0},
        {"another scheme", "Basic eDp5", "", 0},
        {"a whole one", GOOD, "", 1},
        {"a whole one in the query", NULL, GOOD, 1},
        {"a field missing", "q-sign-algorithm=sha1&q-ak=x", "", -ERR_ARG},
        {"another algorithm",
         "q-sign-algorithm=md5&q-ak=x&q-sign-time=" TIME "&q-key-time=" TIME
         "&q-header-list=&q-url-param-list=&q-signature="
         "2c9e4b0516a68e84631a19811eebc37f93c23542",
         "", -ERR_ARG},
        {"a digit too many", GOOD "0", "", -ERR_ARG},
        {"no times",
         "q-sign-algorithm=sha1&q-ak=x&q-sign-time=1&q-key-time=" TIME
         "&q-header-list=&q-url-param-list=&q-signature="
         "2c9e4b0516a68e84631a19811eebc37f93c23542",
         "", -ERR_ARG},
        {"an escape that is none", "q-sign-algorithm=%", "", -ERR_ARG},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        struct cos_query q;
        struct cos_sign s;

        print_message("%s\n", cases[i].name);
        assert_int_equal(cos_query_read(&q, &a, cases[i].query, NULL), 0);
        assert_int_equal(cos_sign_read(&s, &a, cases[i].authorization, &q, NULL),
                         cases[i].want);
    }
}

static void the_shorter_time_counts(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    struct cos_query q;
    struct cos_sign s;

    (void)state;
    assert_int_equal(
        cos_query_read(&q, &a,
                       "q-sign-algorithm=sha1&q-ak=x&q-sign-time=100;200&q-key-time=150;"
                       "180&q-header-list=&q-url-param-list=&q-signature="
                       "2c9e4b0516a68e84631a19811eebc37f93c23542",
                       NULL),
        0);
    assert_int_equal(cos_sign_read(&s, &a, NULL, &q, NULL), 1);
    assert_int_equal(s.start, 150);
    assert_int_equal(s.end, 180);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_requests_are_good),
        cmocka_unit_test(what_was_changed_is_refused),
        cmocka_unit_test(what_is_no_signature_is_told),
        cmocka_unit_test(the_shorter_time_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
