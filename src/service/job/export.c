/* SPDX-License-Identifier: GPL-2.0-or-later */
/* export.c: images become objects of a bucket
 *
 *     put-n      disk n, converted by the sandboxed worker, into blob export/...; as
 *                QCOW2 a second name of the image's blob where the store has such
 *     finish     all of the objects are there at once, their owner is told */
#include "service/job/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/job/deposit.h"
#include "service/job/library.h"
#include "service/job/tell.h"
#include "store/bucket.h"

struct export
{
    struct job *job;
    json_t *params; /* as export_params() made them */
    const json_t *disks;
    size_t n;
    json_t **done; /* results of put-n */
};

static void export_fini(struct export *x)
{
    for (size_t i = 0; x->done && i < x->n; i++)
        json_decref(x->done[i]);
    json_decref(x->params);
}

static int export_read(struct export *ret, struct job *j, struct err *err)
{
    ret->job = j;
    ret->params = json_loads(j->task->params, 0, NULL);
    ret->disks = json_object_get(ret->params, "disks");
    ret->n = json_array_size(ret->disks);
    if (ret->n == 0)
        return FAIL(err, ERR_CORRUPT, "the task has no parameters");
    ret->done = arena_alloc(j->arena, ret->n * sizeof *ret->done);
    if (!ret->done)
        return FAIL(err, ERR_NOMEM, "disks");
    memset(ret->done, 0, ret->n * sizeof *ret->done);
    return 0;
}

/* ---- one disk */

/* The disk in its format is in `out`. */
static int convert(struct deposit *out, struct export *x, size_t n, int from,
                   const char *key, struct err *err)
{
    const json_t *disk = json_array_get(x->disks, n);
    const char *name = job_text(disk, "key"), *slash = strrchr(name, '/');
    struct imgport_error error;
    char *text;
    int r = deposit_begin(out, x->job, key, err);

    if (r < 0)
        return r;
    r = imgport_convert(
        &text,
        &(struct imgport_convert_options){
            .source = {.path = job_text(disk, "image"), .is_open = true, .fd = from},
            .dest = slash ? slash + 1 : name, /* what a VMDK says of itself */
            .dest_is_open = true,
            .dest_fd = out->fd,
            .format = export_extension(job_text(x->params, "format")),
            .progress = library_progress,
            .progress_arg = x->job,
        },
        &error);
    if (r < 0)
        return library_failed(x->job, &error, err);
    imgport_free(text);
    return 0;
}

/* Images are stored as QCOW2, and a blob of such a disk is the image's. */
static int put_as_it_is(uint64_t *ret_size, char sha256[DEPOSIT_SHA256],
                        char md5[DEPOSIT_MD5], struct export *x, size_t n,
                        const struct deposit_file *from, const char *key, struct err *err)
{
    AUTO(deposit_close) struct deposit out = DEPOSIT_NONE;
    struct blobs *blobs = x->job->service->blobs;
    struct err why = {0};
    int r;

    job_step(x->job, "store", x->job->service->config->store_seconds);
    r = blob_link(blobs, job_text(json_array_get(x->disks, n), "blob"), key, &why);
    if (r == 0) {
        *ret_size = blob_size(from->blob);
        return deposit_sum(sha256, md5, from->blob, x->job, job_progress, err);
    }
    if (r != -ERR_UNSUPPORTED) {
        *err = why;
        return r;
    }
    r = deposit_take_file(&out, from->fd, key, err);
    return r < 0 ? r : deposit_commit_object(ret_size, sha256, md5, &out, x->job, err);
}

static int put_converted(uint64_t *ret_size, char sha256[DEPOSIT_SHA256],
                         char md5[DEPOSIT_MD5], struct export *x, size_t n,
                         const struct deposit_file *from, const char *key,
                         struct err *err)
{
    AUTO(deposit_close) struct deposit out = DEPOSIT_NONE;
    int r = convert(&out, x, n, from->fd, key, err);

    if (r < 0)
        return r;
    job_step(x->job, "store", x->job->service->config->store_seconds);
    return deposit_commit_object(ret_size, sha256, md5, &out, x->job, err);
}

static int put_disk(json_t **ret, struct export *x, size_t n,
                    const struct deposit_file *from, struct err *err)
{
    bool as_it_is = strcmp(job_text(x->params, "format"), "QCOW2") == 0;
    char key[BLOB_KEY_MAX], sha256[DEPOSIT_SHA256], md5[DEPOSIT_MD5];
    uint64_t size = 0;
    int r;

    job_blob_key(key, x->job, "export", n);
    r = (as_it_is ? put_as_it_is : put_converted)(&size, sha256, md5, x, n, from, key,
                                                  err);
    if (r < 0)
        return r;
    *ret = json_pack("{s:s, s:I, s:s, s:s}", "blob", key, "size", (json_int_t)size, "md5",
                     md5, "sha256", sha256);
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "result of a step");
}

/* A blob of a step whose result was refused, since another has the task, is named
 * nowhere. */
static int put_done(struct export *x, size_t n, const char *step, struct err *err)
{
    int r = job_step_done(x->job, step, x->done[n], n + 1 < x->n ? "put" : "finish", err);

    if (r == REFUSED_LEASE)
        (void)blob_delete(x->job->service->blobs, job_text(x->done[n], "blob"), NULL);
    return r;
}

static int export_disk(struct export *x, size_t n, struct job_failure *why,
                       struct err *err)
{
    AUTO(deposit_file_close) struct deposit_file file = DEPOSIT_FILE_NONE;
    struct err local = {0};
    char step[32];
    int r;

    snprintf(step, sizeof step, "put-%zu", n);
    r = job_result(&x->done[n], x->job, step, err);
    if (r < 0 || x->done[n])
        return r;
    job_step(x->job, "convert", x->job->service->config->convert_seconds);
    r = deposit_open(&file, x->job, job_text(json_array_get(x->disks, n), "blob"),
                     &local);
    if (r == -ERR_NOTFOUND)
        return job_fail(why, "InternalError", "bytes-missing", "%s",
                        _("the bytes of the image are not in the store"));
    if (r < 0) {
        *err = local;
        return r;
    }
    r = put_disk(&x->done[n], x, n, &file, err);
    return r == 0 ? put_done(x, n, step, err) : r;
}

/* ---- finish */

struct end {
    struct export *x;
    struct task_end end;
    struct dead_blobs *dead; /* of each object that was there before */
    bool no_bucket;
};

static int put_object(struct end *e, struct db *db, size_t n, struct err *err)
{
    struct export *x = e->x;
    struct arena *a = x->job->arena;
    const json_t *done = x->done[n];
    uint64_t size = (uint64_t)json_integer_value(json_object_get(done, "size"));
    struct object_piece piece = {.size = size, .blob = job_text(done, "blob")};
    struct object o = {
        .bucket = job_text(x->params, "bucket"),
        .key = job_text(json_array_get(x->disks, n), "key"),
        .size = size,
        .etag = job_text(done, "md5"),
        .content_type = "application/octet-stream",
        .headers = arena_printf(a, "x-cos-meta-sha256: %s\n", job_text(done, "sha256")),
        .grants = "",
    };
    int r = arena_check(a, err);

    return r < 0 ? r
                 : object_put(&e->dead[n], a, db, &o, &(struct object_pieces){&piece, 1},
                              err);
}

static int write_end(struct db *db, void *arg, struct err *err)
{
    struct end *e = arg;
    const struct task *task = e->x->job->task;
    struct bucket bucket;
    int r =
        bucket_get(&bucket, e->x->job->arena, db, job_text(e->x->params, "bucket"), err);

    e->no_bucket =
        r == REFUSED_NONE || (r == 0 && (strcmp(bucket.owner, task->account) != 0 ||
                                         strcmp(bucket.region, task->region) != 0));
    if (e->no_bucket)
        return REFUSED_NONE;
    for (size_t n = 0; r == 0 && n < e->x->n; n++)
        r = put_object(e, db, n, err);
    return r == 0 ? task_finish(db, e->x->job->lease, &e->end, err) : r;
}

/* "bucket/key", a line each. */
static const char *names(const struct export *x)
{
    const char *all = "";

    for (size_t n = 0; n < x->n; n++)
        all =
            arena_printf(x->job->arena, "%s\n  %s/%s", all, job_text(x->params, "bucket"),
                         job_text(json_array_get(x->disks, n), "key"));
    return all;
}

static void drop(struct export *x, bool keep_objects)
{
    const char **keep = arena_alloc(x->job->arena, x->n * sizeof *keep);

    if (!keep)
        return; /* the sweep sees to it */
    for (size_t n = 0; n < x->n; n++)
        keep[n] = job_text(x->done[n], "blob");
    job_drop_blobs(x->job, "export", x->n, keep, keep_objects ? x->n : 0);
}

static int finish(struct export *x, struct job_failure *why, struct err *err)
{
    struct message_new message;
    struct end e = {
        .x = x,
        .end = {.state = TASK_DONE, .messages = &message, .n_messages = 1},
        .dead = arena_alloc(x->job->arena, x->n * sizeof *e.dead),
    };
    int r = e.dead ? tell_export_done(&message, x->job, names(x), err)
                   : FAIL(err, ERR_NOMEM, "objects");

    if (r == 0)
        r = catalog_tx(x->job->service->catalog, write_end, &e, err);
    if (e.no_bucket)
        return job_fail(why, "BucketNotFound", "bucket-gone",
                        _("the bucket %s is gone, or not yours any more"),
                        job_text(x->params, "bucket"));
    if (r != 0)
        return r;
    drop(x, true);
    for (size_t n = 0; n < x->n; n++)
        for (size_t i = 0; i < e.dead[n].n; i++)
            (void)blob_delete(x->job->service->blobs, e.dead[n].v[i], NULL);
    return 0;
}

static int export_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(export_fini) struct export x = {0};
    int r = export_read(&x, j, err);

    for (size_t n = 0; r == 0 && n < x.n; n++)
        r = export_disk(&x, n, why, err);
    return r == 0 ? finish(&x, why, err) : r;
}

static int export_end(struct job *j, enum task_state state, const struct job_failure *why,
                      struct err *err)
{
    AUTO(export_fini) struct export x = {0};
    struct message_new message;
    struct task_end end = {
        .messages = &message,
        .n_messages = 1,
    };
    int r = export_read(&x, j, err);

    if (r == 0)
        r = tell_export_failed(&message, j, job_text(x.params, "bucket"), why, err);
    if (r == 0)
        r = job_end(j, &end, state, why, err);
    if (r == 0)
        drop(&x, false);
    return r;
}

const struct job_kind export_job = {
    .kind = TASK_EXPORT,
    .run = export_run,
    .end = export_end,
};

/* ---- what the action makes */

const char *export_extension(const char *format)
{
    static const struct {
        const char *format, *extension;
    } formats[] = {{"RAW", "raw"}, {"QCOW2", "qcow2"}, {"VHD", "vhd"}, {"VMDK", "vmdk"}};

    for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
        if (strcmp(formats[i].format, format) == 0)
            return formats[i].extension;
    return "raw";
}

bool export_add_disk(json_t *disks, const char *image, const char *blob, const char *key)
{
    return json_array_append_new(disks, json_pack("{s:s, s:s, s:s}", "image", image,
                                                  "blob", blob, "key", key)) == 0;
}

char *export_params(const char *bucket, const char *format, json_t *disks)
{
    json_t *o =
        json_pack("{s:s, s:s, s:o}", "bucket", bucket, "format", format, "disks", disks);
    char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

    json_decref(o);
    return text;
}
