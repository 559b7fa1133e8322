/* SPDX-License-Identifier: GPL-2.0-or-later */
/* transport_testing.h: a server in memory, for tests and the fuzzer
 *
 * Serves one object whose bytes follow from their offsets, so that any of them can be
 * told from any other; each request is answered as the test decides.  No network, no
 * clock: time passes when nothing else can. */
#pragma once

#include "api/transport.h"

enum { FAKE_HEAD_MAX = 2048 };

/* What becomes of one request. */
struct fake_answer {
    char head[FAKE_HEAD_MAX]; /* lines as they come, each with its end */
    uint64_t from, n;         /* the body: bytes of the object, as many as are sent */
    unsigned version;         /* of the object they are of */
    enum transport_end end;
};

struct fake_server {
    uint64_t size;
    const char *etag; /* "": none */
    unsigned piece;   /* bytes of a body that come at a time; 0: 5000 */
    /* Changes *a, which is what an honest server would say. */
    void (*decide)(void *arg, const struct transport_request *r, struct fake_answer *a);
    void *arg;

    /* What happened: read by the test. */
    unsigned requests, most_at_a_time, forgotten;
    uint64_t sent; /* bytes of bodies */
    bool guarded;  /* the last request was */
    char url[256]; /* of the last one */
};

/* Is this the object's content at `off`, version 0? */
bool fake_is_right(const uint8_t *p, uint64_t n, uint64_t off);

/* A 206 (416 past the end) of the range that was asked for. */
void fake_answer_range(struct fake_answer *a, const struct fake_server *s, uint64_t first,
                       uint64_t last);

/* *s is borrowed until the transport is closed. */
int fake_open(struct transport **ret, struct fake_server *s, struct err *err);
