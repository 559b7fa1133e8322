/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/remote.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/scoped.h"

enum {
    CHUNK = 32 * 1024, /* what the cache holds at a time */
    LINES = 512,       /* 16 MiB of them */
    PIECE = 32,        /* chunks asked for in one request, at most */
    STREAMS = 8,       /* sequences that are followed at a time */
    /* Chunks ahead of the reader of a stream: a part of what it read in a row, since what
     * it will not read costs as much as what it will; and when all will be read. */
    AHEAD_PART = 5,
    AHEAD_MAX = 32,
    AHEAD_ALL_MAX = 128,
    /* Of a stream that is longer, what was read goes first when room is needed: it would
     * push out what is small and looked at again and again. */
    STREAM_LONG = 32,
    TICK_MS = 150,
};

struct line {
    uint64_t used; /* clock; 0: nothing in it */
    bool loading;
    uint8_t *data;
};

/* Questions that follow each other. */
struct stream {
    uint64_t next; /* the chunk behind the last one that was asked for */
    uint64_t
        ahead; /* up to here chunks were asked for, by questions or for it; >= next */
    uint64_t length; /* chunks read in a row */
    bool followed;   /* by a second question */
    uint64_t used;
};

/* What a lane of the object brings. */
struct piece {
    uint64_t first; /* chunk */
    uint64_t count; /* 0: nothing */
    uint64_t have;  /* bytes that came */
};

struct remote {
    struct object *object;
    uint64_t size;
    bool all;
    uint64_t clock;
    uint64_t
        index[LINES]; /* chunk + 1; 0: empty.  Apart from the lines, to be searched */
    struct line lines[LINES];
    struct stream streams[STREAMS];
    struct piece pieces[OBJECT_LANES];
    struct remote_question *first; /* not done, in the order they came */
};

/* ---- the cache */

static uint64_t chunk_bytes(const struct remote *r, uint64_t chunk)
{
    return min_u64(CHUNK, r->size - chunk * CHUNK);
}

static uint64_t chunk_end(const struct remote *r)
{
    return div_up(r->size, CHUNK);
}

static struct line *line_find(struct remote *r, uint64_t chunk)
{
    for (unsigned i = 0; i < LINES; i++)
        if (r->index[i] == chunk + 1)
            return &r->lines[i];
    return NULL;
}

static void line_clear(struct remote *r, struct line *l)
{
    r->index[l - r->lines] = 0;
    l->used = 0;
    l->loading = false;
}

/* Room for a chunk that is on its way; NULL: no memory. */
static struct line *line_add(struct remote *r, uint64_t chunk)
{
    struct line *oldest = NULL;

    for (unsigned i = 0; i < LINES; i++)
        if (!r->lines[i].loading && (!oldest || r->lines[i].used < oldest->used))
            oldest = &r->lines[i];
    assert(oldest); /* OBJECT_LANES * PIECE of them can be loading */
    if (!oldest->data)
        oldest->data = malloc(CHUNK);
    if (!oldest->data)
        return NULL;
    r->index[oldest - r->lines] = chunk + 1;
    oldest->used = ++r->clock;
    oldest->loading = true;
    return oldest;
}

/* ---- questions */

static uint64_t question_end(const struct remote_question *q)
{
    return div_up(q->off + q->n, CHUNK);
}

static uint64_t question_bit(const struct remote_question *q, uint64_t chunk)
{
    return UINT64_C(1) << (chunk - q->off / CHUNK);
}

/* Has it bytes in this chunk that did not come yet? */
static bool question_wants(const struct remote_question *q, uint64_t chunk)
{
    return chunk >= q->off / CHUNK && chunk < question_end(q) &&
           (q->missing & question_bit(q, chunk));
}

static void question_end_with(struct remote *r, struct remote_question *q,
                              const struct err *why)
{
    struct remote_question **at = &r->first;

    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    if (why)
        q->why = *why;
    q->done = true;
}

/* Gives a question what it wants of a chunk. */
static void question_give(struct remote *r, struct remote_question *q, uint64_t chunk,
                          struct line *l)
{
    uint64_t begin = max_u64(q->off, chunk * CHUNK);
    uint64_t end = min_u64(q->off + q->n, (chunk + 1) * CHUNK);

    memcpy(q->to + (begin - q->off), l->data + (begin - chunk * CHUNK),
           (size_t)(end - begin));
    q->missing &= ~question_bit(q, chunk);
    l->used = q->passing && end - begin == CHUNK ? 1 : ++r->clock;
}

static void chunk_came(struct remote *r, uint64_t chunk, struct line *l)
{
    struct remote_question *next;

    l->loading = false;
    for (struct remote_question *q = r->first; q; q = next) {
        next = q->next;
        if (!question_wants(q, chunk))
            continue;
        question_give(r, q, chunk, l);
        if (q->missing == 0)
            question_end_with(r, q, NULL);
    }
}

/* ---- streams */

/* Several threads read one sequence, and what the second asks for may come before what
 * the first does: two streams become one where they meet. */
static void stream_merge(struct remote *r, struct stream *s)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *t = &r->streams[i];
        uint64_t s_first = s->next - min_u64(s->length, AHEAD_ALL_MAX);
        uint64_t t_first = t->next - min_u64(t->length, AHEAD_ALL_MAX);

        if (t == s || !t->used || s_first > t->next || t_first > s->next)
            continue;
        s->length = max_u64(s->next, t->next) - min_u64(s_first, t_first);
        s->next = max_u64(s->next, t->next);
        s->ahead = max_u64(s->ahead, t->ahead);
        s->followed = true;
        t->used = 0;
    }
}

/* The stream that a question goes on with, or the one that was not used longest, begun
 * anew.  It may be somewhat ahead of it. */
static struct stream *stream_of(struct remote *r, uint64_t first, uint64_t end)
{
    struct stream *s = &r->streams[0];

    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *t = &r->streams[i];

        /* The last chunk again: a read that ended within it is followed there. */
        if (t->used && first + 1 >= t->next && first <= t->ahead) {
            if (end > t->next) {
                t->length += end - t->next;
                t->next = end;
                t->ahead = max_u64(t->ahead, end);
                t->followed = true;
            }
            t->used = ++r->clock;
            if (r->all)
                stream_merge(r, t);
            return t;
        }
        if (t->used < s->used)
            s = t;
    }
    *s = (struct stream){
        .next = end, .ahead = end, .length = end - first, .used = ++r->clock};
    if (r->all)
        stream_merge(r, s);
    return s;
}

/* How far ahead of its reader a stream is asked for. */
static uint64_t stream_window(const struct remote *r, const struct stream *s)
{
    if (!s->followed)
        return 0;
    return r->all ? min_u64(2 * s->length, AHEAD_ALL_MAX)
                  : min_u64(s->length / AHEAD_PART, AHEAD_MAX);
}

/* ---- pieces */

/* Asks for `count` chunks that are neither there nor on their way. */
static int piece_ask(struct remote *r, unsigned lane, uint64_t first, uint64_t count,
                     struct err *err)
{
    uint64_t last = first + count - 1;

    for (uint64_t i = 0; i < count; i++) {
        if (line_add(r, first + i))
            continue;
        while (i--)
            line_clear(r, line_find(r, first + i));
        return FAIL(err, ERR_NOMEM, "no memory for a cache");
    }
    r->pieces[lane] = (struct piece){.first = first, .count = count};
    object_ask(r->object, lane, first * CHUNK,
               (count - 1) * CHUNK + chunk_bytes(r, last));
    return 0;
}

static bool is_wanted(const struct remote *r, uint64_t chunk)
{
    for (const struct remote_question *q = r->first; q; q = q->next)
        if (question_wants(q, chunk))
            return true;
    for (unsigned i = 0; i < STREAMS; i++) {
        const struct stream *s = &r->streams[i];

        if (s->used && chunk >= s->next && chunk < s->next + stream_window(r, s))
            return true;
    }
    return false;
}

/* How many chunks from `first` on, which is missing, are asked for together. */
static uint64_t piece_length(struct remote *r, uint64_t first)
{
    uint64_t n = 1;

    while (n < PIECE && first + n < chunk_end(r) && !line_find(r, first + n) &&
           is_wanted(r, first + n))
        n++;
    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *s = &r->streams[i];

        if (s->used && first <= s->ahead && first + n > s->ahead)
            s->ahead = first + n;
    }
    return n;
}

/* The first missing chunk of the oldest question that has one. */
static bool find_missing(struct remote *r, uint64_t *ret)
{
    for (struct remote_question *q = r->first; q; q = q->next)
        for (; q->unasked < question_end(q); q->unasked++)
            if (question_wants(q, q->unasked) && !line_find(r, q->unasked)) {
                *ret = q->unasked;
                return true;
            }
    return false;
}

/* The next missing chunk of a stream whose reader has used up half of what is ahead. */
static bool find_ahead(struct remote *r, uint64_t *ret)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *s = &r->streams[i];
        uint64_t window = stream_window(r, s), end;

        if (!s->used || window == 0 || s->ahead - s->next > window / 2)
            continue;
        end = min_u64(s->next + window, chunk_end(r));
        for (; s->ahead < end; s->ahead++)
            if (!line_find(r, s->ahead)) {
                *ret = s->ahead;
                return true;
            }
    }
    return false;
}

static void fail_all(struct remote *r, const struct err *why)
{
    while (r->first)
        question_end_with(r, r->first, why);
}

/* Gives every free lane something to bring. */
static void schedule(struct remote *r)
{
    for (unsigned lane = 0; lane < OBJECT_LANES; lane++) {
        struct err err = {0};
        uint64_t chunk;

        if (object_is_busy(r->object, lane))
            continue;
        if (!find_missing(r, &chunk) && !find_ahead(r, &chunk))
            return;
        if (piece_ask(r, lane, chunk, piece_length(r, chunk), &err) < 0) {
            fail_all(r, &err);
            return;
        }
    }
}

static void on_bytes(void *arg, unsigned lane, const uint8_t *p, size_t n)
{
    struct remote *r = arg;
    struct piece *piece = &r->pieces[lane];

    while (n) {
        uint64_t chunk = piece->first + piece->have / CHUNK;
        size_t at = (size_t)(piece->have % CHUNK);
        size_t step = min_size(n, (size_t)chunk_bytes(r, chunk) - at);
        struct line *l = line_find(r, chunk);

        memcpy(l->data + at, p, step);
        piece->have += step;
        p += step;
        n -= step;
        if (at + step == chunk_bytes(r, chunk))
            chunk_came(r, chunk, l);
    }
}

/* What did not come is nowhere, and who waits for it is told why. */
static void on_end(void *arg, unsigned lane, const struct err *why)
{
    struct remote *r = arg;
    struct piece piece = r->pieces[lane];
    struct remote_question *next;

    r->pieces[lane].count = 0;
    for (uint64_t i = piece.have / CHUNK; why && i < piece.count; i++) {
        uint64_t chunk = piece.first + i;

        line_clear(r, line_find(r, chunk));
        for (struct remote_question *q = r->first; q; q = next) {
            next = q->next;
            if (question_wants(q, chunk) && chunk < q->unasked)
                question_end_with(r, q, why);
        }
    }
}

/* ---- what others call */

void remote_ask(struct remote *r, struct remote_question *q)
{
    struct remote_question **last = &r->first;
    uint64_t first = q->off / CHUNK, end;

    assert(q->n <= REMOTE_QUESTION_MAX);
    q->next = NULL;
    q->unasked = first;
    memset(&q->why, 0, sizeof q->why);
    if (!range_within(q->off, q->n, r->size))
        FAIL(&q->why, ERR_SHORT, "%zu bytes at offset %" PRIu64 " of %" PRIu64, q->n,
             q->off, r->size);
    q->done = q->why.code || q->n == 0;
    if (q->done)
        return;
    end = question_end(q);
    q->passing = stream_of(r, first, end)->length > STREAM_LONG;
    q->missing = (UINT64_C(1) << (end - first)) - 1;
    for (uint64_t chunk = first; chunk < end; chunk++) {
        struct line *l = line_find(r, chunk);

        if (l && !l->loading)
            question_give(r, q, chunk, l);
    }
    q->done = q->missing == 0;
    while (*last)
        last = &(*last)->next;
    if (!q->done)
        *last = q;
    schedule(r);
}

void remote_drop(struct remote *r, struct remote_question *q)
{
    for (struct remote_question **at = &r->first; *at; at = &(*at)->next)
        if (*at == q) {
            *at = q->next;
            return;
        }
}

int remote_drive(struct remote *r, int fd, int ms, struct err *err)
{
    int e = object_drive(r->object, fd, ms, err);

    schedule(r);
    return e;
}

static int read_some(struct remote *r, void *buf, size_t n, uint64_t off,
                     const struct frame_patience *patience, struct err *err)
{
    struct remote_question q = {.off = off, .n = n, .to = buf};
    int e = 0;

    remote_ask(r, &q);
    while (e == 0 && !q.done) {
        e = remote_drive(r, -1, TICK_MS, err);
        if (e == 0 && patience)
            e = patience->still_wanted(patience->arg, err);
    }
    if (!q.done)
        remote_drop(r, &q);
    if (e == 0 && q.why.code) {
        if (err)
            *err = q.why;
        e = -(int)q.why.code;
    }
    return e;
}

int remote_read(struct remote *r, void *buf, size_t n, uint64_t off,
                const struct frame_patience *patience, struct err *err)
{
    for (size_t done = 0; done < n;) {
        size_t step = min_size(n - done, REMOTE_QUESTION_MAX);
        int e = read_some(r, (uint8_t *)buf + done, step, off + done, patience, err);

        if (e < 0)
            return e;
        done += step;
    }
    return 0;
}

/* ---- opening and closing */

void remote_expect_all(struct remote *r)
{
    r->all = true;
}

int remote_open(struct remote **ret, const struct remote_options *options,
                struct err *err)
{
    AUTO(transport_closep) struct transport *transport = options->transport;
    AUTO(remote_freep) struct remote *r = calloc(1, sizeof *r);
    struct object_listener listener = {.bytes = on_bytes, .end = on_end, .arg = r};
    struct line *line;
    int e;

    line = r ? line_add(r, 0) : NULL;
    if (!line)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    e = object_open(&r->object,
                    &(struct object_options){
                        .url = options->url,
                        .private_redirects = options->private_redirects,
                        .whole = options->whole,
                        .taker = options->taker,
                        .patience = options->patience,
                        .transport = TAKE(transport),
                    },
                    line->data, CHUNK, err);
    if (e < 0)
        return e;
    line->loading = false;
    r->size = object_size(r->object);
    object_listen(r->object, &listener);
    *ret = TAKE(r);
    return 0;
}

void remote_freep(struct remote **ret)
{
    struct remote *r = *ret;

    if (!r)
        return;
    object_freep(&r->object);
    for (unsigned i = 0; i < LINES; i++)
        free(r->lines[i].data);
    free(r);
    *ret = NULL;
}

uint64_t remote_size(const struct remote *r)
{
    return r->size;
}

int remote_file(const struct remote *r)
{
    return object_file(r->object);
}

bool remote_was_taken(const struct remote *r)
{
    return object_was_taken(r->object);
}

void remote_shown(char *ret, size_t room, const char *url)
{
    const char *host = strstr(url, "://");
    size_t end = strcspn(url, "?#"), scheme, user = 0;

    if (!host) {
        snprintf(ret, room, "%s", url);
        return;
    }
    scheme = (size_t)(host - url) + 3;
    for (size_t i = scheme; i < end && url[i] != '/'; i++)
        if (url[i] == '@')
            user = i + 1 - scheme;
    snprintf(ret, room, "%.*s%.*s", (int)scheme, url, (int)(end - scheme - user),
             url + scheme + user);
}
