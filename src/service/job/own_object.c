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

/* By the kernel, from file to file: it shares the blocks where the filesystem can.  Less
 * than all when it cannot go on, and then the rest is read and written. */
static int copy_files(uint64_t *done, struct job *j, int from, int to, uint64_t size,
                      uint64_t base, uint64_t total, struct err *err)
{
    while (*done < size) {
        off_t at = (off_t)*done;
        ssize_t n = copy_file_range(from, &at, to, NULL,
                                    (size_t)min_u64(size - *done, KERNEL_PIECE), 0);
        int r = job_goes_on(j, err);

        if (r < 0)
            return r;
        if (n <= 0)
            return 0;
        *done += (uint64_t)n;
        job_progress(j, (int64_t)(base + *done), (int64_t)total);
    }
    return 0;
}

static int copy_rest(struct blob_writer *w, struct job *j, struct blob *from,
                     uint64_t done, uint64_t base, uint64_t total, struct err *err)
{
    AUTO(freep) uint8_t *buf = malloc(PIECE);
    uint64_t size = blob_size(from);

    if (!buf)
        return FAIL(err, ERR_NOMEM, "no memory for a copy");
    while (done < size) {
        size_t n = min_u64(PIECE, size - done);
        int r = job_goes_on(j, err);

        if (r == 0)
            r = blob_read(from, buf, n, done, err);
        if (r == 0)
            r = blob_write(w, buf, n, err);
        if (r < 0)
            return r;
        done += n;
        job_progress(j, (int64_t)(base + done), (int64_t)total);
    }
    return 0;
}

static int copy_piece(struct blob_writer *w, struct job *j, const struct object_piece *p,
                      uint64_t total, struct err *err)
{
    AUTO(blob_closep) struct blob *from = NULL;
    int r = blob_open(&from, j->service->blobs, p->blob, err);
    uint64_t done = 0;

    if (r == 0 && blob_size(from) != p->size)
        r = FAIL(err, ERR_CORRUPT, "blob %s has not the size its object says", p->blob);
    if (r == 0 && blob_fd(from) >= 0 && blob_writer_fd(w) >= 0)
        r = copy_files(&done, j, blob_fd(from), blob_writer_fd(w), p->size, p->offset,
                       total, err);
    return r < 0 ? r : copy_rest(w, j, from, done, p->offset, total, err);
}

static int copy_pieces(struct job *j, const struct cos_inside *object, const char *key,
                       struct err *err)
{
    AUTO(blob_abortp) struct blob_writer *w = NULL;
    bool files = false;
    int r = 0;

    /* A store without files is told the size, which spares it parts. */
    if (object->pieces.n) {
        AUTO(blob_closep) struct blob *first = NULL;

        r = blob_open(&first, j->service->blobs, object->pieces.v[0].blob, err);
        files = r == 0 && blob_fd(first) >= 0;
    }
    if (r == 0)
        r = blob_create(&w, j->service->blobs, key,
                        files ? BLOB_SIZE_UNKNOWN : object->size, err);
    for (size_t i = 0; r == 0 && i < object->pieces.n; i++)
        r = copy_piece(w, j, &object->pieces.v[i], object->size, err);
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
