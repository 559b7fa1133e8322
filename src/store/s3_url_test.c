/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "store/s3_url.h"

static void places_become_urls(void **state)
{
    static const struct {
        const char *name, *place, *key;
        struct s3_param params[3];
        size_t n;
        const char *want; /* NULL: refused */
    } cases[] = {
        {"path style",
         "images/a/b?endpoint=http://127.0.0.1:7480&style=path",
         "k/l",
         {{0}},
         0,
         "http://127.0.0.1:7480/images/a/b/k/l"},
        {"host style",
         "images?endpoint=https://s3.lab.example/",
         "k",
         {{0}},
         0,
         "https://images.s3.lab.example/k"},
        {"the vendor's own",
         "images//p//",
         "k",
         {{0}},
         0,
         "https://images.s3.eu-west-1.amazonaws.com/p/k"},
        {"the bucket, path style",
         "images/p?endpoint=http://h&style=path",
         "",
         {{"list-type", "2"}, {"prefix", "p/a b+/"}},
         2,
         "http://h/images?list-type=2&prefix=p%2Fa%20b%2B%2F"},
        {"the bucket, host style",
         "images?endpoint=http://h",
         "",
         {{"uploads", ""}},
         1,
         "http://images.h/?uploads="},
        {"a key that needs escapes",
         "images?endpoint=http://h&style=host",
         "a b+c~d\xc3\xa9",
         {{0}},
         0,
         "http://images.h/a%20b%2Bc~d%C3%A9"},
        {"a name of two letters", "ab", "", {{0}}, 0, NULL},
        {"upper case", "Images", "", {{0}}, 0, NULL},
        {"no name", "?endpoint=http://h", "", {{0}}, 0, NULL},
        {"another scheme", "images?endpoint=ftp://h", "", {{0}}, 0, NULL},
        {"an endpoint without a host", "images?endpoint=http://", "", {{0}}, 0, NULL},
        {"an endpoint with a path", "images?endpoint=http://h/x", "", {{0}}, 0, NULL},
        {"another style", "images?style=flat", "", {{0}}, 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(s3_place_fini) struct s3_place p = {0};
        AUTO(buf_fini) struct buf url = {0};
        int r = s3_place_read(&p, cases[i].place, "eu-west-1", NULL);

        print_message("%s\n", cases[i].name);
        assert_int_equal(r, cases[i].want ? 0 : -ERR_ARG);
        if (r < 0)
            continue;
        assert_int_equal(
            s3_url(&url, &p, cases[i].key, cases[i].params, cases[i].n, NULL), 0);
        assert_string_equal(buf_str(&url), cases[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(places_become_urls)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
