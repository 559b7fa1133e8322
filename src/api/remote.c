/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "api/remote.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/object.h"
#include "base/checked.h"
#include "base/scoped.h"

enum {
    CHUNK = 32 * 1024, /* what the cache holds at a time */
    LINES = 512,       /* 16 MiB of them */
    AHEAD_MAX = 64,    /* chunks asked for at once, when reads follow each other */
};

struct line {
    uint64_t chunk; /* index + 1; 0: empty */
    uint64_t used;
    uint8_t *data;
};

struct remote {
    struct object *object;
    uint64_t size;
    struct line lines[LINES];
    uint64_t clock;
    uint64_t expected; /* the chunk that would follow the last read */
    unsigned ahead;
};

static struct line *line_find(struct remote *r, uint64_t chunk)
{
    for (unsigned i = 0; i < LINES; i++)
        if (r->lines[i].chunk == chunk + 1) {
            r->lines[i].used = ++r->clock;
            return &r->lines[i];
        }
    return NULL;
}

static int line_add(struct remote *r, uint64_t chunk, const uint8_t *data, size_t n,
                    struct err *err)
{
    struct line *oldest = r->lines;

    for (unsigned i = 1; i < LINES; i++)
        if (r->lines[i].used < oldest->used)
            oldest = &r->lines[i];
    if (!oldest->data)
        oldest->data = malloc(CHUNK);
    if (!oldest->data)
        return FAIL(err, ERR_NOMEM, "no memory for a cache");
    memcpy(oldest->data, data, n);
    oldest->chunk = chunk + 1;
    oldest->used = ++r->clock;
    return 0;
}

static uint64_t chunk_bytes(const struct remote *r, uint64_t chunk)
{
    return min_u64(CHUNK, r->size - chunk * CHUNK);
}

/* Brings `count` chunks from `chunk` on into the cache, where they are missing at its
 * beginning; more when the last read ended here. */
static int load(struct remote *r, uint64_t chunk, uint64_t count,
                const struct frame_patience *patience, struct err *err)
{
    AUTO(freep) uint8_t *buf = NULL;
    uint64_t last = (r->size - 1) / CHUNK, n = count;
    uint64_t bytes;
    int e;

    if (chunk == r->expected)
        r->ahead = (unsigned)min_u64(max_u64(2 * r->ahead, 2), AHEAD_MAX);
    else
        r->ahead = 0;
    n = min_u64(max_u64(n, r->ahead), AHEAD_MAX);
    n = min_u64(n, last - chunk + 1);
    for (uint64_t i = 1; i < n; i++) /* up to what is there already */
        if (line_find(r, chunk + i))
            n = i;
    bytes = (n - 1) * CHUNK + chunk_bytes(r, chunk + n - 1);
    buf = malloc(bytes);
    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory to read");
    e = object_fetch(r->object, buf, chunk * CHUNK, bytes, patience, err);
    if (e < 0)
        return e;
    for (uint64_t i = 0; i < n; i++) {
        e = line_add(r, chunk + i, buf + i * CHUNK, chunk_bytes(r, chunk + i), err);
        if (e < 0)
            return e;
    }
    r->expected = chunk + n;
    return 0;
}

int remote_read(struct remote *r, void *buf, size_t n, uint64_t off,
                const struct frame_patience *patience, struct err *err)
{
    uint8_t *to = buf;

    if (!range_within(off, n, r->size))
        return FAIL(err, ERR_SHORT, "%zu bytes at offset %" PRIu64 " of %" PRIu64, n, off,
                    r->size);
    while (n) {
        uint64_t chunk = off / CHUNK, in = off % CHUNK;
        size_t step = (size_t)min_u64(n, CHUNK - in);
        struct line *line = line_find(r, chunk);

        if (!line) {
            int e = load(r, chunk, div_up(in + n, CHUNK), patience, err);

            if (e < 0)
                return e;
            line = line_find(r, chunk);
        }
        memcpy(to, line->data + in, step);
        to += step;
        off += step;
        n -= step;
    }
    return 0;
}

int remote_open(struct remote **ret, const struct remote_options *options,
                struct err *err)
{
    AUTO(remote_freep) struct remote *r = calloc(1, sizeof *r);
    AUTO(freep) uint8_t *first = malloc(CHUNK);
    int e;

    if (!r || !first)
        return FAIL(err, ERR_NOMEM, "no memory for a connection");
    e = object_open(&r->object,
                    &(struct object_options){
                        .url = options->url,
                        .private_redirects = options->private_redirects,
                        .patience = options->patience,
                    },
                    first, CHUNK, err);
    if (e < 0)
        return e;
    r->size = object_size(r->object);
    r->expected = 1;
    if (object_file(r->object) < 0) {
        e = line_add(r, 0, first, chunk_bytes(r, 0), err);
        if (e < 0)
            return e;
    }
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
