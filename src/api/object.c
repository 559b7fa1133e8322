/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/answer.h"
#include "api/stage.h"
#include "base/checked.h"
#include "base/scoped.h"

enum {
    REDIRECTS_MAX = 10,
    ATTEMPTS = 6,
    PAUSE_MS = 50, /* twice that after the first failure, then doubled */
    TICK_MS = 150,
    SKIP_MAX = 64 * 1024, /* of the words of an error: they are not ours to read */
};

enum lane_state {
    LANE_FREE,
    LANE_ASKED,
    LANE_PAUSED, /* until `until` */
};

/* A piece under way. */
struct lane {
    struct object *object;
    enum lane_state state;
    uint64_t at, want, have; /* bytes */
    uint64_t before;         /* of `have`, when the request was made */
    unsigned redirects, attempt;
    int64_t until;
    struct answer answer;
    uint64_t skipped;
    bool begun;     /* the body: fields that follow are trailers */
    bool enough;    /* its rest is not wanted */
    struct err why; /* what it stopped for */
};

struct object {
    struct transport *transport;
    char *url;
    bool private_redirects, redirected;
    bool opening;                     /* lane 0 has the first piece */
    uint64_t size;                    /* UINT64_MAX: not known yet */
    char etag[ANSWER_ETAG_MAX];       /* strong, or "" */
    int file;                         /* of a server without ranges; -1 */
    const struct object_taker *taker; /* instead of it, while it is opened; borrowed */
    bool whole, taken;
    uint64_t came;  /* bytes of a 200 */
    uint8_t *first; /* where the first piece goes */
    struct object_listener listener;
    struct lane lanes[OBJECT_LANES];
};

/* ---- an answer comes */

static void on_header(void *arg, const char *line, size_t n)
{
    struct lane *l = arg;

    if (!l->begun)
        answer_take(&l->answer, line, n);
}

/* Is this 206 a piece of the thing that was opened?  Of one that was not opened yet it is
 * what decides. */
static bool range_fits(struct lane *l)
{
    struct object *o = l->object;
    const struct answer *a = &l->answer;

    if (!a->has_range || a->first != l->at + l->have) {
        FAIL(&l->why, ERR_IO,
             "the server answered with another range than was asked for");
        return false;
    }
    if (o->size == UINT64_MAX) {
        o->size = a->size;
        snprintf(o->etag, sizeof o->etag, "%s", a->etag);
        return true;
    }
    if (a->size != o->size) {
        FAIL(&l->why, ERR_CONFLICT,
             "the object changed while it was read: %" PRIu64 " bytes, and %" PRIu64
             " before",
             a->size, o->size);
        return false;
    }
    if (*o->etag && strcmp(a->etag, o->etag) != 0) {
        FAIL(&l->why, ERR_CONFLICT, "the object changed while it was read: another ETag");
        return false;
    }
    return true;
}

static bool stage(struct lane *l, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t put = write(l->object->file, p, n);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0) {
            FAIL_SYS(&l->why, errno, "keep the download in %s", stage_folder());
            return false;
        }
        p += put;
        n -= (size_t)put;
        l->object->came += (uint64_t)put;
    }
    return true;
}

static bool hand_over(struct lane *l, const uint8_t *p, size_t n)
{
    struct object *o = l->object;

    o->came += n;
    return o->taker->take(o->taker->arg, p, n, l->answer.length, &l->why) == 0;
}

static bool take_piece(struct lane *l, const uint8_t *p, size_t n)
{
    struct object *o = l->object;

    if (o->whole) {
        FAIL(&l->why, ERR_IO, "the server answered with a range that nobody asked for");
        return false;
    }
    if (!l->begun && !range_fits(l))
        return false;
    if (n > l->want - l->have) {
        FAIL(&l->why, ERR_IO, "the server sent more than was asked for");
        return false;
    }
    if (o->opening)
        memcpy(o->first + l->have, p, n);
    else
        o->listener.bytes(o->listener.arg, (unsigned)(l - o->lanes), p, n);
    l->have += n;
    return true;
}

static bool on_body(void *arg, const uint8_t *p, size_t n)
{
    struct lane *l = arg;
    bool go_on;

    if (n == 0)
        return true;
    if (l->answer.status == 206) {
        go_on = take_piece(l, p, n);
    } else if (l->answer.status == 200 && l->object->opening) {
        go_on = l->object->taker ? hand_over(l, p, n) : stage(l, p, n);
    } else {
        l->skipped += n;
        l->enough = l->answer.status == 200 || l->skipped > SKIP_MAX;
        go_on = !l->enough;
    }
    l->begun = true;
    return go_on;
}

/* ---- and what it means */

static void finish(struct lane *l)
{
    struct object *o = l->object;

    l->state = LANE_FREE;
    if (!o->opening)
        o->listener.end(o->listener.arg, (unsigned)(l - o->lanes),
                        l->why.code ? &l->why : NULL);
}

static void send_request(struct lane *l)
{
    struct object *o = l->object;
    char range[64];
    struct transport_request r = {
        .url = o->url,
        .range = o->whole ? NULL : range,
        .etag = o->etag,
        .guarded = o->redirected && !o->private_redirects,
    };

    memset(&l->answer, 0, sizeof l->answer);
    l->begun = l->enough = false;
    l->skipped = 0;
    l->before = l->have;
    l->state = LANE_ASKED;
    snprintf(range, sizeof range, "%" PRIu64 "-%" PRIu64, l->at + l->have,
             l->at + l->want - 1);
    if (o->transport->driver->begin(o->transport, (unsigned)(l - o->lanes), &r, l,
                                    &l->why) < 0)
        finish(l);
}

static void pause_lane(struct lane *l, int64_t ms)
{
    struct transport *t = l->object->transport;

    l->until = t->driver->now(t) + ms;
    l->state = LANE_PAUSED;
}

static void broke_off(struct lane *l, const char *words)
{
    uint64_t came = l->object->came, all = l->answer.length;

    if (all)
        FAIL(&l->why, ERR_IO,
             "the connection broke after %" PRIu64 " of %" PRIu64 " bytes: %s", came, all,
             words);
    else
        FAIL(&l->why, ERR_IO, "the connection broke after %" PRIu64 " bytes: %s", came,
             words);
}

/* Another attempt, unless there were enough. */
static void again(struct lane *l, const char *words, bool answered)
{
    struct object *o = l->object;

    if (o->opening && o->came && (o->whole || o->taker)) {
        broke_off(l, words);
        return;
    }
    o->came = 0;
    l->attempt = l->have > l->before ? 0 : l->attempt + 1;
    if (l->attempt == ATTEMPTS) {
        if (answered)
            FAIL(&l->why, ERR_IO, "the server answered %s", l->answer.words);
        else
            FAIL(&l->why, ERR_IO, "%s", words);
    }
    /* A file that was begun is begun again: who has no ranges cannot resume. */
    else if (o->file >= 0 && o->opening &&
             (ftruncate(o->file, 0) < 0 || lseek(o->file, 0, SEEK_SET) < 0))
        FAIL_SYS(&l->why, errno, "download");
    else
        pause_lane(l, (int64_t)PAUSE_MS * (2 << l->attempt));
}

/* What the first answer means. */
static void judge_first(struct lane *l)
{
    struct object *o = l->object;
    const struct answer *a = &l->answer;
    off_t size;

    switch (a->status) {
    case 206:
        closep(&o->file);
        return;
    case 416: /* there is no first byte */
        if (l->have)
            FAIL(&l->why, ERR_CONFLICT, "the object changed while it was read");
        o->size = 0;
        return;
    case 200:
        o->taken = o->taker != NULL;
        o->size = o->came;
        if (o->taken)
            return;
        size = lseek(o->file, 0, SEEK_END);
        if (size < 0)
            FAIL_SYS(&l->why, errno, "download");
        o->size = (uint64_t)size;
        return;
    }
    FAIL(&l->why, a->status == 204 || a->status / 100 == 4 ? ERR_NOTFOUND : ERR_IO,
         "the server answered %s", a->words);
}

static void judge(struct lane *l)
{
    unsigned status = l->answer.status;

    if (l->object->opening)
        judge_first(l);
    else if (status == 200 || status == 412)
        FAIL(&l->why, ERR_CONFLICT, "the object changed while it was read");
    else if (status != 206)
        FAIL(&l->why, ERR_IO, "the server answered %s", l->answer.words);
    finish(l);
}

/* Are all bytes of the piece here?  Of the first one, there may be less than was asked
 * for. */
static bool is_whole(const struct lane *l)
{
    return l->begun && l->answer.status == 206 &&
           (l->have == l->want ||
            (l->object->opening && l->at + l->have == l->object->size));
}

/* Everything goes there from now on.  Connections that were made before nobody asked
 * where they lead are not used any more, and what is on them begins again elsewhere. */
static int redirect(struct lane *l, struct err *err)
{
    struct object *o = l->object;
    struct transport *t = o->transport;
    char *to = NULL;
    int r = answer_target(&to, &l->answer, o->url, err);

    if (r < 0)
        return r;
    free(o->url);
    o->url = to;
    o->redirected = true;
    pause_lane(l, 0);
    for (unsigned i = 0; i < OBJECT_LANES; i++) {
        struct lane *other = &o->lanes[i];

        if (other->state != LANE_ASKED)
            continue;
        t->driver->stop(t, i);
        if (other->why.code)
            finish(other);
        else if (is_whole(other)) /* and was not told to be at its end */
            judge(other);
        else
            pause_lane(other, 0);
    }
    return t->driver->forget(t, err);
}

static void on_end(void *arg, enum transport_end end, const char *words)
{
    struct lane *l = arg;
    bool answered, cut;

    /* What breaks behind the last byte breaks nothing. */
    if (l->enough || is_whole(l))
        end = TRANSPORT_DONE;
    if (!l->why.code && end == TRANSPORT_PRIVATE)
        FAIL(&l->why, ERR_IO, "the server redirects to a private address");
    if (!l->why.code && end == TRANSPORT_HOPELESS)
        FAIL(&l->why, ERR_IO, "%s", words);
    if (!l->why.code && end == TRANSPORT_DONE && answer_is_redirect(&l->answer)) {
        if (l->redirects++ == REDIRECTS_MAX)
            FAIL(&l->why, ERR_LIMIT, "more than %d redirects", REDIRECTS_MAX);
        else if (redirect(l, &l->why) == 0)
            return;
    }
    if (l->why.code) {
        finish(l);
        return;
    }
    answered = end == TRANSPORT_DONE;
    /* A body that ended early may say nothing of it. */
    cut = answered && l->answer.status == 206 && !is_whole(l);
    if (answered && !cut && !answer_may_get_better(&l->answer)) {
        judge(l);
        return;
    }
    again(l, cut ? "the connection broke" : words, answered && !cut);
    if (l->why.code)
        finish(l);
}

/* ---- pieces */

bool object_is_busy(const struct object *o, unsigned lane)
{
    return o->lanes[lane].state != LANE_FREE;
}

void object_listen(struct object *o, const struct object_listener *l)
{
    o->listener = *l;
}

void object_ask(struct object *o, unsigned lane, uint64_t off, uint64_t n)
{
    struct lane *l = &o->lanes[lane];

    *l = (struct lane){.object = o, .at = off, .want = n};
    /* Not at once: whoever asks is not told that it ended before it returns. */
    pause_lane(l, 0);
}

int object_drive(struct object *o, int fd, int ms, struct err *err)
{
    struct transport *t = o->transport;
    int64_t now = t->driver->now(t);

    for (unsigned i = 0; i < OBJECT_LANES; i++) {
        struct lane *l = &o->lanes[i];

        if (l->state == LANE_PAUSED && l->until <= now)
            send_request(l);
    }
    for (unsigned i = 0; i < OBJECT_LANES; i++)
        if (o->lanes[i].state == LANE_PAUSED)
            ms = (int)min_u64(
                (uint64_t)ms,
                (uint64_t)(o->lanes[i].until > now ? o->lanes[i].until - now : 0));
    return t->driver->drive(t, fd, ms, err);
}

/* ---- opening and closing */

static int open_first(struct object *o, const struct frame_patience *patience,
                      struct err *err)
{
    struct lane *l = &o->lanes[0];

    while (l->state != LANE_FREE) {
        int r = object_drive(o, -1, TICK_MS, err);

        if (r == 0 && patience)
            r = patience->still_wanted(patience->arg, err);
        if (r < 0)
            return r;
    }
    if (!l->why.code)
        return 0;
    if (err)
        *err = l->why;
    return -(int)l->why.code;
}

int object_open(struct object **ret, const struct object_options *options, uint8_t *first,
                size_t n, struct err *err)
{
    static const struct transport_listener listener = {on_header, on_body, on_end};
    AUTO(transport_closep) struct transport *transport = options->transport;
    AUTO(object_freep) struct object *o = calloc(1, sizeof *o);
    int r = 0;

    if (!o)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    o->file = -1;
    o->size = UINT64_MAX;
    o->first = first;
    o->opening = true;
    o->private_redirects = options->private_redirects;
    o->url = strdup(options->url);
    if (!o->url)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    if (!transport)
        r = transport_curl_open(&transport, err);
    if (r < 0)
        return r;
    transport->listener = &listener;
    o->transport = TAKE(transport);
    o->whole = options->whole;
    o->taker = options->taker;
    o->file = o->taker ? -1 : stage_open(err);
    if (o->file < 0 && !o->taker)
        return o->file;
    object_ask(o, 0, 0, n);
    r = open_first(o, options->patience, err);
    if (r < 0)
        return r;
    o->opening = false;
    o->first = NULL;
    o->taker = NULL;
    *ret = TAKE(o);
    return 0;
}

void object_freep(struct object **ret)
{
    struct object *o = *ret;

    if (!o)
        return;
    transport_closep(&o->transport);
    closep(&o->file);
    free(o->url);
    free(o);
    *ret = NULL;
}

uint64_t object_size(const struct object *o)
{
    return o->size;
}

int object_file(const struct object *o)
{
    return o->file;
}

bool object_was_taken(const struct object *o)
{
    return o->taken;
}
