/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object_test.c: what servers may answer, and what is read from a URL all the same
 *
 * Through a server in memory (transport_testing.h): object.c, remote.c and answer.c as
 * they are, without a network and without waiting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api/remote.h"
#include "api/transport_testing.h"
#include "base/scoped.h"

enum { MIB = 1024 * 1024, SIZE = 24 * MIB + 12345, CHUNK = 32 * 1024 };

static const char etag[] = "\"one\"";

static int open_fake(struct remote **ret, struct fake_server *s, const char *url,
                     struct err *err)
{
    struct transport *t = NULL;

    assert_int_equal(fake_open(&t, s, err), 0);
    return remote_open(ret, &(struct remote_options){.url = url, .transport = t}, err);
}

static struct remote *open_good(struct fake_server *s)
{
    struct remote *r = NULL;
    struct err err = {0};

    assert_int_equal(open_fake(&r, s, "http://server/disk", &err), 0);
    assert_int_equal(remote_size(r), s->size);
    assert_int_equal(remote_file(r), -1);
    return r;
}

static void read_right(struct remote *r, uint64_t off, size_t n)
{
    AUTO(freep) uint8_t *buf = malloc(n + 1);
    struct err err = {0};

    assert_non_null(buf);
    if (remote_read(r, buf, n, off, NULL, &err) < 0)
        fail_msg("%zu bytes at %llu: %s", n, (unsigned long long)off, err.msg);
    assert_true(fake_is_right(buf, n, off));
}

/* ---- one request that is answered otherwise */

struct odd {
    const char *name;
    unsigned when; /* the how manieth request, 1 opens; later ones too if `always` */
    bool always;
    const char *head;         /* "": as an honest server */
    const char *find, *other; /* in the honest head, `other` for `find` */
    int64_t n; /* bytes of the body at most; -1: all; so many when above a MiB */
    unsigned version;
    enum transport_end end;
    const char *message; /* what is told; NULL: all is read */
    enum err_code code;
};

struct trick {
    const struct odd *odd;
    unsigned count;
};

static void decide(void *arg, const struct transport_request *r, struct fake_answer *a)
{
    struct trick *t = arg;
    const struct odd *o = t->odd;
    char head[FAKE_HEAD_MAX], *at;

    (void)r;
    t->count++;
    if (t->count < o->when || (t->count > o->when && !o->always))
        return;
    if (*o->head)
        snprintf(a->head, sizeof a->head, "%s", o->head);
    if (o->find) {
        at = strstr(a->head, o->find);
        assert_non_null(at);
        snprintf(head, sizeof head, "%.*s%s%s", (int)(at - a->head), a->head, o->other,
                 at + strlen(o->find));
        memcpy(a->head, head, sizeof head);
    }
    if (o->n >= 0 && (o->n > MIB || a->n > (uint64_t)o->n))
        a->n = (uint64_t)o->n;
    a->version = o->version;
    a->end = o->end;
}

static const struct odd odds[] = {
    {"an honest server", 0, false, "", NULL, NULL, -1, 0, TRANSPORT_DONE, NULL, 0},
    {"the line is cut in a body", 3, false, "", NULL, NULL, 20000, 0, TRANSPORT_BROKEN,
     NULL, 0},
    {"the line is cut before the answer", 3, false, "HTTP/1.1 2", NULL, NULL, 0, 0,
     TRANSPORT_BROKEN, NULL, 0},
    {"each body is cut", 2, true, "", NULL, NULL, 9000, 0, TRANSPORT_BROKEN, NULL, 0},
    {"each body ends early and says nothing of it", 2, true, "", NULL, NULL, 9000, 0,
     TRANSPORT_DONE, NULL, 0},
    {"no line at all", 2, true, "", NULL, NULL, 0, 0, TRANSPORT_BROKEN,
     "the line was cut", ERR_IO},
    {"answers without a body", 2, true, "", NULL, NULL, 0, 0, TRANSPORT_DONE,
     "the connection broke", ERR_IO},
    {"one answer without a body", 2, false, "", NULL, NULL, 0, 0, TRANSPORT_DONE, NULL,
     0},
    {"an interim answer first", 2, true, "", "HTTP/1.1 206",
     "HTTP/1.1 100 Continue\r\nETag: \"x\"\r\n\r\nHTTP/1.1 206", -1, 0, TRANSPORT_DONE,
     NULL, 0},
    {"another ETag", 4, false, "", etag, "\"two\"", -1, 1, TRANSPORT_DONE,
     "the object changed while it was read: another ETag", ERR_CONFLICT},
    {"no ETag any more", 4, false, "", "ETag", "Tag", -1, 1, TRANSPORT_DONE,
     "the object changed while it was read: another ETag", ERR_CONFLICT},
    {"a weak one", 4, false, "", "ETag: ", "ETag: W/", -1, 1, TRANSPORT_DONE,
     "the object changed while it was read: another ETag", ERR_CONFLICT},
    {"another size", 4, false, "", "/25178169", "/25178168", -1, 1, TRANSPORT_DONE,
     "the object changed while it was read: 25178168 bytes, and 25178169 before",
     ERR_CONFLICT},
    {"the whole of another object", 4, false, "HTTP/1.1 200 OK\r\n\r\n", NULL, NULL,
     1 << 30, 1, TRANSPORT_DONE, "the object changed while it was read", ERR_CONFLICT},
    {"a condition that does not hold", 4, false,
     "HTTP/1.1 412 Precondition Failed\r\n\r\n", NULL, NULL, 0, 0, TRANSPORT_DONE,
     "the object changed while it was read", ERR_CONFLICT},
    {"another range", 4, false, "", "bytes ", "bytes 1", -1, 1, TRANSPORT_DONE,
     "the server answered with another range than was asked for", ERR_IO},
    {"several ranges", 4, false,
     "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=x\r\n"
     "\r\n",
     NULL, NULL, -1, 1, TRANSPORT_DONE,
     "the server answered with another range than was asked for", ERR_IO},
    {"more than was asked for", 4, false, "", NULL, NULL, 4 * MIB, 0, TRANSPORT_DONE,
     "the server sent more than was asked for", ERR_IO},
    {"a refusal in the middle", 4, false, "HTTP/1.1 403 Forbidden\r\n\r\n", NULL, NULL,
     300, 0, TRANSPORT_DONE, "the server answered 403 Forbidden", ERR_IO},
    {"a refusal with words without end", 4, false, "HTTP/1.1 404 Not Found\r\n\r\n", NULL,
     NULL, 1 << 30, 0, TRANSPORT_DONE, "the server answered 404 Not Found", ERR_IO},
    {"a refusal at the beginning", 1, true, "HTTP/1.1 403 Forbidden\r\n\r\n", NULL, NULL,
     0, 0, TRANSPORT_DONE, "the server answered 403 Forbidden", ERR_NOTFOUND},
    {"busy for a moment", 2, false, "HTTP/1.1 503 Slow Down\r\n\r\n", NULL, NULL, 0, 0,
     TRANSPORT_DONE, NULL, 0},
    {"busy for ever", 2, true, "HTTP/2 503\r\n\r\n", NULL, NULL, 0, 0, TRANSPORT_DONE,
     "the server answered 503", ERR_IO},
    {"a status that is none", 2, false, "HTTP/1.1 2060 What\r\n\r\n", NULL, NULL, 0, 0,
     TRANSPORT_DONE, "the server answered 2060 What", ERR_IO},
    {"a certificate that is not believed", 2, false, "", NULL, NULL, 0, 0,
     TRANSPORT_HOPELESS, "the line was cut", ERR_IO},
    {"a private address", 2, false, "", NULL, NULL, 0, 0, TRANSPORT_PRIVATE,
     "the server redirects to a private address", ERR_IO},
    {"a redirect of the first", 1, false,
     "HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n", NULL, NULL, 0, 0, TRANSPORT_DONE,
     NULL, 0},
    {"a redirect in the middle", 4, false,
     "HTTP/1.1 307 Temporary Redirect\r\nLocation: https://other/x y\r\n\r\n", NULL, NULL,
     30, 0, TRANSPORT_DONE, NULL, 0},
    {"redirects without end", 3, true, "HTTP/1.1 302 Found\r\nLocation: /there\r\n\r\n",
     NULL, NULL, 0, 0, TRANSPORT_DONE, "more than 10 redirects", ERR_LIMIT},
    {"a redirect to nowhere", 2, true, "HTTP/1.1 302 Found\r\n\r\n", NULL, NULL, 0, 0,
     TRANSPORT_DONE, "the server answered 302 Found without saying where to", ERR_IO},
    {"a redirect to a file", 2, true, "HTTP/1.1 302 Found\r\nLocation: file:///x\r\n\r\n",
     NULL, NULL, 0, 0, TRANSPORT_DONE,
     "the server redirects to what is neither http nor https", ERR_IO},
    {"a redirect to what is no URL", 2, true,
     "HTTP/1.1 302 Found\r\nLocation: http://[::x/\r\n\r\n", NULL, NULL, 0, 0,
     TRANSPORT_DONE, "the server redirects to what is no URL", ERR_IO},
};

/* Six questions at a time, far from each other and side by side. */
static int read_six(struct remote *r, struct err *err)
{
    static const uint64_t offs[] = {100,          MIB + 100,      2 * MIB + 100,
                                    20 * MIB + 7, 7 * MIB + 4096, SIZE - 70000};
    struct remote_question q[ARRAY_SIZE(offs)];
    int first = 0;

    for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
        q[i] = (struct remote_question){
            .off = offs[i], .n = i < 5 ? MIB : 70000, .to = malloc(MIB)};
        assert_non_null(q[i].to);
        remote_ask(r, &q[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(q); i++) {
        while (!q[i].done)
            assert_int_equal(remote_drive(r, -1, 100, err), 0);
        if (!q[i].why.code)
            assert_true(fake_is_right(q[i].to, q[i].n, q[i].off));
        else if (!err->code)
            *err = q[i].why;
        first = err->code ? -(int)err->code : 0;
        free(q[i].to);
    }
    return first;
}

static void test_odd_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(odds); i++) {
        struct trick trick = {.odd = &odds[i]};
        struct fake_server s = {
            .size = SIZE, .etag = etag, .decide = decide, .arg = &trick};
        AUTO(remote_freep) struct remote *r = NULL;
        struct err err = {0};
        int e = open_fake(&r, &s, "http://server/disk", &err);

        print_message("%s\n", odds[i].name);
        if (e == 0)
            e = read_six(r, &err);
        assert_int_equal(e, odds[i].message ? -(int)odds[i].code : 0);
        assert_string_equal(err.msg, odds[i].message ? odds[i].message : "");
        assert_true(s.sent < 20 * MIB); /* nobody waits for the end of the words */
        if (r && !odds[i].message)
            read_right(r, 0, SIZE);
    }
}

/* ---- redirects */

static void test_redirected(void **state)
{
    const struct odd to_other = {
        "",
        4,
        false,
        "HTTP/1.1 302 Found\r\nLocation: https://other/x y\r\n\r\n",
        NULL,
        NULL,
        0,
        0,
        TRANSPORT_DONE,
        NULL,
        0};
    const struct odd back = {"",
                             4,
                             false,
                             "HTTP/1.1 302 Found\r\nLocation: http://x/\r\n\r\n",
                             NULL,
                             NULL,
                             0,
                             0,
                             TRANSPORT_DONE,
                             NULL,
                             0};
    struct trick trick = {.odd = &to_other};
    struct fake_server s = {.size = SIZE, .etag = etag, .decide = decide, .arg = &trick};
    AUTO(remote_freep) struct remote *r = open_good(&s), *safe = NULL;
    struct err err = {0};

    (void)state;
    assert_false(s.guarded);
    assert_int_equal(read_six(r, &err), 0);
    assert_string_equal(s.url, "https://other/x%20y");
    assert_true(s.guarded); /* and not over a connection from before */
    assert_int_equal(s.forgotten, 1);

    trick = (struct trick){.odd = &back};
    assert_int_equal(open_fake(&safe, &s, "https://server/disk", &err), 0);
    assert_int_equal(read_six(safe, &err), -ERR_IO);
    assert_string_equal(err.msg, "the server redirects from https to http");
}

/* ---- what is transferred */

static void test_ahead(void **state)
{
    struct fake_server s = {.size = SIZE, .etag = etag};
    AUTO(remote_freep) struct remote *r = open_good(&s);
    struct remote_question q = {.off = 9 * MIB, .n = MIB};

    (void)state;
    for (unsigned i = 1; i < 20; i++)
        read_right(r, i * MIB, 4096);
    assert_int_equal(s.sent, 20 * CHUNK); /* far from each other: nothing ahead */
    for (unsigned i = 0; i < 20; i++)
        read_right(r, i * MIB + 77, 512);
    assert_int_equal(s.requests, 20); /* they are all there */

    s.sent = s.requests = 0;
    for (unsigned i = 0; i < 128; i++) /* 4 MiB in small pieces */
        read_right(r, 20 * MIB + i * CHUNK, CHUNK);
    assert_in_range(s.sent, 4 * MIB, 5 * MIB);
    assert_in_range(s.requests, 4, 48);

    /* One that nobody waits for any more. */
    q.to = malloc(q.n);
    assert_non_null(q.to);
    remote_ask(r, &q);
    assert_false(q.done);
    remote_drop(r, &q);
    free(q.to);
    read_right(r, 9 * MIB, MIB);
}

/* Eight threads, each with a MiB: as a conversion reads. */
static void test_all(void **state)
{
    enum { READERS = 8, STEP = 30000 };
    struct fake_server s = {.size = SIZE, .etag = etag, .piece = CHUNK};
    AUTO(remote_freep) struct remote *r = open_good(&s);
    struct remote_question q[READERS] = {0};
    uint64_t at[READERS], end[READERS], next = 0;
    AUTO(freep) uint8_t *buf = malloc(READERS * STEP);
    struct err err = {0};
    unsigned busy = 0;

    (void)state;
    assert_non_null(buf);
    remote_expect_all(r);
    for (unsigned i = 0; i < READERS; i++)
        at[i] = end[i] = 0;
    do {
        busy = 0;
        for (unsigned i = 0; i < READERS; i++) {
            if (at[i] == end[i] && next < SIZE) {
                at[i] = next;
                next = next + 300000 < SIZE ? next + 300000 : SIZE;
                end[i] = next;
                q[i].n = 0;
            }
            if (q[i].n && !q[i].done) {
                busy++;
                continue;
            }
            if (q[i].n) {
                assert_int_equal(q[i].why.code, 0);
                assert_true(fake_is_right(q[i].to, q[i].n, q[i].off));
                at[i] += q[i].n;
                q[i].n = 0;
            }
            if (at[i] == end[i])
                continue;
            q[i] = (struct remote_question){
                .off = at[i],
                .n = end[i] - at[i] < STEP ? (size_t)(end[i] - at[i]) : STEP,
                .to = buf + i * STEP,
            };
            remote_ask(r, &q[i]);
            busy++;
        }
        assert_int_equal(remote_drive(r, -1, 100, &err), 0);
    } while (busy || next < SIZE);
    assert_int_equal(s.most_at_a_time, TRANSPORT_LANES);
    assert_in_range(s.sent, SIZE - CHUNK, SIZE + MIB); /* each byte once */
    assert_in_range(s.requests, 24, 120);
}

static void test_small(void **state)
{
    static const uint64_t sizes[] = {1, 511, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK};
    struct fake_server none = {.size = 0, .etag = etag};
    struct remote *r = NULL;
    struct err err = {0};
    uint8_t byte;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        struct fake_server s = {.size = sizes[i], .etag = i % 2 ? etag : ""};

        r = open_good(&s);
        read_right(r, 0, sizes[i]);
        read_right(r, sizes[i] - 1, 1);
        read_right(r, sizes[i], 0);
        err_clear(&err);
        assert_int_equal(remote_read(r, &byte, 1, sizes[i], NULL, &err), -ERR_SHORT);
        remote_freep(&r);
    }
    err_clear(&err);
    assert_int_equal(open_fake(&r, &none, "http://server/disk", &err), 0);
    assert_int_equal(remote_size(r), 0);
    remote_freep(&r);
}

static int not_wanted(void *arg, struct err *err)
{
    int *left = arg;

    return --*left < 0 ? FAIL(err, ERR_CANCELED, "canceled") : 0;
}

static void test_canceled(void **state)
{
    struct fake_server s = {.size = SIZE, .etag = etag};
    AUTO(remote_freep) struct remote *r = open_good(&s);
    int left = 5;
    struct frame_patience patience = {not_wanted, &left};
    AUTO(freep) uint8_t *buf = malloc(4 * MIB);
    struct err err = {0};

    (void)state;
    assert_int_equal(remote_read(r, buf, 4 * MIB, 0, &patience, &err), -ERR_CANCELED);
    read_right(r, 0, 4 * MIB); /* what was on its way is no harm */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_odd_answers), cmocka_unit_test(test_redirected),
        cmocka_unit_test(test_ahead),       cmocka_unit_test(test_all),
        cmocka_unit_test(test_small),       cmocka_unit_test(test_canceled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
