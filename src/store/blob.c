/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "store/blob.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "store/blob_driver.h"

static const struct blob_driver *const drivers[] = {
    &blob_dir_driver,
    &blob_s3_driver,
};

int blobs_open(struct blobs **ret, const struct blobs_options *options, struct err *err)
{
    for (size_t i = 0; i < ARRAY_SIZE(drivers); i++) {
        size_t n = strlen(drivers[i]->scheme);
        int r;

        if (strncmp(options->url, drivers[i]->scheme, n) != 0)
            continue;
        r = drivers[i]->start(ret, options, options->url + n, err);
        if (r == 0)
            (*ret)->driver = drivers[i];
        return r;
    }
    return FAIL(err, ERR_ARG, "objects: \"%s\" is neither dir:PATH nor s3://BUCKET",
                options->url);
}

void blobs_close(struct blobs *b)
{
    if (b)
        b->driver->stop(b);
}

void blobs_closep(struct blobs **b)
{
    blobs_close(*b);
    *b = NULL;
}

int blobs_check(struct blobs *b, struct err *err)
{
    return b->driver->check(b, err);
}

static bool is_key_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '.' || c == '_' || c == '-';
}

bool blob_key_is_valid(const char *key)
{
    size_t n = 0;
    char before = '/';

    for (; key[n]; before = key[n++]) {
        if (n + 1 >= BLOB_KEY_MAX)
            return false;
        if (before == '/' ? !is_key_char(key[n]) || key[n] == '.'
                          : !is_key_char(key[n]) && key[n] != '/')
            return false;
    }
    return n && before != '/';
}

static int check_key(const char *key, struct err *err)
{
    if (!blob_key_is_valid(key))
        return FAIL(err, ERR_ARG, "\"%.*s\" is no key of a blob", BLOB_KEY_MAX, key);
    return 0;
}

int blob_key_make(char ret[BLOB_KEY_MAX], const char *kind, struct err *err)
{
    unsigned char id[16];
    char text[2 * sizeof id + 1];

    if (getrandom(id, sizeof id, 0) != sizeof id)
        return FAIL_SYS(err, errno, "random key");
    for (size_t i = 0; i < sizeof id; i++)
        snprintf(text + 2 * i, 3, "%02x", id[i]);
    snprintf(ret, BLOB_KEY_MAX, "%s/%.2s/%s", kind, text, text);
    return check_key(ret, err);
}

int blob_create(struct blob_writer **ret, struct blobs *b, const char *key, uint64_t size,
                struct err *err)
{
    struct blob_writer *w;
    int r = check_key(key, err);

    if (r == 0)
        r = b->driver->create(&w, b, key, size, err);
    if (r < 0)
        return r;
    w->blobs = b;
    w->size = size;
    snprintf(w->key, sizeof w->key, "%s", key);
    *ret = w;
    return 0;
}

int blob_writer_fd(const struct blob_writer *w)
{
    return w->size == BLOB_SIZE_UNKNOWN ? w->fd : -1;
}

int blob_write(struct blob_writer *w, const void *p, size_t n, struct err *err)
{
    int r;

    assert(!w->failed);
    if (n == 0)
        return 0;
    if (w->size != BLOB_SIZE_UNKNOWN && !range_within(w->written, n, w->size))
        r = FAIL(err, ERR_ARG, "blob %s: more than the %" PRIu64 " bytes it was to have",
                 w->key, w->size);
    else
        r = w->blobs->driver->write(w, p, n, err);
    if (r < 0)
        w->failed = true;
    else
        w->written += n;
    return r;
}

int blob_commit(struct blob_writer *w, struct err *err)
{
    int r;

    assert(!w->failed);
    if (w->size != BLOB_SIZE_UNKNOWN && w->written != w->size)
        r = FAIL(err, ERR_SHORT, "blob %s: %" PRIu64 " bytes of %" PRIu64, w->key,
                 w->written, w->size);
    else
        r = w->blobs->driver->commit(w, err);
    w->blobs->driver->end(w);
    return r;
}

void blob_abort(struct blob_writer *w)
{
    if (w)
        w->blobs->driver->end(w);
}

void blob_abortp(struct blob_writer **w)
{
    blob_abort(*w);
    *w = NULL;
}

int blob_open(struct blob **ret, struct blobs *b, const char *key, struct err *err)
{
    int r = check_key(key, err);

    if (r == 0)
        r = b->driver->open(ret, b, key, err);
    if (r == 0)
        (*ret)->blobs = b;
    return r;
}

void blob_close(struct blob *o)
{
    if (o)
        o->blobs->driver->close(o);
}

void blob_closep(struct blob **o)
{
    blob_close(*o);
    *o = NULL;
}

uint64_t blob_size(const struct blob *o)
{
    return o->size;
}

int blob_fd(const struct blob *o)
{
    return o->fd;
}

int blob_read(struct blob *o, void *buf, size_t n, uint64_t off, struct err *err)
{
    if (!range_within(off, n, o->size))
        return FAIL(err, ERR_SHORT,
                    "blob: %zu bytes at %" PRIu64 ", but it ends at %" PRIu64, n, off,
                    o->size);
    return n ? o->blobs->driver->read(o, buf, n, off, err) : 0;
}

void blob_read_once(struct blob *o)
{
    if (o->blobs->driver->read_once)
        o->blobs->driver->read_once(o);
}

int blob_link(struct blobs *b, const char *from, const char *to, struct err *err)
{
    int r = check_key(from, err);

    if (r == 0)
        r = check_key(to, err);
    if (r < 0)
        return r;
    return b->driver->link
               ? b->driver->link(b, from, to, err)
               : FAIL(err, ERR_UNSUPPORTED, "this store gives no second name to a blob");
}

int blob_delete(struct blobs *b, const char *key, struct err *err)
{
    int r = check_key(key, err);

    return r < 0 ? r : b->driver->remove(b, key, err);
}

int blob_list(struct blobs *b, const char *prefix,
              int (*fn)(void *arg, const char *key, uint64_t size, uint64_t age,
                        struct err *err),
              void *arg, struct err *err)
{
    return b->driver->list(b, prefix, fn, arg, err);
}

int blobs_sweep_unfinished(struct blobs *b, uint64_t age, struct err *err)
{
    return b->driver->sweep(b, age, err);
}
