/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc.h"
#include "base/log.h"
#include "base/scoped.h"
#include "base/text.h"
#include "base/uuid.h"

static void test_ranges(void **state)
{
    static const struct {
        const char *name;
        uint64_t off, len, size;
        bool want;
    } cases[] = {
        {"empty range at the end fits", 8, 0, 8, true},
        {"one byte past the end does not", 8, 1, 8, false},
        {"a sum that wraps to zero does not", UINT64_MAX, 1, 8, false},
        {"a sum that wraps into the range does not", 4, UINT64_MAX - 1, 8, false},
        {"the whole range fits", 0, 8, 8, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        if (range_within(cases[i].off, cases[i].len, cases[i].size) != cases[i].want)
            fail_msg("%s", cases[i].name);
    assert_true(range_overlaps(0, 10, 9, 1));
    assert_false(range_overlaps(0, 10, 10, 1));
    assert_false(range_overlaps(5, 0, 0, 10));
    assert_true(range_overlaps(9, 1, 0, 10));
}

static void test_cursor(void **state)
{
    static const uint8_t raw[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct cursor c = cursor(bytes_of(raw, sizeof raw));

    (void)state;
    assert_int_equal(cursor_le16(&c), 0x0201);
    assert_int_equal(cursor_be32(&c), 0x03040506);
    assert_int_equal(cursor_u8(&c), 7);
    assert_int_equal(cursor_left(&c), 2);
    assert_int_equal(cursor_le32(&c), 0);
    assert_true(c.bad);
    assert_int_equal(cursor_u8(&c), 0); /* sticky */
}

static void test_err(void **state)
{
    struct err err = {0};

    (void)state;
    assert_int_equal(FAIL(&err, ERR_CORRUPT, "size %d, need %d", 1, 2), -ERR_CORRUPT);
    assert_string_equal(err.msg, "size 1, need 2");
    FAIL(&err, ERR_IO, "later");
    assert_int_equal(err.code, ERR_CORRUPT); /* the first error wins */
    err_prefix(&err, "gpt %s", "header");
    assert_string_equal(err.msg, "gpt header: size 1, need 2");
    err_clear(&err);
    FAIL_SYS(&err, 2, "open");
    assert_string_equal(err.msg, "open: No such file or directory");
    for (int i = 0; i < 200; i++)
        err_prefix(&err, "again and again");
    assert_true(strlen(err.msg) < sizeof err.msg);
    assert_int_equal(err_code_from_name("corrupt"), ERR_CORRUPT);
    assert_int_equal(err_code_from_name("nonsense"), ERR_CODE_MAX);
    assert_int_equal(err_code_exit(ERR_ARG), 2);
}

static void test_buf(void **state)
{
    AUTO(buf_fini) struct buf b = {.max = 10};
    struct err err = {0};

    (void)state;
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(buf_puts(&b, "12345", &err), 0);
    assert_int_equal(buf_printf(&b, &err, "%d", 678), 0);
    assert_string_equal(buf_str(&b), "12345678");
    assert_int_equal(buf_puts(&b, "9ab", &err), -ERR_LIMIT);
    assert_string_equal(buf_str(&b), "12345678");
}

static void test_text_cut(void **state)
{
    static const struct {
        const char *text, *cut;
    } rows[] = {
        {"", ""},
        {"abc", "abc"},
        {"a\xe4\xb8\xad", "a\xe4\xb8\xad"},
        {"a\xe4\xb8", "a"},
        {"a\xe4", "a"},
        {"\xc3\xa9\xc3", "\xc3\xa9"},
        {"\xf0\x9f\x98", ""},
        {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
        {"\x80\x80", "\x80\x80"}, /* never was UTF-8 */
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char s[8];

        snprintf(s, sizeof s, "%s", rows[i].text);
        text_cut(s);
        assert_string_equal(s, rows[i].cut);
    }
}

static void test_text_short(void **state)
{
    char whole[1000];

    (void)state;
    memset(whole, 'x', sizeof whole);
    whole[sizeof whole - 1] = '\0';
    assert_string_equal(text_short("abcdef", 6).s, "abcdef");
    assert_string_equal(text_short("abcdefg", 6).s, "abc...");
    assert_string_equal(text_short("ab\xe5\x90\x8d!!", 6).s, "ab...");
    assert_string_equal(text_short("\xe5\x90\x8d\xe5\xad\x97", 6).s,
                        "\xe5\x90\x8d\xe5\xad\x97");
    assert_int_equal(strlen(text_short(whole, sizeof whole).s), 511);
    assert_string_equal(text_short(whole, sizeof whole).s + 507, "x...");
}

static void test_text_is_line(void **state)
{
    (void)state;
    assert_true(text_is_line(""));
    assert_true(text_is_line("a name, \xe5\x90\x8d\xe5\xad\x97 C:\\x"));
    assert_false(text_is_line("a\nb"));
    assert_false(text_is_line("a\\\x7f"));
    assert_false(text_is_line("a\xff"));
}

static void test_text_clean(void **state)
{
    static const struct {
        const char *name, *raw, *want;
        size_t max;
    } cases[] = {
        {"plain text stays", "Debian 12", "Debian 12", 99},
        {"valid UTF-8 stays", "\xe4\xb8\xad", "\xe4\xb8\xad", 99},
        {"an escape sequence is shown", "a\x1b[31m", "a\\x1b[31m", 99},
        {"a lone continuation byte is shown", "\x80", "\\x80", 99},
        {"an overlong slash is shown", "\xc0\xaf", "\\xc0\\xaf", 99},
        {"a right-to-left override is shown", "\xe2\x80\xae", "\\xe2\\x80\\xae", 99},
        {"a backslash cannot imitate an escape", "\\x41", "\\x5cx41", 99},
        {"too long is cut", "abcdef", "abc...", 3},
    };
    char out[64];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t n = text_clean(out, sizeof out,
                              bytes_of(cases[i].raw, strlen(cases[i].raw)), cases[i].max);

        if (strcmp(out, cases[i].want) != 0 || n != strlen(cases[i].want))
            fail_msg("%s: \"%s\"", cases[i].name, out);
    }
    assert_int_equal(text_clean(out, 3, bytes_of("abcdef", 6), 99), 6);
    assert_string_equal(out, "ab");
}

static void test_text_lines(void **state)
{
    struct bytes rest = bytes_of("a b\r\n\n \"q\" ", 11), line, word;
    uint64_t n;

    (void)state;
    assert_true(text_next_line(&rest, &line));
    assert_true(text_is(line, "a b"));
    assert_true(text_next_word(&line, &word) && text_is(word, "a"));
    assert_true(text_next_word(&line, &word) && text_is(word, "b"));
    assert_false(text_next_word(&line, &word));
    assert_true(text_next_line(&rest, &line));
    assert_int_equal(line.n, 0);
    assert_true(text_next_line(&rest, &line));
    assert_true(text_is(text_unquote(text_trim(line)), "q"));
    assert_false(text_next_line(&rest, &line));
    assert_true(text_u64(&n, bytes_of("18446744073709551615", 20)));
    assert_true(n == UINT64_MAX);
    assert_false(text_u64(&n, bytes_of("18446744073709551616", 20)));
    assert_false(text_u64(&n, bytes_of("-1", 2)));
}

static void test_arena(void **state)
{
    AUTO(arena_fini) struct arena a = {.max = 4096};
    LIST(int) list = {0};
    struct err err = {0};

    (void)state;
    for (int i = 0; i < 100; i++)
        *LIST_ADD(&a, &list) = i;
    for (int i = 0; i < 100; i++)
        assert_int_equal(list.v[i], i);
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 3), "x-3");
    assert_string_equal(arena_strn(&a, NULL, 0), "");
    assert_int_equal(arena_check(&a, &err), 0);
    assert_null(arena_alloc(&a, 4096));
    assert_string_equal(arena_strn(&a, "abc", 2), "ab"); /* small ones still fit */
    assert_int_equal(arena_check(&a, &err), -ERR_LIMIT); /* but the failure is kept */
}

static void test_sums(void **state)
{
    static const uint8_t raw[16] = {0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11,
                                    0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b};
    char text[UUID_TEXT];

    (void)state;
    assert_int_equal(crc32_ieee(0, "123456789", 9), 0xcbf43926);
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
    guid_format(text, raw);
    assert_string_equal(text, "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
    uuid_format(text, raw);
    assert_string_equal(text, "28732ac1-1ff8-d211-ba4b-00a0c93ec93b");
}

static void test_a_made_uuid_is_random(void **state)
{
    char one[UUID_TEXT], other[UUID_TEXT];
    struct err err = {0};

    (void)state;
    assert_int_equal(uuid_make(one, &err), 0);
    assert_int_equal(uuid_make(other, &err), 0);
    assert_string_not_equal(one, other);
    assert_int_equal(strlen(one), UUID_TEXT - 1);
    assert_int_equal(one[14], '4');
    assert_non_null(strchr("89ab", one[19]));
}

static void test_utf16(void **state)
{
    static const struct {
        const char *raw;
        size_t n;
        const char *text;
    } cases[] = {
        {"a\0b\0", 4, "ab"},
        {"a\0\0\0b\0", 6, "a"},
        {"a\0b", 3, "a"},
        {"\xe9\0", 2, "\xc3\xa9"},
        {"\xfb\x7c\xdf\x7e", 4, "\xe7\xb3\xbb\xe7\xbb\x9f"},
        {"\x3d\xd8\x27\xdc", 4, "\xf0\x9f\x90\xa7"},
        {"\x3d\xd8x\0", 4, "\xef\xbf\xbdx"}, /* half a pair */
        {"\x27\xdc", 2, "\xef\xbf\xbd"},
    };
    char out[16];

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        size_t n = text_utf16le(out, sizeof out, bytes_of(cases[i].raw, cases[i].n));

        assert_string_equal(out, cases[i].text);
        assert_int_equal(n, strlen(out));
    }
    assert_int_equal(text_utf16le(out, 3, bytes_of("a\0\xe9\0", 4)), 1);
    assert_string_equal(out, "a");
}

static void test_log(void **state)
{
    (void)state;
    assert_false(log_is_on(LOG_FS));
    assert_false(log_enable("fs,nonsense"));
    assert_true(log_enable("fs,block"));
    assert_true(log_is_on(LOG_FS));
    assert_false(log_is_on(LOG_GUEST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges),     cmocka_unit_test(test_cursor),
        cmocka_unit_test(test_err),        cmocka_unit_test(test_buf),
        cmocka_unit_test(test_text_clean), cmocka_unit_test(test_text_cut),
        cmocka_unit_test(test_text_short), cmocka_unit_test(test_text_is_line),
        cmocka_unit_test(test_text_lines), cmocka_unit_test(test_arena),
        cmocka_unit_test(test_sums),       cmocka_unit_test(test_a_made_uuid_is_random),
        cmocka_unit_test(test_log),        cmocka_unit_test(test_utf16),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
