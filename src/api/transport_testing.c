/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/transport_testing.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/scoped.h"

enum { PIECE = 5000, NOISE = 1048573 };

struct lane {
    bool busy;
    void *arg;
    struct fake_answer answer;
    size_t said;   /* bytes of the head */
    uint64_t sent; /* of the body */
};

struct fake {
    struct transport transport;
    struct fake_server *server;
    struct lane lanes[TRANSPORT_LANES];
    unsigned turn;
    int64_t now;
};

static struct fake *fake_of(struct transport *t)
{
    return CONTAINER_OF(t, struct fake, transport);
}

/* Noise that begins again after a prime number of bytes, so that no two chunks are alike.
 */
static const uint8_t *noise(void)
{
    static uint8_t bytes[NOISE];
    uint64_t x = 1;

    for (unsigned i = 0; i < NOISE && !bytes[NOISE - 1]; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        bytes[i] = (uint8_t)(x >> 40 | 1);
    }
    return bytes;
}

/* The bytes at `off` of a version, as many as are in one place. */
static struct bytes content(uint64_t off, uint64_t n, unsigned version)
{
    size_t at = (size_t)((off + version * UINT64_C(500009)) % NOISE);

    return bytes_of(noise() + at, (size_t)min_u64(n, NOISE - at));
}

bool fake_is_right(const uint8_t *p, uint64_t n, uint64_t off)
{
    for (uint64_t i = 0; i < n;) {
        struct bytes b = content(off + i, n - i, 0);

        if (memcmp(p + i, b.p, b.n) != 0)
            return false;
        i += b.n;
    }
    return true;
}

void fake_answer_range(struct fake_answer *a, const struct fake_server *s, uint64_t first,
                       uint64_t last)
{
    *a = (struct fake_answer){.end = TRANSPORT_DONE};
    if (first >= s->size) {
        snprintf(a->head, sizeof a->head,
                 "HTTP/1.1 416 Requested Range Not Satisfiable\r\n"
                 "Content-Range: bytes */%" PRIu64 "\r\n\r\n",
                 s->size);
        return;
    }
    last = min_u64(last, s->size - 1);
    a->from = first;
    a->n = last - first + 1;
    snprintf(a->head, sizeof a->head,
             "HTTP/1.1 206 Partial Content\r\n"
             "Content-Type: application/octet-stream\r\n"
             "Content-Length: %" PRIu64 "\r\n"
             "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64 "\r\n"
             "%s%s%s\r\n",
             a->n, first, last, s->size, *s->etag ? "ETag: " : "", s->etag,
             *s->etag ? "\r\n" : "");
}

static int begin(struct transport *t, unsigned lane, const struct transport_request *r,
                 void *arg, struct err *err)
{
    struct fake *f = fake_of(t);
    struct fake_server *s = f->server;
    struct lane *l = &f->lanes[lane];
    uint64_t first, last;
    unsigned busy = 0;

    (void)err;
    assert(!l->busy && sscanf(r->range, "%" SCNu64 "-%" SCNu64, &first, &last) == 2);
    assert(first <= last);
    *l = (struct lane){.busy = true, .arg = arg};
    fake_answer_range(&l->answer, s, first, last);
    s->requests++;
    s->guarded = r->guarded;
    snprintf(s->url, sizeof s->url, "%s", r->url);
    if (s->decide)
        s->decide(s->arg, r, &l->answer);
    for (unsigned i = 0; i < TRANSPORT_LANES; i++)
        busy += f->lanes[i].busy;
    s->most_at_a_time = busy > s->most_at_a_time ? busy : s->most_at_a_time;
    return 0;
}

static void stop(struct transport *t, unsigned lane)
{
    fake_of(t)->lanes[lane].busy = false;
}

static int forget(struct transport *t, struct err *err)
{
    struct fake *f = fake_of(t);

    (void)err;
    for (unsigned i = 0; i < TRANSPORT_LANES; i++)
        assert(!f->lanes[i].busy);
    f->server->forgotten++;
    return 0;
}

static void end(struct fake *f, struct lane *l, enum transport_end how)
{
    l->busy = false;
    f->transport.listener->end(l->arg, how, "the line was cut");
}

/* The next header line or piece of the body, or the end. */
static void step(struct fake *f, struct lane *l)
{
    const char *head = l->answer.head + l->said;
    const char *line_end = strchr(head, '\n');
    size_t n = line_end ? (size_t)(line_end - head) + 1 : strlen(head);
    uint64_t left = l->answer.n - l->sent;
    struct bytes b;

    if (n) {
        l->said += n;
        f->transport.listener->header(l->arg, head, n);
        return;
    }
    if (left == 0) {
        end(f, l, l->answer.end);
        return;
    }
    b = content(l->answer.from + l->sent,
                min_u64(left, f->server->piece ? f->server->piece : PIECE),
                l->answer.version);
    l->sent += b.n;
    f->server->sent += b.n;
    if (!f->transport.listener->body(l->arg, b.p, b.n))
        end(f, l, TRANSPORT_BROKEN);
}

static int drive(struct transport *t, int fd, int ms, struct err *err)
{
    struct fake *f = fake_of(t);

    (void)fd;
    (void)err;
    for (unsigned i = 0; i < TRANSPORT_LANES; i++) {
        struct lane *l = &f->lanes[(f->turn + i) % TRANSPORT_LANES];

        if (!l->busy)
            continue;
        f->turn += i + 1;
        step(f, l);
        return 0;
    }
    f->now += ms;
    return 0;
}

static int64_t now(struct transport *t)
{
    return fake_of(t)->now;
}

static void close_fake(struct transport *t)
{
    free(fake_of(t));
}

static const struct transport_driver fake_driver = {
    .begin = begin,
    .stop = stop,
    .forget = forget,
    .drive = drive,
    .now = now,
    .close = close_fake,
};

int fake_open(struct transport **ret, struct fake_server *s, struct err *err)
{
    struct fake *f = calloc(1, sizeof *f);

    if (!f)
        return FAIL(err, ERR_NOMEM, "no memory for a server");
    f->transport.driver = &fake_driver;
    f->server = s;
    *ret = &f->transport;
    return 0;
}
