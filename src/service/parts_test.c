/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The small parts: JSON as it is written, queries, rates, metrics, configuration. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/scoped.h"
#include "service/config.h"
#include "service/iso_time.h"
#include "service/json_out.h"
#include "service/limiter.h"
#include "service/metrics.h"
#include "service/query.h"

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void test_json(void **state)
{
    struct json_out o = {0};

    (void)state;
    json_out_begin(&o, NULL);
    json_out_text(&o, "text", "a\"\\\n\t\x7f镜");
    json_out_text(&o, "none", NULL);
    json_out_text(&o, "bad", "\xff\xc3(\xed\xa0\x80");
    json_out_int(&o, "least", INT64_MIN);
    json_out_int(&o, "zero", 0);
    json_out_bool(&o, "yes", true);
    json_out_raw(&o, "raw", "[1]");
    json_out_raw(&o, "empty", "");
    json_out_begin_list(&o, "list");
    json_out_end_list(&o);
    json_out_begin_list(&o, "two");
    json_out_int(&o, NULL, 1);
    json_out_begin(&o, NULL);
    json_out_end(&o);
    json_out_end_list(&o);
    json_out_end(&o);
    assert_int_equal(json_out_check(&o, NULL), 0);
    assert_string_equal(
        o.buf.p,
        "{\"text\":\"a\\\"\\\\\\n\\u0009\x7f镜\",\"none\":null,"
        "\"bad\":\"\xef\xbf\xbd\xef\xbf\xbd(\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\","
        "\"least\":-9223372036854775808,\"zero\":0,\"yes\":true,\"raw\":[1],"
        "\"empty\":null,\"list\":[],\"two\":[1,{}]}");
    buf_fini(&o.buf);
}

/* Whatever bytes a text has, what comes out is JSON that a strict reader takes. */
static void test_json_of_any_bytes(void **state)
{
    (void)state;
    for (unsigned i = 1; i < 0x10000; i++) {
        char bytes[] = {(char)(i & 0xff), (char)(i >> 8), '\0'};
        struct json_out o = {0};
        json_t *j;

        json_out_begin_list(&o, NULL);
        json_out_text(&o, NULL, bytes);
        json_out_end_list(&o);
        j = json_loads(o.buf.p, 0, NULL);
        if (!j)
            fail_msg("bytes %#x: %s", i, o.buf.p);
        json_decref(j);
        buf_fini(&o.buf);
    }
}

static void test_json_limit(void **state)
{
    struct json_out o = {.buf.max = 100};
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        json_out_text(&o, "key", "value");
    assert_true(json_out_check(&o, &err) < 0);
    buf_fini(&o.buf);
}

static void test_query(void **state)
{
    AUTO(buf_fini) struct buf b = {0};
    struct bytes rest = text("&&a=1&b&c=%41+%2b&");
    struct query_pair p;

    (void)state;
    assert_int_equal(query_next(&p, &rest, NULL), 1);
    assert_memory_equal(p.name.p, "a", 1);
    assert_int_equal(query_next(&p, &rest, NULL), 1);
    assert_null(p.value.p);
    assert_int_equal(query_next(&p, &rest, NULL), 1);
    assert_int_equal(query_decode(&b, p.value, true, NULL), 0);
    assert_string_equal(b.p, "A +");
    buf_clear(&b);
    assert_int_equal(query_decode(&b, p.value, false, NULL), 0);
    assert_string_equal(b.p, "A++");
    assert_int_equal(query_next(&p, &rest, NULL), 0);
    buf_clear(&b);
    assert_int_equal(query_encode(&b, text("a b/~镜"), true, NULL), 0);
    assert_string_equal(b.p, "a%20b/~%E9%95%9C");
}

static void test_limiter(void **state)
{
    struct limiter *l = limiter_new(10);
    int taken = 0;

    (void)state;
    for (int i = 0; i < 100; i++)
        taken += limiter_take(l, 7, 1000000);
    assert_int_equal(taken, 10); /* a second's worth at once */
    assert_false(limiter_take(l, 7, 1000000 + 99999));
    assert_true(limiter_take(l, 7, 1000000 + 100000));
    assert_false(limiter_take(l, 7, 1000000 + 100000));
    assert_true(limiter_take(l, 8, 1000000)); /* another key */
    taken = 0;
    for (int i = 0; i < 100; i++)
        taken += limiter_take(l, 7, 60000000);
    assert_int_equal(taken, 10); /* quiet time saves up no more than that */
    limiter_free(l);
    assert_true(limiter_take(NULL, 7, 0));
}

static void test_metrics(void **state)
{
    static const char want[] =
        "# HELP a_total A\n# TYPE a_total counter\n"
        "a_total{x=\"1\"} 4\na_total{x=\"2\"} 3\n"
        "# HELP s_total S\n# TYPE s_total counter\ns_total 1.500000\n";
    AUTO(buf_fini) struct buf b = {0};
    struct metrics *m;

    (void)state;
    assert_int_equal(metrics_new(&m, NULL), 0);
    metric_add(metrics_series(m, METRIC_COUNTER, "a_total", "A", "x=\"1\""), 2);
    metric_add(metrics_series(m, METRIC_SECONDS, "s_total", "S", ""), 1500000);
    metric_add(metrics_series(m, METRIC_COUNTER, "a_total", "A", "x=\"2\""), 3);
    metric_add(metrics_series(m, METRIC_COUNTER, "a_total", "A", "x=\"1\""), 2);
    for (int i = 0; i < 2 * METRICS_SERIES_MAX; i++) {
        char labels[32];

        snprintf(labels, sizeof labels, "n=\"%d\"", i);
        metric_add(metrics_series(m, METRIC_GAUGE, "many", "M", labels), 1);
    }
    assert_int_equal(metrics_print(m, &b, NULL), 0);
    assert_int_equal(strncmp(b.p, want, strlen(want)), 0);
    metrics_free(m);
}

static void test_config(void **state)
{
    static const struct {
        const char *name, *text, *want; /* NULL: taken */
    } cases[] = {
        {"nothing", "", NULL},
        {"comments and sections", "# x\n\n[service]\nlisten = [::1]:1\n[server]\n", NULL},
        {"an unknown section", "[x]\n", "f:1: unknown section [x]"},
        {"an unknown key", "[service]\nx = 1\n", "f:2: unknown key \"x\" in [service]"},
        {"a key twice", "[service]\nlog = a\nlog = b\n", "f:3: duplicate key \"log\""},
        {"a section twice", "[service]\n[service]\n", "f:2: duplicate section [service]"},
        {"a region twice goes on", "[region a]\nzones = 2\n[region a]\nzone-id = 3\n",
         NULL},
        {"a number too large", "[server]\nthreads = 257\n",
         "f:2: threads: \"257\" is no number from 0 to 256"},
        {"neither yes nor no", "[jobs]\nrun = maybe\n",
         "f:2: run: \"maybe\" is neither yes nor no"},
        {"a word twice", "[service]\nregions = a a\n",
         "f:2: regions: \"a\" stands there twice"},
        {"an unknown group", "[region a]\ngroup = mars\n",
         "f:2: group: unknown word \"mars\""},
        {"a name server by name", "[instances]\ndns = 10.0.0.1 ns.example\n",
         "dns \"ns.example\" is no address"},
        {"more name servers than a system asks",
         "[instances]\ndns = 10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4\n",
         "dns: 4 name servers, limit 3"},
        {"a range of users", "[instances]\nusers = 200000-265535\n", NULL},
        {"a user and a range of them", "[instances]\nuser = a\nusers = 2000-3000\n",
         "f: user or users, not both"},
        {"users that others are", "[instances]\nusers = 0-1000\n",
         "users \"0-1000\": want FIRST-LAST, from 1000 on, at most 1048576 of them"},
        {"a range that is none", "[instances]\nusers = 3000-2000\n",
         "users \"3000-2000\": want FIRST-LAST, from 1000 on, at most 1048576 of them"},
        {"a user, and none for imports", "[instances]\nusers = 3000-3000\n",
         "users \"3000-3000\": want FIRST-LAST, from 1000 on, at most 1048576 of them"},
        {"one user for all", "[instances]\nusers = 3000\n",
         "users \"3000\": want FIRST-LAST, from 1000 on, at most 1048576 of them"},
        {"limits of a type",
         "[instance-type A.B]\ndisk-bytes = 10MiB\ndisk-operations = 50\nnice = 19\n",
         NULL},
        {"a type that is too nice", "[instance-type A.B]\nnice = 20\n",
         "f:2: nice: \"20\" is no number from 0 to 19"},
        {"no equals sign", "[service]\nlisten\n",
         "f:2: neither a section nor \"key = value\": \"listen\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(arena_fini) struct arena a = {0};
        const struct config *c;
        struct err err = {0};
        int r = config_parse(&c, &a, "f", text(cases[i].text), &err);

        if ((r < 0) != (cases[i].want != NULL) ||
            (r < 0 && strcmp(err.msg, cases[i].want) != 0))
            fail_msg("%s: %s", cases[i].name, err.msg);
    }
}

static void test_config_values(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    const struct config *c;

    (void)state;
    assert_int_equal(config_parse(&c, &a, "f",
                                  text("[service]\ndata = /d\nregions = ap-tokyo here\n"
                                       "[region here]\ngroup = finance\ncity-en = Here\n"
                                       "cos-domains = a.example b.example:8080\n"
                                       "[jobs]\nstaging-max = 3GiB\n"),
                                  NULL),
                     0);
    assert_string_equal(c->catalog, "sqlite:/d/catalog.db");
    assert_string_equal(c->objects, "dir:/d/objects");
    assert_int_equal(c->regions.n, 2);
    assert_string_equal(c->regions.v[0].city_en, "Tokyo");
    assert_int_equal(config_region(c, "here")->group, REGION_FINANCE);
    assert_int_equal(config_region(c, "here")->cos_domains.n, 2);
    assert_null(config_region(c, "ap-guangzhou"));
    assert_int_equal(c->staging_max, 3ULL << 30);
}

static void test_time(void **state)
{
    char t[ISO_TIME];

    (void)state;
    iso_time(t, 1600732800);
    assert_string_equal(t, "2020-09-22T00:00:00Z");
    iso_time(t, INT64_MAX);
    assert_string_equal(t, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),       cmocka_unit_test(test_json_of_any_bytes),
        cmocka_unit_test(test_json_limit), cmocka_unit_test(test_query),
        cmocka_unit_test(test_limiter),    cmocka_unit_test(test_metrics),
        cmocka_unit_test(test_config),     cmocka_unit_test(test_config_values),
        cmocka_unit_test(test_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
