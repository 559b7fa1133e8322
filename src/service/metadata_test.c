/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>

#include <cmocka.h>

#include "base/scoped.h"
#include "base/text.h"
#include "service/metadata_http.h"

static struct instance_settings usual(const char *id)
{
    return (struct instance_settings){
        .id = id,
        .uuid = "1b4e28ba-2fa1-11d2-883f-0016d3cca427",
        .incarnation = "6fa459ea-ee8a-3ca4-894e-db77e160355e",
        .hostname = "h",
        .net = {.mac = "52:54:00:00:00:01", .dhcp = true},
        .region = "r",
        .zone = "z",
    };
}

/* ---- requests */

static void test_request(void **state)
{
    static const struct {
        const char *name, *text;
        int status;
        const char *path;
    } cases[] = {
        {"a request", "GET /latest/meta-data/ HTTP/1.1\r\nHost: x\r\n\r\n", 200,
         "/latest/meta-data/"},
        {"of a script", "GET /a HTTP/1.0\n\n", 200, "/a"},
        {"with a query", "GET /a?b=/c HTTP/1.0\n\n", 200, "/a"},
        {"with escapes", "GET /a%3aB%2f HTTP/1.0\n\n", 200, "/a:B/"},
        {"through a proxy", "GET http://169.254.0.23/a HTTP/1.1\r\n\r\n", 200, "/a"},
        {"a host without a path", "GET http://169.254.0.23 HTTP/1.1\r\n\r\n", 400, NULL},
        {"a broken escape", "GET /a%3 HTTP/1.0\n\n", 400, NULL},
        {"no slash", "GET a HTTP/1.0\n\n", 400, NULL},
        {"half a head", "GET /a HTTP/1.0\r\nHost: x\r\n", 0, NULL},
        {"half a line", "GET /a HT", 0, NULL},
        {"nothing", "", 0, NULL},
        {"no line at all", "\r\n", 400, NULL},
        {"no version", "GET /a\r\n\r\n", 400, NULL},
        {"version 2", "GET /a HTTP/2.0\r\n\r\n", 505, NULL},
        {"version 1.7", "GET /a HTTP/1.7\r\n\r\n", 200, "/a"},
        {"two blanks", "GET  /a HTTP/1.0\r\n\r\n", 400, NULL},
        {"a tab", "GET\t/a HTTP/1.0\r\n\r\n", 400, NULL},
        {"POST", "POST /a HTTP/1.0\r\n\r\n", 405, NULL},
        {"HEAD", "HEAD /a HTTP/1.0\r\n\r\n", 405, NULL},
        {"small letters", "get /a HTTP/1.0\r\n\r\n", 405, NULL},
        {"no body", "GET /a HTTP/1.0\r\nContent-Length: 0\r\n\r\n", 200, "/a"},
        {"a body", "GET /a HTTP/1.0\r\ncontent-length:10\r\n\r\n", 413, NULL},
        {"a body of no length", "GET /a HTTP/1.0\r\nContent-Length: -1\r\n\r\n", 400,
         NULL},
        {"two lengths",
         "GET /a HTTP/1.0\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n", 413, NULL},
        {"chunks", "GET /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 413, NULL},
        {"a folded header", "GET /a HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400, NULL},
        {"a blank before the colon", "GET /a HTTP/1.1\r\nA : b\r\n\r\n", 400, NULL},
        {"a header without a colon", "GET /a HTTP/1.1\r\nA\r\n\r\n", 400, NULL},
        {"a CR in a header", "GET /a HTTP/1.1\r\nA: b\rc\r\n\r\n", 400, NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        AUTO(buf_fini) struct buf path = {0};
        struct bytes text = bytes_of(cases[i].text, strlen(cases[i].text));
        int status = metadata_request(&path, text, NULL);

        if (status != cases[i].status)
            fail_msg("%s: %d", cases[i].name, status);
        if (cases[i].path)
            assert_string_equal(buf_str(&path), cases[i].path);
        /* Nothing is said before the head is complete. */
        for (size_t n = 0; status && n < text.n - 1; n++)
            if (metadata_request(&path, bytes_sub(text, 0, n), NULL) != 0)
                fail_msg("%s: after %zu bytes", cases[i].name, n);
    }
}

static void test_long_request(void **state)
{
    AUTO(buf_fini) struct buf path = {0};
    static char text[METADATA_HEAD_MAX + 10];
    int n;

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(metadata_request(&path, bytes_of(text, METADATA_HEAD_MAX - 1), NULL),
                     0);
    assert_int_equal(metadata_request(&path, bytes_of(text, METADATA_HEAD_MAX), NULL),
                     431);
    /* An end that lies behind the limit does not count. */
    memcpy(text + METADATA_HEAD_MAX - 2, "\r\n\r\n", 4);
    assert_int_equal(metadata_request(&path, bytes_of(text, sizeof text), NULL), 431);
    n = snprintf(text, sizeof text, "GET /%0*d HTTP/1.0\r\n\r\n", METADATA_TARGET_MAX, 0);
    assert_int_equal(metadata_request(&path, bytes_of(text, (size_t)n), NULL), 414);
}

static void test_answer(void **state)
{
    AUTO(arena_fini) struct arena a = {0};
    AUTO(buf_fini) struct buf b = {0};
    struct instance_settings s = usual("ins-1");
    struct documents tree;

    (void)state;
    assert_int_equal(settings_tree(&tree, &a, &s, NULL), 0);
    assert_int_equal(
        metadata_answer(&b, &tree, 200, bytes_of("/meta-data/instance-id", 22), NULL), 0);
    assert_string_equal(buf_str(&b),
                        "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"
                        "Content-Length: 5\r\nCache-Control: no-store\r\n"
                        "Connection: close\r\n\r\nins-1");
    buf_clear(&b);
    assert_int_equal(metadata_answer(&b, &tree, 200, bytes_of("/x", 2), NULL), 0);
    assert_string_equal(buf_str(&b), "HTTP/1.1 404 Not Found\r\n"
                                     "Content-Type: text/plain; charset=utf-8\r\n"
                                     "Content-Length: 14\r\nCache-Control: no-store\r\n"
                                     "Connection: close\r\n\r\n404 Not Found\n");
    buf_clear(&b);
    assert_int_equal(metadata_answer(&b, &tree, 405, bytes_of("", 0), NULL), 0);
    assert_non_null(strstr(buf_str(&b), "\r\nAllow: GET\r\n"));
}

/* ---- sockets */

struct world {
    char folder[2][64];
    struct metadata *m;
};

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    const char *tmp = getenv("TMPDIR");

    for (int i = 0; i < 2; i++) {
        snprintf(w->folder[i], sizeof w->folder[i], "%.40s/metadata-XXXXXX",
                 tmp ? tmp : "/tmp");
        assert_non_null(mkdtemp(w->folder[i]));
    }
    assert_int_equal(metadata_start(&w->m, NULL), 0);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;

    metadata_end(w->m);
    for (int i = 0; i < 2; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/" METADATA_SOCKET, w->folder[i]);
        unlink(path);
        assert_int_equal(rmdir(w->folder[i]), 0);
    }
    free(w);
    return 0;
}

static int dial(const char *folder)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%.80s/" METADATA_SOCKET, folder);
    if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
        return fd;
    close(fd);
    return -1;
}

/* All that comes until the body is complete, as a guest reads it; "" when nothing does.
 */
static void answer_of(struct buf *ret, int fd)
{
    char piece[4096];
    const char *body, *length;

    for (;;) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t n;

        if (poll(&p, 1, 20000) <= 0)
            fail_msg("no answer");
        n = read(fd, piece, sizeof piece);
        if (n <= 0)
            return;
        assert_int_equal(buf_append(ret, piece, (size_t)n, NULL), 0);
        body = strstr(ret->p, "\r\n\r\n");
        length = strstr(ret->p, "Content-Length: ");
        if (body && length &&
            ret->n - (size_t)(body + 4 - ret->p) >= strtoul(length + 16, NULL, 10))
            return;
    }
}

/* The body of one path; "-" for a refusal to connect. */
static void ask(char ret[256], const char *folder, const char *path)
{
    AUTO(buf_fini) struct buf b = {0};
    AUTO(closep) int fd = dial(folder);
    const char *body;
    char head[256];
    int n = snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);

    strcpy(ret, "-");
    if (fd < 0)
        return;
    assert_int_equal(send(fd, head, (size_t)n, MSG_NOSIGNAL), n);
    answer_of(&b, fd);
    body = strstr(buf_str(&b), "\r\n\r\n");
    assert_non_null(body);
    snprintf(ret, 256, "%s", body + 4);
}

static void test_instances(void **state)
{
    struct world *w = *state;
    struct instance_settings one = usual("ins-1"), two = usual("ins-2");
    char text[256];

    assert_int_equal(metadata_add(w->m, w->folder[0], &one, NULL), 0);
    assert_int_equal(metadata_add(w->m, w->folder[1], &two, NULL), 0);
    ask(text, w->folder[0], "/latest/meta-data/instance-id");
    assert_string_equal(text, "ins-1");
    ask(text, w->folder[1], "/latest/meta-data/instance-id");
    assert_string_equal(text, "ins-2");
    ask(text, w->folder[1], "/latest/meta-data/nothing");
    assert_string_equal(text, "404 Not Found\n");

    one.name = "new";
    assert_int_equal(metadata_add(w->m, w->folder[0], &one, NULL), 0);
    ask(text, w->folder[0], "/latest/meta-data/instance-name");
    assert_string_equal(text, "new");

    metadata_remove(w->m, "ins-1");
    metadata_remove(w->m, "ins-1");
    ask(text, w->folder[0], "/");
    assert_string_equal(text, "-");
    ask(text, w->folder[1], "/latest/meta-data/instance-id");
    assert_string_equal(text, "ins-2");
}

/* What an earlier daemon left, what somebody else put there, and what is not there. */
static void test_folder(void **state)
{
    struct world *w = *state;
    struct instance_settings s = usual("ins-1");
    struct err err = {0};
    char text[256], path[128];
    struct stat st;

    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    metadata_end(w->m);
    ask(text, w->folder[0], "/");
    assert_string_equal(text, "-");
    assert_int_equal(metadata_start(&w->m, NULL), 0);
    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    ask(text, w->folder[0], "/meta-data/instance-id");
    assert_string_equal(text, "ins-1");

    snprintf(path, sizeof path, "%s/" METADATA_SOCKET, w->folder[0]);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(unlink(path), 0); /* removed by somebody: made again */
    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    ask(text, w->folder[0], "/meta-data/instance-id");
    assert_string_equal(text, "ins-1");

    snprintf(path, sizeof path, "%s/" METADATA_SOCKET, w->folder[1]);
    assert_int_equal(symlink("/etc/passwd", path), 0);
    s.id = "ins-2";
    assert_true(metadata_add(w->m, w->folder[1], &s, &err) < 0);
    assert_non_null(strstr(err.msg, "metadata.sock is no socket"));
    err_clear(&err);
    assert_true(metadata_add(w->m, "/nowhere", &s, &err) < 0);
    assert_string_equal(err.msg, "/nowhere: No such file or directory");
    s.hostname = "a b";
    assert_true(metadata_add(w->m, w->folder[0], &s, NULL) < 0);
}

/* One that opens all it can and says nothing, one that sends without end: the other
 * instance's answer comes at once, and its own comes again when their time is over. */
static void test_slow_guest(void **state)
{
    struct world *w = *state;
    struct instance_settings one = usual("ins-1"), two = usual("ins-2");
    int fds[METADATA_CONNECTIONS_MAX + 20];
    char text[256];
    int64_t before;

    assert_int_equal(metadata_add(w->m, w->folder[0], &one, NULL), 0);
    assert_int_equal(metadata_add(w->m, w->folder[1], &two, NULL), 0);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        assert_true((fds[i] = dial(w->folder[0])) >= 0);
    before = now_ms();
    ask(text, w->folder[1], "/meta-data/instance-id");
    assert_string_equal(text, "ins-2");
    assert_true(now_ms() - before < METADATA_HEAD_MS / 2);

    ask(text, w->folder[0], "/meta-data/instance-id");
    assert_string_equal(text, "ins-1");
    assert_true(now_ms() - before >= METADATA_HEAD_MS - 200);
    for (size_t i = 0; i < ARRAY_SIZE(fds); i++)
        close(fds[i]);
}

static void test_endless_request(void **state)
{
    struct world *w = *state;
    struct instance_settings s = usual("ins-1");
    AUTO(buf_fini) struct buf b = {0};
    AUTO(closep) int fd = -1;
    static char piece[64 << 10];
    size_t sent = 0;
    char text[256];

    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    fd = dial(w->folder[0]);
    memset(piece, 'a', sizeof piece);
    while (sent < 10 << 20) {
        ssize_t n = send(fd, piece, sizeof piece, MSG_NOSIGNAL);

        if (n < 0)
            break;
        sent += (size_t)n;
    }
    assert_true(sent < 1 << 20);
    answer_of(&b, fd);
    assert_int_equal(strncmp(buf_str(&b), "HTTP/1.1 431 ", 13), 0);
    ask(text, w->folder[0], "/meta-data/instance-id");
    assert_string_equal(text, "ins-1");
}

/* More than a second's worth is answered, none is refused, and it takes its time. */
static void test_rate(void **state)
{
    enum { N = METADATA_BURST + METADATA_RATE };
    struct world *w = *state;
    struct instance_settings s = usual("ins-1");
    int64_t before = now_ms();
    char text[256];

    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    for (int i = 0; i < N; i++) {
        ask(text, w->folder[0], "/meta-data/instance-id");
        assert_string_equal(text, "ins-1");
    }
    assert_true(now_ms() - before >= 900);
}

/* Out of descriptors the thread rests, and goes on when there are some. */
static void test_descriptors(void **state)
{
    struct world *w = *state;
    struct instance_settings s = usual("ins-1");
    struct rlimit limit, few;
    struct timespec before, after;
    char text[256];
    int fd;

    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true((fd = dial(w->folder[0])) >= 0);
    ask(text, w->folder[0], "/meta-data/instance-id"); /* both were accepted */
    few = limit;
    few.rlim_cur = (rlim_t)fd + 1;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
    close(fd);
    assert_true((fd = dial(w->folder[0])) >=
                0); /* the last one: none is left to accept */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    usleep(1000000);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true((after.tv_sec - before.tv_sec) * 1000 +
                    (after.tv_nsec - before.tv_nsec) / 1000000 <
                300);
    ask(text, w->folder[0], "/meta-data/instance-id");
    assert_string_equal(text, "ins-1");
    close(fd);
}

/* An answer waits for a guest that closes; one that does not is closed on. */
static void test_linger(void **state)
{
    static const char head[] = "GET / HTTP/1.0\r\n\r\n";
    struct world *w = *state;
    struct instance_settings s = usual("ins-1");
    AUTO(buf_fini) struct buf b = {0};
    AUTO(closep) int fd = -1;
    int64_t before;
    char c;

    assert_int_equal(metadata_add(w->m, w->folder[0], &s, NULL), 0);
    fd = dial(w->folder[0]);
    assert_int_equal(send(fd, head, strlen(head), 0), strlen(head));
    answer_of(&b, fd);
    before = now_ms();
    assert_int_equal(read(fd, &c, 1), 0);
    assert_true(now_ms() - before >= METADATA_LINGER_MS - 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request),
        cmocka_unit_test(test_long_request),
        cmocka_unit_test(test_answer),
        cmocka_unit_test_setup_teardown(test_instances, setup, teardown),
        cmocka_unit_test_setup_teardown(test_folder, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slow_guest, setup, teardown),
        cmocka_unit_test_setup_teardown(test_endless_request, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rate, setup, teardown),
        cmocka_unit_test_setup_teardown(test_descriptors, setup, teardown),
        cmocka_unit_test_setup_teardown(test_linger, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
