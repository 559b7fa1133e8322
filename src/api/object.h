/* SPDX-License-Identifier: GPL-2.0-or-later */
/* object.h: one object of an HTTP server, and pieces of it
 *
 * Knows nothing of what lies in it.  Every piece must be of the object that the first
 * answer was about: its ETag when that is a strong one, and its size.  What breaks is
 * tried again from where it broke, with pauses.  One thread at a time. */
#pragma once

#include <stdbool.h>

#include "base/err.h"
#include "base/frame.h"

struct object;

struct object_options {
    const char *url;
    bool private_redirects;
    const struct frame_patience *patience; /* [opt] for the opening */
};

/* Asks for the first n bytes and puts what comes of them to `first`.  ERR_NOTFOUND: the
 * server refuses (4xx). */
int object_open(struct object **ret, const struct object_options *options, uint8_t *first,
                size_t n, struct err *err);
void object_freep(struct object **o);

uint64_t object_size(const struct object *o);

/* Where the whole of it is, borrowed, when the server knows no ranges; else -1. */
int object_file(const struct object *o);

/* Exactly n bytes at off, which lie within the size.  ERR_CONFLICT: it is another object
 * by now. */
int object_fetch(struct object *o, uint8_t *to, uint64_t off, uint64_t n,
                 const struct frame_patience *patience, struct err *err);

/* "bytes 0-1023/4096": false when it is not of that form or contradicts itself. */
bool object_parse_content_range(const char *text, uint64_t *ret_first, uint64_t *ret_last,
                                uint64_t *ret_size);
