/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object.h: one object of an HTTP server, and pieces of it, several at a time
 *
 *   remote        asks for pieces, gets bytes
 *   object        same object?  redirects, repetitions, from where it broke
 *   transport     one request, one answer
 *
 * Knows nothing of what lies in it.  Every piece must be of the object that the first
 * answer was about: its ETag when that is a strong one, and its size.  What breaks is
 * tried again from where it broke, with pauses.  A redirect is followed to http and https
 * only, not from https to http, and not to a private address; where it leads, all later
 * requests go.  One thread at a time. */
#pragma once

#include "api/transport.h"
#include "base/err.h"
#include "base/frame.h"

struct object;

enum { OBJECT_LANES = TRANSPORT_LANES };

/* Takes bytes in order, as they come; total is how many there will be, 0 when nobody
 * said.
 */
struct object_taker {
    int (*take)(void *arg, const void *p, size_t n, uint64_t total, struct err *err);
    void *arg;
};

struct object_options {
    const char *url;
    bool private_redirects;
    /* No range is asked for, and nothing twice once a byte came: for a link that is good
     * for one access. */
    bool whole;
    const struct object_taker *taker; /* [opt] gets it all where there are no ranges */
    const struct frame_patience *patience; /* [opt] for the opening */
    struct transport *transport; /* [opt] taken over, also on failure; NULL: libcurl */
};

/* Asks for the first n bytes and puts what comes of them to `first`.  ERR_NOTFOUND: the
 * server refuses (4xx). */
int object_open(struct object **ret, const struct object_options *options, uint8_t *first,
                size_t n, struct err *err);
void object_freep(struct object **o);

uint64_t object_size(const struct object *o);

/* Where the whole of it is, borrowed, when the server knows no ranges; else -1. */
int object_file(const struct object *o);

/* Did the taker get it? */
bool object_was_taken(const struct object *o);

/* ---- pieces, one a lane; not of an object that is a file */

struct object_listener {
    /* The next n bytes of the lane's piece. */
    void (*bytes)(void *arg, unsigned lane, const uint8_t *p, size_t n);
    /* All of them came (why is NULL), or no more will.  ERR_CONFLICT: it is another
     * object by now. */
    void (*end)(void *arg, unsigned lane, const struct err *why);
    void *arg;
};

/* Whom object_drive() tells; copied. */
void object_listen(struct object *o, const struct object_listener *l);

bool object_is_busy(const struct object *o, unsigned lane);

/* Asks for n bytes at off, which lie within the size, in a lane that is not busy. */
void object_ask(struct object *o, unsigned lane, uint64_t off, uint64_t n);

/* Waits until something comes, or fd [-1: none] is readable, or ms are over. */
int object_drive(struct object *o, int fd, int ms, struct err *err);
