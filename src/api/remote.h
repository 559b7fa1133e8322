/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remote.h: the bytes of a URL, in ranges, through a cache
 *
 *   questions   [off, n) ──> chunks that are missing ──> pieces, a lane each ──> chunks
 *               done when all of its bytes came           (object.h)
 *
 * One GET with a range opens it: never a HEAD, which signed links refuse.  A server that
 * answers with a range is read piece by piece, several at a time, through a cache.  Where
 * questions follow each other, what comes next is asked for before they do: a part of
 * what was read in a row (or more, when all will be read anyway), and in lanes that no
 * question needs.  Every later answer must be of the same object (ETag, size).  One that
 * does not know ranges is read whole, once, into a file without a name, or handed to a
 * taker while it comes.
 *
 * What breaks is tried again from where it broke, some times, with pauses.  Memory is
 * bounded by the cache and by the buffers of those who ask.  Nothing happens in the
 * background: whoever has questions calls remote_drive().  One thread at a time. */
#pragma once

#include "api/object.h"

struct remote;

struct remote_options {
    const char *url;                       /* http:// or https:// */
    bool private_redirects;                /* a redirect may lead to a private address */
    bool whole;                            /* one GET without a range, see object.h */
    const struct object_taker *taker;      /* [opt] instead of the file */
    const struct frame_patience *patience; /* [opt] asked while something is awaited */
    struct transport *transport; /* [opt] taken over, also on failure; NULL: libcurl */
};

/* ERR_NOTFOUND: the server answered and refuses (4xx); the message has its words. */
int remote_open(struct remote **ret, const struct remote_options *options,
                struct err *err);
void remote_freep(struct remote **r);

uint64_t remote_size(const struct remote *r);

/* The whole of it as an open file, borrowed, when the server has no ranges; else -1. */
int remote_file(const struct remote *r);

/* All of it went to the taker, and nothing can be read. */
bool remote_was_taken(const struct remote *r);

/* Most of it will be read, in whatever order: reading ahead costs nothing. */
void remote_expect_all(struct remote *r);

/* All n bytes, or an error; the range lies within the size. */
int remote_read(struct remote *r, void *buf, size_t n, uint64_t off,
                const struct frame_patience *patience, struct err *err);

/* ---- several questions at a time */

enum { REMOTE_QUESTION_MAX = 1024 * 1024 };

/* Belongs to whoever asks, and stays where it is until it is done or dropped. */
struct remote_question {
    uint64_t off;
    size_t n;       /* bytes, REMOTE_QUESTION_MAX at most */
    uint8_t *to;    /* so many */
    bool done;      /* set by remote_drive() or at once */
    struct err why; /* valid once done; no code: all bytes are there */

    /* Of remote.c. */
    struct remote_question *next;
    uint64_t missing; /* a bit a chunk: its bytes did not come yet */
    uint64_t unasked; /* the first chunk that was not looked for yet */
    bool passing;     /* one of many in a row: nobody will ask for it again */
};

/* off, n and to are set. */
void remote_ask(struct remote *r, struct remote_question *q);

/* Forgets a question, done or not. */
void remote_drop(struct remote *r, struct remote_question *q);

/* Waits until something comes, or fd [-1: none] is readable, or ms are over.  Reading
 * ahead goes on without questions. */
int remote_drive(struct remote *r, int fd, int ms, struct err *err);

/* The URL as it may be shown: without user, password and query, which are secrets. */
void remote_shown(char *ret, size_t room, const char *url);
