/* SPDX-License-Identifier: GPL-2.0-or-later */
/* intake.h: a streamed body between the event loop, which fills one piece, and a worker,
 * which has the other in hand
 *
 *     event loop   fill, fill, full ── idle? ── hand ──► worker
 *                    ▲                  no: the connection waits, done() says resume
 *
 * So that receiving goes on while the last piece is written and summed, in pieces large
 * enough that handing them over costs nothing.  Locks internally; what the worker left
 * is to be looked at after intake_idle() only. */
#pragma once

#include <pthread.h>

#include "base/buf.h"

enum {
    INTAKE_PIECE = 2 << 20,
    INTAKE_ALIGN = 4096, /* of a piece: a store may write it past the page cache */
    INTAKE_PIECE_LEAST = 64 * 1024,
    INTAKE_TOTAL = 64 << 20, /* of all pieces, as far as the least allows */
};

struct intake {
    pthread_mutex_t lock;
    bool busy;    /* a worker has a piece */
    bool waiting; /* and is to resume the connection */
    bool orphan;  /* and is to end the request */
    uint8_t *piece[2];
    size_t cap, n;    /* of the one being filled */
    size_t n_handed;  /* of the other */
    unsigned filling; /* which */
};

void intake_init(struct intake *in);
void intake_fini(struct intake *in);

/* Copies what there is room for: how many bytes.  `cap` is the size of a piece, the same
 * each time; ERR_NOMEM. */
int intake_fill(size_t *ret, struct intake *in, const void *p, size_t n, size_t cap,
                struct err *err);
bool intake_is_full(const struct intake *in);
/* Nothing is with a worker; else suspend(arg) was called, and done() will say so. */
bool intake_idle(struct intake *in, void (*suspend)(void *arg), void *arg);
/* When idle: what was filled becomes the worker's, and the other piece is filled. */
void intake_hand(struct intake *in);
struct bytes intake_handed(const struct intake *in);
/* When idle: what was filled and not handed. */
struct bytes intake_rest(const struct intake *in);

enum intake_next {
    INTAKE_NOTHING, /* the intake is no longer to be touched */
    INTAKE_RESUME,
    INTAKE_RESUME_AND_TAKE, /* the worker has the other piece now, which was full */
    INTAKE_END, /* the connection is gone, the request is the worker's to end */
};

/* The worker is done with its piece, and would take `more`. */
enum intake_next intake_done(struct intake *in, bool more);
/* The connection goes.  False: a worker has a piece, and will hear INTAKE_END. */
bool intake_leave(struct intake *in);
