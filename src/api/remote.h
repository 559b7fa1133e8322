/* SPDX-License-Identifier: GPL-2.0-or-later */
/* remote.h: the bytes of a URL, in ranges, through a cache
 *
 * One GET with a range opens it: never a HEAD, which signed links refuse.  A server that
 * answers with a range is read piece by piece, through a cache and with read-ahead where
 * reads follow each other; every later answer must be of the same object (ETag, size).
 * One that does not know ranges is read whole, once, into a file without a name.
 *
 * What breaks is tried again from where it broke, some times, with pauses.  A redirect is
 * followed to http and https only, not from https to http, and not to a private address.
 * A remote serves one thread at a time. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/frame.h"

struct remote;

struct remote_options {
    const char *url;                       /* http:// or https:// */
    bool private_redirects;                /* a redirect may lead to a private address */
    const struct frame_patience *patience; /* [opt] asked while something is awaited */
};

/* ERR_NOTFOUND: the server answered and refuses (4xx); the message has its words. */
int remote_open(struct remote **ret, const struct remote_options *options,
                struct err *err);
void remote_freep(struct remote **r);

uint64_t remote_size(const struct remote *r);

/* The whole of it as an open file, borrowed, when the server has no ranges; else -1. */
int remote_file(const struct remote *r);

/* All n bytes, or an error; the range lies within the size. */
int remote_read(struct remote *r, void *buf, size_t n, uint64_t off,
                const struct frame_patience *patience, struct err *err);

/* The URL as it may be shown: without user, password and query, which are secrets. */
void remote_shown(char *ret, size_t room, const char *url);
