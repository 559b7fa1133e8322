/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/scoped.h"
#include "service/notice/address.h"
#include "service/notice/mime.h"

static void test_addresses(void **state)
{
    static const struct {
        const char *text;
        enum channel channel;
        bool good;
    } cases[] = {
        {"a@example.org", CHANNEL_MAIL, true},
        {"first.last+tag@mail.example.org", CHANNEL_MAIL, true},
        {"a@localhost", CHANNEL_MAIL, true},
        {"", CHANNEL_MAIL, false},
        {"a", CHANNEL_MAIL, false},
        {"@example.org", CHANNEL_MAIL, false},
        {"a@", CHANNEL_MAIL, false},
        {"a@b@example.org", CHANNEL_MAIL, false},
        {"a@example..org", CHANNEL_MAIL, false},
        {"a@-example.org", CHANNEL_MAIL, false},
        {".a@example.org", CHANNEL_MAIL, false},
        {"a b@example.org", CHANNEL_MAIL, false},
        {"a@example.org\r\nRCPT TO:<b@example.org>", CHANNEL_MAIL, false},
        {"a@example.org\nBcc: b@example.org", CHANNEL_MAIL, false},
        {"<a@example.org>", CHANNEL_MAIL, false},
        {"a@example.org, b@example.org", CHANNEL_MAIL, false},
        {"\"a b\"@example.org", CHANNEL_MAIL, false},
        {"ä@example.org", CHANNEL_MAIL, false},
        {"+8613711112222", CHANNEL_SMS, true},
        {"13711112222", CHANNEL_SMS, false},
        {"+0613711112222", CHANNEL_SMS, false},
        {"+86137111122223333", CHANNEL_SMS, false},
        {"+86 13711112222", CHANNEL_SMS, false},
        {"https://example.org/hook?a=b", CHANNEL_WEBHOOK, true},
        {"http://example.org:8080/", CHANNEL_WEBHOOK, true},
        {"http://[2001:db8::1]/", CHANNEL_WEBHOOK, true},
        {"ftp://example.org/", CHANNEL_WEBHOOK, false},
        {"file:///etc/passwd", CHANNEL_WEBHOOK, false},
        {"example.org", CHANNEL_WEBHOOK, false},
        {"https://user@example.org/", CHANNEL_WEBHOOK, false},
        {"https://user:word@example.org/", CHANNEL_WEBHOOK, false},
        {"https:///path", CHANNEL_WEBHOOK, false},
        {"https://example.org/a b", CHANNEL_WEBHOOK, false},
        {"https://example.org/\r\nX: y", CHANNEL_WEBHOOK, false},
        {"https://example.org/#part", CHANNEL_WEBHOOK, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (address_is_good(cases[i].channel, cases[i].text) != cases[i].good)
            fail_msg("%s \"%s\"", cases[i].good ? "refused:" : "taken:", cases[i].text);
}

static void test_private_addresses(void **state)
{
    static const struct {
        const char *url;
        bool forbidden;
    } cases[] = {
        {"http://127.0.0.1/", true},
        {"http://127.0.0.1:9000/", false}, /* configured with its port */
        {"http://127.1:80/", true},
        {"http://2130706433/", true},
        {"http://0x7f000001/", true},
        {"http://10.1.2.3:9000/", true},
        {"http://169.254.169.254/latest", true},
        {"http://[::1]/", true},
        {"http://[::ffff:10.0.0.1]/", true},
        {"http://[fe80::1%25eth0]/", true},
        {"https://hook.lab/x", false},
        {"https://HOOK.lab:444/x", false}, /* configured, any port */
        {"https://93.184.216.34/", false},
        {"https://example.org/", false}, /* judged when it is resolved */
    };
    static const char text[] = "[notice]\nwebhook-hosts = 127.0.0.1:9000 hook.lab\n";
    AUTO(arena_fini) struct arena a = {0};
    const struct config *c;
    struct err err = {0};

    (void)state;
    assert_int_equal(config_parse(&c, &a, "x", bytes_of(text, strlen(text)), &err), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (address_is_forbidden(c, cases[i].url) != cases[i].forbidden)
            fail_msg("%s", cases[i].url);
    assert_true(address_may_be_private(c, "https://hook.lab/x"));
    assert_false(address_may_be_private(c, "https://hook.lab.example.org/x"));
}

static const char *mail(struct buf *b, const char *subject, const char *body)
{
    struct err err = {0};

    buf_clear(b);
    assert_int_equal(mime_write(b,
                                &(struct mime){
                                    .from = "imgport@example.org",
                                    .to = "a@example.org",
                                    .subject = subject,
                                    .body = body,
                                    .id = "1-2@example.org",
                                    .date = 1551113065,
                                },
                                &err),
                     0);
    return buf_str(b);
}

static void test_a_plain_mail(void **state)
{
    AUTO(buf_fini) struct buf b = {0};

    (void)state;
    assert_string_equal(mail(&b, "Image img-12345678 was imported", "one\ntwo"),
                        "Date: Mon, 25 Feb 2019 16:44:25 +0000\r\n"
                        "From: <imgport@example.org>\r\n"
                        "To: <a@example.org>\r\n"
                        "Message-ID: <1-2@example.org>\r\n"
                        "Subject: Image img-12345678 was imported\r\n"
                        "Auto-Submitted: auto-generated\r\n"
                        "MIME-Version: 1.0\r\n"
                        "Content-Type: text/plain; charset=utf-8\r\n"
                        "Content-Transfer-Encoding: base64\r\n"
                        "\r\n"
                        "b25lDQp0d28NCg==\r\n");
}

/* What a name could do to a mail, it cannot: no line of ours comes from it. */
static void test_no_line_is_injected(void **state)
{
    static const char *const subjects[] = {
        "a\r\nBcc: b@example.org",  "a\nBcc: b@example.org", "a\r\n\r\nbody",
        "=?UTF-8?B?DQpCY2M6IGI=?=", "\xff\xfe\r\nBcc: x",    "",
    };
    AUTO(buf_fini) struct buf b = {0};

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(subjects); i++) {
        const char *got = mail(&b, subjects[i], ".\r\nQUIT\r\n");

        assert_null(strstr(got, "Bcc"));
        assert_null(strstr(got, "QUIT"));
        assert_null(strstr(got, "DQpCY2M6"));
        assert_non_null(strstr(got, "\r\nAuto-Submitted"));
    }
}

static void test_lines_are_short_and_characters_whole(void **state)
{
    static const char subject[] = "镜像 img-12345678 导入失败:没有安装 virtio "
                                  "驱动,请按照指南安装驱动后重新制作镜像并重试";
    AUTO(buf_fini) struct buf b = {0};
    const char *got = mail(&b, subject, subject), *p;

    (void)state;
    for (p = got; *p; p += strcspn(p, "\n") + 1)
        assert_true(strcspn(p, "\n") <= 78);
    /* The first word ends between two characters: 39 bytes, of which 2 are half of one.
     */
    assert_non_null(strstr(got, "Subject: =?UTF-8?B?"));
    assert_non_null(strstr(got, "?=\r\n =?UTF-8?B?"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_private_addresses),
        cmocka_unit_test(test_a_plain_mail),
        cmocka_unit_test(test_no_line_is_injected),
        cmocka_unit_test(test_lines_are_short_and_characters_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
