/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "service/job/own_object.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/scoped.h"
#include "service/cos/inside.h"

enum { PIECE = 1 << 20, KERNEL_PIECE = 16 << 20 };

/* An object being put together: into the file of the blob where it has one. */
struct staging {
    struct job *job;
    struct blob_writer *writer;
    int fd; /* the writer's; -1: by blob_write() */
    uint64_t done, size;
};

static int more_done(struct staging *s, uint64_t n, struct err *err)
{
    s->done += n;
    job_progress(s->job, (int64_t)s->done, (int64_t)s->size);
    return job_goes_on(s->job, err);
}

/* By the kernel, from file to file: it shares the blocks where the filesystem can.  *done
 * of `from`, and less than all when it cannot go on. */
static int copy_by_kernel(uint64_t *done, struct staging *s, struct blob *from,
                          struct err *err)
{
    uint64_t size = blob_size(from);
    int r = 0;

    while (r == 0 && *done < size) {
        off_t at = (off_t)*done;
        ssize_t n = copy_file_range(blob_fd(from), &at, s->fd, NULL,
                                    (size_t)min_u64(size - *done, KERNEL_PIECE), 0);

        if (n <= 0)
            return 0;
        *done += (uint64_t)n;
        r = more_done(s, (uint64_t)n, err);
    }
    return r;
}

static int put(struct staging *s, const uint8_t *p, size_t n, struct err *err)
{
    if (s->fd < 0)
        return blob_write(s->writer, p, n, err);
    while (n) {
        ssize_t some = write(s->fd, p, n);

        if (some < 0 && errno == EINTR)
            continue;
        if (some < 0)
            return FAIL_SYS(err, errno, "write of a staged object");
        p += some;
        n -= (size_t)some;
    }
    return 0;
}

static int copy_rest(struct staging *s, struct blob *from, uint64_t done, struct err *err)
{
    uint64_t size = blob_size(from);
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    int r = buf ? 0 : FAIL(err, ERR_NOMEM, "no memory for a copy");

    while (r == 0 && done < size) {
        size_t n = min_u64(PIECE, size - done);

        r = blob_read(from, buf, n, done, err);
        if (r == 0)
            r = put(s, buf, n, err);
        if (r == 0)
            r = more_done(s, n, err);
        done += n;
    }
    return r;
}

static int copy_piece(struct staging *s, const struct object_piece *p, struct err *err)
{
    AUTO(blob_closep) struct blob *from = NULL;
    uint64_t done = 0;
    int r = blob_open(&from, s->job->service->blobs, p->blob, err);

    if (r == 0 && blob_size(from) != p->size)
        r = FAIL(err, ERR_CORRUPT, "blob %s has not the size its object says", p->blob);
    if (r == 0 && s->fd >= 0 && blob_fd(from) >= 0)
        r = copy_by_kernel(&done, s, from, err);
    return r == 0 && done < p->size ? copy_rest(s, from, done, err) : r;
}

static int copy_pieces(struct job *j, const struct cos_inside *object, const char *key,
                       struct err *err)
{
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    struct staging s = {.job = j, .size = object->size};
    int r = blob_create(&w, j->service->blobs, key, BLOB_SIZE_UNKNOWN, err);

    if (r < 0)
        return r;
    s.fd = blob_writer_fd(w);
    if (s.fd < 0) { /* a store without files is told the size, which spares it parts */
        blob_abortp(&w);
        r = blob_create(&w, j->service->blobs, key, object->size, err);
    }
    s.writer = w;
    for (size_t i = 0; r == 0 && i < object->pieces.n; i++)
        r = copy_piece(&s, &object->pieces.v[i], err);
    return r < 0 ? r : blob_commit(TAKE(w), err);
}

static int stage(struct job *j, const struct cos_inside *object, const char *key,
                 struct err *err)
{
    struct err why = {0};
    int r;

    if (object->pieces.n != 1)
        return copy_pieces(j, object, key, err);
    r = blob_link(j->service->blobs, object->pieces.v[0].blob, key, &why);
    if (r == -ERR_UNSUPPORTED)
        return copy_pieces(j, object, key, err);
    if (r < 0)
        *err = why;
    return r;
}

int own_object(struct fetched *ret, struct job *j, const struct cos_url *u,
               const char *key, struct job_failure *why, struct err *err)
{
    struct cos_inside object;
    int r = cos_get_inside(&object, j->arena, j->service, u->authority, u->target, err);

    if (r < 0)
        return r;
    if (object.status != 200)
        return fetch_refused(object.told, object.status, why);
    if (object.size > j->service->config->staging_max)
        return fetch_too_large(j, why);
    r = stage(j, &object, key, err);
    if (r < 0)
        return r;
    *ret = (struct fetched){object.size, object.signature, object.expires};
    return 0;
}
