/* SPDX-License-Identifier: GPL-2.0-or-later */
/* transport.h: what carries requests to a server, and answers back
 *
 * A transport has lanes; each carries one GET at a time and tells what comes of it, line
 * by line and piece by piece.  It judges nothing: it follows no redirect, repeats nothing
 * and knows no object.  transport_curl_open() is the real one; tests and the fuzzer bring
 * their own.  One thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum { TRANSPORT_LANES = 4 };

enum transport_end {
    TRANSPORT_DONE,     /* the answer came whole */
    TRANSPORT_BROKEN,   /* it did not, but another attempt may do better */
    TRANSPORT_HOPELESS, /* no attempt will */
    TRANSPORT_PRIVATE,  /* `guarded`, and the address is private */
};

struct transport_request {
    const char *url;   /* http:// or https:// */
    const char *range; /* "0-1023"; NULL: the whole */
    const char *etag;  /* goes into If-Range; "": none */
    bool guarded;      /* not to a private address (remote_address.h) */
};

/* Called from drive() only.  arg is what begin() was given. */
struct transport_listener {
    /* Status lines and header fields, those of interim answers too; n bytes with their
     * line end, not a string. */
    void (*header)(void *arg, const char *line, size_t n);
    /* False: no more of this; end() then says TRANSPORT_BROKEN. */
    bool (*body)(void *arg, const uint8_t *p, size_t n);
    /* Once, at last; the lane is free again.  `words` say what broke. */
    void (*end)(void *arg, enum transport_end end, const char *words);
};

struct transport;

struct transport_driver {
    /* Sends a request; the lane is free. */
    int (*begin)(struct transport *t, unsigned lane, const struct transport_request *r,
                 void *arg, struct err *err);
    /* Nothing more is told of what the lane carried.  Not from header() or body(). */
    void (*stop)(struct transport *t, unsigned lane);
    /* Closes the connections that stay open between requests.  All lanes are free. */
    int (*forget)(struct transport *t, struct err *err);
    /* Waits until something comes for a lane, or fd [-1: none] is readable, or ms are
     * over, and tells the listener. */
    int (*drive)(struct transport *t, int fd, int ms, struct err *err);
    /* Milliseconds since some moment; never goes back. */
    int64_t (*now)(struct transport *t);
    void (*close)(struct transport *t);
};

/* Drivers put this first in their own struct; whoever uses one sets the listener. */
struct transport {
    const struct transport_driver *driver;
    const struct transport_listener *listener;
};

int transport_curl_open(struct transport **ret, struct err *err);

static inline void transport_closep(struct transport **t)
{
    if (*t)
        (*t)->driver->close(*t);
    *t = NULL;
}
