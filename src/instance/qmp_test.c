/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/scoped.h"
#include "instance/clock.h"
#include "instance/qmp.h"

enum { LIMIT_MS = 300, SLOW_MS = 5000 };

#define HELLO "{\"QMP\":{\"version\":{}}}\r\n{\"return\":{},\"id\":1}\r\n"

/* A server that said all it has to say before it was asked: the numbers of our commands
 * are known. */
static int said(const char *text, size_t n, bool closes)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(send(pair[1], text, n, MSG_DONTWAIT), n);
    if (closes)
        close(pair[1]);
    return pair[0]; /* what stays open is closed at the end of the test program */
}

static bool is_readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

static void test_greetings(void **state)
{
    static char endless[128 * 1024];
    static const struct {
        const char *name, *text;
        bool closes;
        int want;
    } cases[] = {
        {"a greeting and an answer", HELLO, false, 0},
        {"nothing", "", false, -ERR_IO},
        {"closed at once", "", true, -ERR_IO},
        {"closed in the middle of a line", "{\"QMP\":", true, -ERR_IO},
        {"no JSON", "hello\n", false, -ERR_CORRUPT},
        {"JSON that is no object", "[1]\n", false, -ERR_CORRUPT},
        {"an object of no kind", "{\"a\":1}\n", false, -ERR_CORRUPT},
        {"an empty line", "\n", false, -ERR_CORRUPT},
        {"bytes that are no UTF-8", "{\"QMP\":{\"\xff\":1}}\n", false, -ERR_CORRUPT},
        {"an answer in place of the greeting", "{\"return\":{}}\n", false, -ERR_CORRUPT},
        {"a greeting, then nothing", "{\"QMP\":{}}\n", false, -ERR_IO},
        {"a greeting, then a refusal",
         "{\"QMP\":{}}\n{\"error\":{\"desc\":\"no\"},\"id\":1}\n", false, -ERR_CONFLICT},
        {"somebody else's answer", "{\"QMP\":{}}\n{\"return\":{},\"id\":7}\n", false,
         -ERR_IO},
        {"an id that is a word", "{\"QMP\":{}}\n{\"return\":{},\"id\":\"1\"}\n", false,
         -ERR_IO},
        {"events before the greeting",
         "{\"event\":\"RESET\"}\n{\"event\":\"X\",\"data\":3}\n" HELLO, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(qmp_closep) struct qmp *q = NULL;
        struct err err = {0};
        int r = qmp_open(&q, said(cases[i].text, strlen(cases[i].text), cases[i].closes),
                         LIMIT_MS, &err);

        if (r != cases[i].want || !q == (r == 0))
            fail_msg("%s: %d, %s", cases[i].name, r, err.msg);
    }
    memset(endless, 'x', sizeof endless);
    {
        struct qmp *q = NULL;
        struct err err = {0};

        assert_int_equal(
            qmp_open(&q, said(endless, sizeof endless, false), SLOW_MS, &err),
            -ERR_CORRUPT);
        assert_non_null(strstr(err.msg, "longer than"));
    }
}

static void test_answers(void **state)
{
    static const char text[] =
        HELLO "{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":true,\"reason\":"
              "\"guest-reset\"}}\n{\"return\":{\"late\":1},\"id\":1}\n"
              "{\"return\":{\"status\":\"running\"},\"id\":2}\n"
              "{\"error\":{\"class\":\"X\",\"desc\":\"not\\u001b[31m now\"},\"id\":3}\n"
              "{\"error\":{},\"id\":4}\n";
    AUTO(qmp_closep) struct qmp *q = NULL;
    AUTO(json_decrefp) json_t *j = NULL;
    struct qmp_event e;
    struct err err = {0};

    (void)state;
    assert_int_equal(qmp_open(&q, said(text, sizeof text - 1, false), LIMIT_MS, &err), 0);
    assert_int_equal(qmp_run(q, "query-status", NULL, &j, LIMIT_MS, &err), 0);
    assert_string_equal(json_string_value(json_object_get(j, "status")), "running");
    assert_int_equal(qmp_run(q, "a", json_pack("{s:i}", "x", 1), NULL, LIMIT_MS, &err),
                     -ERR_CONFLICT);
    assert_string_equal(err.msg, "a refused: not\\x1b[31m now");
    err_clear(&err);
    assert_int_equal(qmp_run(q, "b", NULL, NULL, LIMIT_MS, &err), -ERR_CONFLICT);
    err_clear(&err);
    /* It came along with an answer, so nothing of the socket says that it is there. */
    assert_true(is_readable(qmp_notice(q)));
    assert_int_equal(qmp_next_event(&e, q, &err), 1);
    assert_string_equal(e.name, "SHUTDOWN");
    assert_string_equal(e.reason, "guest-reset");
    assert_true(e.guest);
    assert_int_equal(qmp_next_event(&e, q, &err), 0);
    assert_false(is_readable(qmp_notice(q)));
    assert_int_equal(qmp_run(q, "c", NULL, NULL, LIMIT_MS, &err), -ERR_IO);
}

static void test_end(void **state)
{
    static const char text[] =
        HELLO "{\"event\":\"SHUTDOWN\",\"data\":{\"guest\":false}}\n{\"ev";
    AUTO(qmp_closep) struct qmp *q = NULL;
    struct qmp_event e;
    struct err err = {0};

    (void)state;
    assert_int_equal(qmp_open(&q, said(text, sizeof text - 1, false), LIMIT_MS, &err), 0);
    shutdown(qmp_socket(q), SHUT_RDWR);
    assert_int_equal(qmp_next_event(&e, q, &err), 1);
    assert_false(e.guest);
    assert_string_equal(e.reason, "");
    assert_int_equal(qmp_next_event(&e, q, &err), -ERR_IO);
    err_clear(&err);
    assert_int_equal(qmp_next_event(&e, q, &err), -ERR_IO);
    assert_int_equal(qmp_run(q, "a", NULL, NULL, LIMIT_MS, NULL), -ERR_IO);
}

/* A guest resets itself forever: the end is told all the same. */
static void test_many_events(void **state)
{
    AUTO(qmp_closep) struct qmp *q = NULL;
    static char text[64 * 1024];
    struct qmp_event e;
    struct err err = {0};
    size_t n = (size_t)snprintf(text, sizeof text, HELLO);
    unsigned events = 0;

    (void)state;
    for (int i = 0; i < 500; i++)
        n += (size_t)snprintf(text + n, sizeof text - n,
                              "{\"event\":\"RESET\",\"data\":{\"guest\":true}}\n"
                              "{\"event\":\"RTC_CHANGE\"}\n");
    n += (size_t)snprintf(text + n, sizeof text - n,
                          "{\"event\":\"SHUTDOWN\",\"data\":{\"reason\":\"%0100d\"}}\n"
                          "{\"return\":{},\"id\":2}\n",
                          0);
    assert_int_equal(qmp_open(&q, said(text, n, false), LIMIT_MS, &err), 0);
    assert_int_equal(qmp_run(q, "a", NULL, NULL, SLOW_MS, &err), 0);
    while (qmp_next_event(&e, q, &err) > 0)
        events++;
    assert_int_equal(events, QMP_EVENTS_MAX);
    assert_string_equal(e.name, "SHUTDOWN");
    assert_string_equal(e.reason, ""); /* of a length that no reason has */
}

static void *flood(void *arg)
{
    static const char line[] = "{\"event\":\"RESET\",\"data\":{}}\n";

    while (send(*(int *)arg, line, sizeof line - 1, MSG_NOSIGNAL) > 0)
        continue;
    return NULL;
}

static void test_flood(void **state)
{
    AUTO(qmp_closep) struct qmp *q = NULL;
    struct qmp_event e;
    struct err err = {0};
    pthread_t thread;
    int pair[2];
    int64_t began;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(write(pair[1], HELLO, sizeof HELLO - 1), sizeof HELLO - 1);
    assert_int_equal(qmp_open(&q, pair[0], LIMIT_MS, &err), 0);
    pthread_create(&thread, NULL, flood, &pair[1]);
    began = clock_ms();
    assert_int_equal(qmp_run(q, "a", NULL, NULL, LIMIT_MS, &err), -ERR_IO);
    assert_true(clock_ms() - began < SLOW_MS);
    assert_int_equal(qmp_next_event(&e, q, &err), 1);
    qmp_closep(&q);
    pthread_join(thread, NULL);
    close(pair[1]);
}

/* Lines that are here already are told of, though the socket is silent. */
static void test_lines_left(void **state)
{
    AUTO(qmp_closep) struct qmp *q = NULL;
    static char text[32 * 1024];
    size_t n = (size_t)snprintf(text, sizeof text, HELLO);
    struct qmp_event e;
    struct err err = {0};
    unsigned calls = 0;
    int r;

    (void)state;
    for (int i = 0; i < 600; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "{\"event\":\"OTHER\"}\n");
    n += (size_t)snprintf(text + n, sizeof text - n, "{\"event\":\"SHUTDOWN\"}\n");
    assert_int_equal(qmp_open(&q, said(text, n, false), LIMIT_MS, &err), 0);
    assert_true(is_readable(qmp_notice(q)) || is_readable(qmp_socket(q)));
    while ((r = qmp_next_event(&e, q, &err)) == 0 && calls++ < 10)
        assert_true(is_readable(qmp_notice(q)) || is_readable(qmp_socket(q)));
    assert_int_equal(r, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greetings), cmocka_unit_test(test_answers),
        cmocka_unit_test(test_end),       cmocka_unit_test(test_many_events),
        cmocka_unit_test(test_flood),     cmocka_unit_test(test_lines_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
