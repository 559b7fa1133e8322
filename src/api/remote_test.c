/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "api/answer.h"
#include "api/remote.h"
#include "api/remote_address.h"
#include "base/scoped.h"

static void test_content_range(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        uint64_t first, last, size;
    } cases[] = {
        {"bytes 0-1023/4096", true, 0, 1023, 4096},
        {"Bytes 5-5/6", true, 5, 5, 6},
        {"bytes 0-9223372036854775806/9223372036854775807", true, 0, INT64_MAX - 1,
         INT64_MAX},
        {"bytes 0-1023/*", false},
        {"bytes */4096", false},
        {"bytes 10-9/4096", false},
        {"bytes 0-4096/4096", false},
        {"bytes 0-0/9223372036854775808", false},
        {"bytes 0-0/99999999999999999999", false},
        {"bytes -5-9/10", false},
        {"bytes 0-/10", false},
        {"bytes 0/5-10", false},
        {"bytes 0-1023", false},
        {"octets 0-1/2", false},
        {"bytes ", false},
        {"", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint64_t first = 0, last = 0, size = 0;

        print_message("%s\n", cases[i].text);
        assert_int_equal(answer_parse_range(cases[i].text, &first, &last, &size),
                         cases[i].ok);
        if (!cases[i].ok)
            continue;
        assert_int_equal(first, cases[i].first);
        assert_int_equal(last, cases[i].last);
        assert_int_equal(size, cases[i].size);
    }
}

static void test_private_addresses(void **state)
{
    static const struct {
        const char *address;
        bool is_private;
    } cases[] = {
        {"127.0.0.1", true},
        {"10.1.2.3", true},
        {"172.15.255.255", false},
        {"172.16.0.0", true},
        {"172.31.255.255", true},
        {"172.32.0.0", false},
        {"192.168.0.1", true},
        {"192.167.255.255", false},
        {"169.254.169.254", true},
        {"169.254.0.23", true},
        {"100.64.0.1", true},
        {"100.128.0.1", false},
        {"0.0.0.0", true},
        {"224.0.0.1", true},
        {"255.255.255.255", true},
        {"223.255.255.255", false},
        {"8.8.8.8", false},
        {"198.18.0.1", true},
        {"::1", true},
        {"::", true},
        {"fe80::1", true},
        {"fd00::1", true},
        {"ff02::1", true},
        {"::ffff:10.0.0.1", true},
        {"::ffff:8.8.8.8", false},
        {"64:ff9b::7f00:1", true},
        {"2002:7f00:1::", true},
        {"2002:808:808::", false},
        {"2001:db8::1", true},
        {"2001::1", true},
        {"2606:4700::1111", false},
    };
    struct sockaddr_storage local = {.ss_family = AF_UNIX};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sockaddr_storage a = {0};
        struct sockaddr_in v4 = {.sin_family = AF_INET};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

        print_message("%s\n", cases[i].address);
        if (strchr(cases[i].address, ':')) {
            assert_int_equal(inet_pton(AF_INET6, cases[i].address, &v6.sin6_addr), 1);
            memcpy(&a, &v6, sizeof v6);
        } else {
            assert_int_equal(inet_pton(AF_INET, cases[i].address, &v4.sin_addr), 1);
            memcpy(&a, &v4, sizeof v4);
        }
        assert_int_equal(remote_address_is_private((const struct sockaddr *)&a),
                         cases[i].is_private);
    }
    assert_true(remote_address_is_private((const struct sockaddr *)&local));
}

static void test_shown(void **state)
{
    static const struct {
        const char *url, *want;
    } cases[] = {
        {"https://bucket.example/a/b.qcow2", "https://bucket.example/a/b.qcow2"},
        {"https://bucket.example/b.qcow2?sign=secret#x",
         "https://bucket.example/b.qcow2"},
        {"http://user:pass@host:80/x", "http://host:80/x"},
        {"http://user:p@ss@host/x@y", "http://host/x@y"},
        {"http://host?user@secret", "http://host"},
        {"disk.raw", "disk.raw"},
    };
    char shown[64], little[8];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        remote_shown(shown, sizeof shown, cases[i].url);
        assert_string_equal(shown, cases[i].want);
    }
    remote_shown(little, sizeof little, "https://bucket.example/");
    assert_string_equal(little, "https:/");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_content_range),
        cmocka_unit_test(test_private_addresses),
        cmocka_unit_test(test_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
