/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nbd_test.c: what a client says, all of it at once, and what it hears */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "worker/nbd.h"

enum { DISK = 3000 };

static uint8_t disk[DISK];

/* ---- a client that writes down what it will say */

struct client {
    struct buf said;
    struct buf heard;
    struct err trouble, err;
    int result;
};

static void add(struct client *c, const void *p, size_t n)
{
    assert_int_equal(buf_append(&c->said, p, n, NULL), 0);
}

static void add16(struct client *c, uint16_t v)
{
    uint8_t raw[2];

    store_be16(raw, v);
    add(c, raw, sizeof raw);
}

static void add32(struct client *c, uint32_t v)
{
    uint8_t raw[4];

    store_be32(raw, v);
    add(c, raw, sizeof raw);
}

static void add64(struct client *c, uint64_t v)
{
    uint8_t raw[8];

    store_be64(raw, v);
    add(c, raw, sizeof raw);
}

static void option(struct client *c, uint32_t number, const void *p, uint32_t n)
{
    add(c, "IHAVEOPT", 8);
    add32(c, number);
    add32(c, n);
    add(c, p, n);
}

static void hello(struct client *c)
{
    add32(c, 3);
}

static void go(struct client *c)
{
    hello(c);
    option(c, 7, "\0\0\0\0\0\0", 6);
}

static void request(struct client *c, uint16_t command, uint64_t off, uint32_t n)
{
    add32(c, 0x25609513);
    add16(c, 0);
    add16(c, command);
    add(c, "a handle", 8);
    add64(c, off);
    add32(c, n);
}

/* ---- cases */

static void says_nothing(struct client *c)
{
    (void)c;
}

static void goes(struct client *c)
{
    go(c);
}

static void old_name(struct client *c)
{
    add32(c, 1);
    option(c, 1, "", 0);
}

static void old_name_of_another(struct client *c)
{
    hello(c);
    option(c, 1, "other", 5);
}

static void old_style(struct client *c)
{
    add32(c, 0);
}

static void unknown_flag(struct client *c)
{
    add32(c, 7);
}

static void aborts(struct client *c)
{
    hello(c);
    option(c, 2, "", 0);
}

static void lists(struct client *c)
{
    hello(c);
    option(c, 3, "", 0);
}

static void structured(struct client *c)
{
    hello(c);
    option(c, 8, "", 0);
}

static void asks_block_size(struct client *c)
{
    hello(c);
    option(c, 6, "\0\0\0\0\0\1\0\3", 8);
}

static void other_export(struct client *c)
{
    hello(c);
    option(c, 7, "\0\0\0\3abc\0\0", 9);
}

static void name_past_the_option(struct client *c)
{
    hello(c);
    option(c, 7, "\xff\xff\xff\xff\0\0", 6);
}

static void fewer_infos_than_said(struct client *c)
{
    hello(c);
    option(c, 7, "\0\0\0\0\0\2\0\3", 8);
}

static void bad_option_magic(struct client *c)
{
    hello(c);
    add(c, "IHAVEOPS\0\0\0\7\0\0\0\0", 16);
}

static void endless_option(struct client *c)
{
    hello(c);
    add(c, "IHAVEOPT\0\0\0\7\xff\xff\xff\xff", 16);
}

static void endless_name(struct client *c)
{
    hello(c);
    add(c, "IHAVEOPT\0\0\0\1\0\0\x10\1", 16);
}

static void large_option(struct client *c)
{
    static const uint8_t zeros[NBD_OPTION_MAX + 1];

    hello(c);
    option(c, 6, zeros, sizeof zeros);
}

static void only_options(struct client *c)
{
    hello(c);
    for (unsigned i = 0; i <= NBD_OPTIONS_MAX; i++)
        option(c, 99, "", 0);
}

static void reads(struct client *c)
{
    go(c);
    request(c, 0, 10, 4);
}

static void reads_the_last(struct client *c)
{
    go(c);
    request(c, 0, DISK - 1, 1);
}

static void reads_past_the_end(struct client *c)
{
    go(c);
    request(c, 0, DISK - 1, 2);
}

static void reads_beyond_all(struct client *c)
{
    go(c);
    request(c, 0, UINT64_MAX, 16);
}

static void reads_nothing(struct client *c)
{
    go(c);
    request(c, 0, 0, 0);
}

static void reads_too_much(struct client *c)
{
    go(c);
    request(c, 0, 0, NBD_READ_MAX + 1);
}

static void writes(struct client *c)
{
    go(c);
    request(c, 1, 0, 3);
    add(c, "abc", 3);
    request(c, 0, 0, 1);
}

static void writes_without_end(struct client *c)
{
    go(c);
    request(c, 1, 0, UINT32_MAX);
}

static void trims(struct client *c)
{
    go(c);
    request(c, 4, 0, DISK);
}

static void disconnects(struct client *c)
{
    go(c);
    request(c, 2, 0, 0);
    request(c, 0, 0, 1);
}

static void bad_request_magic(struct client *c)
{
    go(c);
    add(c, "GET / HTTP/1.1\r\nHost: there\r\n", 28);
}

static void is_cut(struct client *c)
{
    go(c);
    add32(c, 0x25609513);
}

#define HELLO       "4e42444d41474943 49484156454f5054 0003 "
#define REPLY       "0003e889045565a9 "
#define SAID_EXPORT REPLY "00000007 00000003 0000000c 0000 0000000000000bb8 0003 "
#define WENT        HELLO SAID_EXPORT REPLY "00000007 00000001 00000000 "
#define HANDLE      "612068616e646c65 "

static const struct row {
    const char *sentence;
    void (*say)(struct client *c);
    const char *hears; /* in hexadecimal, blanks do not count */
    const char *error; /* NULL: the client left */
} rows[] = {
    {"a client that only looks hears the greeting", says_nothing, HELLO, NULL},
    {"GO is answered by size and flags", goes, WENT, NULL},
    {"the old way hears them with zeros behind", old_name,
     HELLO "0000000000000bb8 0003 "
           "00000000000000000000000000000000000000000000000000000000000000"
           "00000000000000000000000000000000000000000000000000000000000000"
           "00000000000000000000000000000000000000000000000000000000000000"
           "00000000000000000000000000000000000000000000000000000000000000",
     NULL},
    {"another export by the old way: the server hangs up", old_name_of_another, HELLO,
     NULL},
    {"a client of the old style is left", old_style, HELLO, "nbd: client flags 0"},
    {"so is one with flags that nobody offered", unknown_flag, HELLO,
     "nbd: client flags 7"},
    {"ABORT is acknowledged", aborts, HELLO REPLY "00000002 00000001 00000000", NULL},
    {"LIST names the one export", lists,
     HELLO REPLY "00000003 00000002 00000004 00000000" REPLY "00000003 00000001 00000000",
     NULL},
    {"structured replies are not spoken", structured,
     HELLO REPLY "00000008 80000001 00000000", NULL},
    {"INFO tells block sizes to whom asks", asks_block_size,
     HELLO REPLY "00000006 00000003 0000000c 0000 0000000000000bb8 0003" REPLY
                 "00000006 00000003 0000000e 0003 00000001 00010000 02000000" REPLY
                 "00000006 00000001 00000000",
     NULL},
    {"another export is unknown", other_export, HELLO REPLY "00000007 80000006 00000000",
     NULL},
    {"a name that is longer than its option is invalid", name_past_the_option,
     HELLO REPLY "00000007 80000003 00000000", NULL},
    {"so is a list that is shorter than it says", fewer_infos_than_said,
     HELLO REPLY "00000007 80000003 00000000", NULL},
    {"an option without its magic number", bad_option_magic, HELLO,
     "nbd: an option without its magic number"},
    {"an option of 4 GiB is not read", endless_option, HELLO,
     "nbd: an option of 4294967295 bytes"},
    {"nor a name that is too long", endless_name, HELLO, "nbd: an option of 4097 bytes"},
    {"another option that is too long is skipped", large_option,
     HELLO REPLY "00000006 80000009 00000000", NULL},
    {"reads four bytes", reads, WENT "67446698 00000000" HANDLE "0a0b0c0d", NULL},
    {"reads the last one", reads_the_last, WENT "67446698 00000000" HANDLE "b7", NULL},
    {"a read past the end is invalid", reads_past_the_end,
     WENT "67446698 00000016" HANDLE, NULL},
    {"so is one whose end wraps", reads_beyond_all, WENT "67446698 00000016" HANDLE,
     NULL},
    {"so is one of nothing", reads_nothing, WENT "67446698 00000016" HANDLE, NULL},
    {"so is one of more than 32 MiB", reads_too_much, WENT "67446698 00000016" HANDLE,
     NULL},
    {"a write is not permitted, and what follows is understood", writes,
     WENT "67446698 00000001" HANDLE "67446698 00000000" HANDLE "00", NULL},
    {"a write of 4 GiB is the end", writes_without_end, WENT,
     "nbd: a write of 4294967295 bytes"},
    {"TRIM is not permitted", trims, WENT "67446698 00000001" HANDLE, NULL},
    {"behind DISC nothing is answered", disconnects, WENT, NULL},
    {"a request without its magic number", bad_request_magic, WENT,
     "nbd: a request without its magic number"},
    {"a client that dies within a request has left", is_cut, WENT, NULL},
};

static void hear_all(struct client *c, int sock)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(sock, piece, sizeof piece)) > 0)
        assert_int_equal(buf_append(&c->heard, piece, (size_t)n, NULL), 0);
}

static void talk(struct client *c, struct block *b, void (*say)(struct client *c))
{
    int pair[2];

    *c = (struct client){.result = 0};
    say(c);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    /* Everything fits into the socket's buffers, so one thread will do. */
    assert_int_equal(write(pair[0], buf_str(&c->said), c->said.n), (ssize_t)c->said.n);
    shutdown(pair[0], SHUT_WR);
    c->result = nbd_serve(pair[1], b, &c->trouble, &c->err);
    close(pair[1]);
    hear_all(c, pair[0]);
    close(pair[0]);
}

static void client_fini(struct client *c)
{
    buf_fini(&c->said);
    buf_fini(&c->heard);
}

static void assert_heard(const struct client *c, const char *hex)
{
    char got[4096] = "", want[4096] = "";
    size_t n = 0;

    assert_true(c->heard.n < sizeof got / 2);
    for (size_t i = 0; i < c->heard.n; i++)
        snprintf(got + 2 * i, 3, "%02x", (unsigned)(uint8_t)c->heard.p[i]);
    for (; *hex; hex++)
        if (*hex != ' ')
            want[n++] = *hex;
    assert_string_equal(got, want);
}

static struct block *open_disk(void)
{
    struct block *b;

    for (size_t i = 0; i < DISK; i++)
        disk[i] = (uint8_t)i;
    assert_int_equal(block_mem_open(&b, disk, DISK, NULL), 0);
    return b;
}

static void test_rows(void **state)
{
    AUTO(block_unrefp) struct block *b = open_disk();

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        AUTO(client_fini) struct client c;

        print_message("%s\n", rows[i].sentence);
        talk(&c, b, rows[i].say);
        assert_heard(&c, rows[i].hears);
        assert_int_equal(c.result < 0, rows[i].error != NULL);
        if (rows[i].error)
            assert_string_equal(c.err.msg, rows[i].error);
        assert_int_equal(c.trouble.code, 0);
    }
}

static void test_options_have_an_end(void **state)
{
    AUTO(block_unrefp) struct block *b = open_disk();
    AUTO(client_fini) struct client c;

    (void)state;
    talk(&c, b, only_options);
    assert_int_equal(c.result, -ERR_LIMIT);
    assert_string_equal(c.err.msg, "nbd: more than 64 options");
}

static void test_a_disk_that_fails(void **state)
{
    AUTO(block_unrefp) struct block *b = open_disk(), *bad = NULL;
    AUTO(client_fini) struct client c;

    (void)state;
    assert_int_equal(block_fault_open(&bad, b, 1, NULL, NULL), 0);
    talk(&c, bad, reads);
    assert_heard(&c, WENT "67446698 00000005" HANDLE);
    assert_int_equal(c.result, 0);
    assert_string_equal(c.trouble.msg, "injected fault");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_options_have_an_end),
        cmocka_unit_test(test_a_disk_that_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
