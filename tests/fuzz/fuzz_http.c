/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_http.c: a server that answers what it likes, in the middle of reading an object
 *
 *   byte 0      bit 0: the whole object will be read; bit 1: no ETag; bit 2: https
 *   byte 1, 2   size of the object
 *   then        an opcode for each request and each question, with what it needs
 *
 * Header lines of any kind, bodies that are cut, too long or of another version,
 * redirects, and failures at any moment; past the input the server is honest.  Bytes that
 * are given for the object's must be the object's, and who asks must get an answer. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/answer.h"
#include "api/remote.h"
#include "api/transport_testing.h"
#include "base/scoped.h"
#include "fuzz/fuzz.h"

enum {
    QUESTIONS = 5,
    ROUNDS = 32,          /* questions */
    DRIVES_MAX = 1000000, /* past that, nobody gets an answer */
};

struct input {
    const uint8_t *p;
    size_t n;
};

struct server {
    struct fake_server fake;
    struct input in;
};

static unsigned next_byte(struct input *in)
{
    if (in->n == 0)
        return 0;
    in->n--;
    return *in->p++;
}

static unsigned next_u16(struct input *in)
{
    unsigned high = next_byte(in);

    return high << 8 | next_byte(in);
}

/* Up to a NUL: lines of an answer. */
static void next_text(char *to, size_t room, struct input *in)
{
    size_t n = 0;

    for (unsigned c; n + 1 < room && (c = next_byte(in));)
        to[n++] = (char)c;
    to[n] = '\0';
    /* The tag of the other version is its own. */
    if (strstr(to, "two"))
        *to = '\0';
}

/* `text` goes in front of the last, empty line, so that it wins over what an honest
 * server said. */
static void add_lines(struct fake_answer *a, const char *text)
{
    size_t n = strlen(a->head);

    if (n >= 2)
        n -= 2;
    snprintf(a->head + n, sizeof a->head - n, "%s\r\n\r\n", text);
}

static void decide(void *arg, const struct transport_request *r, struct fake_answer *a)
{
    static const char *const statuses[] = {
        "HTTP/1.1 200 OK",        "HTTP/1.1 404 Not Found",  "HTTP/1.1 503 Busy",
        "HTTP/1.1 204 Nothing",   "HTTP/1.1 412 Other",      "HTTP/2 429",
        "HTTP/1.1 206 Partial",   "HTTP/1.1 416 Not There",  "HTTP/1.1 408 Slow",
        "HTTP/1.1 301 Elsewhere", "HTTP/1.1 206 6 6 6 6 66",
    };
    struct server *s = arg;
    struct input *in = &s->in;
    char text[512];

    assert(strncmp(r->url, "http", 4) == 0 && strlen(r->etag) < ANSWER_ETAG_MAX);
    switch (next_byte(in) % 12) {
    case 1: /* cut, with or without a word */
        a->n = next_u16(in) % (a->n + 1);
        a->end = in->n % 2 ? TRANSPORT_BROKEN : TRANSPORT_DONE;
        break;
    case 2:
        a->n += next_u16(in);
        break;
    case 3: /* more lines, or other values */
        next_text(text, sizeof text, in);
        add_lines(a, text);
        break;
    case 4: /* nothing but lines */
        next_text(a->head, sizeof a->head, in);
        break;
    case 5:
        snprintf(a->head, sizeof a->head, "%s\r\n\r\n",
                 statuses[next_byte(in) % ARRAY_SIZE(statuses)]);
        a->n = next_u16(in);
        break;
    case 6:
        next_text(text, sizeof text, in);
        snprintf(a->head, sizeof a->head, "HTTP/1.1 302 Found\r\nLocation: %s\r\n\r\n",
                 text);
        a->n = next_byte(in);
        break;
    case 7:
        a->end = (enum transport_end)(next_byte(in) % 4);
        a->n = 0;
        break;
    case 8: /* the object is exchanged, and the server says so */
        if (strcmp(r->etag, "\"one\"") == 0) {
            a->version = 1;
            add_lines(a, "ETag: \"two\"");
        }
        break;
    case 9:
        s->fake.piece = next_u16(in) + 16;
        break;
    default:
        break;
    }
}

static void ask(struct remote *r, struct remote_question *q, struct input *in,
                uint64_t size)
{
    static uint64_t after;
    unsigned kind = next_byte(in);
    size_t n = kind & 1 ? next_u16(in) : (size_t)next_u16(in) * 4;

    free(q->to);
    *q = (struct remote_question){.off = kind & 2 ? after : next_u16(in) * 64u, .n = n};
    if (kind & 4 && q->off <= size && n > size - q->off)
        q->n = (size_t)(size - q->off);
    q->to = malloc(q->n + 1);
    assert(q->to);
    after = q->off + q->n;
    remote_ask(r, q);
}

/* An answer, of any kind. */
static void await(struct remote *r, struct remote_question *q)
{
    struct err err = {0};
    unsigned n = 0;

    for (; !q->done && n < DRIVES_MAX; n++)
        assert(remote_drive(r, -1, 50, &err) == 0);
    assert(q->done);
    if (!q->why.code)
        assert(fake_is_right(q->to, q->n, q->off));
    else
        assert(q->why.msg[0] && !strchr(q->why.msg, '\n'));
}

static void read_object(struct remote *r, struct input *in)
{
    struct remote_question q[QUESTIONS] = {0};
    struct err err = {0};
    unsigned next = 0;

    for (unsigned i = 0; i < ROUNDS && in->n; i++) {
        struct remote_question *oldest = &q[next++ % QUESTIONS];

        if (oldest->to && next % 13 == 0)
            remote_drop(r, oldest); /* done or not */
        else if (oldest->to)
            await(r, oldest);
        ask(r, oldest, in, remote_size(r));
        for (unsigned k = next_byte(in) % 8; k; k--)
            assert(remote_drive(r, -1, 50, &err) == 0);
    }
    for (unsigned i = 0; i < QUESTIONS; i++) {
        if (q[i].to)
            await(r, &q[i]);
        free(q[i].to);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct server s = {.in = {data, size}};
    unsigned flags = next_byte(&s.in);
    AUTO(remote_freep) struct remote *r = NULL;
    struct remote_options options = {
        .url = flags & 4 ? "https://user:word@server/disk?sign=x" : "http://server/disk",
        .private_redirects = flags & 8,
    };
    struct err err = {0};

    s.fake = (struct fake_server){
        .size = next_u16(&s.in) * UINT64_C(64) + flags / 16,
        .etag = flags & 2 ? "" : "\"one\"",
        .decide = decide,
        .arg = &s,
    };
    assert(fake_open(&options.transport, &s.fake, &err) == 0);
    if (remote_open(&r, &options, &err) < 0) {
        assert(err.code && err.msg[0] && !strchr(err.msg, '\n') && !r);
        return 0;
    }
    if (remote_file(r) >= 0)
        return 0;
    if (flags & 1)
        remote_expect_all(r);
    read_object(r, &s.in);
    return 0;
}
