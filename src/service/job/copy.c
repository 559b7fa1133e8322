/* SPDX-License-Identifier: GPL-2.0-or-later */
/* copy.c: an image becomes another one, in another region or of another account
 *
 *     verify     every byte of the source's blob, against its SHA-256 if it has one yet
 *     finish     the image is NORMAL, its owner is told */
#include "service/job/copy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/i18n.h"
#include "base/scoped.h"
#include "service/job/deposit.h"
#include "service/job/job.h"
#include "service/job/recheck.h"
#include "service/job/tell.h"
#include "store/image.h"

struct copy {
    struct job *job;
    json_t *params; /* as copy_params() made them */
    struct image source;
};

static void copy_fini(struct copy *c)
{
    json_decref(c->params);
}

static void json_freep(json_t **j)
{
    json_decref(*j);
    *j = NULL;
}

static const char *param(const struct copy *c, const char *name)
{
    return job_text(c->params, name);
}

static int copy_read(struct copy *ret, struct job *j, struct err *err)
{
    ret->job = j;
    ret->params = json_loads(j->task->params, 0, NULL);
    return *param(ret, "source") ? 0
                                 : FAIL(err, ERR_CORRUPT, "the task has no parameters");
}

/* ---- verify */

static void told(struct job *j, int64_t done, int64_t total)
{
    job_progress(j, done, total);
    job_sync_percent(j, (int)(99 * done / total));
}

static int verify_now(json_t **ret, struct copy *c, struct job_failure *why,
                      struct err *err)
{
    AUTO(blob_closep) struct blob *blob = NULL;
    const char *want = c->source.sha256;
    char sha256[DEPOSIT_SHA256];
    struct err local = {0};
    int r = blob_open(&blob, c->job->service->blobs, c->source.blob, &local);

    if (r == -ERR_NOTFOUND)
        return job_fail(why, "InternalError", "bytes-missing", "%s",
                        _("the bytes of the source image are not in the store"));
    if (r < 0) {
        *err = local;
        return r;
    }
    r = deposit_sum(sha256, NULL, blob, c->job, told, err);
    if (r < 0)
        return r;
    if (*want && strcmp(want, sha256) != 0)
        return job_fail(why, "InternalError", "bytes-damaged", "%s",
                        _("the bytes of the source image are not those that were "
                          "stored"));
    *ret = json_pack("{s:s, s:s, s:I}", "blob", c->source.blob, "sha256", sha256, "size",
                     (json_int_t)blob_size(blob));
    return *ret ? 0 : FAIL(err, ERR_NOMEM, "result of a step");
}

static int verify(json_t **ret, struct copy *c, struct job_failure *why, struct err *err)
{
    int r = job_result(ret, c->job, "verify", err);

    if (r < 0 || *ret)
        return r;
    job_step(c->job, "verify", c->job->service->config->store_seconds);
    r = verify_now(ret, c, why, err);
    return r != 0 ? r : job_step_done(c->job, "verify", *ret, "finish", err);
}

/* ---- finish */

/* Those of the source under ids that follow from the new image's. */
static char *snapshots(const struct copy *c)
{
    AUTO(json_freep) json_t *list = json_loads(c->source.snapshots, 0, NULL);
    json_t *one;
    size_t i;

    json_array_foreach(list, i, one)
    {
        char id[JOB_SNAPSHOT_SIZE];

        job_snapshot_id(id, c->job, i);
        json_object_set_new(one, "SnapshotId", json_string(id));
    }
    return list ? json_dumps(list, JSON_COMPACT) : NULL;
}

struct end {
    struct copy *copy;
    const json_t *bytes; /* result of verify */
};

/* The start that looks at every image saw none yet. */
static int judge_later(struct db *db, const struct copy *c, struct err *err)
{
    struct service *s = c->job->service;
    const struct task *task = c->job->task;
    struct image image;
    int64_t id;
    int r;

    if (strcmp(c->source.profile, s->profile_id) == 0)
        return 0;
    r = image_get(&image, c->job->arena, db, task->image, true, err);
    return r == 0 ? recheck_begin(&id, db, s, &image, task->request_id, err) : r;
}

static int write_end(struct db *db, void *arg, struct err *err)
{
    struct copy *c = ((struct end *)arg)->copy;
    const json_t *bytes = ((struct end *)arg)->bytes;
    AUTO(freep) char *snaps = snapshots(c);
    struct image_change change = IMAGE_CHANGE_NOTHING;
    const char *report = NULL;
    struct message_new message;
    struct task_end end = {
        .state = TASK_DONE,
        .image = c->job->task->image,
        .image_from = IMAGE_IN(IMAGE_SYNCING),
        .image_change = &change,
        .messages = &message,
        .n_messages = 1,
    };
    int r = image_get_report(&report, c->job->arena, db, c->source.id, err);

    if (r < 0)
        return r;
    end.report = r == 0 ? report : NULL;
    change.state = IMAGE_NORMAL;
    change.blob = c->source.blob;
    change.sha256 = json_string_value(json_object_get(bytes, "sha256"));
    change.file_size = json_integer_value(json_object_get(bytes, "size"));
    change.virtual_size = c->source.virtual_size;
    change.size_gib = c->source.size_gib;
    change.cloud_init = c->source.cloud_init;
    change.profile = c->source.profile;
    change.snapshots = snaps;
    change.sync_percent = 100;
    r = tell_copy_done(&message, c->job, param(c, "name"), c->source.id, err);
    if (r == 0)
        r = task_finish(db, c->job->lease, &end, err);
    return r == 0 && end.report ? judge_later(db, c, err) : r;
}

static int finish(struct copy *c, const json_t *bytes, struct err *err)
{
    return catalog_tx(c->job->service->catalog, write_end, &(struct end){c, bytes}, err);
}

static int read_source(struct copy *c, struct err *err)
{
    AUTO(catalog_put) struct db *db = NULL;
    int r = catalog_get(&db, c->job->service->catalog, err);

    return r < 0
               ? r
               : image_get(&c->source, c->job->arena, db, param(c, "source"), false, err);
}

static int copy_run(struct job *j, struct job_failure *why, struct err *err)
{
    AUTO(copy_fini) struct copy c = {0};
    AUTO(json_freep) json_t *bytes = NULL;
    int r = copy_read(&c, j, err);

    if (r == 0)
        r = read_source(&c, err);
    /* An image that is being copied cannot be deleted. */
    if (r == REFUSED_NONE || (r == 0 && !*c.source.blob))
        return job_fail(why, "InternalError", "bytes-missing", "%s",
                        _("the bytes of the source image are not in the store"));
    if (r == 0)
        r = verify(&bytes, &c, why, err);
    return r == 0 ? finish(&c, bytes, err) : r;
}

static int copy_end(struct job *j, enum task_state state, const struct job_failure *why,
                    struct err *err)
{
    AUTO(copy_fini) struct copy c = {0};
    struct image_change change = job_image_failed(IMAGE_CREATEFAILED, why);
    struct message_new message;
    struct task_end end = {
        .image = j->task->image,
        .image_from = IMAGE_IN(IMAGE_SYNCING),
        .image_change = &change,
        .messages = &message,
        .n_messages = 1,
    };
    int r = copy_read(&c, j, err);

    if (r < 0)
        return r;
    change.sync_percent = IMAGE_PERCENT_NONE;
    r = tell_copy_failed(&message, j, param(&c, "name"), param(&c, "source"), why, err);
    return r < 0 ? r : job_end(j, &end, state, why, err);
}

const struct job_kind copy_job = {
    .kind = TASK_COPY,
    .run = copy_run,
    .end = copy_end,
};

char *copy_params(const char *source, const char *name)
{
    AUTO(json_freep) json_t *o = json_pack("{s:s, s:s}", "source", source, "name", name);

    return o ? json_dumps(o, JSON_COMPACT) : NULL;
}
